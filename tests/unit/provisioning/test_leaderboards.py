"""Leaderboards and their news: what is told is true, and nobody is taken for another."""

import random
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.board_news import Kind, News, changes, weightiest
from provisioning.leaderboards import Leaderboard, is_on_podium, lap_time
from tests.unit.provisioning.recorded_race import Expected, Reading, Row, readings
from tests.unit.provisioning.spring_cup import MINUTE, NOON

ROWS = st.builds(
    Row,
    rank=st.integers(1, 9),
    alias=st.sampled_from(["RacerAlias", "Ada", "Grace", "ada", "Łukasz"]),
    time_ms=st.none() | st.integers(1, 12),
    submitted_at=st.integers(0, 5).map(lambda minutes: NOON + minutes * MINUTE),
    submissions=st.integers(1, 3),
)
BOARDS = st.lists(ROWS, max_size=8).map(Leaderboard.of)
RACE = readings()


def row(alias: str, time_ms: int | None, minute: int = 0, submissions: int = 1) -> Row:
    return Row(0, alias, time_ms, NOON + timedelta(minutes=minute), submissions)


def board(*rows: Row) -> Leaderboard:
    return Leaderboard.of(rows)


# --- the board ----------------------------------------------------------------------------------------------


def test_equal_times_share_a_place_and_the_earlier_one_stands_above() -> None:
    found = board(row("Late", 900, 5), row("Early", 900), row("Last", 901), row("Void", None))

    assert [(line.place, line.alias) for line in found.lines] == [
        (1, "Early"),
        (1, "Late"),
        (3, "Last"),
        (None, "Void"),
    ]
    assert [line.alias for line in found.leaders] == ["Early", "Late"]


def test_the_podium_holds_all_who_share_its_places() -> None:
    found = board(row("A", 1), row("B", 2), row("C", 3), row("D", 3, 1), row("E", 4), row("F", None))

    assert [line.alias for line in found.podium] == ["A", "B", "C", "D"]


def test_before_the_first_valid_time_nobody_leads() -> None:
    found = board(row("A", None), row("B", None))

    assert (found.leaders, found.podium) == ((), ())
    assert [found.gap_ms(line) for line in found.lines] == [None, None]


def test_a_row_that_was_read_twice_is_one_line() -> None:
    one = row("Ada", 900)

    assert len(board(one, replace(one, rank=2)).lines) == 1


def test_racers_of_the_same_alias_are_lines_of_their_own() -> None:
    found = board(row("RacerAlias", 900), row("RacerAlias", 900, 1), row("Ada", 950))

    assert [line.place for line in found.lines_of("raceralias")] == [1, 1]
    assert [found.gap_ms(line) for line in found.lines] == [0, 0, 50]
    assert found.lines_of("Grace") == ()


@given(st.lists(ROWS, max_size=8), st.randoms(use_true_random=False))
def test_a_board_does_not_depend_on_the_order_in_which_its_rows_were_read(
    rows: list[Row], dice: random.Random
) -> None:
    shuffled = [*rows, *rows[:2]]
    dice.shuffle(shuffled)

    assert Leaderboard.of(shuffled) == Leaderboard.of(rows)
    assert Leaderboard.of(Leaderboard.of(rows).lines) == Leaderboard.of(rows)


@given(BOARDS)
def test_places_count_how_many_are_faster(found: Leaderboard) -> None:
    for line in found.lines:
        faster = [other for other in found.lines if other.time_ms is not None and line.time_ms is not None]
        expected = 1 + sum((other.time_ms or 0) < (line.time_ms or 0) for other in faster)
        assert line.place == (None if line.time_ms is None else expected)
    assert sorted(found.lines, key=lambda line: (line.place is None, line.place)) == list(found.lines)


# --- its version --------------------------------------------------------------------------------------------


@given(BOARDS, BOARDS)
def test_two_boards_of_the_same_version_show_the_same_and_have_no_news(
    one: Leaderboard, other: Leaderboard
) -> None:
    def shown(found: Leaderboard) -> list[tuple[int | None, str, int | None]]:
        return [(line.place, line.alias, line.time_ms) for line in found.lines]

    assert (one.version == other.version) == (shown(one) == shown(other))
    if one.version == other.version:
        assert changes(one, other) == ()


def test_a_version_is_the_same_in_every_process() -> None:
    assert board(row("Ada", 65_432), row("Łukasz", None)).version == "7724c3ebd5e6e169"


# --- times --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time_ms", "said"),
    [
        (0, "0.000"),
        (7, "0.007"),
        (59_999, "59.999"),
        (60_000, "1:00.000"),
        (62_345, "1:02.345"),
        (3_599_999, "59:59.999"),
        (3_602_345, "1:00:02.345"),
        (36_000_000, "10:00:00.000"),
    ],
)
def test_a_time_is_shown_as_racers_read_it(time_ms: int, said: str) -> None:
    assert lap_time(time_ms) == said


@given(st.integers(0, 90_000_000))
def test_no_thousandth_is_lost_in_a_time(time_ms: int) -> None:
    seconds, _, thousandths = lap_time(time_ms).partition(".")
    told = 0
    for part in seconds.split(":"):
        told = told * 60 + int(part)
    assert (told * 1000 + int(thousandths), len(thousandths)) == (time_ms, 3)


# --- news ---------------------------------------------------------------------------------------------------


@given(BOARDS)
def test_between_a_board_and_itself_there_is_no_news(found: Leaderboard) -> None:
    assert changes(found, found) == ()
    assert weightiest(changes(found, found)) is None


@given(BOARDS, BOARDS)
def test_all_news_is_true_of_the_newer_board(before: Leaderboard, after: Leaderboard) -> None:
    found = changes(before, after)

    assert len({news.line for news in found}) == len(found)
    for news in found:
        assert news.line in after.lines
        assert news.line.time_ms is not None
        assert is_true(news, before, after)


def is_true(news: News, before: Leaderboard, after: Leaderboard) -> bool:
    line, times_before = news.line, {old.time_ms for old in before.lines}
    if news.own_ms is not None and news.own_ms not in times_before:
        return False
    faster = news.own_ms is None or (line.time_ms or 0) < news.own_ms
    if line.place != 1 and news.rival != after.leaders[0]:
        return False
    match news.kind:
        case Kind.CHAMPION:
            next_one = after.lines[1] if len(after.lines) > 1 and after.lines[1].time_ms is not None else None
            return after.leaders == (line,) and news.rival == next_one
        case Kind.LEVEL:
            return {line, news.rival} <= set(after.leaders) and line != news.rival
        case Kind.RECORD:
            best = before.leaders[0].time_ms
            rivals = (news.rival.time_ms,) if news.rival is not None else ()
            was_beaten = any(
                time_ms is not None and best is not None and time_ms < best for time_ms in rivals
            )
            known = None if was_beaten else best
            return after.leaders == (line,) and news.own_ms == known and faster and news.rival != line
        case Kind.PODIUM:
            return is_on_podium(line) and faster
        case Kind.FIRST:
            return news.own_ms is None
        case Kind.IMPROVEMENT:
            return news.own_ms is not None and faster


@given(BOARDS, BOARDS)
def test_the_weightiest_news_comes_first_and_of_equal_weight_the_best_placed(
    before: Leaderboard, after: Leaderboard
) -> None:
    found = changes(before, after)
    order = [(list(Kind).index(news.kind), after.lines.index(news.line)) for news in found]

    assert order == sorted(set(order))
    assert weightiest(found) == (found[0] if found else None)


@given(BOARDS, st.integers(1, 12))
def test_one_new_racer_is_at_most_one_piece_of_news(before: Leaderboard, time_ms: int) -> None:
    after = Leaderboard.of((*before.lines, row("Nobody before", time_ms, 9)))
    (news,) = changes(before, after)

    assert (news.line.alias, news.own_ms) == ("Nobody before", None)
    expected = Kind.PODIUM if is_on_podium(news.line) else Kind.FIRST
    if news.line.place == 1:
        expected = Kind.LEVEL if len(after.leaders) > 1 else Kind.CHAMPION
    assert news.kind is expected


THREE = (row("Ada", 100), row("Grace", 110), row("Lewis", 120))


def told(before: tuple[Row, ...], after: tuple[Row, ...]) -> list[tuple[str, str]]:
    return [(str(news.kind), news.line.alias) for news in changes(board(*before), board(*after))]


def test_who_takes_the_first_place_alone_is_champion_and_the_next_one_is_named() -> None:
    (news,) = changes(board(*THREE), board(*THREE[:2], row("Lewis", 90, 1, 2)))

    assert (news.kind, news.own_ms, news.by_lap) == (Kind.CHAMPION, 120, True)
    assert news.rival is not None
    assert news.rival.alias == "Ada"


def test_whoever_draws_level_is_no_champion_and_ousts_nobody() -> None:
    assert told(THREE, (*THREE[:2], row("Lewis", 100, 1, 2))) == [("level", "Lewis")]


def test_one_of_two_who_are_level_pulls_away_with_a_record() -> None:
    level = (row("Ada", 100), row("Grace", 100, 1), row("Lewis", 120))

    assert told(level, (row("Ada", 99, 2, 2), *level[1:])) == [("record", "Ada")]
    assert told(level, level[1:]) == []


def test_a_record_that_another_has_beaten_meanwhile_is_not_said_to_have_been_the_last() -> None:
    news, *_ = changes(board(*THREE), board(row("Ada", 80, 2, 2), row("Grace", 90, 1, 2), THREE[2]))

    assert (news.kind, news.line.alias, news.own_ms) == (Kind.RECORD, "Ada", None)


def test_a_disqualified_champion_leaves_the_lead_to_the_next_who_did_not_drive_for_it() -> None:
    (news,) = changes(board(*THREE), board(*THREE[1:]))

    assert (news.kind, news.line.alias, news.by_lap) == (Kind.CHAMPION, "Grace", False)


def test_a_disqualification_further_down_lifts_the_others_without_news() -> None:
    assert told((*THREE, row("Nigel", 130)), (THREE[0], *THREE[2:], row("Nigel", 130))) == []


def test_two_who_inherit_the_lead_together_are_level() -> None:
    behind = (row("Grace", 110), row("Lewis", 110, 1))

    assert told((row("Ada", 100), *behind), behind) == [("level", "Grace")]


def test_an_improvement_under_another_name_is_no_first_lap() -> None:
    four = (*THREE, row("Nigel", 130))

    assert told(four, (*THREE, row("Red5", 125, 1, 2))) == [("improvement", "Red5")]
    assert told(four, (*THREE, row("Red5", 125, 1, 1))) == [("first", "Red5")]


def test_of_two_who_changed_their_names_at_once_nothing_is_claimed_but_the_place() -> None:
    five = (*THREE, row("Nigel", 130), row("Eve", 140))
    renamed = (row("Red5", 125, 1, 2), row("Mallory", 126, 1, 2))

    assert told(five, (*THREE, *renamed)) == []
    assert told(five, (*THREE, replace(renamed[0], time_ms=90), renamed[1])) == [("champion", "Red5")]


def test_racers_who_share_an_alias_are_told_apart_by_their_times() -> None:
    before = (*THREE, row("RacerAlias", 130), row("RacerAlias", 140))

    assert told(before, (*THREE, row("RacerAlias", 130), row("RacerAlias", 135, 1, 2))) == [
        ("improvement", "RacerAlias")
    ]
    assert told(before, (*before, row("RacerAlias", 150, 1))) == [("first", "RacerAlias")]


def test_a_lap_without_a_valid_time_is_no_news_and_the_first_valid_one_is() -> None:
    with_void = (*THREE, row("Nigel", None))

    assert told(THREE, with_void) == []
    assert told(with_void, (*THREE, row("Nigel", 130, 1, 2))) == [("first", "Nigel")]


def test_a_time_that_was_corrected_is_no_achievement() -> None:
    assert told(THREE, (*THREE[:2], row("Lewis", 125, 1, 2))) == []
    assert told(THREE, (row("Ada", 105, 1, 2), *THREE[1:])) == []


# --- the recorded race --------------------------------------------------------------------------------------


def test_the_recorded_race_has_what_a_real_one_has() -> None:
    assert len(RACE) == 40
    assert len(Leaderboard.of(RACE[13].rows).lines) == 1_004
    assert readings() == RACE


@pytest.mark.parametrize("number", range(1, 40))
def test_a_reading_of_the_recorded_race_tells_exactly_what_it_should(number: int) -> None:
    before, now = RACE[number - 1], RACE[number]
    found = changes(Leaderboard.of(before.rows), Leaderboard.of(now.rows))

    assert announced(found) == now.expected
    assert changes(Leaderboard.of(now.rows), Leaderboard.of(now.rows)) == ()


def announced(found: tuple[News, ...]) -> Expected | None:
    news = weightiest(found)
    if news is None or news.line.time_ms is None:
        return None
    return Expected(news.kind, news.line.alias, news.line.time_ms, len(found), news.by_lap)


def test_a_reading_is_worth_an_announcement_only_when_its_version_is_new() -> None:
    def version(reading: Reading) -> str:
        return Leaderboard.of(reading.rows).version

    for before, now in pairwise(RACE):
        assert now.expected is None or version(now) != version(before)
