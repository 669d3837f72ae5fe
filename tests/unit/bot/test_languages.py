"""German as it is read: on both platforms, by mail, and with everything that code forms."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.chat.letter import letter
from adapters.chat.message import (
    Ask,
    Bold,
    Button,
    Column,
    Confirm,
    Fact,
    FormButton,
    LinkButton,
    Mention,
    Message,
    Plain,
    StepLine,
)
from adapters.chat.text import utc
from adapters.slack import blocks
from adapters.teams import cards
from bot import wording
from bot.board_wording import board
from bot.usage_wording import usage
from bot.words import words
from provisioning.deciding import Stage
from provisioning.errors import Guest
from provisioning.ids import ChatIdentity, Platform
from provisioning.outcomes import Outcome, Queued, Standing, UsageShown
from provisioning.quotas import Used
from provisioning.registrations import Step
from provisioning.requests import Wish
from tests.unit.bot.board_messages import board_of, line
from tests.unit.bot.test_wording import messages, parts_of
from tests.unit.provisioning.spring_cup import NOON, ada, at, ready, spring_cup

CUP = spring_cup()
QUEUED = Queued(CUP, Wish.RACING, 7, 125.0)
SEATED = ada(has_seat=True, progress=at(Step.ADDED))
READY = Standing(CUP, ready(), Stage.READY, NOON)

LINK = {
    "slack": "Den Link bekommst du per Direktnachricht, sobald er wirklich funktioniert.",
    "teams": "Den Link bekommst du in unserem persönlichen Chat, sobald er wirklich funktioniert.",
}
GOLDEN: dict[str, tuple[Outcome, tuple[str, ...]]] = {
    "queued": (
        QUEUED,
        (
            "Deine Anmeldung für Spring Cup ist da.",
            "Ich prüfe, wer du bist, und richte deinen Zugang ein. Das dauert meist etwa 2 Minuten. {link}",
            "7 Personen waren kurz vor dir dran.",
            "{prompt}status zeigt, wie weit du bist.",
        ),
    ),
    "adding": (
        Standing(CUP, SEATED, Stage.ADDING, NOON, typical_seconds=40 * 60),
        (
            "Du wirst gerade bei Spring Cup aufgenommen.",
            "Das dauert meist etwa 40 Minuten. {link}",
            "erledigt: Geprüft, wer du bist",
            "erledigt: In die Gruppe eurer Firma aufgenommen",
            "läuft: Bei AWS bekannt, mit Zugang",
            "kommt noch: Link ausprobiert, er funktioniert",
            "Verlassen: …",
        ),
    ),
    "ready": (
        READY,
        (
            "Du bist drin: Spring Cup steht dir offen.",
            "Öffne es mit dem Button und melde dich mit deinem Firmenkonto an.",
            "Spring Cup öffnen: …",
            "Der Link: …",
            "Dein Kontingent: 10 Trainingsstunden und 5 Modelle. Dein Zugang gilt bis 04.04.2027, 12:00 UTC.",
        ),
    ),
}


@pytest.mark.parametrize("platform", ["slack", "teams"])
@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_message_is_said_in_german_as_its_golden_says(name: str, platform: Platform) -> None:
    outcome, lines = GOLDEN[name]
    message = wording.answer(words("de-DE", platform), outcome)
    shown = (blocks if platform == "slack" else cards).fallback(message).splitlines()
    prompt = "/deepracer " if platform == "slack" else ""
    golden = [line.format(link=LINK[platform], prompt=prompt) for line in lines]
    assert len(shown) == len(golden)
    for said, wanted in zip(shown, golden, strict=True):
        assert said == wanted or (wanted.endswith("…") and said.startswith(wanted[:-1]))


def test_a_refusal_in_german_speaks_of_the_platform_on_which_it_is_read() -> None:
    for platform, says in (
        ("slack", "Ich kann dich nicht reinlassen: Dein Slack-Konto ist ein Gastkonto."),
        ("teams", "Ich kann dich nicht reinlassen: In dieser Teams-Organisation bist du Gast."),
    ):
        spoken = words("de", platform)
        lines = blocks.fallback(wording.refusal(spoken, Guest, {})).splitlines()
        assert lines[0] == says
        assert lines[-1] == "Code DR-204. Nenn ihn dem Organisationsteam, wenn du Hilfe brauchst."


def test_a_mail_is_german_in_its_subject_its_bodies_and_its_tag() -> None:
    made = letter(wording.standing(words("de"), READY), words("de").language)
    assert made.subject == "Du bist drin: Spring Cup steht dir offen."
    assert "Spring Cup öffnen" in made.html
    assert '<html lang="de">' in made.html
    assert "bis 04.04.2027, 12:00 UTC" in made.text


def test_lap_times_amounts_and_dates_are_written_as_the_language_writes_them() -> None:
    german, english = words("de"), words("en")
    assert [spoken.lap(62_418) for spoken in (german, english)] == ["1:02,418", "1:02.418"]
    amounts = [spoken.amount(Decimal("1234.5"), "USD", pattern="#,##0.00") for spoken in (german, english)]
    assert amounts == ["1.234,50 USD", "1,234.50 USD"]
    assert [utc(spoken.when(NOON)) for spoken in (german, english)] == [
        "15.03.2027, 12:00 UTC",
        "15 Mar 2027, 12:00 UTC",
    ]
    shown = blocks.fallback(board(german, board_of(line(1, "Ada", 62_418), line(2, "Grace", 63_001))))
    assert re.search(r"1 · Ada · 1:02,418", shown)
    assert "+0,583" in shown


def test_somebody_without_a_name_is_called_so_in_the_readers_language() -> None:
    nobody = Mention(ChatIdentity("slack", "T1", "U1"))
    shown = words("de", "teams").text("racers-shown.line", name=nobody, stage="bereit", since=NOON)
    assert cards.fallback(Message(shown)) == "jemand in Slack: bereit, seit 15.03.2027, 12:00 UTC"


def test_lengths_of_time_stand_in_the_right_case() -> None:
    for age, said in ((timedelta(days=3), "schon 3 Tage"), (timedelta(hours=2), "schon 2 Stunden")):
        line = words("de").plain("stuck-shown.line", name="Ada", stage="verspätet", age=age)
        assert line == f"Ada: verspätet, {said}"


def test_what_is_used_is_said_in_german() -> None:
    used = replace(READY, used=Used("2027-03", 500, models=2))
    said = blocks.fallback(usage(words("de"), UsageShown((used,))))
    assert "8 h 20 min von 10 Trainingsstunden verbraucht" in said


# --- nothing English is left --------------------------------------------------------------------------------

ENGLISH = re.compile(
    r"\b(the|you|your|and|are|not|with|this|that|for|of|is|to|by|done|next|somebody|its|they|nobody|reason)\b",
    re.IGNORECASE,
)


TYPED = re.compile(
    "not Nameless|Lap of R&D"
)  # names of these tests: what people typed is nobody's to translate


def shown(message: Message) -> Iterator[str]:
    """Yield everything that is read of a message, without what is typed or what people wrote."""
    for part in parts_of(message):
        match part:
            case Plain(text) | Bold(text):
                yield text
            case Button(label=text) | LinkButton(label=text) | FormButton(label=text) | Column(head=text):
                yield text
            case Fact(name=text) | StepLine(said=text):
                yield text
            case Ask(hint=hint, send=send):
                yield from (hint, send)
            case Confirm():
                yield from (part.title, part.text, part.yes, part.no)
            case _:
                pass


@pytest.mark.parametrize("platform", ["slack", "teams"])
def test_nothing_english_is_left_in_what_is_said_in_german(platform: Platform) -> None:
    left = {
        (name, text)
        for name, message in messages(words("de", platform))
        for text in shown(message)
        if ENGLISH.search(TYPED.sub("", text))
    }
    assert left == set()
