"""The audit on the command line: what somebody did to the file shows, and where; and all of it as a file."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.sqlite import SqliteStore, open_store
from bot.auditing import COLUMNS, PAGE, export, verify
from provisioning.audit import Line
from provisioning.ids import PersonId
from tests.unit.provisioning.spring_cup import ADA, NOON, spring_cup

LINES = 6
UNLOCK = ("DROP TRIGGER audit_keeps_lines", "DROP TRIGGER audit_keeps_words")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = open_store(f"sqlite:///{path}")
    for number in range(LINES):
        texts = {"reason": f"=because({number})"}
        line = Line(
            NOON, "bot", "changed", f"spring-cup/{number}", spring_cup().id, texts=texts, whose=ADA.id
        )
        opened.run(lambda rows, line=line: rows.audit.append(line)).result()  # type: ignore[misc]
    yield opened
    opened.close()


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (*UNLOCK, *statements):
            connection.execute(statement)


def found(store: SqliteStore) -> list[tuple[int, str]]:
    return [(one.number, one.what) for one in verify(store).breaks]


def test_an_audit_nobody_touched_holds(store: SqliteStore) -> None:
    assert found(store) == []
    assert [head.count for head in verify(store).heads] == [LINES]


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("DELETE FROM audit WHERE number = 3", [(4, "missing")]),
        ("DELETE FROM audit WHERE number > 4", [(5, "cut")]),
        ("DELETE FROM audit", [(1, "cut")]),
        ("UPDATE audit SET body = replace(body, 'changed', 'asked') WHERE number = 2", [(2, "changed")]),
        ("UPDATE audit_texts SET body = '\"else\"' WHERE number = 2", [(2, "text")]),
    ],
)
def test_what_somebody_did_to_the_file_shows_and_where(
    store: SqliteStore, path: Path, statement: str, where: list[tuple[int, str]]
) -> None:
    tamper(path, statement)
    assert found(store)[: len(where)] == where


def test_two_lines_that_changed_places_show(store: SqliteStore, path: Path) -> None:
    tamper(
        path,
        "UPDATE audit SET number = 99 WHERE number = 2",
        "UPDATE audit SET number = 2 WHERE number = 3",
        "UPDATE audit SET number = 3 WHERE number = 99",
    )
    assert found(store)[0] == (2, "moved")


@pytest.mark.parametrize("statement", ["DELETE FROM audit", "UPDATE audit SET body = ''"])
def test_the_file_itself_refuses_to_forget(store: SqliteStore, path: Path, statement: str) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)
    assert found(store) == []


def test_forgetting_a_racer_leaves_a_chain_that_holds(store: SqliteStore) -> None:
    assert store.run(lambda rows: rows.audit.forget_texts(ADA.id)).result() == LINES
    assert store.run(lambda rows: rows.audit.forget_texts(PersonId("nobody"))).result() == 0
    assert found(store) == []


def test_the_export_has_every_line_once_in_order(store: SqliteStore) -> None:
    for number in range(LINES, PAGE + 3):
        line = Line(NOON, "bot", "granted", str(number))
        written = store.run(lambda rows, line=line: rows.audit.append(line))  # type: ignore[misc]
    written.result()
    sink = io.StringIO()

    assert export(store, "jsonl", sink) == PAGE + 3

    rows = [json.loads(line) for line in sink.getvalue().splitlines()]
    assert [row["number"] for row in rows] == list(range(1, PAGE + 4))
    assert rows[1]["texts"] == {"reason": "=because(1)"}
    assert set(rows[0]) == set(COLUMNS)


def test_no_cell_of_the_table_is_a_formula(store: SqliteStore) -> None:
    line = Line(NOON, "=cmd()", "@sum", "-1")
    store.run(lambda rows: rows.audit.append(line)).result()
    sink = io.StringIO()

    export(store, "csv", sink)

    head, *rows = list(csv.reader(io.StringIO(sink.getvalue())))
    assert tuple(head) == COLUMNS
    assert len(rows) == LINES + 1
    assert rows[-1][3:6] == ["'=cmd()", "'@sum", "'-1"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
