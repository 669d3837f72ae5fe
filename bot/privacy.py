"""What racers are told of what is kept about them, and of having it deleted. Pure."""

from adapters.chat.message import Button, Buttons, Fact, Facts, Message, Note, Paragraph, Part, Plain
from bot.grammar import YES
from bot.words import Words
from provisioning.events import Event
from provisioning.forgetting import kept_until
from provisioning.outcomes import ConfirmForget, Forgotten, Privacy
from provisioning.registrations import Registration


def answer(words: Words, outcome: Privacy | ConfirmForget | Forgotten) -> Message:
    """Return what the asker is told at once."""
    match outcome:
        case Privacy():
            return privacy(words, outcome)
        case ConfirmForget():
            return confirm_forget(words, outcome)
        case Forgotten():
            return forgotten(words, outcome)


def privacy(words: Words, found: Privacy) -> Message:
    """Return what is kept about the asker, in words, and until when."""
    known = found.known
    always = [Paragraph(words.text(f"privacy.{key}")) for key in ("messages", "audit", "never")]
    if known.is_nothing:
        return Message(
            words.text("privacy-nothing.summary"), (Paragraph(words.text("privacy.refused")), *always)
        )
    facts = [Fact(words.plain("privacy.account"), (Plain(str(chat)),)) for chat in known.chats]
    if known.person_id is not None:
        facts.append(Fact(words.plain("privacy.person"), (Plain(known.person_id),)))
    parts: list[Part] = [Paragraph(words.text("privacy.next")), Facts(tuple(facts))]
    for event, registration in known.registrations:
        parts += _part(words, event, registration)
    asked = len(known.requests)
    if asked:
        parts.append(Paragraph(words.text("privacy.requests", count=asked)))
    return Message(words.text("privacy.summary"), (*parts, *always, Note(words.text("privacy.forget"))))


def _part(words: Words, event: Event, registration: Registration) -> list[Part]:
    until = kept_until(event)
    parts: list[Part] = [Paragraph(words.text("privacy.event", event=event.name, until=until))]
    person = registration.person
    facts = [
        Fact(words.plain("privacy.name"), (Plain(person.display_name),)),
        Fact(words.plain("privacy.sign-in"), (Plain(person.user_principal_name),)),
    ]
    parts.append(Facts(tuple(fact for fact in facts if fact.value != (Plain(""),))))
    if event.questions:
        parts.append(Paragraph(words.text("privacy.answers", event=event.name)))
    if event.names:
        parts.append(Paragraph(words.text("privacy.names", event=event.name)))
    if event.site_url is not None:
        parts.append(Paragraph(words.text("privacy.usage")))
    if registration.hold is not None:
        parts.append(Paragraph(words.text(f"privacy.{registration.hold.kind}", event=event.name)))
    return parts


def confirm_forget(words: Words, found: ConfirmForget) -> Message:
    """Ask whether to delete everything; what stays is said."""
    held = any(registration.hold is not None for _, registration in found.known.registrations)
    yes = Button(words.plain("confirm-forget.yes"), f"forget {YES}", "danger")
    no = Button(words.plain("confirm-forget.no"), "privacy")
    parts: list[Part] = [Paragraph(words.text("confirm-forget.next"))]
    if held:
        parts.append(Paragraph(words.text("confirm-forget.held")))
    parts += [Buttons((yes, no)), Note(words.text("confirm-forget.typed"))]
    return Message(words.text("confirm-forget.summary"), tuple(parts))


def forgotten(words: Words, found: Forgotten) -> Message:
    """Return that everything is deleted, or that there was nothing."""
    key = "forgotten" if found.anything else "forgotten-nothing"
    return Message(words.text(f"{key}.summary"), (Paragraph(words.text(f"{key}.next")),))
