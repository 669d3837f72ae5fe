"""The bot's voice on one chat platform: words a notice from what is true now, and has the platform say it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from adapters.chat.message import Message
from adapters.chat.speaker import Speaker
from adapters.chat.text import one_line
from bot import drawing, wording
from bot.admin import teardown
from bot.admin.wording import answer_of
from bot.announcement_wording import announcement, of_board
from bot.counting import Counting
from bot.picture_wording import Finish
from bot.question_wording import questions
from bot.words import Words, words
from provisioning.boards import Board
from provisioning.certifying import to_certify
from provisioning.deciding import RESULTS, Stage
from provisioning.errors import (
    ChatUnavailable,
    IdentityChanged,
    Misconfigured,
    NoSiteAccount,
    ProvisioningError,
    Unavailable,
    Undeliverable,
)
from provisioning.events import Event
from provisioning.ids import ChatIdentity, Platform, RegistrationKey
from provisioning.joining import standing_of
from provisioning.naming import by_name, names_on
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import Questioned, Standing
from provisioning.platform import FirstSignIn
from provisioning.ports import Clock, Rows, Store
from provisioning.questions import SAYS
from provisioning.recognizing import Recognizer
from provisioning.recording import post_incident
from provisioning.requests import ReplyTo, Wish
from provisioning.signing_in import account_to_sign_in
from provisioning.watching import board_of

FINAL = frozenset(RESULTS) - {Stage.IN_LINE, Stage.WAITING, Stage.BROKEN, Stage.LATE}
KEPT_FOR_THE_END = 1  # posts through a handle that are kept for the final state


@dataclass(frozen=True, slots=True)
class PlatformVoice:
    """Implements `provisioning.outbox.Voice` over a platform's speaker."""

    platform: Platform
    store: Store
    speaker: Speaker
    clock: Clock
    counting: Counting
    gate: Recognizer  # for what must not be shown to whoever has a chat account now
    first_sign_in: Callable[[], FirstSignIn]  # loads what racing sites need, so only when somebody asks

    def say(self, notice: Notice) -> str | None:
        """Say it; see `Voice.say`."""
        if "closing" in notice.facts:
            return self._closing(notice)
        if notice.kind is Kind.POST:
            return self.speaker.announce(notice.about, self._post(notice))
        if notice.kind is Kind.ANNOUNCEMENT:
            return self._announce(notice)
        if notice.to is None:
            raise Undeliverable(reason="no address")
        spoken = words(notice.to.locale, self.platform)
        asked_for = {
            "instruction": self._instructed,
            "signin": self._signed_in,
            "picture": self._drawn,
            "certificate": self._certificate,
        }
        answer = asked_for.get(notice.about.partition(":")[0])
        if answer is not None:
            return answer(spoken, notice, notice.to)
        found = self._standing(notice)
        if notice.kind is Kind.NOTE and notice.says == SAYS and found is not None:
            return self._question(spoken, notice.to, found)
        if notice.kind is Kind.NOTE and found is not None:
            return self.speaker.tell(notice.to.chat, wording.note(spoken, notice.says, found))
        if notice.kind is Kind.REMINDER:
            return self._remind(spoken, notice.to, found)
        message = self._message(spoken, notice, found)
        if notice.kind is Kind.RESULT:
            address = self._tell(notice.to, message)
            self.counting.has_told(found.stage if found is not None else notice.says)
            return address
        if notice.kind is Kind.EDIT:
            return self._edit(notice, message)
        return self._card(notice, notice.to, message, final=found is None or found.stage in FINAL)

    def _closing(self, notice: Notice) -> str | None:
        """Tell the organizers' channel, or the one who asked, how far an event that is over has come."""
        spoken = words(None if notice.to is None else notice.to.locale, self.platform)

        def unit(rows: Rows) -> Message | None:
            return teardown.closing_message(spoken, rows, notice)

        message = self.store.read(unit)
        if message is None:
            raise Undeliverable(reason="nothing to tell of")
        if notice.kind is Kind.EDIT:
            return self._edit(notice, message)
        if notice.to is None:
            return self.speaker.announce(notice.about, message)
        return self.speaker.tell(notice.to.chat, message)

    def _post(self, notice: Notice) -> Message:
        spoken = words(None, self.platform)
        if "picture" in notice.facts:
            return self._picture(spoken, notice)
        if "board" in notice.facts:
            return self.store.read(lambda rows: of_board(spoken, rows, notice))
        return wording.post(spoken, notice)

    def _picture(self, spoken: Words, notice: Notice) -> Message:
        """Return the leaderboard as a picture, if the platform takes one."""

        def unit(rows: Rows) -> Board | None:
            found = board_of(rows, notice)
            return None if found is None else by_name(found, names_on(rows, found))

        board = self.store.read(unit)
        if board is None:
            raise Undeliverable(reason="overtaken")
        return drawing.board(spoken, board, self.speaker.picture_room())

    def _drawn(self, spoken: Words, notice: Notice, to: ReplyTo) -> str:
        """Send what was to be drawn: a picture goes with a new message, what takes its place anywhere."""
        message = self._picture(spoken, notice)
        return self.speaker.tell(to.chat, message) if message.picture else self._answer(to, message)

    def _certificate(self, spoken: Words, notice: Notice, to: ReplyTo) -> str:
        """Draw the certificate of a finisher, in the name they asked for, and send it to them alone."""
        found = self.store.read(lambda rows: to_certify(rows, notice))
        if found is None:
            raise Undeliverable(reason="overtaken")
        event, board, line, registration = found
        usual = registration.person.display_name if event.names else ""
        name = one_line(notice.facts.get("name") or usual or line.alias)
        finish = Finish(event, board, line, name)
        return self.speaker.tell(to.chat, drawing.certificate(spoken, finish, self.speaker.picture_room()))

    def _announce(self, notice: Notice) -> str:
        """Post what the channel should show, or edit what stands there."""
        now, spoken = self.clock.now(), words(None, self.platform)
        message = self.store.read(lambda rows: announcement(spoken, rows, notice, now))
        if notice.reference is None:
            return self.speaker.announce(notice.about, message)
        self.speaker.edit(notice.reference, message)
        return notice.reference

    def _question(self, spoken: Words, to: ReplyTo, found: Standing) -> str:
        """Ask a racer the questions of the event, while there are any to ask."""
        if not found.event.questions or found.registration.wish is not Wish.RACING:
            raise Undeliverable(reason="overtaken")
        answers = self.store.read(lambda rows: rows.answers.of(found.registration.key))
        return self.speaker.tell(to.chat, questions(spoken, Questioned(found.event, answers)))

    def _remind(self, spoken: Words, to: ReplyTo, found: Standing | None) -> str:
        """Remind a racer that the event ends, while they are in it."""
        if found is None or found.stage is not Stage.READY:
            raise Undeliverable(reason="overtaken")
        return self.speaker.tell(to.chat, wording.ends_soon(spoken, found))

    def _instructed(self, spoken: Words, notice: Notice, to: ReplyTo) -> str:
        """Say what an instruction came to or waits for, where it was said, else as a direct message."""
        instruction_id = notice.about.partition(":")[2]
        now = self.clock.now()

        def unit(rows: Rows) -> Message | None:
            instruction = rows.instructions.get(instruction_id)
            if instruction is None or (notice.kind is Kind.CARD and instruction.state != "waiting"):
                return None  # forgotten, or answered meanwhile
            if notice.kind is Kind.CARD:
                return wording.refusal_of(spoken, notice, note=wording.TO_ORGANIZERS)
            return answer_of(spoken, rows, instruction, now)

        message = self.store.read(unit)
        if message is None:
            raise Undeliverable(reason="overtaken")
        if notice.kind is Kind.CARD:
            self.speaker.replace(to, message)
            return ""
        document = message.document
        if document is None:
            return self._answer(to, message)
        takes_files = self.speaker.takes_files()
        more = (document.said,) if takes_files else document.instead
        reference = self._answer(to, replace(message, parts=(*message.parts, *more)))
        if takes_files:
            self.speaker.attach(to.chat, document)
        return reference

    def _signed_in(self, spoken: Words, notice: Notice, to: ReplyTo) -> str:
        """Make a first password and show it to its owner, at this moment: nothing of it is ever kept."""
        key = RegistrationKey.parse(notice.about.partition(":")[2])
        account = self.store.read(lambda rows: account_to_sign_in(rows, key, self.clock))
        if account is None:
            return self._answer(to, wording.refusal(spoken, NoSiteAccount, {}))
        event, grant, person = account
        try:
            self.gate.confirm(to.chat, event.email_domains, person.id)
            given = self.first_sign_in().renew(grant, person)
        except Unavailable as error:
            raise ChatUnavailable(error.retry_after, reason=error.code) from error
        except Misconfigured as error:
            return self._answer(to, wording.no_first_password(spoken, event, type(error)))
        except ProvisioningError as error:
            if isinstance(error, IdentityChanged):
                self._report(event, error, to.chat)
            return self._answer(to, wording.refusal(spoken, type(error), error.facts, event))
        return self._answer(to, wording.first_password(spoken, event, grant.site_url, given))

    def _report(self, event: Event, incident: IdentityChanged, chat: ChatIdentity) -> None:
        now = self.clock.now()
        self.store.run(lambda rows: post_incident(rows, event, incident, chat, now)).result()

    def _answer(self, to: ReplyTo, message: Message) -> str:
        """Say it where it was asked for, while that can be reached, else as a direct message."""
        if to.handle_lives(self.clock.now()):
            try:
                self.speaker.replace(to, message)
            except Undeliverable:
                pass
            else:
                return ""
        return self.speaker.tell(to.chat, message)

    def _standing(self, notice: Notice) -> Standing | None:
        what, _, key = notice.about.partition(":")
        if what != "registration":
            return None

        def unit(rows: Rows) -> Standing | None:
            registration = rows.registrations.get(RegistrationKey.parse(key))
            event = rows.events.get(registration.key.event_id) if registration else None
            return (
                standing_of(rows, event, registration, self.clock.now()) if registration and event else None
            )

        found = self.store.read(unit)
        if found is None:
            raise Undeliverable(reason="nothing to tell of")
        return found

    def _message(self, spoken: Words, notice: Notice, found: Standing | None) -> Message:
        return wording.standing(spoken, found) if found is not None else wording.refusal_of(spoken, notice)

    def _tell(self, to: ReplyTo, message: Message) -> str:
        """Send a direct message; where none gets through, the place where they asked is the last resort."""
        try:
            return self.speaker.tell(to.chat, message)
        except Undeliverable:
            if not to.handle_lives(self.clock.now()):
                raise
            self.speaker.replace(to, message)
            return ""

    def _edit(self, notice: Notice, message: Message) -> str:
        earlier = self.store.read(lambda rows: rows.outbox.get(notice.says))
        if earlier is None or not earlier.reference:
            raise Undeliverable(reason="the earlier message was never sent")
        self.speaker.edit(earlier.reference, message)
        return earlier.reference

    def _card(self, notice: Notice, to: ReplyTo, message: Message, *, final: bool) -> str:
        """Bring the place where they asked up to date, while its handle lives; the last post is kept back."""
        used = _used(notice, to)
        left = to.handle_posts - used - (0 if final else KEPT_FOR_THE_END)
        if not to.handle_lives(self.clock.now()) or left <= 0:
            raise Undeliverable(reason="the reply handle is used up")
        self.speaker.replace(to, message)
        return f"{used + 1} {to.handle}"


def _used(notice: Notice, to: ReplyTo) -> int:
    """Return how many posts this card has used of this handle."""
    count, _, handle = (notice.reference or "").partition(" ")
    return int(count) if handle == to.handle and count.isdigit() else 0
