"""Whatever is wished, and however badly the world answers: in the end it is as it should be, and only that.

One person in two events that share their grants, a small world of sets of members, calls whose answers get
lost and that land late, and a directory that brings its groups to AWS when it likes. Decisions move it all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from provisioning import ledger
from provisioning.deciding import (
    AFTER_A_CYCLE,
    DAILY,
    IN_PLACE,
    MAY_LAND,
    Action,
    Add,
    BecomeGone,
    BecomeReady,
    CheckRacer,
    Confirm,
    Rest,
    Stage,
    TakeSeat,
    VerifyGone,
    Withdraw,
    after_add,
    after_check,
    after_confirm_absent,
    after_not_there,
    decide,
    stage_of,
    stepped,
    wants_racing,
)
from provisioning.events import Event, Grant
from provisioning.ids import EventId, RegistrationKey, TargetId
from provisioning.ledger import Entry
from provisioning.registrations import Hold, Registration, Step
from provisioning.requests import Wish
from tests.unit.provisioning.spring_cup import (
    ADA,
    EFFECT,
    MINUTE,
    NOON,
    OTHER_EFFECT,
    OTHER_RECORD,
    RECORD,
    REMOVED,
    SECOND,
    SUSPENDED,
    ada,
    at,
    spring_cup,
)

FATES = st.lists(
    st.sampled_from(["yes", "yes", "yes", "lost", "lands", "lands later", "lands later", "not there"]),
    min_size=3,
    max_size=9,
)
KINDS = [(RECORD, EFFECT), (RECORD,), (EFFECT,), (RECORD, EFFECT, OTHER_RECORD, OTHER_EFFECT)]
OVER = {Stage.GONE, Stage.SUSPENDED, Stage.REMOVED}
ENOUGH = 60  # decisions until everything rests, for four grants and once more


@dataclass
class World:
    """Who is a member of what (there is one person only), what is still on its way, and the ledger."""

    now: datetime = NOON
    members: set[TargetId] = field(default_factory=set)
    flying: list[tuple[str, TargetId, datetime]] = field(default_factory=list)
    entries: dict[TargetId, Entry] = field(default_factory=dict)
    brought: set[TargetId] = field(
        default_factory=set
    )  # by the directory: ended at the second look, if need be

    def call(self, what: str, target: TargetId, fate: str) -> str:
        """Return "yes", "no answer" or "not there"; without an answer it may have landed, or may yet."""
        if fate == "not there" and what == "add" and target not in self.members:
            return fate
        if fate in {"yes", "not there", "lands"}:
            self.land(what, target)
        if fate == "lands later":
            self.flying.append((what, target, self.now + MAY_LAND))
        return "yes" if fate in {"yes", "not there"} else "no answer"

    def land(self, what: str, target: TargetId) -> None:
        if what == "add":
            self.members.add(target)
        else:
            self.members.discard(target)
            self.brought.discard(target)


class Racing:
    """One registration, settled by what is decided: every action does what its step does, for one person."""

    def __init__(self, world: World, event: Event, registration: Registration) -> None:
        self.world = world
        self.event = event
        self.row = registration
        self.did: list[Action] = []

    def settle(self, fate: str) -> Action:
        """Do the next thing; what the outside system makes of it is its fate."""
        action = decide(self.row, self.event, self.world.entries, self.world.now)
        self.did.append(action)
        now = self.world.now
        match action:
            case TakeSeat():
                self.row = replace(self.row, has_seat=True, waiting_for=None)
            case Add(grant):
                self._add(grant, fate)
            case Confirm(grant):
                self._confirm(grant)
            case Withdraw(grant):
                self._withdraw(grant, fate)
            case VerifyGone(grant):
                self._verify(grant)
            case BecomeReady():
                self.row = replace(self.row, ready_at=now, checked_at=now, gone_at=None)
            case BecomeGone():
                again = now + AFTER_A_CYCLE if self.row.progress and self.row.gone_at is None else None
                again = again or self.row.gone_recheck_at
                gone_at = self.row.gone_at or now
                self.row = replace(
                    self.row, gone_at=gone_at, ready_at=None, has_seat=False, gone_recheck_at=again
                )
            case CheckRacer():
                absent = not self.world.members.issuperset(self.event.targets)
                self.row = after_check(self.row, now, absent=absent, employee=True)
        return action

    def _add(self, grant: Grant, fate: str) -> None:
        world, target, feeder = self.world, grant.target, self.event.feeder_of(grant)
        known = world.entries.get(target)
        doubt = known.add_may_land_until if known else None
        present = target in world.members if feeder is None else world.entries[feeder.target].present_before
        until = world.now + MAY_LAND
        self.row = stepped(self.row, target, Step.INTENDED, world.now)
        world.entries[target] = ledger.intend(
            known, target, ADA.id, self.event.id, present=present, may_land_until=until
        )
        member = feeder is None and target in world.members
        answer = "yes" if member else world.call("add", target, fate)
        if answer == "no answer":
            return
        world.entries[target] = ledger.added(world.entries[target], doubt)
        if answer == "yes":
            self.row = after_add(self.row, target, world.now, "subject")
        else:
            self.row, _ = after_not_there(self.row, world.now, pushed=False)

    def _confirm(self, grant: Grant) -> None:
        world, target = self.world, grant.target
        if target in world.members:
            self.row = stepped(self.row, target, Step.CONFIRMED, world.now)
            world.entries[target] = ledger.withdrawn(world.entries[target], None)
        else:
            self.row, _ = after_confirm_absent(self.row, target, world.now)

    def _withdraw(self, grant: Grant, fate: str) -> None:
        world, target = self.world, grant.target
        known = world.entries.get(target)
        left, ours = ledger.release(known, self.event.id) if known else (None, False)
        kept = Step.KEPT if known else Step.ABSENT
        self.row = stepped(self.row, target, Step.WITHDRAWING if ours else kept, world.now)
        if left is None:
            return
        if not ours:
            world.entries[target] = left
            if not left.needed_by:
                del world.entries[target]
            return
        doubt = left.remove_may_land_until
        world.entries[target] = ledger.withdrawing(left, world.now + MAY_LAND)
        if world.call("remove", target, fate) != "no answer":
            world.entries[target] = ledger.withdrawn(world.entries[target], doubt)
            self.row = stepped(self.row, target, Step.WITHDRAWN, world.now)

    def _verify(self, grant: Grant) -> None:
        world, before = self.world, self.row
        final = before.gone_recheck_at is not None and before.gone_recheck_at <= world.now
        for target in list(before.progress) if final else [grant.target]:
            if before.progress[target].step is Step.KEPT:
                continue
            known = world.entries.get(target)
            still_ours = known is not None and known.is_ours and not known.needed_by
            if target in world.members and still_ours:
                self.row = stepped(self.row, target, Step.WITHDRAWING, world.now)
                continue
            self.row = stepped(self.row, target, Step.ABSENT, world.now)
            if known is not None and still_ours:
                world.entries[target] = ledger.added(known, None)
                if final:
                    del world.entries[target]
        if final:
            gone_at = None if self.row.progress != before.progress else self.row.gone_at
            self.row = replace(self.row, gone_recheck_at=None, gone_at=gone_at)

    def settle_until_it_rests(self) -> int:
        """Settle in a world that says yes, however long it takes; returns how many decisions it took."""
        for count in range(ENOUGH):
            action = self.settle("yes")
            if not isinstance(action, Rest):
                self.world.now += SECOND
            elif action.until is None or action.until - self.world.now > MINUTE:
                return count
            else:
                self.world.now = action.until
        raise AssertionError(f"no rest after {ENOUGH} decisions: {self.did[-10:]}")


def racing(world: World, event: Event, **changes: object) -> Racing:
    return Racing(world, event, replace(ada(**changes), key=RegistrationKey(event.id, ADA.id)))


# --- one registration ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("grants", KINDS, ids=["record and effect", "record", "effect", "two of both"])
@pytest.mark.parametrize("member", [False, True], ids=["new to it", "a member before"])
def test_in_a_world_that_says_yes_who_wants_to_race_is_ready_after_two_steps_a_grant(
    grants: tuple[Grant, ...], member: bool
) -> None:
    world = World(members={grant.target for grant in grants} if member else set())
    racer = racing(world, spring_cup(*grants))
    assert racer.settle_until_it_rests() <= 2 + 2 * len(grants)
    becomes = racer.did.index(BecomeReady())
    confirmed = [action.grant for action in racer.did[:becomes] if isinstance(action, Confirm)]
    assert confirmed == [grant for grant in grants if not racer.event.takes_effect_elsewhere(grant)]
    assert stage_of(racer.row, racer.event, world.now) is Stage.READY
    assert world.members == {grant.target for grant in grants}


STEPS = st.sampled_from([None, *Step])


@given(record=STEPS, effect=STEPS, fates=FATES, hold=st.sampled_from([None, SUSPENDED]))
def test_who_is_to_be_gone_gets_nothing_and_loses_everything_the_effect_before_the_record(
    record: Step | None, effect: Step | None, fates: list[str], hold: Hold | None
) -> None:
    world = World(members={RECORD.target, EFFECT.target})
    progress = at(record, effect)
    needed = frozenset({EventId("spring-cup")})
    world.entries = {target: Entry(target, ADA.id, False, needed) for target in progress}
    wish = Wish.RACING if hold else Wish.GONE
    racer = racing(world, spring_cup(), wish=wish, hold=hold, has_seat=True, progress=progress)
    for fate in fates:
        racer.settle(fate)
        world.now += SECOND
    racer.settle_until_it_rests()
    assert not any(isinstance(action, Add | Confirm | BecomeReady) for action in racer.did)
    withdrawn = [action.grant for action in racer.did if isinstance(action, Withdraw)]
    assert {grant.target for grant in withdrawn} >= {
        target for target, found in progress.items() if found.step in IN_PLACE
    }
    if RECORD in withdrawn and EFFECT in withdrawn:
        assert withdrawn.index(EFFECT) < withdrawn.index(RECORD)
    assert racer.row.gone_at is not None
    assert not racer.row.has_seat


# --- two events, one person, and everything that may go wrong -----------------------------------------------


class DesiredState(RuleBasedStateMachine):
    """Wishes and holds change at any time, calls land late, the directory pushes when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.before: frozenset[TargetId] = frozenset()
        self.present: dict[TargetId, bool] = {}
        self.racers: Mapping[EventId, Racing] = {}

    @initialize(grants=st.sampled_from(KINDS), before=st.sets(st.sampled_from(["first", "second"])))
    def begin(self, grants: tuple[Grant, ...], before: set[str]) -> None:
        """Two events grant the same; the person may have been in a group (and so where it leads) before."""
        firsts, seconds = grants[:2], grants[2:]
        known = [*(firsts if "first" in before else ()), *(seconds if "second" in before else ())]
        self.before = frozenset(grant.target for grant in known)
        self.world.members = set(self.before)
        events = [spring_cup(*grants), replace(spring_cup(*grants), id=EventId("summer-cup"))]
        self.racers = {event.id: racing(self.world, event, wish=Wish.GONE) for event in events}

    @rule(which=st.booleans(), wish=st.sampled_from(Wish), fates=FATES)
    def asks(self, which: bool, wish: Wish, fates: list[str]) -> None:
        racer = self._racer(which)
        if wish is not racer.row.wish:
            racer.row = replace(
                racer.row,
                wish=wish,
                asked_at=self.world.now,
                ready_at=None,
                gone_at=None,
                gone_recheck_at=None,
            )
        self.is_settled(which, fates)

    @rule(which=st.booleans(), hold=st.sampled_from([None, SUSPENDED, REMOVED]))
    def is_held_or_let_go(self, which: bool, hold: Hold | None) -> None:
        racer = self._racer(which)
        if (hold is None) is not (racer.row.hold is None):
            racer.row = replace(racer.row, ready_at=None, gone_at=None, gone_recheck_at=None)
        racer.row = replace(racer.row, hold=hold)

    @rule(which=st.booleans(), fates=FATES)
    def is_settled(self, which: bool, fates: list[str]) -> None:
        for fate in fates:
            self._racer(which).settle(fate)

    @rule(seconds=st.sampled_from([1, 20, 59, 60, 61, 3000]))
    def time_passes(self, seconds: int) -> None:
        """What is on its way lands before it can land no more."""
        self.world.now += seconds * SECOND
        for what, target, until in list(self.world.flying):
            if until <= self.world.now:
                self._land(what, target, until)

    @rule(index=st.integers(0, 5))
    def something_lands(self, index: int) -> None:
        if index < len(self.world.flying):
            self._land(*self.world.flying[index])

    @rule()
    def the_directory_brings_its_groups_to_aws(self) -> None:
        for racer in self.racers.values():
            for grant in racer.event.grants:
                feeder = racer.event.feeder_of(grant)
                if feeder is not None and feeder.target not in self.world.members:
                    self.world.land("remove", grant.target)
                elif feeder is not None and grant.target not in self.world.members:
                    self.world.land("add", grant.target)
                    self.world.brought.add(grant.target)

    @invariant()
    def whose_a_membership_is_never_changes(self) -> None:
        """As long as the ledger knows it; and nobody who was a member before us ever loses that."""
        for target, known in self.world.entries.items():
            assert known.present_before == (target in self.before)
        assert self.world.members >= self.before

    @invariant()
    def nobody_is_called_ready_who_lost_a_grant_or_gone_who_has_one(self) -> None:
        for racer in self.racers.values():
            stage = stage_of(racer.row, racer.event, self.world.now)
            steps = {target: found.step for target, found in racer.row.progress.items()}
            if stage is Stage.READY:
                assert all(steps[target] in IN_PLACE for target in racer.event.targets)
            if stage in {Stage.GONE, Stage.SUSPENDED, Stage.REMOVED}:
                assert set(steps.values()) <= {Step.ABSENT, Step.KEPT}

    @invariant()
    def ready_and_gone_are_true_of_the_world_whatever_may_still_be_on_its_way(self) -> None:
        """It must hold also when everything lands that can, and when nothing does."""
        may_appear = {target for what, target, _ in self.world.flying if what == "add"}
        may_vanish = {target for what, target, _ in self.world.flying if what == "remove"}
        for racer in self.racers.values():
            stage = stage_of(racer.row, racer.event, self.world.now)
            if stage is Stage.READY:
                assert self.world.members - may_vanish >= set(racer.event.targets)
        if all(stage_of(racer.row, racer.event, self.world.now) in OVER for racer in self.racers.values()):
            assert (self.world.members | may_appear) - self.world.brought == self.before

    def teardown(self) -> None:
        """In a world that says yes again, everything comes to what it should be, and stays."""
        for _ in range(3):
            for racer in self.racers.values():
                self.time_passes(61)
                racer.settle_until_it_rests()
            self.the_directory_brings_its_groups_to_aws()
            self.time_passes(int(AFTER_A_CYCLE.total_seconds()))
        for racer in self.racers.values():
            racer.settle_until_it_rests()
        self._is_as_it_should_be()

    def _is_as_it_should_be(self) -> None:
        wanted = set(self.before)
        for racer in self.racers.values():
            if wants_racing(racer.row, racer.event, self.world.now):
                wanted |= set(racer.event.targets)
                assert racer.row.is_ready
            else:
                assert racer.row.gone_at is not None
                assert not racer.row.has_seat
        assert self.world.members == wanted
        assert set(self.world.entries) <= {
            target for racer in self.racers.values() for target in racer.event.targets
        }
        if wanted == self.before and not any(racer.row.is_ready for racer in self.racers.values()):
            assert not self.world.entries

    def _land(self, what: str, target: TargetId, until: datetime) -> None:
        self.world.flying.remove((what, target, until))
        self.world.land(what, target)

    def _racer(self, which: bool) -> Racing:
        return list(self.racers.values())[which]


TestDesiredState = DesiredState.TestCase
TestDesiredState.settings = settings(
    max_examples=200, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_the_daily_look_is_part_of_what_is_decided() -> None:
    world = World()
    racer = racing(world, spring_cup())
    racer.settle_until_it_rests()
    world.now += DAILY
    world.members.discard(EFFECT.target)
    assert racer.settle("yes") == CheckRacer()
    assert racer.row.hold is None
    world.now += AFTER_A_CYCLE
    racer.settle_until_it_rests()
    assert racer.row.hold is not None
    assert stage_of(racer.row, racer.event, world.now) is Stage.REMOVED
    assert world.members == set()
