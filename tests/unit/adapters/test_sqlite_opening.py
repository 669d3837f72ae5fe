"""The file of the store: older and newer ones, other people's, and where it can be kept."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.codec.audit import pack_line
from adapters.codec.outbox import pack_notice
from adapters.codec.registrations import pack_registration
from adapters.codec.requests import pack_request
from adapters.sqlite import SqliteStore, StoreUnfit, fitness, open_store, schema
from adapters.sqlite.opening import log_ahead, open_for_writing
from adapters.sqlite.schema import VERSIONS, migrate
from adapters.sqlite.sql import to_int
from provisioning.audit import Line, check
from provisioning.ids import EventId
from provisioning.ports import Rows
from tests.contract.samples import MORNING, SPRING, a_registration, a_request, a_result, after, person

MOUNTS = r"""/dev/vda / ext4 rw 0 0
efs:/ /srv/data nfs4 rw 0 0
/dev/vdb /srv/data/local xfs rw 0 0
//host/share /mnt/two\040words cifs rw 0 0
host:/ /mnt/remade nfs rw 0 0
/dev/vdc /mnt/remade ext4 rw 0 0
"""


def record(rows: Rows) -> None:
    rows.audit.append(Line(MORNING, "bot", "asked", "spring"))


def actions(rows: Rows) -> list[str]:
    return [found.action for found in rows.audit.lines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(open_store(f"sqlite:///{path}")) as store:
        yield store


def test_an_older_file_is_brought_forward_with_its_rows(store: SqliteStore, path: Path) -> None:
    store.run(record).result()
    store.close()
    newer = (*VERSIONS, ("ALTER TABLE audit ADD COLUMN place TEXT NOT NULL DEFAULT 'hall'",))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, newer)
        migrate(connection, newer)
        assert connection.execute("SELECT place FROM audit").fetchall() == [("hall",)]


def test_the_audit_of_an_older_file_is_chained_in_its_order(path: Path) -> None:
    lines = [
        Line(MORNING, "bot", f"done {number}", "spring-cup", EventId("spring-cup")) for number in range(3)
    ]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, VERSIONS[:2])
        for line in lines:
            body = pack_line(line)
            connection.execute("INSERT INTO audit (event_id, body) VALUES (?, ?)", (line.event_id, body))
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.run(record).result()
        assert store.read(lambda rows: rows.audit.lines(EventId("spring-cup")))[:3] == tuple(lines)
        (head,) = store.read(lambda rows: rows.audit.heads())
        links = store.read(lambda rows: rows.audit.links(head.chain, 0, 10))
    assert head.count == len(links) == 4
    assert list(check(head, links)) == []


def test_the_joins_of_an_older_file_are_counted_and_what_it_owed_is_found_again(path: Path) -> None:
    before = VERSIONS[: VERSIONS.index(schema._CLOSING)]  # noqa: SLF001 - the file as it was before that
    owed, asked = a_result(1), a_registration(1, ready_at=after(42))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, before)
        connection.execute(
            "INSERT INTO outbox (id, version, body) VALUES (?, 1, ?)", (owed.id, pack_notice(owed))
        )
        for number, ready in ((1, to_int(after(42))), (2, None)):
            connection.execute(
                "INSERT INTO registrations (event_id, person_id, version, wants, held, has_problem, is_ready,"
                " is_gone, asked_at, begun_at, ready_at, body) VALUES (?, ?, 1, 1, 0, 0, ?, 0, ?, ?, ?, ?)",
                (
                    SPRING,
                    person(number),
                    ready is not None,
                    to_int(MORNING),
                    to_int(MORNING),
                    ready,
                    pack_registration(asked),
                ),
            )
    with closing(open_store(f"sqlite:///{path}")) as store:
        assert store.read(lambda rows: rows.tallies.of(SPRING)) == {
            "asked": 2,
            "joined": 2,
            "joined@2027-03-01T09": 2,
            "ready": 1,
            "wait:42": 1,
        }
        assert store.run(lambda rows: rows.outbox.forget_about(owed.about)).result() == 1
        assert store.read(lambda rows: rows.registrations.count(SPRING))["all"] == 2


def test_who_waits_in_an_older_file_is_counted(path: Path) -> None:
    before = VERSIONS[: VERSIONS.index(schema._COUNTED)]  # noqa: SLF001 - the file as it was before that
    asked = a_request(1, received=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, before)
        connection.execute(
            "INSERT INTO requests (chat, event_id, version, state, received_at, body)"
            " VALUES (?, ?, 1, ?, ?, ?)",
            (str(asked.key.chat), SPRING, asked.state, to_int(asked.received_at), pack_request(asked)),
        )
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.run(lambda rows: rows.requests.save(a_request(2, received=2))).result()
        assert store.read(lambda rows: rows.requests.waiting_ahead(after(9), 10)) == 2


def test_a_file_of_a_newer_release_is_refused(store: SqliteStore, path: Path) -> None:
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, (*VERSIONS, ("CREATE TABLE podiums (id TEXT)",)))
    with pytest.raises(StoreUnfit, match="start the release that was here last"):
        open_store(f"sqlite:///{path}")


def test_a_migration_that_fails_leaves_the_file_as_it_was(store: SqliteStore, path: Path) -> None:
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, (*VERSIONS, ("CREATE TABLE podiums (id TEXT)", "no statement")))
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'podiums'").fetchall() == []
    with closing(open_store(f"sqlite:///{path}")) as again:
        assert again.read(actions) == []


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (id TEXT)")
    with pytest.raises(StoreUnfit, match="another program"):
        open_store(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("a shopping list, much longer than the header of a database\n" * 20)
    with pytest.raises(StoreUnfit, match="not a database"):
        open_store(f"sqlite:///{path}")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///data/",
        "sqlite:///bot.db?mode=ro",
        "sqlite://host/bot.db",
        "sqlite:bot.db",
        "bot.db",
        "dynamodb://table",
    ],
)
def test_an_address_that_names_no_file_is_refused_with_one_that_would(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///relative\.db"):
        open_store(url)


def test_three_slashes_are_relative_and_four_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///near.db").close()
    open_store(f"sqlite:///{tmp_path}/far.db").close()
    assert {"near.db", "far.db"} <= {found.name for found in tmp_path.iterdir()}


def test_a_file_whose_name_has_odd_characters_is_found_again(tmp_path: Path) -> None:
    for _ in range(2):
        with closing(open_store(f"sqlite:///{tmp_path}/spring cup 100%.db")) as store:
            store.run(record).result()
    assert (tmp_path / "spring cup 100%.db").stat().st_size > 0


def test_only_the_owner_can_read_the_files(path: Path) -> None:
    path.touch(0o644)
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.run(record).result()
        modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert modes == {"bot.db": 0o600, "bot.db-wal": 0o600, "bot.db-shm": 0o600}


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnfit, match="does not exist"):
        open_store(f"sqlite:///{tmp_path}/nowhere/bot.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        with pytest.raises(StoreUnfit, match="let the bot's user own"):
            open_store(f"sqlite:///{path}")
    finally:
        path.parent.chmod(0o700)


def test_a_network_mount_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = path.parent / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nefs:/ {path.parent} nfs4 rw 0 0\n")
    monkeypatch.setattr(fitness, "MOUNTS", mounts)
    with pytest.raises(StoreUnfit, match=r"network mount \(nfs4\): name a folder on a local disk"):
        open_store(f"sqlite:///{path}")
    assert not path.exists()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", None),
        ("/srv/data", "nfs4"),
        ("/srv/data/bot", "nfs4"),
        ("/srv/data/local/bot", None),
        ("/srv/database", None),
        ("/mnt/two words/bot", "cifs"),
        ("/mnt/remade", None),
    ],
)
def test_the_deepest_mount_decides_what_a_folder_is_on(folder: str, kind: str | None) -> None:
    assert fitness.network_mount(Path(folder), MOUNTS) == kind


def test_an_sqlite_without_returning_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 26, 0))
    with pytest.raises(StoreUnfit, match=r"SQLite 3\.35 or newer"):
        open_store(f"sqlite:///{path}")


def test_a_file_without_write_ahead_logging_is_refused() -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(StoreUnfit, match="write-ahead"):
        log_ahead(connection)


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    with closing(open_for_writing(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
