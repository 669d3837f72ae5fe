"""The clock on Lambda: once a minute it does what is due by the clock, and wakes the worker for what is left.

That makes up for every ring that got lost: a crash between commit and ring, SQS out of reach, a dead letter.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from adapters.aws.bell import SqsBell
from bot.clockwork import clockwork
from bot.embedded_metrics import EmbeddedMetrics
from bot.entry.handling import Context, Event, Handler
from bot.entry.waking import bell_of
from bot.outside import Outside, reach
from bot.settings import Settings
from bot.stores import open_store
from provisioning.outlook import next_ring
from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Work
from provisioning.ringing import Ring
from provisioning.working import Lane

TICK: Final = timedelta(minutes=1)  # how often the schedule of the template calls

log = logging.getLogger(__name__)


class ClockTick:
    """One tick: every round once."""

    def __init__(
        self,
        store: Store,
        rounds: Sequence[Lane],
        bell: SqsBell,
        clock: Clock,
        metrics: EmbeddedMetrics,
        outside: Outside,
    ) -> None:
        """Take the rounds; `outside` is what they reach the outside with."""
        self._store = store
        self._rounds = rounds
        self._bell = bell
        self._clock = clock
        self._metrics = metrics
        self._outside = outside

    def __call__(self, _: Event, __: Context) -> dict[str, Any]:
        """Do the rounds, each whatever became of the others, and ring; raises what kept the last from it."""
        failed: Exception | None = None
        for lane in self._rounds:
            try:
                lane.round()
            except Exception as error:
                log.exception("round failed", extra={"action": "defect", "lane": lane.name})
                failed = error
        more, figures = self._store.read(self._look)
        if more is not None and more.ready_at <= self._clock.now() + TICK:
            self._bell.ring([more])
        self._metrics.count(**figures)
        self._metrics.write()
        if failed is not None:
            raise failed
        return {"more": None if more is None else more.ready_at.isoformat()}

    def close(self) -> None:
        """Let go of everything, the store last."""
        self._outside.close()
        self._store.close()

    def _look(self, rows: Rows) -> tuple[Ring | None, dict[str, float]]:
        """Read what is due next, and what alarms watch. The audit is read too, because reading it brings its
        books up to date: functions that were frozen right after a commit may have left lines to be entered.
        """
        rows.audit.heads()
        events = rows.events.all()
        return next_ring(rows, Work), {
            "QueueDepth": sum(rows.queue.depth().values()),
            "QueueAge": rows.queue.oldest_seconds(self._clock.now()),
            "EventsBroken": sum(event.broken is not None for event in events),
            "RegistrationsStuck": sum(rows.registrations.count(event.id)["problem"] for event in events),
        }


def make(environ: Mapping[str, str], clock: Clock) -> ClockTick:
    """Put the clock together. Raises SettingsInvalid, StoreUnfit."""
    settings = Settings.for_work(environ, speaks=False)
    store = open_store(settings.bot.store, clock)
    outside = reach(settings, store, clock)
    rounds, bell = clockwork(store, clock, outside), bell_of(settings.bot, clock)
    return ClockTick(
        store, rounds, bell, clock, EmbeddedMetrics("clock", clock, settings.bot.metrics_namespace), outside
    )


handler = Handler(make)
