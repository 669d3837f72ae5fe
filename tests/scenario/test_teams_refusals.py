"""Everybody whom the gate turns away in Teams, wherever they speak: privately, with a reason and a code."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.company import DOMAIN, Company
from sandbox.connector_conversations import PIT_CREW
from tests.scenario.conftest import MakeStage
from tests.scenario.in_teams import POINTER, moves, says_in
from tests.scenario.logged import Lines, logged_lines
from tests.scenario.people import Racer
from tests.scenario.stage import EVENT, Stage
from tests.scenario.waiting import eventually

REFUSED = {
    "teams-guest": "DR-204",
    "teams-no-role": "DR-213",
    "not-in-directory": "DR-221",
    "disabled": "DR-222",
    "directory-guest": "DR-223",
    "seconded": "DR-211",
}
SCOPES = {"personal chat": None, "channel": "Racing", "group chat": "Pit crew"}
NO_CHAT = "I couldn't write to you in private."
JOIN = f"Join {EVENT}"


def acme() -> Company:
    """Return a company with an employee whose addresses are all at a subsidiary's domain."""
    company = Company.found(people=3)
    mail = "sam@subsidiary.example"
    company.hire("seconded", mail=mail)
    return company


@pytest.fixture(scope="module")
def lines() -> Iterator[Lines]:
    """What the bot of this module logs at INFO."""
    with logged_lines() as lines:
        yield lines


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, lines: Lines) -> Iterator[Stage]:
    """One bot for all of them, with everybody in the group chat."""
    folder: Path = tmp_path_factory.mktemp("gate")
    with Stage(folder, company=acme(), platforms=("teams",)) as stage:
        crew = stage.world.teams.conversations.all[PIT_CREW]
        assert crew.members is not None
        crew.members |= {person.teams.id for key, person in stage.company.people.items() if key in REFUSED}
        stage.opens_event()
        stage.starts_bot()
        yield stage


def is_refused(stage: Stage, who: Racer, code: str, before: list[str]) -> None:
    """Wait until they were told this once more, and hold that nothing came of it."""
    eventually(
        lambda: [one for one in who.told if one == code] == [code] * (before.count(code) + 1),
        f"{who.key} is told {code}",
        otherwise=lambda: repr(who),
    )
    eventually(lambda: who.messages[-1].kind == code, "and sees nothing else", otherwise=lambda: repr(who))
    assert f"Code {code}" in who.messages[-1].text
    assert who.in_groups == set()


@pytest.mark.parametrize("scope", SCOPES)
def test_who_is_no_employee_in_good_standing_is_told_why_in_private(gate: Stage, scope: str) -> None:
    outsiders, where = {gate.person(key): code for key, code in REFUSED.items()}, SCOPES[scope]
    told, public = {one: one.told for one in outsiders}, len(gate.public())

    for outsider, answer in zip(
        outsiders, gate.together(moves(one).say("join", conversation=where) for one in outsiders), strict=True
    ):
        outsider.hears(answer)

    for outsider, code in outsiders.items():
        is_refused(gate, outsider, code, told[outsider])
        assert outsider.says("status").kind == "nothing"
    pointers = len(outsiders) if where else 0
    eventually(lambda: len(gate.public()) == public + pointers, "the pointers are there")
    assert [text.split("\n")[0] for text in gate.public()[public:]] == [POINTER] * pointers


def test_a_partner_in_a_shared_channel_is_refused_and_asked_to_come_otherwise(gate: Stage) -> None:
    partner, public = gate.person("teams-partner"), len(gate.public())

    says_in(gate, partner, "join", "With partners")

    eventually(lambda: gate.refusals()[-1:] == ["DR-201"], "the partner is refused")
    eventually(lambda: len(gate.public()) == public + 1, "something is said in the thread")
    assert gate.public()[-1].startswith(NO_CHAT)
    assert DOMAIN not in gate.public()[-1]
    assert partner.reads() == []
    assert partner.in_groups == set()


def test_somebody_anonymous_in_a_meeting_is_told_where_they_are_and_heard_by_nobody(gate: Stage) -> None:
    stranger, public, before = gate.person("teams-anonymous"), len(gate.public()), gate.audit()

    says_in(gate, stranger, "join", "Race meeting")

    eventually(lambda: len(gate.public()) == public + 1, "they are answered")
    assert "Code DR-213" in gate.public()[-1]
    assert gate.audit() == before


@pytest.mark.parametrize("key", ["teams-foreigner", "teams-partner"])
def test_another_tenants_chat_with_the_bot_ends_at_the_door(make_stage: MakeStage, key: str) -> None:
    stage = make_stage(company=acme(), platforms=("teams",))
    stage.opens_event()
    stage.starts_bot()
    foreigner = stage.person(key)

    for words in ("join", "help", "leave --yes"):
        assert stage.plays(moves(foreigner).say(words)).status == 403

    assert stage.audit() == []
    assert stage.calls("teams", "(POST|PUT|GET) [acm]") == 0, "the bot asks and says nothing"
    assert foreigner.reads() == []


def test_an_outsiders_click_passes_the_same_gate(gate: Stage) -> None:
    outsider = gate.person("teams-guest")
    told = outsider.told
    outsider.says("jion")

    outsider.presses(outsider.card.buttons[0])

    is_refused(gate, outsider, "DR-204", told)


def test_a_click_on_a_card_in_a_channel_acts_for_whoever_pressed_it(gate: Stage) -> None:
    organizer, outsider, racer = map(gate.person, ("organizer", "teams-guest", "employee-002"))
    gate.plays(moves(organizer).installs(conversation="General"))
    eventually(lambda: JOIN in "".join(gate.public()[-1:]), "the team is welcomed")
    told, public = outsider.told, gate.public()

    outsider.presses(JOIN)
    racer.presses(JOIN)

    is_refused(gate, outsider, "DR-204", told)
    racer.becomes_ready()
    assert racer.is_member
    assert organizer.in_groups == set()
    assert organizer.told == []
    assert gate.public() == public, "the card is still everybody's"


def test_an_employee_passes_the_same_gate_in_every_scope(gate: Stage) -> None:
    racer = gate.person("employee-001")

    for where in (None, "Racing", "Pit crew", "With partners", "Race meeting"):
        said = len(racer.reads())
        says_in(gate, racer, "join", where)
        eventually(lambda: len(racer.reads()) > said, "they are answered")  # noqa: B023 - called at once
        racer.becomes_ready()


def test_no_address_of_anybody_is_logged(gate: Stage, lines: Lines) -> None:
    asked = [racer.person.teams for racer in gate.racers.values()]
    everything = "\n".join(lines.lines).lower()

    assert lines.lines
    assert DOMAIN not in everything
    assert [one.email for one in asked if one.email and one.email.lower() in everything] == []
    assert [one.key for one in gate.racers.values() if one.person.teams.name.lower() in everything] == []
