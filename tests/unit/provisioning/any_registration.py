"""Registrations, events and ledgers in whatever state, for what must be true of all of them."""

from hypothesis import strategies as st

from provisioning.deciding import (
    WAITS_FOR_SEAT,
    WAITS_FOR_STORE,
)
from provisioning.ids import TargetId
from provisioning.ledger import Entry
from provisioning.registrations import Progress, Registration, Step, Told
from provisioning.requests import Wish
from tests.unit.provisioning.spring_cup import (
    EFFECT,
    MINUTE,
    NOON,
    OTHER_EFFECT,
    OTHER_RECORD,
    RECORD,
    REMOVED,
    SUSPENDED,
    ada,
    broken,
    entry,
    spring_cup,
)

CUP = spring_cup()
OVER = spring_cup(ends=NOON)
EVENTS = st.sampled_from(
    [
        CUP,
        OVER,
        spring_cup(RECORD),
        spring_cup(EFFECT),
        spring_cup(broken=broken()),
        spring_cup(RECORD, EFFECT, OTHER_RECORD, OTHER_EFFECT),
        spring_cup(OTHER_RECORD, OTHER_EFFECT, retired=(RECORD, EFFECT)),
    ]
)
MOMENTS = st.none() | st.integers(-200, 200).map(lambda minutes: NOON + minutes * MINUTE)
PROGRESS = st.dictionaries(
    st.sampled_from([grant.target for grant in (RECORD, EFFECT, OTHER_RECORD, OTHER_EFFECT)]),
    st.builds(Progress, st.sampled_from(Step), st.just(NOON)),
)


@st.composite
def registrations(draw: st.DrawFn) -> Registration:
    return ada(
        wish=draw(st.sampled_from(Wish)),
        hold=draw(st.sampled_from([None, None, SUSPENDED, REMOVED])),
        has_seat=draw(st.booleans()),
        progress=draw(PROGRESS),
        waiting_for=draw(st.sampled_from([None, WAITS_FOR_SEAT, WAITS_FOR_STORE])),
        problem=draw(st.sampled_from([None, "DR-241", "DR-500"])),
        ready_at=draw(MOMENTS),
        gone_at=draw(MOMENTS),
        checked_at=draw(MOMENTS),
        missing_since=draw(MOMENTS),
        told=draw(st.sampled_from(Told)),
    )


@st.composite
def ledgers(draw: st.DrawFn) -> dict[TargetId, Entry]:
    return {
        grant.target: entry(grant, add_may_land_until=draw(MOMENTS), remove_may_land_until=draw(MOMENTS))
        for grant in (RECORD, EFFECT, OTHER_RECORD, OTHER_EFFECT)
        if draw(st.booleans())
    }
