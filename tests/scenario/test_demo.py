"""The demo's proofs: they fail when the directories or the messages say something else than the story."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.company import RACERS_GROUP, Company, EntraUser
from sandbox.connector_conversations import BOT_MRI
from sandbox.demo_cast import Cast
from sandbox.demo_directories import reached
from sandbox.demo_proof import Claim, chat, directories, duplicates, on_the_way, race_night
from sandbox.demo_race import RACE
from sandbox.demo_readback import Evidence, read_back
from sandbox.demo_story import Course, Replay
from sandbox.onlooker import Onlooker
from sandbox.opening import opened
from sandbox.racing import RACERS
from sandbox.slack_channels import RACING
from sandbox.slack_transcript import Surface
from sandbox.world import Address, World
from tests.scenario.waiting import eventually

READY = "You're in: the Cup is open to you."
GONE = "You've left the Cup."
CAST = Cast(
    first=("employee-001", "employee-002", "employee-005"),
    second=("employee-003", "newcomer"),
    late=("employee-004",),
    outsiders={"guest": ("a guest", "DR-204")},
    twice=frozenset({"employee-001"}),
    leaves_pending="employee-002",
    leaves_ready="employee-003",
    member_before="employee-004",
    newcomer="newcomer",
    replayed="employee-001",
    in_teams=frozenset(),
    in_both="employee-005",
    colleague="organizer",
    night=("employee-001", "employee-005"),
    promoted="employee-001",
    organizer="organizer",
)


@pytest.fixture
def world() -> Iterator[World]:
    """A company in the state in which the story of CAST should leave it."""
    company = Company.found(people=5)
    with World(company, graph={"visibility_seconds": 0.0}) as world:
        world.do(lambda: _play(world))
        yield world


def _play(world: World) -> None:
    company = world.company
    company.bring_to_store(_entra(company, "newcomer"))
    for key in CAST.members:
        _enter_group(company, key)
        _enter_store(company, key)
    for key in CAST.crowd:
        if key == CAST.in_both:
            _tell(world, key, READY, surface="ephemeral")
            _tell_in_teams(world, key, READY, answers="1")
            _tell_in_teams(world, key, READY)
        elif key != CAST.leaves_pending:
            _tell(world, key, READY)
        if key in CAST.leavers:
            _tell(world, key, GONE)
    _tell(world, "guest", "I can't let you in.\nCode DR-204. Quote it.")


def _entra(company: Company, key: str) -> EntraUser:
    user = company.people[key].entra
    assert user is not None
    return user


def _enter_group(company: Company, key: str) -> None:
    company.group(RACERS_GROUP).members[_entra(company, key).id] = company.clock.now()


def _enter_store(company: Company, key: str) -> None:
    users = company.store_users.values()
    user = next(one for one in users if one.external_id == _entra(company, key).id)
    company.store_group(RACERS_GROUP).memberships[company.store_id()] = user.user_id


def _tell(world: World, key: str, text: str, surface: Surface = "dm") -> None:
    reader = world.company.people[key].slack.id
    dm = world.slack.channels.open_dm(reader)
    world.slack.transcript.write(surface, dm, author="U0BOT", text=text, blocks=[], reader=reader)


def _tell_in_teams(world: World, key: str, text: str, answers: str | None = None) -> None:
    chat = world.teams.conversations.personal(world.company.people[key].teams)
    world.teams.transcript.write("personal", chat.id, author=BOT_MRI, text=text, answers=answers)


def _read(world: World) -> Evidence:
    return read_back(world.address(), world.company)


def _differences(claims: list[Claim]) -> list[str]:
    return [line for claim in claims for line in claim.differs]


def test_a_story_that_ended_well_is_proven(world: World) -> None:
    evidence = _read(world)
    assert _differences(directories(evidence, CAST) + chat(evidence, CAST)) == []
    assert set(evidence.group) == {"employee-001", "employee-004", "employee-005", "newcomer", "organizer"}


def test_a_racer_missing_in_the_identity_store_is_named(world: World) -> None:
    world.do(world.company.store_group(RACERS_GROUP).memberships.clear)
    differences = _differences(directories(_read(world), CAST))
    assert "employee-001 is missing" in differences
    assert "newcomer is not in the identity store's group" in differences
    assert "employee-004 was removed" in differences


def test_an_outsider_in_the_directory_group_is_named(world: World) -> None:
    world.do(lambda: _enter_group(world.company, "disabled"))
    first, *others = directories(_read(world), CAST)
    assert first.differs == ("disabled is there and should not be",)
    assert _differences(others) == []


def test_a_leaver_who_still_has_access_is_named(world: World) -> None:
    world.do(lambda: _enter_store(world.company, CAST.leaves_ready))
    assert _differences(directories(_read(world), CAST)) == ["employee-003 is there and should not be"]


def test_a_second_membership_of_one_person_is_named(world: World) -> None:
    world.do(lambda: _enter_store(world.company, "employee-001"))
    assert _differences(directories(_read(world), CAST)) == ["employee-001 has two memberships"]


ORDER = ["racer-fast", "racer-slow"]


def _race(world: World, shown: str, *, edited: bool = True) -> Course:
    """Let the second event have gone as planned but for what its leaderboard shows."""
    for key in CAST.night:
        world.company.racing.enroll(f"{key:x<15}"[:15], str(_entra(world.company, key).mail), RACERS, 0.0)
    post = world.slack.transcript.write(
        "channel", RACING, author="U0BOT", text=f"{RACE}: the leaderboard", blocks=_section(shown)
    )
    if edited:
        post.change(post.text, _section(shown))
    return Course(standing=ORDER, minutes={"employee-001": 25 * 60, "employee-005": 10 * 60})


def _section(text: str) -> list[dict[str, Any]]:
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]


def test_a_race_night_that_went_well_is_proven(world: World) -> None:
    course = world.do(lambda: _race(world, "1. racer-fast\n2. racer-slow"))
    assert _differences(race_night(_read(world), course, CAST)) == []


def test_a_leaderboard_that_is_not_as_the_race_is_named(world: World) -> None:
    course = world.do(lambda: _race(world, "1. racer-slow\n2. racer-fast", edited=False))
    shows, never = _differences(race_night(_read(world), course, CAST))
    assert "racer-slow" in shows
    assert never == "it was never edited"


def test_a_quota_that_the_site_does_not_keep_to_is_named(world: World) -> None:
    course = world.do(lambda: _race(world, "1. racer-fast\n2. racer-slow"))
    course.minutes["employee-001"] = -1
    (difference,) = _differences(race_night(_read(world), course, CAST))
    assert difference == "employee-001 may train -1 minutes, not 1500"


def test_an_account_at_the_site_that_is_disabled_is_named(world: World) -> None:
    course = world.do(lambda: _race(world, "1. racer-fast\n2. racer-slow"))
    user = world.do(lambda: world.company.racing.members(RACERS)[0])
    user.enabled = False
    assert _differences(race_night(_read(world), course, CAST)) == ["employee-001 is missing"]


def test_an_outsider_who_was_told_that_they_are_in_is_named(world: World) -> None:
    world.do(lambda: _tell(world, "guest", READY))
    assert _differences(chat(_read(world), CAST)) == ["guest is there and should not be"]


def test_a_wrong_code_and_an_error_that_a_racer_saw_are_named(world: World) -> None:
    world.do(lambda: _tell(world, "guest", "Code DR-222."))
    world.do(lambda: _tell(world, "employee-001", "Code DR-301."))
    assert _differences(chat(_read(world), CAST)) == [
        "guest read DR-204, DR-222, not DR-204",
        "employee-001 read DR-301",
    ]


def test_a_link_in_both_places_and_an_answer_left_behind_are_named(world: World) -> None:
    world.do(lambda: _tell(world, CAST.in_both, READY))
    world.do(lambda: world.teams.transcript.entries[0].change("You're in the queue.", None))
    assert _differences(chat(_read(world), CAST)) == [
        "the link came to slack, teams",
        'the answer in teams reads "You\'re in the queue."',
    ]


def test_one_message_more_is_forgiven_for_one_crash_and_two_are_not(world: World) -> None:
    world.do(lambda: _tell(world, "employee-001", READY))
    evidence = _read(world)
    assert duplicates(evidence) == {"employee-001": 1}
    assert _differences(chat(evidence, CAST)) == []
    world.do(lambda: _tell(world, "employee-001", READY))
    assert _differences(chat(_read(world), CAST)) == ["employee-001 got more"]


def test_what_went_wrong_on_the_way_is_named() -> None:
    throttled = {"number": 0, "operation": "GET /users", "status": 429, "detail": {}}
    pushed = {"number": 1, "operation": "POST provisionOnDemand", "status": 200, "detail": {}}
    good = Course(
        answer_seconds=[0.1],
        second_answers={"employee-001": "You're in the queue."},
        forged={"signed wrongly": 401},
        replay=Replay("You're in the queue.", "You're in the queue.", 1, 1),
        worker_exit=-9,
        in_hand=frozenset({"employee-001"}),
        graph_calls=[throttled, pushed],
    )
    assert _differences(on_the_way(good, CAST)) == []
    for bad, difference in (
        (replace(good, answer_seconds=[3.2]), "3.2 s"),
        (replace(good, second_answers={}), "employee-001 was not"),
        (replace(good, forged={"signed wrongly": 200}), "a request signed wrongly got 200"),
        (replace(good, forged={}), "none was sent"),
        (replace(good, replay=None), "no request was replayed"),
        (
            replace(good, replay=Replay("You're in the queue.", "You're in the queue.", 1, 2)),
            "the person sees 2 messages, before it were 1",
        ),
        (replace(good, worker_exit=0), "the worker ended with 0, not by SIGKILL"),
        (replace(good, in_hand=frozenset()), "nobody was in the worker's hands when it was killed"),
        (replace(good, graph_calls=[pushed]), "the directory refused nothing with 429"),
        (replace(good, graph_calls=[throttled]), "nobody was pushed on demand"),
    ):
        assert _differences(on_the_way(bad, CAST)) == [difference]


def test_an_open_company_is_watched_and_its_scim_cycle_follows_its_clock(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    with opened(Company.found(people=2), path) as (world, _):
        address = Address.load(path)
        company = world.company
        with reached(address.environment) as entra:
            entra.add_to_group(company.group(RACERS_GROUP).id, _entra(company, "employee-002").id)
        url = f"{address.urls['onlooker']}/look"
        seen = httpx.get(url, trust_env=False).json()
        assert (seen["group"], seen["store"]) == (["employee-002"], [])
        httpx.post(f"{address.urls['graph']}/_control/clock", json={"turn_seconds": 2400}, trust_env=False)
        eventually(
            lambda: httpx.get(url, trust_env=False).json()["store"] == ["employee-002"], "the cycle has come"
        )
    assert not path.exists()


def test_an_onlooker_sees_each_wording_of_a_message_once() -> None:
    with World(Company.found(people=1), parts={"slack", "teams"}) as world:
        onlooker = Onlooker(world.company, world.slack.transcript, world.teams)
        world.do(lambda: _tell(world, "employee-001", "Wait."))
        assert [line.text for line in world.do(onlooker.news)] == ["Wait."]
        world.do(lambda: world.slack.transcript.entries[0].change("Ready.", []))
        lines = world.do(onlooker.news)
        assert [(line.to, line.text, line.edited) for line in lines] == [
            ("employee-001", "Wait.", False),
            ("employee-001", "Ready.", True),
        ]
        world.do(lambda: _tell_in_teams(world, "employee-001", "Ready.", answers="1"))
        world.do(lambda: world.teams.transcript.entries[0].change("Gone.", None))
        lines = world.do(onlooker.news)
        assert [(line.platform, line.surface, line.to, line.text, line.edited) for line in lines[2:]] == [
            ("teams", "ephemeral", "employee-001", "Ready.", False),
            ("teams", "ephemeral", "employee-001", "Gone.", True),
        ]
        assert len(world.do(onlooker.news)) == len(lines)


def test_a_killed_starter_leaves_no_process_behind(tmp_path: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
from sandbox.processes import Processes
with Processes(Path({str(tmp_path)!r})) as processes:
    address = Path({str(tmp_path)!r}) / "world.json"
    company = processes.start("company", "sandbox", "company", "--address", str(address), "--people", "1")
    print(company.process.pid, flush=True)
    time.sleep(60)
"""
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root) as starter:
        assert starter.stdout is not None
        company = int(starter.stdout.readline())
        os.kill(company, 0)
        starter.send_signal(signal.SIGKILL)
    try:
        eventually(lambda: not _runs(company), "nothing of it runs")
    finally:
        with suppress(ProcessLookupError):
            os.kill(company, signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie waits for whoever inherited it; it does not run.
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z")
