"""What is said of leaderboards: true alone, by alias, and no more than a message holds."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from adapters.chat.message import Buttons, LinkButton, Message, Paragraph, Table, When
from adapters.slack.blocks import fallback, render
from bot import board_wording
from bot.words import words
from provisioning.board_news import changes, weightiest
from provisioning.boards import Board
from provisioning.leaderboards import Leaderboard
from sandbox.slack_blocks import refusal
from tests.unit.bot.board_messages import board_of, line
from tests.unit.provisioning.recorded_race import readings
from tests.unit.provisioning.spring_cup import NOON

WORDS = words()
THREE = (line(None, "Ada", 62_345), line(None, "Grace", 62_500), line(None, "Void", None))


def only(message: Message, kind: type[Any]) -> Any:
    (found,) = [part for part in message.parts if isinstance(part, kind)]
    return found


def said(message: Message) -> list[str]:
    return fallback(message).splitlines()


def test_a_board_shows_places_aliases_times_and_distances() -> None:
    table = only(board_wording.board(WORDS, board_of(*THREE)), Table)

    assert [column.head for column in table.columns] == ["Place", "Racer", "Best lap", "Behind"]
    assert table.rows == (
        ("1", "Ada", "1:02.345", ""),
        ("2", "Grace", "1:02.500", "+0.155"),
        ("", "Void", "", ""),
    )


def test_a_board_says_when_it_was_read_and_until_when_the_race_is_open() -> None:
    shown = board_of(*THREE)
    message = board_wording.board(WORDS, shown)

    first = message.parts[0]
    assert isinstance(first, Paragraph)
    assert When(NOON) in first.text
    assert "2 racers have a valid time" in said(message)[1]
    assert f"The race is open until {shown.closes.day} Mar 2027" in fallback(message)
    over = board_wording.board(WORDS, replace(shown, is_final=True))
    assert "The race is over; this is the result." in fallback(over)


def test_of_a_thousand_racers_twenty_are_shown_and_the_others_counted() -> None:
    crowd = [line(None, f"racer-{number}", 60_000 + number) for number in range(1_000)]
    message = board_wording.board(WORDS, board_of(*crowd))

    assert len(only(message, Table).rows) == 20
    assert "980 more racers are not shown." in said(message)
    assert refusal(render(message)[1]) is None


def test_a_board_without_anybody_is_no_table() -> None:
    message = board_wording.board(WORDS, board_of())

    assert not [part for part in message.parts if isinstance(part, Table)]
    assert said(message)[1].startswith("Nobody has a valid time yet.")


def test_everything_said_of_a_race_leads_to_it() -> None:
    shown = board_of(*THREE)
    told = weightiest(changes(Leaderboard(), shown.ranking))
    assert told is not None

    for message in (
        board_wording.board(WORDS, shown),
        board_wording.news(WORDS, shown, told),
        board_wording.podium(WORDS, shown),
        board_wording.podium(WORDS, board_of()),
    ):
        (button,) = only(message, Buttons).buttons
        assert button == LinkButton("Open the race", shown.url)
        assert said(message)[0].count("Lap of R&amp;D") == 1


def test_all_winners_of_equal_times_are_named_and_the_first_three_places_shown() -> None:
    level = [line(None, alias, 62_345, NOON + timedelta(seconds=number)) for number, alias in enumerate("AB")]
    message = board_wording.podium(WORDS, board_of(*level, line(None, "C", 70_000), line(None, "D", 80_000)))

    assert said(message)[0] == "Lap of R&amp;D is over, and 2 share the victory: A, B."
    assert [row[:2] for row in only(message, Table).rows] == [("1", "A"), ("1", "B"), ("3", "C")]


NEWS = [
    ((), THREE[:1], ["Ada takes the lead in Lap of R&amp;D with 1:02.345.", "It's the first valid time."]),
    (
        THREE,
        (*THREE, line(None, "Lewis", 62_000)),
        ["Lewis takes the lead in Lap of R&amp;D with 1:02.000.", "That's 0.345 ahead of Ada."],
    ),
    (
        THREE,
        THREE[1:],
        ["Grace leads Lap of R&amp;D with 1:02.500 now.", "A better time was taken off the board."],
    ),
    (
        THREE,
        (*THREE, line(None, "Lewis", 62_345, NOON + timedelta(1))),
        [
            "Lewis draws level with Ada at the top of Lap of R&amp;D: 1:02.345.",
            "They share the first place, to the thousandth.",
        ],
    ),
    (
        THREE,
        (line(None, "Ada", 62_000), *THREE[1:]),
        [
            "Ada leads Lap of R&amp;D and was faster still: 1:02.000.",
            "That's 0.345 better than the record before, 1:02.345. Grace is 0.500 behind.",
        ],
    ),
    (
        THREE,
        (line(None, "Ada", 62_000), line(None, "Grace", 62_100), *THREE[2:]),
        ["Ada leads Lap of R&amp;D and was faster still: 1:02.000.", "Grace is 0.100 behind."],
    ),
    (
        THREE,
        (*THREE, line(None, "Lewis", 63_000)),
        [
            "Lewis is among the first three of Lap of R&amp;D: place 3 with 1:03.000.",
            "That's 0.655 behind Ada.",
        ],
    ),
    (
        (*THREE, line(None, "C", 63_000)),
        (*THREE, line(None, "C", 63_000), line(None, "Lewis", 123_000)),
        [
            "Lewis is on the board of Lap of R&amp;D: place 4 with 2:03.000.",
            "It's their first valid time, 1:00.655 behind Ada.",
        ],
    ),
    (
        (*THREE, line(None, "C", 63_000)),
        (*THREE, line(None, "C", 62_900)),
        [
            "C was faster in Lap of R&amp;D: place 3 with 1:02.900.",
            "That's 0.100 better than before, and 0.555 behind Ada.",
        ],
    ),
]


@pytest.mark.parametrize(("before", "after", "expected"), NEWS)
def test_news_says_who_how_fast_and_how_far_from_the_next(
    before: tuple[Any, ...], after: tuple[Any, ...], expected: list[str]
) -> None:
    told = weightiest(changes(Leaderboard.of(before), Leaderboard.of(after)))
    assert told is not None

    assert said(board_wording.news(WORDS, board_of(*after), told))[:2] == expected


def test_the_whole_recorded_race_can_be_told() -> None:
    race = readings()
    shown: Board = board_of()
    for before, now in pairwise(race):
        found = Leaderboard.of(now.rows)
        told = weightiest(changes(Leaderboard.of(before.rows), found))
        message = board_wording.board(WORDS, replace(shown, ranking=found))
        assert refusal(render(message)[1]) is None
        if told is not None:
            assert told.line.alias in fallback(board_wording.news(WORDS, shown, told))
