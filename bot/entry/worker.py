"""The worker on Lambda: woken by messages, it works until nothing is due, and says which were in vain.

    messages ─▶ read ─▶ one shift of all lanes ─▶ what is due later is rung for ─▶ failed messages come again

A message is only a bell. Every lane has its shift, whatever rang, because one thing leads to the next. A key
that was put off is rung for at its hour and its message is done with. A message fails when it cannot be read,
or when the lane of its work did: it comes again after a while, and in the end it is a dead letter.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from time import monotonic
from typing import Any, Final

from adapters.aws.bell import Called, SqsBell, Unreadable, read
from bot.chats import chats
from bot.closing import Closeable
from bot.embedded_metrics import EmbeddedMetrics
from bot.entry.handling import Context, Event, Handler
from bot.entry.waking import bell_of
from bot.lanes import lanes
from bot.outside import reach
from bot.settings import Settings
from bot.stores import open_store
from provisioning.ports import Clock, Store
from provisioning.queue import Work
from provisioning.shift import IsOver, Shift
from provisioning.working import Lane

FOR_THE_LAST_ROUND: Final = 0.4  # of the time that an invocation has: a round may take a minute
LONGEST_PAUSE_SECONDS: Final = 900

log = logging.getLogger(__name__)

Record = Mapping[str, Any]


class Worker:
    """Works off what messages tell of."""

    def __init__(
        self,
        store: Store,
        working: Sequence[Lane],
        bell: SqsBell,
        clock: Clock,
        metrics: EmbeddedMetrics,
        closing: Sequence[Closeable],
    ) -> None:
        """Take the lanes; `closing` is what they reach the outside with."""
        self._store = store
        self._lanes = working
        self._bell = bell
        self._clock = clock
        self._metrics = metrics
        self._closing = closing

    def __call__(self, event: Event, context: Context) -> dict[str, Any]:
        """Work one shift; returns which messages are to come again."""
        began, records = monotonic(), event["Records"]
        calls = {record["messageId"]: _called(record) for record in records}
        by = sorted({call.correlation for call in calls.values() if call is not None and call.correlation})
        log.info("woken", extra={"action": "called", "messages": len(records), "by": by})
        worked = Shift(self._store, self._lanes, self._clock).work(_time_is_over(context))
        if worked.more is not None:
            self._bell.ring([worked.more])
        failed = [record for record in records if _is_in_vain(calls[record["messageId"]], worked.failed)]
        self._bell.put_off({record["receiptHandle"]: pause(record) for record in failed})
        self._metrics.count(
            Messages=len(records),
            Unreadable=sum(call is None for call in calls.values()),
            Failed=len(failed),
            ShiftTime=(monotonic() - began) * 1000,
        )
        self._metrics.write()
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}

    def close(self) -> None:
        """Let go of everything, the store last."""
        for one in self._closing:
            one.close()
        self._store.close()


def make(environ: Mapping[str, str], clock: Clock) -> Worker:
    """Put the worker together. Raises SettingsInvalid, StoreUnfit."""
    settings = Settings.for_work(environ)
    metrics = EmbeddedMetrics("worker", clock, settings.bot.metrics_namespace)
    store = open_store(settings.bot.store, clock)
    outside = reach(settings, store, clock)
    platforms = tuple(chats(settings, outside, store, clock, None))
    working = lanes(settings, store, clock, outside, platforms, metrics)
    bell = bell_of(settings.bot, clock)
    return Worker(store, working, bell, clock, metrics, [*platforms, outside])


def pause(record: Record) -> int:
    """Return after how many seconds a message that was in vain comes again: longer each time."""
    received = int(record["attributes"]["ApproximateReceiveCount"])
    return min(1 << min(received, 10), LONGEST_PAUSE_SECONDS)


def _time_is_over(context: Context) -> IsOver:
    last = context.get_remaining_time_in_millis() * FOR_THE_LAST_ROUND
    return lambda: context.get_remaining_time_in_millis() < last


def _called(record: Record) -> Called | None:
    try:
        return read(str(record["body"]))
    except Unreadable as error:
        log.warning("message that cannot be read", extra={"action": "unreadable", "reason": str(error)})
        return None


def _is_in_vain(call: Called | None, failed: Collection[Work]) -> bool:
    return call is None or call.work in failed


handler = Handler(make)
