"""The decisions: what a registration needs next, and what an answer from outside makes of it. All pure.

    registration + event + ledger + now  ─▶  decide  ─▶  an Action        (what to do, or until when to rest)
    registration + an Outcome            ─▶  after_… ─▶  the registration (what it came to)

The desired state is never stored: `wants_racing` computes it from wish, hold, event and now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from provisioning.errors import Refusal, by_code
from provisioning.events import Event, Grant, Quota
from provisioning.ids import TargetId
from provisioning.ledger import Entry
from provisioning.registrations import Hold, Progress, Registration, Step, Told
from provisioning.requests import Wish

SCIM_CYCLE = timedelta(minutes=40)  # Entra pushes groups to IAM Identity Center about this often
AFTER_A_CYCLE = SCIM_CYCLE + timedelta(minutes=5)  # when everything SCIM had under way has arrived
MAY_LAND = timedelta(seconds=60)  # how long an unanswered call may still take effect
DAILY = timedelta(hours=24)  # how often a racer is checked in the directory
PATIENCE = timedelta(minutes=15)  # a join that has not moved for so long is late, and people hear of it
UNPUSHED_PATIENCE = SCIM_CYCLE + timedelta(minutes=20)  # the same for somebody who waits for the SCIM cycle
WORTH_A_WORD = timedelta(seconds=60)  # a wait shorter than this needs no message of its own
RE_ADD_AFTER = timedelta(seconds=45)  # an add that is not visible by then is made again
ASSIGNMENT_GRACE = timedelta(seconds=60)  # an account assignment may still be under way for so long
QUOTA_PATIENCE = timedelta(minutes=2)  # so long "ready" waits for a site that cannot be told the quota
TEND_AGAIN = timedelta(minutes=1)  # a racing site that was not told by then is looked after once more
WAITS_FOR_SEAT = "seat"
WAITS_FOR_STORE = "identity-center"
BROKEN_PAUSE = timedelta(minutes=5)  # sooner when the sweeper finds the event mended
REFUSED_PAUSE = timedelta(hours=1)  # what stands in the way of one person may be mended, too
NO_QUOTAS: Mapping[TargetId, Quota] = {}
IN_PLACE = (Step.ADDED, Step.CONFIRMED)
SETTLED_GONE = (Step.ABSENT, Step.KEPT)  # nothing of ours is left for this registration


class Stage(StrEnum):
    """How a registration looks from the racer's side."""

    IN_LINE = "in-line"
    ADDING = "adding"
    WAITING = "waiting"  # for the directory to bring the person to Identity Center
    CONFIRMING = "confirming"
    READY = "ready"
    LEAVING = "leaving"
    GONE = "gone"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    REFUSED = "refused"
    BROKEN = "broken"
    LATE = "late"


RESULTS = {
    Stage.IN_LINE: Told.IN_LINE,
    Stage.WAITING: Told.WAITING,
    Stage.READY: Told.READY,
    Stage.GONE: Told.GONE,
    Stage.SUSPENDED: Told.SUSPENDED,
    Stage.REMOVED: Told.REMOVED,
    Stage.REFUSED: Told.REFUSED,
    Stage.BROKEN: Told.BROKEN,
    Stage.LATE: Told.LATE,
}


@dataclass(frozen=True, slots=True)
class TakeSeat:
    """Take a seat, or the next place in line."""


@dataclass(frozen=True, slots=True)
class Add:
    """Make the person a member."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Confirm:
    """Read back whether the grant works where it takes effect."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Withdraw:
    """End what this grant gave, as far as it is ours."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class VerifyGone:
    """Read back whether the membership is gone."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Tend:
    """Have the racing site told what the racer may use; `urgent` when "ready" waits for it."""

    urgent: bool


@dataclass(frozen=True, slots=True)
class BecomeReady:
    """Everything is confirmed: record it."""


@dataclass(frozen=True, slots=True)
class BecomeGone:
    """Nothing of ours is left: record it and free the seat."""


@dataclass(frozen=True, slots=True)
class CheckRacer:
    """Look whether the person is still an employee and still a member."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do before this moment (None: before somebody asks)."""

    until: datetime | None


Action = (
    TakeSeat | Add | Confirm | Withdraw | VerifyGone | Tend | BecomeReady | BecomeGone | CheckRacer | Rest
)


def wants_racing(registration: Registration, event: Event, now: datetime) -> bool:
    """Return the desired state: racing (True) or gone (False)."""
    return registration.wish is Wish.RACING and registration.hold is None and event.phase(now) != "ended"


def decide(
    registration: Registration,
    event: Event,
    entries: Mapping[TargetId, Entry],
    now: datetime,
    quotas: Mapping[TargetId, Quota] = NO_QUOTAS,
) -> Action:
    """Return the one next thing that brings the world nearer to the desired state of this registration.

    `quotas` is what the racer may use on the racing sites that the bot can tell.
    """
    racing = wants_racing(registration, event, now)
    surplus = _surplus(registration, event, racing=racing)
    if not racing:
        return _undo(registration, surplus, entries, now) if surplus else _stay_gone(registration, event, now)
    if registration.is_ready:
        stay = _stay_ready(registration, event, now)
        if isinstance(stay, CheckRacer):  # which waits for nothing: they have access meanwhile
            return stay
        # What the event has got since comes first, then what it grants no more goes.
        pending = _next_grant(registration, event, entries, now)
        if pending is None and surplus:
            return _undo(registration, surplus, entries, now)
        return pending or (stay if untold(event, entries, quotas) is None else Tend(urgent=False))
    is_unsure = registration.checked_at is not None and now - registration.checked_at >= DAILY
    if is_unsure and registration.has_seat:
        return CheckRacer()  # something may be granted already, whatever stands in the way of the rest
    if event.is_blocked:
        return Rest(now + BROKEN_PAUSE)
    if _is_refused(registration) and not (registration.wake_at is not None and registration.wake_at <= now):
        return Rest(registration.wake_at or now + REFUSED_PAUSE)
    if is_unsure and registration.gone_at is None:
        return CheckRacer()  # whoever waited that long may have left the company
    if not registration.has_seat:
        return TakeSeat()  # of whom an event that is over has let go, and now goes on, this is the beginning
    pending = _next_grant(registration, event, entries, now)
    if pending is None and (entry := untold(event, entries, quotas)) is not None:
        since = entry.on_site.untold_since
        if since is None or now < since + QUOTA_PATIENCE:
            return Tend(urgent=True)
    return pending or BecomeReady()


def untold(event: Event, entries: Mapping[TargetId, Entry], quotas: Mapping[TargetId, Quota]) -> Entry | None:
    """Return the account on a racing site that is to be told another quota than it was told last, or None."""
    return next(
        (
            entry
            for target in event.targets
            if (entry := entries.get(target)) is not None
            and target in quotas
            and entry.on_site.quota != quotas[target]
        ),
        None,
    )


def _surplus(registration: Registration, event: Event, *, racing: bool) -> tuple[Grant, ...]:
    """Return the grants in place or in doubt that are not wanted, effect before record."""
    wanted = event.targets if racing else ()
    known = [
        target for target, progress in registration.progress.items() if progress.step not in SETTLED_GONE
    ]
    order = [grant for grant in reversed((*event.retired, *event.grants)) if grant.target in known]
    order.sort(key=lambda grant: event.feeder_of(grant) is None)
    return tuple(grant for grant in order if grant.target not in wanted)


def _undo(
    registration: Registration, surplus: tuple[Grant, ...], entries: Mapping[TargetId, Entry], now: datetime
) -> Action:
    left = [grant for grant in surplus if registration.progress[grant.target].step is not Step.WITHDRAWN]
    if left:  # effect first; but what fails again and again does not keep the others in place
        return Withdraw(left[registration.attempts % len(left)])
    doubts: list[datetime] = []
    for grant in surplus:
        entry = entries.get(grant.target)
        if entry is not None and entry.may_yet_appear(now) and entry.add_may_land_until is not None:
            doubts.append(entry.add_may_land_until)  # a reading taken now would settle nothing
        else:
            return VerifyGone(grant)
    return Rest(min(doubts))


def _next_grant(
    registration: Registration, event: Event, entries: Mapping[TargetId, Entry], now: datetime
) -> Action | None:
    for grant in event.grants:
        progress = registration.progress.get(grant.target)
        if progress is None or progress.step not in IN_PLACE:
            return Add(grant)
    for grant in event.grants:
        entry = entries.get(grant.target)
        doubt = entry.remove_may_land_until if entry is not None else None
        if doubt is not None and doubt > now:
            return Rest(doubt)
        if registration.progress[grant.target].step is Step.CONFIRMED:
            continue
        if doubt is not None or not event.takes_effect_elsewhere(grant):
            return Confirm(grant)
    return None


def _stay_ready(registration: Registration, event: Event, now: datetime) -> Action:
    since = registration.checked_at or registration.ready_at or now
    next_check = registration.missing_since + AFTER_A_CYCLE if registration.missing_since else since + DAILY
    return CheckRacer() if next_check <= now else Rest(min(next_check, event.over_at))


def _stay_gone(registration: Registration, event: Event, now: datetime) -> Action:
    if registration.gone_at is None or registration.has_seat:
        return BecomeGone()
    recheck = registration.gone_recheck_at
    if recheck is None:
        return Rest(None)
    if recheck > now:
        return Rest(recheck)
    return VerifyGone(
        next(grant for grant in (*event.grants, *event.retired) if grant.target in registration.progress)
    )


def _is_refused(registration: Registration) -> bool:
    error = by_code().get(registration.problem or "")
    return error is not None and issubclass(error, Refusal)


def stage_of(registration: Registration, event: Event, now: datetime) -> Stage:
    """Return how the registration looks from the racer's side at this moment."""
    if not wants_racing(registration, event, now):
        return _leaving_stage(registration)
    if registration.is_ready:
        return Stage.READY
    if _is_refused(registration):
        return Stage.REFUSED
    if event.is_blocked:
        return Stage.BROKEN
    if registration.waiting_for == WAITS_FOR_SEAT:
        return Stage.IN_LINE
    if is_late(registration, now):
        return Stage.LATE
    if registration.waiting_for == WAITS_FOR_STORE:
        return Stage.WAITING
    steps = [registration.progress.get(target) for target in event.targets]
    return Stage.CONFIRMING if all(step and step.step in IN_PLACE for step in steps) else Stage.ADDING


def _leaving_stage(registration: Registration) -> Stage:
    if registration.gone_at is None:
        return Stage.LEAVING
    if registration.hold is None:
        return Stage.GONE
    return Stage.SUSPENDED if registration.hold.kind == "suspended" else Stage.REMOVED


def is_late(registration: Registration, now: datetime) -> bool:
    """Whether a pending join takes longer than anything known explains."""
    patience = UNPUSHED_PATIENCE if registration.waiting_for == WAITS_FOR_STORE else PATIENCE
    return now > (registration.moved_at or registration.asked_at) + patience


def is_stuck_leaving(registration: Registration, event: Event, now: datetime) -> bool:
    """Whether somebody who is to be gone has not moved for longer than anything known explains."""
    moved_at = max(registration.moved_at or registration.wish_at, registration.wish_at)
    return not wants_racing(registration, event, now) and now > moved_at + PATIENCE


def held_up(registration: Registration, now: datetime) -> Registration:
    """Return the registration with its patience begun anew: what it waits for is known, and not its fault."""
    return replace(registration, moved_at=now)


def seated(registration: Registration, now: datetime) -> Registration:
    """Return the registration with a place in the event, and all that leaving had left behind cleared."""
    waited = registration.waiting_for == WAITS_FOR_SEAT
    return replace(
        registration,
        waiting_for=None,
        seated_at=now if waited else registration.seated_at,
        moved_at=now,
        gone_at=None,
        gone_recheck_at=None,
    )


def withdrawing(
    registration: Registration, event: Event, target: TargetId, step: Step, now: datetime
) -> Registration:
    """Return the registration with this grant on its way out; who loses one of the event's is not ready."""
    ready_at = registration.ready_at if target not in event.targets else None
    return replace(stepped(registration, target, step, now), ready_at=ready_at)


def tell(registration: Registration, event: Event, now: datetime) -> tuple[Registration, bool]:
    """Return the registration with the result it has come to marked as told, and whether that is news."""
    result = RESULTS.get(stage_of(registration, event, now))
    if result is None or result is registration.told:
        return registration, False
    if result is Told.WAITING and now < registration.asked_at + WORTH_A_WORD:
        return registration, False
    serial = registration.serial + 1
    return replace(registration, told=result, last_result=result, serial=serial), True


# --- what answers from outside come to ----------------------------------------------------------------------


def stepped(
    registration: Registration, target: TargetId, step: Step, now: datetime, subject: str | None = None
) -> Registration:
    """Return the registration with this grant at this step; `since` moves only when the step does."""
    known = registration.progress.get(target)
    if known is not None and known.step is step and subject in {None, known.subject}:
        return registration
    progress = Progress(step, now, subject or (known.subject if known else None))
    return replace(
        registration, progress={**registration.progress, target: progress}, attempts=0, moved_at=now
    )


def after_add(
    registration: Registration, target: TargetId, now: datetime, subject: str | None
) -> Registration:
    """The outside system says that the person is a member."""
    moved = stepped(registration, target, Step.ADDED, now, subject)
    return replace(moved, problem=None, waiting_for=None)


def after_not_there(
    registration: Registration, now: datetime, *, pushed: bool
) -> tuple[Registration, datetime]:
    """The person does not exist there yet; returns also when to look again."""
    waiting = replace(
        registration,
        waiting_for=WAITS_FOR_STORE,
        pushed_at=now if pushed else registration.pushed_at,
        attempts=0 if pushed else registration.attempts + 1,
    )
    pause = (
        timedelta(seconds=2)
        if pushed
        else min(timedelta(seconds=15) * max(1, registration.attempts), timedelta(minutes=3))
    )
    return waiting, now + pause


def after_confirm_absent(
    registration: Registration, target: TargetId, now: datetime
) -> tuple[Registration, datetime]:
    """The membership is not visible where it takes effect; look again soon, or make it again in the end."""
    progress = registration.progress[target]
    if now - progress.since > RE_ADD_AFTER:
        return stepped(registration, target, Step.INTENDED, now), now
    return replace(registration, attempts=registration.attempts + 1), now + backoff(
        registration.attempts, ceiling=8
    )


def after_check(registration: Registration, now: datetime, *, absent: bool, employee: bool) -> Registration:
    """The daily look at a racer: still an employee, and still a member of everything?

    Somebody who is no employee any more, or whose membership was seen missing twice, a SCIM cycle apart, gets
    the hold `removed`, set by the directory.
    """
    twice = (
        absent and registration.missing_since is not None and now - registration.missing_since >= SCIM_CYCLE
    )
    if not employee or twice:
        reason = "membership-missing" if employee else "not-an-employee"
        return replace(
            registration, hold=Hold("removed", "directory", now, reason), missing_since=None, ready_at=None
        )
    if absent:
        return replace(registration, missing_since=registration.missing_since or now)
    return replace(registration, checked_at=now, missing_since=None)


def backoff(attempts: int, *, ceiling: float = 60) -> timedelta:
    """Return the pause after so many attempts in vain: 1 s, 2 s, 4 s … up to the ceiling (in seconds)."""
    return timedelta(seconds=min(float(2 ** min(attempts, 10)), ceiling))
