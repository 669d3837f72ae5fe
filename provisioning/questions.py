"""Join questions: what an event would like to know of its racers, asked once their join is under way.

Nobody must answer, and nothing waits for it. Answering again takes the place of what was said before.
"""

from datetime import datetime

from provisioning.errors import QuestionUnknown
from provisioning.events import Event, Question
from provisioning.ids import RegistrationKey
from provisioning.joining import Asking, find_event
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import Questioned, Refused
from provisioning.ports import Rows
from provisioning.registrations import Registration

SAYS = "questions"
LONGEST = 200  # characters of an answer that are kept


def owe_questions(rows: Rows, registration: Registration, event: Event, now: datetime) -> None:
    """Owe the racer the questions of the event, in a message of their own; once, whatever is repeated."""
    if event.questions and registration.reply is not None:
        about = f"registration:{registration.key}"
        notice_id = f"note:{about}:{SAYS}:{event.id}"
        rows.outbox.put(Notice(notice_id, Kind.NOTE, about, registration.reply, 0, SAYS, {}, now))


def answer_question(
    rows: Rows, asking: Asking, event_name: str, question_id: str, text: str
) -> Questioned | Refused:
    """Keep the asker's answer to a question of this event; an empty one changes nothing.

    A choice is named by its number or as it reads. Refused with QuestionUnknown for whoever has no part in
    the event, and for what is not asked or cannot be chosen.
    """
    event = find_event(rows.events.all(), event_name)
    person = rows.bindings.person_of(asking.chat)
    question = event.question_of(question_id) if event is not None else None
    if event is None or person is None or question is None:
        return Refused(QuestionUnknown())
    key = RegistrationKey(event.id, person)
    if rows.registrations.get(key) is None:
        return Refused(QuestionUnknown())
    if text:
        answer = meant(question, text)
        if answer is None:
            return Refused(QuestionUnknown())
        rows.answers.save(key, question.id, answer, asking.now)
    return Questioned(event, rows.answers.of(key))


def meant(question: Question, text: str) -> str | None:
    """Return the answer in these words, None when it is none of those that can be chosen."""
    if not question.options:
        return text[:LONGEST]
    if text.isascii() and text.isdigit() and 1 <= int(text[:3]) <= len(question.options):
        return question.options[int(text[:3]) - 1]
    wanted = text.casefold()
    return next((option for option in question.options if option.casefold() == wanted), None)
