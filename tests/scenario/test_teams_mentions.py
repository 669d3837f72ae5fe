"""Mentions in Teams: an organizer names people in a channel, and Bot Connector says who that is."""

import pytest

from tests.scenario.conftest import MakeStage
from tests.scenario.people import Racer, TeamsLine
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

CHANNEL = "Racing"


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    stage = make_stage(platforms=("teams",))
    stage.opens_event()
    stage.starts_bot()
    return stage


def says_in_channel(stage: Stage, organizer: Racer, words: str) -> None:
    """Let the organizer say this to the bot where others read it; people in it are mentioned."""
    assert isinstance(organizer.line, TeamsLine)
    organizer.hears(stage.plays(organizer.line.moves.say(words, conversation=CHANNEL)))


def is_answered(organizer: Racer, kind: str) -> str:
    """Wait for the answer in the personal chat, and return it."""

    def newest() -> str:
        found = [one for one in organizer.reads() if one.kind == kind]
        return found[-1].text if found else ""

    return eventually(newest, f"{organizer.key} is answered {kind}", otherwise=lambda: repr(organizer))


def test_a_racer_who_is_mentioned_gets_another_quota(stage: Stage) -> None:
    organizer, ada = stage.person("organizer"), stage.person("employee-001")
    ada.says("join")
    ada.becomes_ready()

    says_in_channel(stage, organizer, "admin quota <at>employee-001</at> +5h")

    assert "Training hours: 10 → 15" in is_answered(organizer, "quota-done")
    ada.is_told("ready", "quota")
    assert not any("quota" in text for text in stage.public())


def test_whoever_is_mentioned_is_asked_about_once_and_again_after_the_yes(stage: Stage) -> None:
    organizer, ada = stage.person("organizer"), stage.person("employee-001")
    ada.says("join")
    ada.becomes_ready()

    says_in_channel(stage, organizer, "admin suspend <at>employee-001</at> fair play")
    assert ada.person.entra is not None
    assert ada.person.entra.display_name in is_answered(organizer, "suspend-asks")
    organizer.presses("Yes, do it")

    ada.is_told("ready", "suspended")
    assert ada.in_groups == set()


def test_somebody_the_bot_has_never_met_is_added_by_a_mention(stage: Stage) -> None:
    organizer, ada = stage.person("organizer"), stage.person("employee-001")

    says_in_channel(stage, organizer, "admin add <at>employee-001</at>")

    assert ada.person.entra is not None
    assert f"{ada.person.entra.display_name}: added" in is_answered(organizer, "add-done")
    eventually(lambda: ada.is_member, "she is in")
    assert ada.told == []
    ada.says("status")
    ada.becomes_ready()


@pytest.mark.parametrize("key", ["teams-guest", "teams-no-role", "disabled"])
def test_an_outsider_who_is_mentioned_is_nobody(stage: Stage, key: str) -> None:
    organizer = stage.person("organizer")

    says_in_channel(stage, organizer, f"admin quota <at>{key}</at> +5h")

    is_answered(organizer, "DR-273")
    says_in_channel(stage, organizer, f"admin add <at>{key}</at>")
    assert "not added" in is_answered(organizer, "add-done")


def test_while_bot_connector_does_not_answer_the_instruction_waits(stage: Stage) -> None:
    organizer, ada = stage.person("organizer"), stage.person("employee-001")
    ada.says("join")
    ada.becomes_ready()
    organizer.says("admin event show")
    organizer.sees("open")
    stage.befalls("teams", "GET .*members", "status", status=503, times=2)

    says_in_channel(stage, organizer, "admin quota <at>employee-001</at> +5h")

    assert "Training hours: 10 → 15" in is_answered(organizer, "quota-done")


def test_who_is_not_added_and_who_has_no_part_are_called_by_what_their_mention_shows(stage: Stage) -> None:
    organizer, guest = stage.person("organizer"), stage.person("teams-guest")
    ada = stage.person("employee-001")

    says_in_channel(stage, organizer, "admin add <at>teams-guest</at>, <at>employee-001</at> --dry-run")
    said = is_answered(organizer, "add-would")
    assert f"{guest.person.teams.name}: not added (DR-204" in said
    assert "29:" not in said

    says_in_channel(stage, organizer, "admin quota <at>employee-001</at> +5h")
    assert f"“{ada.person.teams.name}” has no part in" in is_answered(organizer, "DR-283")
