"""What is due when: announcements and reminders, decided from the event, its races and the clock alone."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from provisioning.announcing import Announcement, announcements, soon_at
from provisioning.ids import PersonId
from provisioning.races import Race, is_allowed
from provisioning.scheduling import reminder_due
from tests.unit.provisioning.spring_cup import DAY, HOUR, MINUTE, NOON, SECOND, spring_cup

CUP = spring_cup(channels=("slack:C1", "slack:C2"))
LONG_AGO = CUP.opens - DAY
RACE = Race(
    CUP.id,
    1,
    "Lap",
    "https://r.example/1",
    PersonId("p"),
    NOON - DAY,
    closes=NOON + DAY,
    channels=("slack:C1",),
)


def subjects(
    now: datetime, *races: Race, known: tuple[str, ...] = (), since: datetime = LONG_AGO
) -> dict[str, Announcement]:
    return {one.subject: one for one in announcements(CUP, races, known, since, now)}


SOON, CLOSED = f"soon {CUP.closes.isoformat()}", f"closed {CUP.closes.isoformat()}"


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (CUP.opens - SECOND, []),
        (CUP.opens, ["open"]),
        (CUP.closes - DAY - SECOND, ["open"]),
        (CUP.closes - DAY, ["open", SOON]),
        (CUP.closes - SECOND, ["open", SOON]),
        (CUP.closes, [CLOSED]),
        (CUP.closes + DAY - SECOND, [CLOSED]),
        (CUP.closes + DAY, []),
        (CUP.ends, []),
    ],
)
def test_the_join_window_is_announced_by_the_clock(now: datetime, due: list[str]) -> None:
    assert list(subjects(now)) == due
    assert all(one.posts_to == CUP.channels for one in subjects(now).values())


def test_what_was_before_the_event_was_seen_is_no_news() -> None:
    assert list(subjects(NOON, since=CUP.opens + 15 * MINUTE)) == ["open"]
    assert list(subjects(NOON, since=CUP.opens + 16 * MINUTE)) == []
    assert list(subjects(CUP.closes, since=CUP.closes)) == []


def test_what_stands_in_a_channel_goes_on_to_be_looked_at_but_is_not_posted_anew() -> None:
    found = subjects(CUP.ends, known=("open", SOON))
    assert {subject: one.posts_to for subject, one in found.items()} == {"open": (), SOON: ()}
    assert found["open"].state != subjects(NOON)["open"].state


def test_a_race_is_announced_where_it_was_posted_and_the_event_still_announces() -> None:
    (race,) = (one for one in subjects(NOON - HOUR, RACE).values() if one.kind == "race")
    assert race.posts_to == ("slack:C1",)
    (gone,) = (
        one for one in subjects(NOON, replace(RACE, channels=("slack:C9",))).values() if one.kind == "race"
    )
    assert gone.posts_to == ()
    for over in (replace(RACE, state="withdrawn"), replace(RACE, closes=NOON)):
        assert "race 1" not in subjects(NOON, over)
        assert subjects(NOON, over, known=("race 1",))["race 1"].posts_to == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Lap 2"},
        {"track": "x"},
        {"link": "https://r.example/2"},
        {"opens": NOON - HOUR},
        {"closes": NOON + HOUR},
        {"state": "withdrawn"},
    ],
)
def test_whatever_is_shown_of_a_race_changes_its_state(changes: dict[str, object]) -> None:
    before = subjects(NOON, RACE, known=("race 1",))["race 1"]
    changed = replace(RACE, **changes)  # type: ignore[arg-type]
    assert subjects(NOON, changed, known=("race 1",))["race 1"].state != before.state
    assert subjects(NOON + SECOND, RACE, known=("race 1",))["race 1"].state == before.state


def test_a_race_that_closes_soon_is_reminded_of_once_for_each_closing() -> None:
    moment = soon_at(RACE.posted_at, NOON + DAY)
    assert moment is not None
    subject = f"race-soon 1 {(NOON + DAY).isoformat()}"
    assert subject not in subjects(moment - SECOND, RACE)
    assert subject in subjects(moment, RACE)
    assert subject not in subjects(NOON + DAY, RACE)


@pytest.mark.parametrize(
    ("length", "before"),
    [
        (timedelta(days=2), timedelta(days=1)),
        (timedelta(days=2) - SECOND, timedelta(hours=1)),
        (timedelta(hours=2), timedelta(hours=1)),
        (timedelta(hours=2) - SECOND, None),
    ],
)
def test_what_is_open_long_is_reminded_of_earlier(length: timedelta, before: timedelta | None) -> None:
    assert soon_at(NOON, NOON + length) == (None if before is None else NOON + length - before)


@pytest.mark.parametrize(
    ("before_end", "due"),
    [
        (3 * DAY + SECOND, None),
        (3 * DAY, 3 * DAY),
        (DAY + SECOND, 3 * DAY),
        (DAY, DAY),
        (SECOND, DAY),
        (timedelta(0), None),
    ],
)
def test_racers_are_reminded_three_days_and_one_day_before_the_end(
    before_end: timedelta, due: timedelta | None
) -> None:
    assert reminder_due(CUP, CUP.ends - before_end) == due


def test_an_event_of_a_day_has_no_reminder_of_its_end() -> None:
    short = replace(CUP, opens=NOON, closes=NOON + HOUR, ends=NOON + DAY)
    assert reminder_due(short, NOON + HOUR) is None


@pytest.mark.parametrize(
    ("link", "allowed"),
    [
        ("https://r.example/1", True),
        ("https://R.example/1", True),
        ("https://r.example:443/1", True),
        ("https://r.example:8443/1", False),
        ("https://p.example:8443/1", True),
        ("https://p.example/1", False),
        ("http://r.example/1", False),
        ("https://x.r.example/1", False),
        ("https://r.example.evil.example/1", False),
        ("https://r.example@evil.example/1", False),
        ("https://evil.example@r.example/1", False),
        ("https://evil.example\\@r.example/1", False),
        ("https://evil.example/r.example", False),
        ("https://[r.example/1", False),
        ("https://r.example:99999/1", False),
        ("//r.example/1", False),
        ("javascript:alert(1)//r.example", False),
    ],
)
def test_a_link_leads_to_an_allowed_host_exactly(link: str, allowed: bool) -> None:
    assert is_allowed(link, ("r.example", "P.example:8443")) is allowed
