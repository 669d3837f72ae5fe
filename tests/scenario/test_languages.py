"""Everybody is answered in the language of their chat account, or in English."""

import pytest

from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH


def speaks(stage: Stage, key: str, tag: str | None) -> Racer:
    """Return this person, who has set their chat account to the language of this tag."""
    person = stage.company.people[key]
    stage.world.do(lambda: setattr(person.slack, "locale", tag))
    stage.world.do(lambda: setattr(person.teams, "locale", tag or "en-US"))
    return stage.person(key)


def test_a_racer_who_speaks_german_hears_and_reads_german(make_stage: MakeStage, platform: str) -> None:
    stage = make_stage()
    stage.opens_event(mails=True)
    stage.starts_bot()
    racer = speaks(stage, "employee-001", "de-DE")

    first = racer.says("join").text
    racer.becomes_ready()

    # Slack says the language of nobody together with a command; what it has of them is known after the gate.
    known_at_once = platform == "teams"
    assert first.startswith("Deine Anmeldung für" if known_at_once else "You're in the queue for")
    told = racer.messages[-1]
    assert told.text.startswith("Du bist drin: Spring Cup 2027 steht dir offen.\nÖffne es mit dem Button")
    assert told.buttons == ("Spring Cup 2027 öffnen",)
    assert racer.says("status").text.startswith("Du bist drin")
    assert racer.says("help").text.startswith("Ich bringe dich in AWS DeepRacer Events.")
    assert racer.says("races").text.startswith("Gerade ist kein Rennen offen.")
    (mail,) = eventually(lambda: stage.world.do(lambda: list(stage.world.ses.sent)), "the mail is there")
    assert mail.subject.startswith("Du bist drin: ")
    assert '<html lang="de">' in mail.html
    assert racer.says("leave --yes").text.startswith("Du verlässt Spring Cup 2027.")
    racer.comes_to("gone")
    assert racer.messages[-1].text.startswith("Du hast Spring Cup 2027 verlassen.")


def test_whoever_is_refused_reads_why_in_their_language(stage: Stage) -> None:
    disabled = speaks(stage, "disabled", "de-AT")

    disabled.says("join")

    disabled.sees("DR-222")
    assert disabled.card.text.startswith("Ich kann dich nicht reinlassen: Dein Firmenkonto ist deaktiviert.")


def test_whom_the_platform_turns_away_reads_it_in_their_language(stage: Stage, platform: str) -> None:
    guest = speaks(stage, "guest" if platform == "slack" else "teams-guest", "de-DE")

    guest.says("join")

    eventually(lambda: guest.card.kind.startswith("DR-"), "they are refused", otherwise=lambda: repr(guest))
    assert guest.card.text.startswith("Ich kann dich nicht reinlassen: ")


@pytest.mark.parametrize("tag", ["fi-FI", "tlh", None, "../de", "*"])
def test_a_language_that_the_bot_does_not_speak_keeps_nobody_out(stage: Stage, tag: str | None) -> None:
    racer = speaks(stage, "employee-001", tag)

    racer.says("join")

    racer.becomes_ready()
    assert racer.messages[-1].text.startswith("You're in: Spring Cup 2027")


def test_an_organizer_is_answered_in_their_language(stage: Stage) -> None:
    organizer = speaks(stage, "organizer", "de-DE")

    organizer.says("admin event show")
    assert organizer.sees("open").text.startswith("Die Anmeldung für Spring Cup 2027 ist offen.")
    organizer.says("admin event set capacity=5")
    said = organizer.sees("event-set-done")

    assert "Plätze: 2000 → 5" in said.text
    organizer.presses("Rückgängig machen")
    assert organizer.sees("any-undone").text.startswith("Zurückgenommen: ")
    assert all("Plätze" not in one.text for one in stage.organizers), "the channel reads English"
