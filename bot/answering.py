"""Answering: an utterance to a message, at once. What the message promises is durable before it is said."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from adapters.chat.message import Message
from adapters.chat.utterance import Utterance
from bot import wording
from bot.access import Asker
from bot.grammar import Command, Help, Join, Leave, Status, Unknown, parse
from bot.metrics import Metrics
from bot.words import Words, words
from provisioning.errors import ProvisioningError
from provisioning.joining import Asking, ask_status, request_join, request_leave
from provisioning.outcomes import Outcome
from provisioning.ports import Clock, Rows, Store, Unit


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers whoever speaks. Calling it is the `Answer` that every door takes."""

    store: Store
    clock: Clock
    metrics: Metrics

    async def __call__(self, utterance: Utterance) -> Message:
        """Return what to say. A ProvisioningError is worded; anything else is a defect and goes through."""
        started = self.clock.now()
        command = parse(utterance.text)
        spoken = words(utterance.reply.locale)
        if isinstance(command, Help | Unknown):
            message = wording.help_message(spoken, Asker(), command if isinstance(command, Unknown) else None)
            outcome = "help"
        else:
            outcome, message = await self._answer(spoken, command, utterance, started)
        verb = type(command).__name__.lower()
        self.metrics.answers.labels(verb, outcome).inc()
        self.metrics.answer_seconds.labels(verb).observe((self.clock.now() - started).total_seconds())
        return message

    async def _answer(
        self, spoken: Words, command: Join | Leave | Status, utterance: Utterance, now: datetime
    ) -> tuple[str, Message]:
        try:
            outcome = await asyncio.wrap_future(self.store.run(_unit(command, utterance, now)))
        except ProvisioningError as error:
            return error.code, wording.busy(spoken, error)
        return type(outcome).__name__.lower(), wording.answer(spoken, outcome)


def _unit(command: Command, utterance: Utterance, now: datetime) -> Unit[Outcome]:
    """Return the unit of work that this command is."""
    asking = Asking(utterance.chat, utterance.asked_id, now, utterance.reply)

    def unit(rows: Rows) -> Outcome:
        match command:
            case Join(event):
                return request_join(rows, asking, event)
            case Leave(event, confirmed):
                return request_leave(rows, asking, event, confirmed=confirmed)
            case _:
                return ask_status(rows, asking.chat, now)

    return unit
