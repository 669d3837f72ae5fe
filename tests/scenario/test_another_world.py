"""The journeys of racers and organizers in a world that keeps to the contracts otherwise than ours does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.company import Company
from tests.scenario.another_world import AnotherStage
from tests.scenario.conftest import ON_BOTH
from tests.scenario.test_leave_races_join import member_before
from tests.scenario.test_organizers import answered, mention
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH

CROWD = 11  # more than are looked up one by one anywhere, and than come on one page
REFUSED = {
    "slack": {
        "guest": "DR-204",
        "single-channel-guest": "DR-205",
        "foreigner": "DR-201",
        "disabled": "DR-222",
    },
    "teams": {"teams-guest": "DR-204", "teams-no-role": "DR-213", "disabled": "DR-222"},
}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, platform: str) -> Iterator[AnotherStage]:
    """Another world with one bot, for all journeys of a platform; each takes people of its own."""
    folder: Path = tmp_path_factory.mktemp("there")
    company = Company.found(people=CROWD + 5)
    switches: dict[str, Any] = {"graph": {"visibility_seconds": 0.2}, "slack": {"grid": True}}
    with AnotherStage(folder, company=company, platforms=(platform,), **switches) as stage:
        member_before(stage, "employee-016")
        stage.opens_event()
        stage.starts_bot()
        yield stage


def test_this_world_is_another_one(there: AnotherStage) -> None:
    answer = httpx.get(f"{there.world.urls['graph']}/v1.0/users", trust_env=False)

    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert "newIn2027" in answer.json()
    assert "innerError" not in answer.json()["error"]
    assert b"www-authenticate" in dict(answer.headers.raw)


def test_a_racer_joins_asks_and_leaves(there: AnotherStage) -> None:
    racer = there.person("employee-001")

    assert racer.says("join").kind == "queued"
    racer.is_told("ready")
    assert racer.is_member
    assert racer.says("status").kind == "ready"
    assert racer.says("leave").kind == "are you sure"
    racer.presses("Leave")

    racer.comes_to("gone")
    assert racer.in_groups == set()


def test_a_crowd_joins_though_apis_throttle_with_a_date_and_refuse_without_a_code(
    there: AnotherStage, platform: str
) -> None:
    asks, says = {"slack": ("users.*", "chat.postM.*"), "teams": ("GET member", "POST act.*")}[platform]
    for part, operation in ((platform, asks), (platform, says), ("graph", "PATCH")):
        there.befalls(part, operation, "throttle", retry_after=1)
    there.befalls(
        "graph", "PATCH", "status", status=409, body='{"error": {"message": "concurrent requests"}}'
    )
    crowd = there.people(CROWD, first=2)

    there.all_say(crowd, "join")

    for racer in crowd:
        racer.becomes_ready()
    eventually(lambda: all(racer.told == ["ready"] for racer in crowd), "everybody is told once")


def test_who_was_a_member_before_us_stays_one(there: AnotherStage) -> None:
    before = there.person("employee-016")
    before.says("join")
    before.becomes_ready()
    before.says("leave --yes")

    before.comes_to("gone")

    assert before.is_member


def test_nobody_gets_in_who_should_not(there: AnotherStage, platform: str) -> None:
    for key, code in REFUSED[platform].items():
        outsider = there.person(key)
        outsider.says("join")
        outsider.is_told(code)
        assert outsider.in_groups == set()


def test_an_organizer_looks_changes_suspends_and_takes_back(there: AnotherStage) -> None:
    racer, organizer = there.person("employee-013"), there.person("organizer")
    racer.says("join")
    racer.becomes_ready()

    assert "2000 seats are taken" in answered(organizer, "event show", "open")
    answered(organizer, f"quota {mention(racer)} +5h", "quota-done")
    racer.comes_to("quota")
    answered(organizer, f"suspend {mention(racer)} fair play", "suspend-asks")
    organizer.presses("Yes, do it")
    organizer.sees("suspend-done")
    racer.comes_to("suspended")
    assert racer.in_groups == set()
    answered(organizer, f"resume {mention(racer)}", "resume-done")

    racer.becomes_ready()
    assert racer.is_member
    answered(there.person("employee-014"), "event show", "DR-261")
