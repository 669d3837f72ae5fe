"""What the bot says in Teams: private messages, answers in place, edits and announcements.

Where a person or a channel is reached was learned when somebody spoke there, and stands in the store. An
answer goes into the personal chat, wherever it was asked for; the place of asking gets a pointer.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.chat.message import Document, Message
from adapters.teams.address import Address
from adapters.teams.cards import LARGEST_PICTURE
from adapters.teams.connector import DEAD, Connector
from adapters.teams.posts import Activity, Posted, in_words, shown
from adapters.teams.wire import HANDLE_LIFE, Heard, Place
from provisioning.errors import ChatUnavailable, Undeliverable
from provisioning.ids import ChatIdentity
from provisioning.ports import Rows, Store
from provisioning.references import ANSWER, Reference
from provisioning.requests import ReplyTo

# So long an answer may still be about to be posted: it may be late at the door, and then wait for Teams.
ON_ITS_WAY: Final = timedelta(minutes=4)
LOOK_AGAIN_SECONDS: Final = 2.0
# Teams puts the answer to a pressed button in its place after we gave it: an update sooner would be undone.
SETTLES: Final = timedelta(seconds=1)
TRIES: Final = 6
ANY_CHANNEL: Final = "teams:*"  # the place that stands for channels in which nobody has spoken yet
LONGEST_PAUSE: Final = 15.0  # seconds between two tries of an answer for which somebody waits
_UNASKED: Final = "ActivityNotFoundInConversation"  # what was to be answered has been deleted

log = logging.getLogger(__name__)


# What is done in the unit in which somebody who added the app becomes reachable, with their language's tag.
Met = Callable[[Rows, ChatIdentity, str | None, datetime], None]


@dataclass(frozen=True, slots=True)
class SpeakerWords:
    """What stands in a channel in place of an answer, in the language of a tag; the wording is the bot's."""

    answered_privately: Callable[[str | None], Message]
    open_a_chat: Callable[[str | None], Message]


class TeamsSpeaker:
    """Speaks through Bot Connector. Text and card are never in one activity, which Teams would split."""

    def __init__(self, connector: Connector, store: Store, words: SpeakerWords, met: Met) -> None:
        """Take the store in which it is kept where people and channels are reached."""
        self._connector = connector
        self._store = store
        self._words = words
        self._met = met

    # --- the port `Speaker` ---------------------------------------------------------------------------------

    def tell(self, chat: ChatIdentity, message: Message) -> str:
        """Send a new message into the personal chat; see the port."""
        return self._tell(chat, message).pack()

    def replace(self, reply: ReplyTo, message: Message) -> None:
        """Bring the answer to what they asked up to date; see the port."""
        now = self._connector.clock.now()
        if reply.handle is None or not reply.handle_lives(now):
            raise Undeliverable(reason="no answer in Teams")
        found = self._reference(f"{ANSWER}{reply.handle}")
        if found is None:
            asked_at = reply.handle_until - HANDLE_LIFE if reply.handle_until else now
            if now - asked_at < ON_ITS_WAY:
                raise ChatUnavailable(LOOK_AGAIN_SECONDS, reason="the answer is still on its way")
            raise Undeliverable(reason="the answer was never posted")
        posted, settled_in = Posted.unpack(found.address), (SETTLES - (now - found.kept_at)).total_seconds()
        if posted.put_by_teams and settled_in > 0:
            raise ChatUnavailable(settled_in, reason="Teams is still putting the answer there")
        self._change(posted, message)

    def edit(self, address: str, message: Message) -> None:
        """Change an earlier message in place; see the port."""
        self._change(Posted.unpack(address), message)

    def takes_files(self) -> bool:
        """Return False: a file would take a consent and an upload to the reader's drive; see the port."""
        return False

    def attach(self, chat: ChatIdentity, document: Document) -> None:
        """Refuse; see the port."""
        raise Undeliverable(reason="no files in Teams")

    def picture_room(self) -> int:
        """Return how large a picture may be: it travels in the message; see the port."""
        return LARGEST_PICTURE

    def announce(self, channel: str, message: Message) -> str:
        """Post to a channel ("teams:19:…@thread.tacv2") as a new thread; see the port."""
        found = self._reference(channel) or self._reference(ANY_CHANNEL)
        if found is None:
            raise Undeliverable(reason="nothing was ever heard from this channel's team")
        known = Address.unpack(found.address)
        place = replace(known, conversation=channel.partition(":")[2], kind="channel", user=None)
        thread, activity = shown(message, lambda content: self._connector.open_thread(place, content))
        return Posted(thread, activity).pack()

    def close(self) -> None:
        """Close the connections."""
        self._connector.close()

    # --- what the door needs: `Outgoing` --------------------------------------------------------------------

    def keep(self, chat: ChatIdentity | None, address: Address) -> bool:
        """Remember where this person or channel is reached; True when it was not known before."""
        now = self._connector.clock.now()
        return self._store.run(lambda rows: _keep(rows, chat, address, now)).result()

    def meet(self, chat: ChatIdentity | None, address: Address, locale: str | None) -> bool:
        """Remember where they are reached who added the app, and meet whoever was not reachable before."""
        now = self._connector.clock.now()

        def unit(rows: Rows) -> bool:
            is_new = _keep(rows, chat, address, now)
            if is_new and chat is not None:
                self._met(rows, chat, locale, now)
            return is_new

        return self._store.run(unit).result()

    def forget(self, chat: ChatIdentity | None, address: Address) -> None:
        """Take note that the app was removed there."""
        place = str(chat) if chat is not None and address.kind == "personal" else f"teams:{address.channel}"
        self._store.run(lambda rows: rows.references.delete(place)).result()

    def answer(self, heard: Heard, message: Message) -> None:
        """Say it in private: in the personal chat, in place of the pressed card when only they see it.

        Says nothing to what Teams delivers again: the answer of then may not be true any more.
        """
        if heard.place is Place.HERE:
            self._patiently(lambda: self._point(heard, message))
            return
        if not heard.is_awaited and self._reference(_answer_to(heard)) is not None:
            return
        if heard.address.kind == "personal":
            self._stands(heard, self._patiently(lambda: self._answer_here(heard, message)))
            return
        chat = heard.utterance.chat
        try:
            posted = self._patiently(lambda: self._tell(chat, message, met=heard.address))
        except Undeliverable:
            self._patiently(lambda: self._point(heard, self._words.open_a_chat(heard.utterance.reply.locale)))
            raise
        self._save(_answer_to(heard), posted)
        if heard.place is Place.USUAL:
            self._patiently(
                lambda: self._point(heard, self._words.answered_privately(heard.utterance.reply.locale))
            )

    def placed(self, heard: Heard, activity_id: str) -> None:
        """Let later updates of this answer go to this activity of the conversation it was asked in."""
        self._stands(heard, Posted(heard.address, activity_id, put_by_teams=True))

    def welcome(self, address: Address, message: Message) -> None:
        """Greet whoever installed the app there."""
        self._patiently(lambda: shown(message, lambda content: self._connector.send(address, content)))

    # --- inside ---------------------------------------------------------------------------------------------

    def _answer_here(self, heard: Heard, message: Message) -> Posted:
        if heard.card is not None:
            try:
                posted = Posted(heard.address, heard.card)
                self._change(posted, message)
                return posted
            except Undeliverable:  # the card is gone; the answer is not
                log.info("pressed card is gone", extra={"action": "teams", "method": "PUT"})
        return Posted(heard.address, shown(message, lambda content: self._reply(heard, content)))

    def _stands(self, heard: Heard, posted: Posted) -> None:
        """Keep where the answer stands. Whoever was answered here is reached here, whatever failed before."""
        now, chat = self._connector.clock.now(), str(heard.utterance.chat)
        placed = Reference(_answer_to(heard), posted.pack(), now)

        def unit(rows: Rows) -> None:
            rows.references.save(placed)
            found = rows.references.get(chat)
            if found is not None and found.dead is not None:
                rows.references.save(Reference(chat, heard.address.pack(), now))

        self._store.run(unit).result()

    def _tell(self, chat: ChatIdentity, message: Message, *, met: Address | None = None) -> Posted:
        address, asked_at = self._personal(chat, met), self._connector.clock.now()
        try:
            activity = shown(message, lambda content: self._connector.send(address, content))
        except Undeliverable as error:
            self._mark_dead(str(chat), address, error, asked_at)
            raise
        return Posted(address, activity)

    def _personal(self, chat: ChatIdentity, met: Address | None) -> Address:
        """Return the personal chat, opened when the person was only met elsewhere so far."""
        found = self._reference(str(chat))
        if found is not None and found.dead is None:
            known = Address.unpack(found.address)
            if known.kind == "personal":
                return known
            met = met or known
        if met is None:
            raise Undeliverable(reason=found.dead if found and found.dead else "never heard from")
        opened = self._connector.open_personal(met)
        self._save(str(chat), opened)
        return opened

    def _point(self, heard: Heard, message: Message) -> str:
        return self._reply(heard, in_words(message))

    def _reply(self, heard: Heard, activity: Activity) -> str:
        """Answer what was said; when that has been deleted meanwhile, say it all the same."""
        # The press of a button is no message that could be answered.
        answered = None if heard.utterance.pressed else heard.activity_id
        try:
            return self._connector.send(heard.address, activity, reply_to=answered)
        except Undeliverable as error:
            if answered is None or error.facts.get("reason") != _UNASKED:
                raise
            return self._connector.send(heard.address, activity)

    def _change(self, posted: Posted, message: Message) -> None:
        shown(message, lambda content: self._connector.update(posted.address, posted.activity, content))

    def _mark_dead(self, place: str, address: Address, error: Undeliverable, asked_at: datetime) -> None:
        """Note that nothing gets through, unless somebody was heard from there since it was tried."""
        reason = error.facts.get("reason", "")
        if reason in DEAD:
            dead = Reference(place, address.pack(), asked_at, reason)
            self._store.run(lambda rows: rows.references.save(dead)).result()
            log.info("conversation is dead", extra={"action": "teams", "method": "POST", "error": reason})

    def _patiently(self, say: Callable[[], Any]) -> Any:
        """Try a few times, as long as Teams says to wait: somebody has asked and looks at the screen."""
        for _ in range(TRIES - 1):
            try:
                return say()
            except ChatUnavailable as error:
                self._connector.sleep(min(error.retry_after or 1.0, LONGEST_PAUSE))
        return say()

    def _reference(self, place: str) -> Reference | None:
        return self._store.read(lambda rows: rows.references.get(place))

    def _save(self, place: str, what: Address | Posted) -> None:
        reference = Reference(place, what.pack(), self._connector.clock.now())
        self._store.run(lambda rows: rows.references.save(reference)).result()


def _keep(rows: Rows, chat: ChatIdentity | None, address: Address, now: datetime) -> bool:
    def save(place: str, where: Address) -> None:
        rows.references.save(Reference(place, where.pack(), now))

    place = f"teams:{address.channel}" if chat is None else str(chat)
    found = rows.references.get(place)
    if chat is not None:
        save(place, _reached(found, address))
    if address.kind != "personal":
        save(f"teams:{address.channel}", replace(address, conversation=address.channel, user=None))
    save(ANY_CHANNEL, replace(address, user=None))
    if found is None or found.dead is not None:
        return True
    return address.kind == "personal" and not _is_personal(found)


def _answer_to(heard: Heard) -> str:
    """Return the place under which it is kept where this was answered."""
    return f"{ANSWER}{heard.utterance.reply.handle}"


def _reached(found: Reference | None, met: Address) -> Address:
    """Return where a person is reached who was just met: a living personal chat stays the place for it."""
    if found is None or found.dead is not None or met.kind == "personal" or not _is_personal(found):
        return met
    return replace(Address.unpack(found.address), service_url=met.service_url)  # the service may have moved


def _is_personal(found: Reference) -> bool:
    return Address.unpack(found.address).kind == "personal"
