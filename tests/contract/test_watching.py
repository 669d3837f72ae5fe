"""Watching: what is read of a site becomes boards, and what they mean is owed once, whoever dies when."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from provisioning.board_news import News
from provisioning.boards import NEWS_EVERY, SETTLED_AFTER, Board, Watch
from provisioning.errors import SiteUnavailable
from provisioning.events import DeepRacerOnAws
from provisioning.leaderboards import Leaderboard
from provisioning.outbox import Notice
from provisioning.platform import Race, RacingPlatform, Standing
from provisioning.ports import Store, Work
from provisioning.watching import LEASE, LIST_EVERY, READ_EVERY, Watcher, news_of
from tests.contract.samples import AUTUMN, MORNING, SPRING, SetClock, after, an_event
from tests.unit.provisioning.recorded_race import Row, readings

URL = "https://racing.example.com/races/7"
CHANNEL = "slack:C1"
DAY = timedelta(days=1)


class Site:
    """A racing site of one race, with the rankings that it gives one after another, the last for ever."""

    def __init__(self, *rankings: Sequence[Standing] | None, closes: datetime = MORNING + DAY) -> None:
        self.listed = [Race("7", "Lap", MORNING, closes, "best-lap", 2, URL)]
        self.rankings = list(rankings) or [()]
        self.asked: list[str] = []
        self.fails_for: str | None = None

    def races(self, grant: DeepRacerOnAws) -> Sequence[Race]:
        self.asked.append("races")
        if self.fails_for == grant.site_url:
            raise SiteUnavailable(reason="down")
        return self.listed

    def standings(self, grant: DeepRacerOnAws, race_id: str) -> Sequence[Standing] | None:
        self.asked.append(race_id)
        if self.fails_for == grant.site_url:
            raise SiteUnavailable(reason="down")
        return self.rankings.pop(0) if len(self.rankings) > 1 else self.rankings[0]


def watcher(store: Store, site: Site, clock: SetClock) -> Watcher:
    return Watcher(store, lambda: cast("RacingPlatform", site), clock)


def applied(store: Store, **changes: Any) -> None:
    event = an_event(**{"opens": MORNING - DAY, "ends": MORNING + 30 * DAY, **changes})
    store.run(lambda rows: rows.events.save(event)).result()


def only(store: Store) -> Board:
    (board,) = store.read(lambda rows: rows.boards.of_event(SPRING))
    return board


def watch(store: Store, *watches: Watch) -> None:
    store.run(lambda rows: rows.boards.save(replace(only(store), watches=watches))).result()


def owed(store: Store, now: datetime) -> list[Notice]:
    """Take what the outbox owes, in the order in which it was put there."""

    def take(rows: Any) -> list[Notice]:
        jobs = [
            job
            for work in (Work.SPEAK, Work.REFRESH)
            for job in rows.queue.lease(work, 100, "me", now, now + LEASE)
        ]
        for job in jobs:
            rows.queue.done(job)
        return [rows.outbox.get(job.key) for job in jobs]

    return store.run(take).result()


def standing(alias: str, time_ms: int) -> Standing:
    return Standing(1, alias, time_ms, MORNING, 1)


def test_the_races_of_an_event_are_those_of_its_time(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site()
    old = replace(site.listed[0], id="6", opens=MORNING - 9 * DAY, closes=MORNING - 8 * DAY)
    late = replace(site.listed[0], id="8", opens=MORNING + 31 * DAY, closes=MORNING + 32 * DAY)
    coming = replace(site.listed[0], id="9", opens=MORNING + DAY, closes=MORNING + 2 * DAY)
    site.listed += [old, late, coming]

    watcher(store, site, clock).round()

    assert [board.race_id for board in store.read(lambda rows: rows.boards.of_event(SPRING))] == ["7", "9"]
    assert site.asked == ["races", "7"]


def test_a_site_is_asked_no_more_often_than_needed(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site()
    watching = watcher(store, site, clock)
    for seconds in range(0, int(LIST_EVERY.total_seconds()), 5):
        clock.moment = after(seconds)
        watching.round()
        watching.round()

    assert site.asked.count("races") == 1
    assert site.asked.count("7") == LIST_EVERY // READ_EVERY


def test_a_long_ranking_is_read_less_often(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site([replace(standing(f"Racer {number}", 60_000 + number)) for number in range(1000)])
    watching = watcher(store, site, clock)
    for seconds in range(0, int(LIST_EVERY.total_seconds()), 5):
        clock.moment = after(seconds)
        watching.round()

    assert site.asked.count("7") in range(2, LIST_EVERY // timedelta(seconds=30) + 1)


def test_an_event_that_gives_no_account_on_a_site_asks_none(store: Store, clock: SetClock) -> None:
    applied(store, grants=an_event().grants[:1])
    site = Site()
    watcher(store, site, clock).round()

    assert site.asked == []


def test_a_race_that_moves_keeps_what_was_read_of_it(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site([standing("Ada", 62_345)])
    watching = watcher(store, site, clock)
    watching.round()
    watch(store, Watch(CHANNEL))
    site.listed = [replace(site.listed[0], name="Lap of honor", closes=MORNING + 2 * DAY)]
    clock.moment = after(300)
    watching.round()

    assert (only(store).name, only(store).closes) == ("Lap of honor", MORNING + 2 * DAY)
    assert [line.alias for line in only(store).ranking.lines] == ["Ada"]
    assert [notice.says for notice in owed(store, after(300))] == ["board"]


def test_a_racer_who_is_missing_is_looked_for_a_second_time(store: Store, clock: SetClock) -> None:
    applied(store)
    both = [standing("Ada", 62_345), standing("Grace", 62_500)]
    site = Site(both, both[:1], both, both[:1])
    watching = watcher(store, site, clock)
    for seconds in (0, 30):
        clock.moment = after(seconds)
        watching.round()
    assert len(only(store).ranking.lines) == 2

    clock.moment = after(60)
    watching.round()
    assert len(only(store).ranking.lines) == 1
    assert site.asked.count("7") == 5


def test_a_site_that_does_not_answer_holds_up_no_other_and_is_asked_again(
    store: Store, clock: SetClock
) -> None:
    elsewhere = DeepRacerOnAws("https://other.example.com")
    applied(store)
    applied(store, event_id=AUTUMN, grants=(elsewhere,))
    site = Site([standing("Ada", 62_345)])
    site.fails_for = elsewhere.site_url
    watching = watcher(store, site, clock)
    watching.round()
    assert store.read(lambda rows: rows.boards.of_event(AUTUMN)) == ()
    assert only(store).ranking.lines

    site.fails_for = None
    clock.moment = after(300)
    watching.round()
    assert len(store.read(lambda rows: rows.boards.of_event(AUTUMN))) == 1


def test_a_race_that_is_gone_from_the_site_keeps_its_board(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site([standing("Ada", 62_345)], None)
    watching = watcher(store, site, clock)
    for seconds in (0, 30):
        clock.moment = after(seconds)
        watching.round()

    assert [line.alias for line in only(store).ranking.lines] == ["Ada"]


def test_one_process_watches_and_another_takes_over_when_it_is_gone(
    store: Store, other: Store, clock: SetClock
) -> None:
    applied(store)
    first, second = Site(), Site()
    one, two = watcher(store, first, clock), watcher(other, second, clock)
    one.round()
    two.round()
    assert (first.asked, second.asked) == (["races", "7"], [])

    clock.moment = MORNING + LEASE
    two.round()
    assert second.asked == ["races", "7"]


@pytest.mark.parametrize("hears_news", [True, False])
def test_the_end_is_told_once_and_then_nothing_is_read_any_more(
    store: Store, clock: SetClock, hears_news: bool
) -> None:
    applied(store)
    site = Site([standing("Ada", 62_345)], closes=after(3600))
    watching = watcher(store, site, clock)
    watching.round()
    watch(store, Watch(CHANNEL, hears_news))
    site.rankings = [[standing("Ada", 62_345), standing("Grace", 60_000)]]
    for seconds in (3600.0, 3600 + SETTLED_AFTER.total_seconds(), 9000.0):
        clock.moment = after(seconds)
        watching.round()
    told = owed(store, after(9000))
    asked = len(site.asked)
    clock.moment = after(9060)
    watching.round()

    assert only(store).is_final
    assert [notice.says for notice in told] == (
        ["board", "board-news", "board-podium"] if hears_news else ["board"]
    )
    assert "7" not in site.asked[asked:]


def test_a_recorded_race_is_told_exactly_with_a_new_watcher_for_every_reading(
    store: Store, clock: SetClock
) -> None:
    race = readings()
    start = race[0].at
    applied(store, opens=start - DAY, ends=start + 30 * DAY)
    site = Site()
    site.listed = [replace(site.listed[0], opens=start, closes=start + DAY)]
    clock.moment = start
    watcher(store, site, clock).round()
    watch(store, Watch(CHANNEL), Watch("slack:C2", hears_news=False))

    for reading in race:
        site.rankings = [cast("list[Standing]", list(reading.rows))]
        clock.moment = max(reading.at, clock.moment + NEWS_EVERY)
        watcher(store, site, clock).round()
        told = [notice for notice in owed(store, clock.moment) if notice.says == "board-news"]

        assert only(store).ranking == Leaderboard.of(reading.rows)
        expected = reading.expected
        if expected is None:
            assert told == []
            continue
        (notice,) = told
        news = news_of(notice)
        assert notice.about == CHANNEL
        assert (news.kind, news.line.alias, news.line.time_ms, news.by_lap) == (
            expected.kind,
            expected.alias,
            expected.time_ms,
            expected.by_lap,
        )
        assert says_what_is_true(news, reading.rows)


def says_what_is_true(news: News, rows: Sequence[Row]) -> bool:
    shown = {(line.place, line.alias, line.time_ms) for line in Leaderboard.of(rows).lines}
    told = [line for line in (news.line, news.rival) if line is not None]
    return all((line.place, line.alias, line.time_ms) in shown for line in told)
