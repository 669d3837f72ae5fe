"""Which memberships are ours, and when they may be taken back."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from provisioning import ledger
from provisioning.ids import EventId
from provisioning.ledger import Entry
from tests.unit.provisioning.spring_cup import ADA, MINUTE, NOON, RECORD, SECOND

SPRING, SUMMER = EventId("spring-cup"), EventId("summer-cup")


def intended(
    known: Entry | None = None, event: EventId = SPRING, *, present: bool = False, until: datetime = NOON
) -> Entry:
    return ledger.intend(known, RECORD.target, ADA.id, event, present=present, may_land_until=until)


def test_what_we_made_is_ours_to_withdraw_once_nobody_needs_it() -> None:
    left, ours = ledger.release(intended(), SPRING)
    assert ours
    assert left.needed_by == frozenset()


def test_what_was_there_before_us_never_is() -> None:
    left, ours = ledger.release(intended(present=True), SPRING)
    assert not ours
    assert left.needed_by == frozenset()


def test_that_the_person_is_a_member_by_now_does_not_make_it_theirs() -> None:
    assert intended(intended(present=False), present=True).is_ours
    assert not intended(intended(present=True), present=False).is_ours


def test_a_membership_that_two_events_need_stays_until_both_let_go() -> None:
    both = intended(intended(), SUMMER, present=True)
    assert both.needed_by == {SPRING, SUMMER}
    one, ours = ledger.release(both, SPRING)
    assert not ours
    assert ledger.release(one, SUMMER)[1]


def test_an_event_that_never_needed_it_releases_nothing() -> None:
    left, ours = ledger.release(intended(), SUMMER)
    assert (left, ours) == (intended(), False)


def test_letting_go_twice_is_letting_go_once() -> None:
    once, _ = ledger.release(intended(), SPRING)
    assert ledger.release(once, SPRING) == (once, True)


def test_an_intended_add_may_land_until_its_moment_and_not_after() -> None:
    entry = intended(until=NOON + MINUTE)
    assert entry.may_yet_appear(NOON + MINUTE - SECOND)
    assert not entry.may_yet_appear(NOON + MINUTE)
    assert not entry.may_yet_vanish(NOON)


def test_a_removal_may_land_until_its_moment_and_not_after() -> None:
    entry = ledger.withdrawing(ledger.added(intended(), None), NOON + MINUTE)
    assert entry.may_yet_vanish(NOON + MINUTE - SECOND)
    assert not entry.may_yet_vanish(NOON + MINUTE)
    assert not entry.may_yet_appear(NOON)


def test_an_answer_ends_the_doubt_of_its_own_call_and_not_of_an_older_one() -> None:
    older = intended(until=NOON + MINUTE)
    newer = intended(older, until=NOON + 2 * MINUTE)
    assert newer.add_may_land_until == NOON + 2 * MINUTE
    assert ledger.added(newer, older.add_may_land_until).add_may_land_until == NOON + MINUTE
    removal = ledger.withdrawing(ledger.withdrawing(newer, NOON + MINUTE), NOON + 2 * MINUTE)
    assert removal.remove_may_land_until == NOON + 2 * MINUTE
    assert ledger.withdrawn(removal, NOON + MINUTE).remove_may_land_until == NOON + MINUTE
    assert ledger.withdrawn(removal, None).remove_may_land_until is None


def test_a_shorter_doubt_does_not_shorten_a_longer_one() -> None:
    longer = intended(until=NOON + 2 * MINUTE)
    assert intended(longer, until=NOON + MINUTE).add_may_land_until == NOON + 2 * MINUTE
    removal = ledger.withdrawing(longer, NOON + 2 * MINUTE)
    assert ledger.withdrawing(removal, NOON + MINUTE).remove_may_land_until == NOON + 2 * MINUTE


@given(st.datetimes(timezones=st.just(NOON.tzinfo)), st.datetimes(timezones=st.just(NOON.tzinfo)))
def test_doubts_in_the_two_directions_do_not_touch_each_other(one: datetime, other: datetime) -> None:
    entry = ledger.withdrawing(intended(until=one), other)
    assert ledger.added(entry, None).remove_may_land_until == other
    assert ledger.withdrawn(entry, None).add_may_land_until == one


class OneMembership(RuleBasedStateMachine):
    """Two events need one membership and let go of it, in any order, with any readings in between."""

    @initialize(present=st.booleans(), event=st.sampled_from([SPRING, SUMMER]))
    def begin(self, present: bool, event: EventId) -> None:
        self.present = present
        self.entry = intended(event=event, present=present)
        self.needing = {event}
        self.version = self.entry.version

    @rule(event=st.sampled_from([SPRING, SUMMER]), present=st.booleans(), minutes=st.integers(0, 9))
    def needs(self, event: EventId, present: bool, minutes: int) -> None:
        self.entry = intended(self.entry, event, present=present, until=NOON + minutes * MINUTE)
        self.needing.add(event)

    @rule(event=st.sampled_from([SPRING, SUMMER]))
    def lets_go(self, event: EventId) -> None:
        self.entry, ours = ledger.release(self.entry, event)
        self.needing.discard(event)
        assert ours is (not self.present and not self.needing)

    @rule(minutes=st.integers(0, 9))
    def is_being_withdrawn(self, minutes: int) -> None:
        self.entry = ledger.withdrawing(self.entry, NOON + minutes * MINUTE)

    @rule(adding=st.booleans(), minutes=st.none() | st.integers(0, 9))
    def is_answered(self, adding: bool, minutes: int | None) -> None:
        doubt = None if minutes is None else NOON + minutes * MINUTE
        self.entry = (ledger.added if adding else ledger.withdrawn)(self.entry, doubt)

    @invariant()
    def what_was_before_us_is_never_forgotten(self) -> None:
        assert self.entry.present_before is self.present
        assert self.entry.is_ours is not self.present

    @invariant()
    def it_is_needed_by_exactly_those_who_need_it(self) -> None:
        assert self.entry.needed_by == self.needing
        assert (self.entry.target, self.entry.person_id) == (RECORD.target, ADA.id)
        assert self.entry.version == self.version


TestOneMembership = OneMembership.TestCase
