"""A shift: the lanes of a worker run until nothing is left to do, or until the time is over.

For whoever is woken to work and sent to sleep again. A worker that never sleeps is `provisioning.working`.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from threading import Condition, Thread

from provisioning.errors import StoreUnavailable
from provisioning.outlook import AGAIN_SECONDS, Outlook
from provisioning.ports import Clock, Store
from provisioning.queue import Work
from provisioning.ringing import Ring
from provisioning.working import Lane

LINGER_SECONDS = 2.0  # what is due so soon is waited for: being woken again takes as long
LOOK_SECONDS = 0.25  # how often the time is looked at

log = logging.getLogger(__name__)

IsOver = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of a shift: the kinds of work whose lane failed, and when there is more of the others to do,
    which may be now already; None when no key is left.
    """

    failed: frozenset[Work]
    more: Ring | None


class Shift:
    """One shift of these lanes, each on a thread of its own, so that no slow system holds up another.

    A lane that finds nothing rests until a key of its kind is due. One whose round fails has worked enough:
    its keys stay on the queue.
    """

    def __init__(self, store: Store, lanes: Sequence[Lane], clock: Clock) -> None:
        """Take the lanes that have a kind of work; others go by the clock, and are nobody's shift."""
        self._outlook = Outlook(store, clock)
        self._lanes = {lane.work: lane for lane in lanes if lane.work is not None}
        self._clock = clock
        self._change = Condition()
        self._resting: set[Work] = set()
        self._failed: set[Work] = set()
        self._has_stirred = False
        self._has_ended = False

    def work(self, is_over: IsOver) -> Worked:
        """Work until everybody rests and nothing is due soon, or `is_over`; rounds under way are finished.

        Raises StoreUnavailable when the store does not say what there is to do.
        """
        threads = [
            Thread(target=copy_context().run, args=(self._run, work, lane), name=lane.name, daemon=True)
            for work, lane in self._lanes.items()
        ]
        for thread in threads:
            thread.start()
        try:
            self._look_after(is_over)
        finally:
            with self._change:
                self._has_ended = True
                self._change.notify_all()
            for thread in threads:
                thread.join()
        return Worked(frozenset(self._failed), self._outlook.next(self._lanes.keys() - self._failed))

    def _look_after(self, is_over: IsOver) -> None:
        """Wake whom there is work for, until there is none.

        It is looked whenever a lane has found something or rests, when the next key is due, and now and then,
        because other processes queue keys, too. The end is sure only when another look would show nothing
        that an index does not show yet.
        """
        while not is_over():
            with self._change:
                self._has_stirred = False
                resting = frozenset(self._resting)
                everybody_rests = len(resting | self._failed) == len(self._lanes)
            more, unsure_seconds = self._outlook.next(resting), self._outlook.unsure_seconds(resting)
            seconds = math.inf if more is None else (more.ready_at - self._clock.now()).total_seconds()
            if everybody_rests and seconds > LINGER_SECONDS and unsure_seconds is None:
                return
            if seconds <= 0:
                self._wake(self._outlook.ready(resting))
                seconds = LOOK_SECONDS
            self._wait(min(seconds, AGAIN_SECONDS if unsure_seconds is None else unsure_seconds), is_over)

    def _wake(self, ready: frozenset[Work]) -> None:
        self._outlook.forget(ready)
        with self._change:
            self._resting -= ready
            self._change.notify_all()

    def _wait(self, seconds: float, is_over: IsOver) -> None:
        """Wait so long, or until a lane stirs or the time is over."""
        last = time.monotonic() + seconds
        with self._change:
            while not self._has_stirred and not is_over() and (left := last - time.monotonic()) > 0:
                self._change.wait(min(left, LOOK_SECONDS))

    def _run(self, work: Work, lane: Lane) -> None:
        try:
            while self._is_wanted(work):
                if lane.round():
                    time.sleep(lane.gathering_seconds)
                    self._tell()
                else:
                    self._rest(work)
        except StoreUnavailable:
            log.warning("store unavailable", extra={"action": "store-unavailable", "lane": lane.name})
            self._fail(work)
        except Exception:
            log.exception("round failed", extra={"action": "defect", "lane": lane.name})
            self._fail(work)

    def _is_wanted(self, work: Work) -> bool:
        with self._change:
            self._change.wait_for(lambda: self._has_ended or work not in self._resting)
            return not self._has_ended

    def _tell(self) -> None:
        with self._change:
            self._stir()

    def _rest(self, work: Work) -> None:
        with self._change:
            self._resting.add(work)
            self._stir()

    def _fail(self, work: Work) -> None:
        with self._change:
            self._failed.add(work)
            self._stir()

    def _stir(self) -> None:
        self._has_stirred = True
        self._change.notify_all()
