"""Answering: an utterance to a message, at once. What the message promises is durable before it is said."""

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count

from adapters.chat.message import Message
from adapters.chat.utterance import Utterance
from bot import wording
from bot.access import Asker
from bot.counting import Counting
from bot.grammar import (
    Admin,
    Answer,
    Certificate,
    Command,
    Forget,
    Help,
    Join,
    Leaderboard,
    Leave,
    Privacy,
    Races,
    SignIn,
    Unknown,
    Usage,
    parse,
)
from bot.words import words
from provisioning.certifying import request_certificates
from provisioning.claiming import request_status
from provisioning.correlation import about
from provisioning.errors import ProvisioningError
from provisioning.instructing import note_instruction
from provisioning.joining import (
    Asking,
    ask_privacy,
    ask_races,
    ask_usage,
    request_forget,
    request_join,
    request_leave,
)
from provisioning.outcomes import Outcome
from provisioning.pictures import request_picture
from provisioning.ports import Clock, Rows, Store, Unit
from provisioning.questions import answer_question
from provisioning.requests import language_of
from provisioning.signing_in import request_sign_in
from provisioning.watching import ask_boards


@dataclass(frozen=True, slots=True)
class Said:
    """What was asked came to this; `locale` is the asker's language tag, as far as it is known."""

    outcome: Outcome
    locale: str | None = None


class Turn:
    """Gives the store together what was asked in one turn of the event loop, and takes the outcomes together.

    One by one, the loop's thread and the store's would take the interpreter from each other at every unit.
    """

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self._asked: list[tuple[Unit[Said], asyncio.Future[Said]]] = []

    def run(self, store: Store, unit: Unit[Said]) -> asyncio.Future[Said]:
        """Have the unit applied at the end of this turn: `Store.run` for coroutines."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Said] = loop.create_future()
        self._asked.append((unit, answer))
        if len(self._asked) == 1:
            loop.call_soon(self._give, store, loop)
        return answer

    def _give(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        asked, self._asked = self._asked, []
        given: list[tuple[Future[Said], asyncio.Future[Said]]] = []
        for unit, answer in asked:
            try:
                given.append((store.run(unit), answer))
            except ProvisioningError as error:
                answer.set_exception(error)
        landings = count(1)

        def landed(_: Future[Said]) -> None:  # on the store's thread
            if next(landings) == len(given):
                loop.call_soon_threadsafe(_take, given)

        for future, _ in given:
            future.add_done_callback(landed)


def _take(given: list[tuple[Future[Said], asyncio.Future[Said]]]) -> None:
    for future, answer in given:
        if answer.done():  # nobody waits any more
            continue
        error = future.exception()
        if error is None:
            answer.set_result(future.result())
        else:
            answer.set_exception(error)


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers whoever speaks. Calling it is the `Answer` that every door takes."""

    store: Store
    clock: Clock
    counting: Counting
    _turn: Turn = field(init=False, repr=False, default_factory=Turn)

    async def __call__(self, utterance: Utterance) -> Message:
        """Return what to say. A ProvisioningError is worded; anything else is a defect and goes through."""
        started = self.clock.now()
        asking = Asking(utterance.chat, utterance.asked_id, started, utterance.reply)
        with about({str(utterance.chat): asking.digest}):
            return await self._said(utterance, asking)

    async def _said(self, utterance: Utterance, asking: Asking) -> Message:
        command = parse(utterance.text)
        if isinstance(command, Help | Unknown):
            spoken = words(await self._language(utterance), utterance.chat.platform)
            message = wording.help_message(spoken, Asker(), command if isinstance(command, Unknown) else None)
            outcome = "help"
        else:
            outcome, message = await self._answer(command, utterance, asking)
        verb = type(command).__name__.lower()
        self.counting.answered(verb, outcome, (self.clock.now() - asking.now).total_seconds())
        return message

    async def _answer(self, command: Command, utterance: Utterance, asking: Asking) -> tuple[str, Message]:
        platform = utterance.chat.platform
        try:
            said = await self._turn.run(self.store, _unit(command, utterance, asking))
        except ProvisioningError as error:
            return error.code, wording.busy(words(utterance.reply.locale, platform), error)
        return type(said.outcome).__name__.lower(), wording.answer(words(said.locale, platform), said.outcome)

    async def _language(self, utterance: Utterance) -> str | None:
        """Return the language tag of whoever asks for help, which needs nothing else that is stored."""
        if utterance.reply.locale is not None:
            return utterance.reply.locale
        try:
            return await asyncio.wrap_future(
                self.store.run(lambda rows: language_of(rows.requests.of(utterance.chat)))
            )
        except ProvisioningError:
            return None


def _unit(command: Command, utterance: Utterance, heard: Asking) -> Unit[Said]:
    """Return the unit of work that this command is."""

    def unit(rows: Rows) -> Said:
        asking = heard.in_their_language(rows)
        return Said(outcome(rows, asking), asking.reply.locale)

    def outcome(rows: Rows, asking: Asking) -> Outcome:
        match command:
            case Join(event):
                return request_join(rows, asking, event)
            case Leave(event, confirmed):
                return request_leave(rows, asking, event, confirmed=confirmed)
            case Forget(confirmed):
                return request_forget(rows, asking, confirmed=confirmed)
            case Privacy():
                return ask_privacy(rows, asking.chat)
            case SignIn(event):
                return request_sign_in(rows, asking, event)
            case Races() | Leaderboard() | Certificate():
                return _of_races(rows, asking, command)
            case Usage():
                return ask_usage(rows, asking.chat, asking.now)
            case Answer(event, question, text):
                return answer_question(rows, asking, event, question, text)
            case Admin(said):
                return note_instruction(rows, asking, said, pressed=utterance.pressed, given=utterance.given)
            case _:
                return request_status(rows, asking)

    return unit


def _of_races(rows: Rows, asking: Asking, command: Races | Leaderboard | Certificate) -> Outcome:
    match command:
        case Races():
            return ask_races(rows, asking.now)
        case Leaderboard(race, as_picture=True):
            return request_picture(rows, asking, race)
        case Leaderboard(race, alias):
            return ask_boards(rows, race, asking.now, alias=alias, chat=asking.chat)
        case Certificate(name):
            return request_certificates(rows, asking, name)
