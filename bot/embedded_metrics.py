"""Metrics on Lambda: one line of JSON for one invocation, from which CloudWatch takes the figures.

The form is CloudWatch's embedded metric format. Figures are kept by function alone, because every further
dimension is a metric of its own on the bill; verbs, outcomes and results stand beside them as words, for
whoever asks the logs. No line names anybody.
"""

import json
import sys
from collections import Counter
from datetime import datetime
from typing import Any, Final, TextIO

from bot.setting_groups import NAMESPACE
from provisioning.correlation import requests
from provisioning.ports import Clock

UNITS: Final = {
    "Answers": "Count",
    "AnswerTime": "Milliseconds",
    "Told": "Count",
    "Messages": "Count",
    "Unreadable": "Count",
    "Failed": "Count",
    "ShiftTime": "Milliseconds",
    "QueueDepth": "Count",
    "QueueAge": "Seconds",
    "EventsBroken": "Count",
    "RegistrationsStuck": "Count",
}


class EmbeddedMetrics:
    """The counts of one function; implements `Counting`. `write` ends the invocation they are of."""

    def __init__(
        self, function: str, clock: Clock, namespace: str = NAMESPACE, stream: TextIO | None = None
    ) -> None:
        """Write to this stream, stdout unless told, under the name of this function in this namespace."""
        self._function = function
        self._namespace = namespace
        self._clock = clock
        self._stream = stream
        self._figures: Counter[str] = Counter()
        self._words: dict[str, Any] = {}

    def answered(self, verb: str, outcome: str, seconds: float) -> None:
        self.count(Answers=1, AnswerTime=seconds * 1000)
        self._words |= {"verb": verb, "outcome": outcome, "correlation": " ".join(requests())}

    def has_told(self, result: str) -> None:
        self.count(Told=1)
        told: Counter[str] = self._words.setdefault("told", Counter())
        told[result] += 1

    def count(self, **figures: float) -> None:
        """Add to these figures, which are named in `UNITS`."""
        for name, figure in figures.items():
            self._figures[name] += figure  # type: ignore[assignment]

    def write(self) -> None:
        """Write the line, if anything was counted, and begin anew."""
        figures, words = self._figures, self._words
        self._figures, self._words = Counter(), {}
        if figures:
            at = self._clock.now()
            said = line(self._namespace, self._function, at, dict(figures), words)
            print(said, file=self._stream or sys.stdout, flush=True)


def line(
    namespace: str, function: str, at: datetime, figures: dict[str, float], words: dict[str, Any]
) -> str:
    """Return the line with these figures and words."""
    metrics = [{"Name": name, "Unit": UNITS[name]} for name in figures]
    described = {"Namespace": namespace, "Dimensions": [["function"]], "Metrics": metrics}
    meta = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [described]}
    return json.dumps({"_aws": meta, "function": function, **words, **figures})
