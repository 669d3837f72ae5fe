"""Boards: rankings as they were last read, what was told of them, and who watches."""

from dataclasses import replace
from typing import Any

import pytest

from provisioning.boards import Board, Watch
from provisioning.errors import StaleWrite
from provisioning.ids import EventId
from provisioning.leaderboards import Leaderboard, Line
from provisioning.ports import Store
from provisioning.whose import Claim
from tests.contract.samples import AUTUMN, MORNING, SPRING, after, person, racer

RANKING = Leaderboard(
    (
        Line(1, "Ada <!channel> \ud800", 62_345, after(1.234567), 3),
        Line(1, "RacerAlias", 62_345, after(2), 1),
        Line(None, "RacerAlias", None, after(3), 1),
    )
)


def a_board(race_id: str = "7", **changes: Any) -> Board:
    url = "https://racing.example.com/races/7"
    board = Board(SPRING, race_id, "Lap", url, "best-lap", MORNING, after(3600.25))
    return replace(board, **changes)


def save(store: Store, board: Board) -> Board:
    return store.run(lambda rows: rows.boards.save(board)).result()


FULL = a_board(
    ranking=RANKING,
    updated_at=after(60),
    told=Leaderboard(RANKING.lines[:1]),
    told_at=after(30),
    is_final=True,
    watches=(Watch("slack:C1"), Watch("teams:19:x@thread.tacv2", hears_news=False)),
)


@pytest.mark.parametrize(
    "board", [a_board(), FULL, replace(FULL, told=RANKING), replace(FULL, told=Leaderboard(), timing="total")]
)
def test_a_board_is_read_back_as_it_was_saved(store: Store, other: Store, board: Board) -> None:
    assert save(store, board) == replace(board, version=1)
    assert other.read(lambda rows: rows.boards.get(SPRING, "7")) == replace(board, version=1)
    assert other.read(lambda rows: rows.boards.get(AUTUMN, "7")) is None


def test_boards_of_an_event_come_as_they_close(store: Store) -> None:
    for race_id, seconds in (("a", 30), ("c", 10), ("b", 20)):
        save(store, a_board(race_id, closes=after(seconds)))
    save(store, a_board(event_id=AUTUMN))
    found = store.read(lambda rows: rows.boards.of_event(SPRING))
    assert [board.race_id for board in found] == ["c", "b", "a"]

    save(store, replace(found[0], closes=after(40)))
    later = store.read(lambda rows: rows.boards.of_event(SPRING))
    assert [board.race_id for board in later] == ["b", "a", "c"]


def test_boards_of_an_event_are_forgotten_and_no_others(store: Store) -> None:
    for board in (a_board("a"), a_board("b"), a_board(event_id=AUTUMN)):
        save(store, board)
    store.run(lambda rows: rows.boards.forget(SPRING)).result()
    assert store.read(lambda rows: rows.boards.of_event(SPRING)) == ()
    assert len(store.read(lambda rows: rows.boards.of_event(AUTUMN))) == 1


def test_whose_lines_are_known_is_kept_for_each_board_and_forgotten_with_racer_and_event(
    store: Store, other: Store
) -> None:
    claims = (Claim(person(1), "Ada \ud800", after(1.234567)), Claim(person(2), "Ada", after(2)))

    def kept(event_id: EventId = SPRING, race_id: str = "7") -> tuple[Claim, ...]:
        return other.read(lambda rows: rows.boards.claims(event_id, race_id))

    for event_id, race_id in ((SPRING, "7"), (SPRING, "8"), (AUTUMN, "7")):
        store.run(lambda rows, e=event_id, r=race_id: rows.boards.save_claims(e, r, claims)).result()  # type: ignore[misc]
    store.run(lambda rows: rows.boards.save_claims(SPRING, "8", claims[1:])).result()
    assert (kept(), kept(race_id="8"), kept(race_id="9")) == (claims, claims[1:], ())

    assert store.run(lambda rows: rows.boards.forget_claims(racer(2))).result() == 2
    assert (kept(), kept(race_id="8"), kept(AUTUMN)) == (claims[:1], (), claims)

    store.run(lambda rows: rows.boards.forget(SPRING)).result()
    assert (kept(), kept(AUTUMN)) == ((), claims)


@pytest.mark.parametrize("version", [0, 2])
def test_a_board_somebody_else_wrote_is_stale(store: Store, version: int) -> None:
    board = save(store, a_board())
    with pytest.raises(StaleWrite):
        save(store, replace(board, name="other", version=version))
    assert store.read(lambda rows: rows.boards.get(SPRING, "7")) == board
