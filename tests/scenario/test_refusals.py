"""Everybody whom the gate turns away: with a reason and a code, privately, without a trace in a directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.company import DOMAIN, ENTERPRISE_ID, TEAM_ID, Company
from tests.scenario.conftest import MakeStage
from tests.scenario.logged import Lines, logged_lines
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

REFUSED = {
    "guest": "DR-204",
    "single-channel-guest": "DR-205",
    "stranger": "DR-203",
    "foreigner": "DR-201",
    "sibling": "DR-202",
    "bot": "DR-206",
    "deactivated": "DR-207",
    "invited": "DR-208",
    "unconfirmed": "DR-210",
    "no-mail": "DR-209",
    "other-domain": "DR-211",
    "look-alike": "DR-211",
    "homoglyph": "DR-212",
    "not-in-directory": "DR-221",
    "disabled": "DR-222",
    "directory-guest": "DR-223",
    "two-matches": "DR-224",
}
UNREACHABLE = {"deactivated", "bot"}  # Slack delivers no direct message to them; they see it where they asked


@pytest.fixture(scope="module")
def lines() -> Iterator[Lines]:
    """What the bot of this module logs at INFO."""
    with logged_lines() as lines:
        yield lines


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, lines: Lines) -> Iterator[Stage]:
    """One bot for all of them; each asks for themselves."""
    folder: Path = tmp_path_factory.mktemp("gate")
    with Stage(folder, company=Company.found(people=2)) as stage:
        stage.opens_event()
        stage.starts_bot()
        yield stage


@pytest.mark.parametrize(("key", "code"), REFUSED.items())
def test_who_is_no_employee_in_good_standing_is_told_why_and_gets_nowhere(
    gate: Stage, key: str, code: str
) -> None:
    public = len(gate.public())
    outsider = gate.person(key)

    outsider.says("join")

    assert outsider.sees(code).place == "answer"
    outsider.is_told(*([] if key in UNREACHABLE else [code]))
    assert outsider.in_groups == set()
    assert len(gate.public()) == public
    assert outsider.says("status").kind == "nothing"


def test_an_employee_passes_the_same_gate(gate: Stage) -> None:
    racer = gate.person("employee-001")

    racer.says("join")

    racer.is_told("ready")


def test_no_address_of_anybody_is_logged(gate: Stage, lines: Lines) -> None:
    asked = [racer.person.slack.email for racer in gate.racers.values()]
    everything = "\n".join(lines.lines).lower()

    assert "refused" in everything or lines.lines
    assert DOMAIN not in everything
    assert [mail for mail in asked if mail and mail.lower() in everything] == []


def test_somebody_without_an_address_is_an_incident_that_organizers_hear_of_once(stage: Stage) -> None:
    outsider = stage.person("no-mail")
    for _ in range(2):
        outsider.says("join")
        eventually(lambda: outsider.told[-1:] == ["DR-209"], "the refusal is told")

    eventually(lambda: stage.organizers_hear == ["organizers-incident"], "organizers hear of it")
    assert "I've told them." in outsider.messages[-1].text


def test_where_organizers_have_no_channel_nobody_is_said_to_have_told_them(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event(organizer_channel=None)
    stage.starts_bot()
    outsider = stage.person("no-mail")

    outsider.says("join")

    outsider.is_told("DR-209")
    assert "they don't hear of it from me" in outsider.messages[-1].text


def test_a_refusal_is_asked_again_from_the_start(stage: Stage) -> None:
    outsider = stage.person("unconfirmed")
    outsider.says("join")
    outsider.is_told("DR-210")

    stage.world.do(lambda: setattr(outsider.person.slack, "is_email_confirmed", True))
    assert outsider.says("join").kind == "queued"

    outsider.is_told("DR-210", "ready")


def test_where_single_sign_on_fills_in_addresses_an_unconfirmed_one_will_do(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.settings["SLACK_TRUST_UNCONFIRMED_EMAIL"] = "true"
    stage.opens_event()
    stage.starts_bot()
    racer = stage.person("unconfirmed")

    racer.says("join")

    racer.is_told("ready")


def test_siblings_of_the_organization_are_welcome_when_it_is_named(make_stage: MakeStage) -> None:
    stage = make_stage(slack={"grid": True})
    stage.settings["SLACK_TEAM_IDS"] = f"{TEAM_ID},{ENTERPRISE_ID}"
    stage.opens_event()
    stage.starts_bot()
    racer, guest = stage.person("sibling"), stage.person("guest")

    racer.says("join")
    guest.says("join")

    racer.is_told("ready")
    guest.is_told("DR-204")


def test_a_missing_scope_refuses_nobody_keeps_every_request_and_is_told(make_stage: MakeStage) -> None:
    stage = make_stage(slack={"scopes": frozenset({"commands", "chat:write", "users:read"})})
    stage.opens_event()
    stage.starts_bot()
    racers = stage.people(3)
    stage.all_say(racers, "join")
    eventually(lambda: stage.organizers_hear == ["organizers-gate-broken"], "organizers hear of it")
    assert "DR-407" in stage.organizers[0].text

    stage.clock.turn(minutes=16)

    for racer in racers:
        assert "Your request is kept" in racer.sees("DR-407").text
        assert "The organizers know" in racer.sees("DR-407").text
        racer.is_told("DR-407")
    stage.world.do(lambda: stage.world.slack.switches.scopes.add("users:read.email"))
    stage.clock.turn(minutes=2)
    for racer in racers:
        racer.is_told("DR-407", "ready")
    assert stage.organizers_hear.count("organizers-gate-broken") == 1
    assert stage.public() == []


def test_a_click_by_an_outsider_passes_the_same_gate(stage: Stage) -> None:
    outsider = stage.person("guest")
    outsider.says("jion")

    outsider.presses(outsider.card.buttons[0])

    outsider.is_told("DR-204")
    assert outsider.in_groups == set()


@pytest.mark.parametrize(("state", "code"), [("DISABLED", "DR-241"), ("somebody else's", "DR-242")])
def test_an_aws_account_that_cannot_be_used_is_told_and_mended_by_itself(
    stage: Stage, state: str, code: str
) -> None:
    racer = stage.person("employee-001")
    user = racer.person.entra
    assert user is not None
    account = next(one for one in stage.company.store_users.values() if one.external_id == user.id)

    def spoil() -> None:
        if code == "DR-241":
            account.status = state
        else:
            account.external_id = "00000000-0000-4000-8000-000000000000"

    def mend() -> None:
        account.status, account.external_id = "ENABLED", user.id

    stage.world.do(spoil)
    racer.says("join")
    racer.is_told(code)

    stage.world.do(mend)
    stage.clock.turn(hours=2)

    racer.is_told(code, "ready")
