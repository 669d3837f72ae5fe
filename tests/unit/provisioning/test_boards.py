"""Boards: news is told at most every two minutes, only the weightiest, none twice and none lost."""

from dataclasses import replace
from datetime import timedelta

import pytest

from provisioning.board_news import Kind, changes, weightiest
from provisioning.boards import NEWS_EVERY, SETTLED_AFTER, Board, has_lost, named, read
from provisioning.leaderboards import Leaderboard
from provisioning.races import Race
from tests.unit.provisioning.recorded_race import Row, readings
from tests.unit.provisioning.spring_cup import ADA, MINUTE, NOON, SECOND, spring_cup

CLOSES = NOON + timedelta(days=1)
NEW = Board(spring_cup().id, "7", "Lap", "https://d.example/races/7", "best-lap", NOON, CLOSES)


def ranking(**times: int) -> Leaderboard:
    return Leaderboard.of(Row(0, alias, time_ms, NOON, 1) for alias, time_ms in times.items())


def test_the_first_reading_is_where_news_begins() -> None:
    board, news = read(NEW, ranking(Ada=100), NOON)

    assert (board.ranking, board.told, board.updated_at, news) == (
        ranking(Ada=100),
        ranking(Ada=100),
        NOON,
        None,
    )
    assert read(board, ranking(Ada=100), NOON + MINUTE)[1] is None


def test_the_weightiest_of_what_happened_is_told_once_the_channel_had_its_rest() -> None:
    board, _ = read(NEW, ranking(Ada=100), NOON)
    board, first = read(board, ranking(Ada=100, Grace=110), NOON + SECOND)
    board, second = read(board, ranking(Ada=100, Grace=110, Lewis=90), NOON + 2 * SECOND)
    board, third = read(board, ranking(Ada=80, Grace=110, Lewis=90), NOON + SECOND + NEWS_EVERY)
    board, fourth = read(board, ranking(Ada=80, Grace=110, Lewis=90), NOON + 2 * NEWS_EVERY + MINUTE)

    assert first is not None
    assert (first.kind, first.line.alias) == (Kind.PODIUM, "Grace")
    assert second is None
    assert third is not None
    assert (third.kind, third.line.alias) == (Kind.RECORD, "Ada")
    assert fourth is None


def test_meanwhile_the_board_shows_the_newest() -> None:
    board, _ = read(NEW, ranking(Ada=100), NOON)
    board, _ = read(board, ranking(Ada=90), NOON + SECOND)
    board, news = read(board, ranking(Ada=80), NOON + 2 * SECOND)

    assert news is None
    assert board.ranking == ranking(Ada=80)
    assert board.told == ranking(Ada=90)


def test_what_is_no_news_delays_none() -> None:
    board, _ = read(NEW, ranking(Ada=100, Grace=110), NOON)
    board, nothing = read(board, ranking(Ada=100), NOON + SECOND)
    board, news = read(board, ranking(Ada=99), NOON + 2 * SECOND)

    assert nothing is None
    assert news is not None


@pytest.mark.parametrize("skipped", [1, 3, 39])
def test_readings_that_were_missed_lose_nothing_that_still_stands(skipped: int) -> None:
    race = readings()
    board, told = NEW, []
    for reading in race[::skipped]:
        before = board.told
        found = Leaderboard.of(reading.rows)
        board, news = read(replace(board, closes=race[-1].at), found, reading.at)
        told.append(news)
        expected = None if before is None else weightiest(changes(before, found))
        assert news == expected
    assert any(told)


def test_when_the_race_is_settled_the_board_is_final_and_the_podium_speaks() -> None:
    board, _ = read(NEW, ranking(Ada=100), NOON)
    after, news = read(board, ranking(Ada=90), CLOSES + SETTLED_AFTER - SECOND)
    final, nothing = read(board, ranking(Ada=90), CLOSES + SETTLED_AFTER)

    assert (after.is_final, news is None) == (False, False)
    assert (final.is_final, nothing) == (True, None)
    assert final.ranking == ranking(Ada=90)


def test_somebody_missing_is_noticed_under_a_crowd_of_newcomers() -> None:
    before = ranking(Ada=100, Grace=110)

    assert has_lost(before, ranking(Ada=100))
    assert has_lost(before, ranking(Ada=100, Lewis=90, Nigel=91))
    assert not has_lost(before, ranking(Ada=90, Grace=110, Lewis=120))
    assert not has_lost(before, before)


def test_a_board_goes_by_its_own_name_and_by_the_title_under_which_its_race_was_posted() -> None:
    other = replace(NEW, race_id="8", name="Lapland", url="https://d.example/races/8")
    race = Race(NEW.event_id, 1, "Grand  Opener", "https://d.example/races/7/", ADA.id, NOON)
    elsewhere = replace(race, title="Workshop", link="https://d.example/workshop")
    posted = (race, elsewhere)

    assert named((NEW, other), "Lap", posted) == (NEW,)
    assert named((NEW, other), "la", posted) == (NEW, other)
    assert named((NEW, other), "grand opener", posted) == (NEW,)
    assert named((NEW, other), "Grand", posted) == (NEW,)
    assert named((NEW, other), "Workshop", posted) == ()
    assert named((NEW, other), "Grand") == ()
