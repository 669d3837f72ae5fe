"""Join questions as racers read them, with what they have answered. Pure."""

from adapters.chat.message import ANSWER, Ask, Message, Note, Paragraph, Part, Plain
from bot.words import Words
from provisioning.events import Question
from provisioning.outcomes import Questioned


def questions(words: Words, found: Questioned) -> Message:
    """Return the questions of the event; an answered one shows the answer, and can be answered anew."""
    event = found.event
    left = [question for question in event.questions if question.id not in found.answers]
    key = "told.questions" if left else "told.answered"
    parts: list[Part] = [Paragraph(words.text(f"{key}.next"))]
    parts += [_ask(words, event.id, question, found.answers.get(question.id)) for question in event.questions]
    parts.append(Note(words.text("told.questions-note")))
    return Message(words.text(f"{key}.summary", event=event.name), tuple(parts))


def _ask(words: Words, event_id: str, question: Question, answer: str | None) -> Ask:
    hint = words.plain("told.questions-choose" if question.options else "told.questions-type")
    if answer:
        hint = words.plain("told.questions-known", answer=answer)
    return Ask(
        (Plain(question.text),),
        f"answer {event_id} {question.id} {ANSWER}",
        hint,
        words.plain("told.questions-send"),
        tuple((option, str(number)) for number, option in enumerate(question.options, 1)),
    )
