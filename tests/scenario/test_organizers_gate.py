"""Who may instruct: members of the organizers' group, read live; nobody else, whatever they say or press."""

from urllib.parse import parse_qs, urlencode

import pytest

from bot.admin.table import ADMIN_VERBS
from sandbox.chatting import sign
from sandbox.company import ORGANIZERS_GROUP
from tests.scenario.conftest import MakeStage
from tests.scenario.people import Racer, SlackLine
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered
from tests.scenario.waiting import eventually

# A verb with something behind it that would be done, were it an organizer who says it.
SAID = {
    "admin event set": "admin event set capacity=1",
    "admin event close": "admin event close",
    "admin event create": "admin event create autumn-cup from spring-cup",
    "admin race post": "admin race post https://racing.acme.example/7 Lap",
    "admin race update": "admin race update 1 title=x",
    "admin race remove": "admin race remove 1",
    "admin feed": "admin feed joins=on",
    "admin confirm": "admin confirm 0123",
    "admin audit": "admin audit",
}


@pytest.fixture(scope="module")
def outsider(town: Stage) -> Racer:
    return town.someone()


@pytest.mark.parametrize(
    "verb", [*(verb.name for verb in ADMIN_VERBS), "admin", "admin make-me-one", "admin undo x"]
)
def test_a_non_organizer_is_refused_whatever_they_say(town: Stage, outsider: Racer, verb: str) -> None:
    before, lines = town.event(), len(town.audit_lines())

    said = outsider.says(SAID.get(verb, verb))

    assert said.kind == "instructed"
    eventually(lambda: outsider.card.kind == "DR-261", "they are refused", otherwise=lambda: repr(outsider))
    assert town.event() == before
    assert [line.action for line in town.audit_lines()[lines:]] == ["instructed", "refused"]
    assert outsider.told == []
    assert not any(known.name in outsider.card.text for known in ADMIN_VERBS)


@pytest.mark.parametrize("key", ["guest", "stranger", "directory-guest", "not-in-directory", "disabled"])
def test_whom_the_gate_would_turn_away_learns_no_more_than_that(town: Stage, key: str) -> None:
    outsider = town.person(key)
    outsider.says("admin event show")
    outsider.sees("DR-261")


def captured(stage: Stage, organizer: Racer) -> list[str]:
    """Return what every button says that the organizer was shown, also where it is not shown any more."""
    slack = organizer.person.slack.id

    def read() -> list[str]:
        entries = stage.world.slack.transcript.visible_to(slack)
        wordings = [
            blocks for one in entries for blocks in (one.blocks, *(old["blocks"] for old in one.versions))
        ]
        elements = [one for blocks in wordings for block in blocks for one in block.get("elements", ())]
        return [one["value"] for one in elements if str(one.get("value", "")).startswith("admin")]

    return list(dict.fromkeys(stage.world.do(read)))


def test_the_buttons_of_an_organizer_do_nothing_for_anybody_else(stage: Stage) -> None:
    organizer, outsider = stage.person("organizer"), stage.someone()
    answered(organizer, "event set capacity=5", "event-set-done")
    answered(organizer, "event set closes=now ends=now", "event-set-asks")
    answered(organizer, "teardown", "teardown-asks")
    answered(organizer, "audit page=1", "audit-shown")
    outsider.says("jion")
    button = outsider.card.buttons[0]
    values = captured(stage, organizer)
    assert sorted({words.split()[1] for words in values}) == ["confirm", "undo"]
    before = stage.event()

    for number, words in enumerate(values, 1):
        assert isinstance(outsider.line, SlackLine)
        action = {"action_id": "say:0", "block_id": "b", "type": "button", "value": words}
        flow = outsider.line.moves.press(button, at=outsider.line.now(), actions=[action])
        outsider.hears(stage.plays(flow))
        eventually(
            lambda number=number: stage.audit().count("refused") == number,  # type: ignore[misc]
            "the click is refused",
        )
        eventually(
            lambda: outsider.reads()[-1].kind == "DR-261" or outsider.card.kind == "DR-261",
            "they are told so",
        )
        outsider.says("jion")

    assert stage.event() == before
    assert len(values) == 3


DOORS = ("organizer_group", "email_domains", "link_hosts", "access_url", "grants")


def test_no_verb_of_an_organizer_points_an_event_elsewhere(stage: Stage) -> None:
    organizer = stage.person("organizer")
    elsewhere = "00000000-0000-4000-8000-000000000000"

    def doors() -> set[tuple[object, ...]]:
        events = stage.does(lambda rows: rows.events.all())
        return {tuple(getattr(event, field) for field in DOORS) for event in events}

    before = doors()

    for verb in ADMIN_VERBS:
        lines = len(stage.audit_lines())
        organizer.says(f"{SAID.get(verb.name, verb.name)} organizer_group={elsewhere} grants={elsewhere}")
        eventually(
            lambda lines=lines: len(stage.audit_lines()) >= lines + 2,  # type: ignore[misc]
            f"{verb.name} is answered and audited",
            otherwise=lambda: repr(organizer),
        )

    assert doors() == before
    refused = [line.facts for line in stage.audit_lines() if line.facts.get("code") == "DR-264"]
    assert {facts["verb"] for facts in refused} >= {"admin event set", "admin event create"}


def test_whoever_is_taken_out_of_the_group_is_no_organizer_a_minute_later(stage: Stage) -> None:
    organizer = stage.person("organizer")
    answered(organizer, "event show", "open")
    assert organizer.person.entra is not None
    person = organizer.person.entra.id

    stage.world.do(lambda: stage.company.group(ORGANIZERS_GROUP).members.pop(person))
    stage.clock.turn(seconds=61)

    answered(organizer, "event set capacity=1", "DR-261")
    assert stage.event().capacity == 2000


def test_a_disabled_account_organizes_nothing_whatever_its_groups(stage: Stage) -> None:
    organizer = stage.person("organizer")
    organizer.says("join")
    organizer.becomes_ready()
    account = organizer.person.entra
    assert account is not None
    stage.world.do(lambda: setattr(account, "account_enabled", False))

    answered(organizer, "event set capacity=1", "DR-261")

    assert stage.event().capacity == 2000
    stage.world.do(lambda: setattr(account, "account_enabled", True))


def test_while_the_directory_does_not_answer_nothing_is_done_and_later_it_is(stage: Stage) -> None:
    organizer = stage.person("organizer")
    stage.befalls("graph", ".*", "status", status=503, times=None)

    organizer.says("admin event set capacity=5")

    organizer.sees("DR-301")
    assert stage.event().capacity == 2000
    stage.calms("graph")
    stage.clock.turn(seconds=61)
    organizer.sees("event-set-done")
    assert stage.event().capacity == 5


def test_an_instruction_that_waited_too_long_is_not_run(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot(worker=False)
    organizer = stage.person("organizer")
    organizer.says("admin event set capacity=5")

    stage.clock.turn(minutes=16)
    stage.starts_bot(door=False)

    organizer.sees("DR-262")
    assert stage.event().capacity == 2000


def test_a_repeated_delivery_is_one_instruction(stage: Stage) -> None:
    organizer = stage.person("organizer")
    assert isinstance(organizer.line, SlackLine)
    moves = organizer.line.moves
    first = organizer.line.say("admin event set capacity=5")
    organizer.sees("event-set-done")
    answered(organizer, "undo", "any-undone")

    again = stage.plays(moves.send(first.sent.body, first.sent.headers))

    assert again.body == first.body
    eventually(stage.is_at_rest, "nothing is left to do")
    assert stage.event().capacity == 2000
    assert stage.audit() == ["instructed", "changed", "instructed", "undone"]


def test_words_cannot_be_changed_under_a_signature(stage: Stage) -> None:
    organizer = stage.person("organizer")
    assert isinstance(organizer.line, SlackLine)
    sent = organizer.line.say("admin event show").sent
    form = {name: values[0] for name, values in parse_qs(sent.body.decode()).items()}
    forged = urlencode(form | {"text": "admin event set capacity=1"}).encode()

    answer = stage.plays(organizer.line.moves.send(forged, sent.headers))
    unsigned = sign("not the secret", forged, organizer.line.now())
    other = stage.plays(
        organizer.line.moves.send(forged, {"Content-Type": sent.headers["Content-Type"], **unsigned})
    )

    assert (answer.status, other.status) == (401, 401)
    organizer.sees("open")
    assert stage.event().capacity == 2000


def test_a_worker_that_is_killed_between_change_and_answer_makes_it_once_and_says_so(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot(worker=False)
    worker = stage.starts_process("work")
    eventually(worker.is_working, "the worker has started")
    organizer = stage.person("organizer")
    stage.befalls("slack", "response_url", "hang", seconds=5.0, times=None)
    organizer.says("admin event set capacity=5")
    eventually(lambda: stage.event().capacity == 5, "the change is made")

    worker.kill()

    stage.calms("slack")
    stage.clock.turn(seconds=61)
    stage.starts_bot(door=False)
    organizer.sees("event-set-done")
    assert stage.audit().count("changed") == 1
    assert stage.event().version == 2


def test_an_answer_that_can_no_longer_be_put_where_it_was_asked_is_a_direct_message(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot(worker=False)
    organizer = stage.person("organizer")
    organizer.says("admin event set capacity=5")
    stage.befalls("slack", "response_url", "status", status=404, times=None)

    stage.starts_bot(door=False)

    organizer.is_told("event-set-done")
    assert stage.event().capacity == 5
