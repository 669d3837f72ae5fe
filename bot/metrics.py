"""Metrics for `GET /metrics`: how fast and what the bot answers, what was told, and what waits.

Labels come from closed lists (verbs, outcomes, states, event ids), never from what a person typed.
What the store knows is read from it at every scrape, so that all processes report the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from provisioning.ports import Rows, Store

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)  # Slack gives up after three


@dataclass(frozen=True, slots=True)
class Metrics:
    """The bot's own counts. `verb`, `outcome` and `result` are words of closed lists."""

    registry: CollectorRegistry
    answers: Counter  # verb, outcome
    answer_seconds: Histogram  # verb
    told: Counter  # result

    def answered(self, verb: str, outcome: str, seconds: float) -> None:
        """Count one answer to a chat request, and how long it took."""
        self.answers.labels(verb, outcome).inc()
        self.answer_seconds.labels(verb).observe(seconds)

    def has_told(self, result: str) -> None:
        """Count one result told to a racer."""
        self.told.labels(result).inc()

    def text(self) -> bytes:
        """Return everything in Prometheus's text format; reads the store."""
        return generate_latest(self.registry)


def measure(store: Store | None = None) -> Metrics:
    """Make the metrics of one process, with what this store knows."""
    registry = CollectorRegistry()
    if store is not None:
        registry.register(_Rows(store))
    return Metrics(
        registry,
        answers=Counter(
            "deepracer_bot_answers", "Answers to chat requests.", ("verb", "outcome"), registry=registry
        ),
        answer_seconds=Histogram(
            "deepracer_bot_answer_seconds",
            "From receiving a chat request to its answer.",
            ("verb",),
            buckets=SECONDS,
            registry=registry,
        ),
        told=Counter("deepracer_bot_results_told", "Results told to racers.", ("result",), registry=registry),
    )


class _Rows(Collector):
    """What stands in the store at the moment of the scrape."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterator[Metric]:
        """Describe nothing ahead: the registry would read the store at once."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("deepracer_bot_queue_depth", "Keys on the queue.", labels=("work",))
        oldest = GaugeMetricFamily(
            "deepracer_bot_queue_oldest_seconds", "How long the oldest ready key has been waiting."
        )
        people = GaugeMetricFamily(
            "deepracer_bot_registrations", "Registrations by state.", labels=("event", "state")
        )
        seats = GaugeMetricFamily("deepracer_bot_seats_taken", "Seats taken.", labels=("event",))
        broken = GaugeMetricFamily(
            "deepracer_bot_event_broken", "1 while an operator must act.", labels=("event",)
        )
        now = datetime.now(UTC)

        def read(rows: Rows) -> None:
            for work, keys in rows.queue.depth().items():
                depth.add_metric((work.value,), keys)
            oldest.add_metric((), rows.queue.oldest_seconds(now))
            for event in rows.events.all():
                seats.add_metric((event.id,), event.taken)
                broken.add_metric((event.id,), 0 if event.broken is None else 1)
                for state, number in rows.registrations.count(event.id).items():
                    people.add_metric((event.id, state), number)

        self._store.read(read)
        yield from (depth, oldest, people, seats, broken)
