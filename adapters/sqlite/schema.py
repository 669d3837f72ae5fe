"""The tables, and how a file made by an older release is brought forward.

A body holds the row as JSON (`adapters.codec`); columns stand beside it only for what is searched, ordered or
conditioned. Moments are integers: microseconds since 1970, UTC. Rows with a large body have a rowid, which
keeps their many indexes narrow; the small ones are their own primary key.
"""

import json
import sqlite3
from collections.abc import Callable

from adapters.sqlite.sql import to_moment
from adapters.unfit import StoreUnfit
from provisioning import tallies
from provisioning.audit import START, chained

Steps = tuple[str | Callable[[sqlite3.Connection], None], ...]  # statements, and what no statement can do

APPLICATION_ID = 0x44525242  # "DRRB", in the header of the file: whose it is

_FIRST = (
    """
    CREATE TABLE events (
        id TEXT NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL,
        opens INTEGER NOT NULL,
        capacity INTEGER NOT NULL,
        taken INTEGER NOT NULL DEFAULT 0,
        broken TEXT,
        body TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE requests (
        chat TEXT NOT NULL,
        event_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        state TEXT NOT NULL,
        received_at INTEGER NOT NULL,
        person_id TEXT,
        body TEXT NOT NULL,
        PRIMARY KEY (chat, event_id)
    )
    """,
    # How many wait is asked with every join and would cost more the more wait, so it is kept, not counted.
    "CREATE TABLE tally (waiting INTEGER NOT NULL)",
    "INSERT INTO tally (waiting) VALUES (0)",
    """
    CREATE TRIGGER request_made AFTER INSERT ON requests WHEN NEW.state = 'waiting'
        BEGIN UPDATE tally SET waiting = waiting + 1; END
    """,
    """
    CREATE TRIGGER request_moved AFTER UPDATE OF state ON requests WHEN OLD.state <> NEW.state
        BEGIN UPDATE tally SET waiting = waiting + (NEW.state = 'waiting') - (OLD.state = 'waiting'); END
    """,
    """
    CREATE TRIGGER request_dropped AFTER DELETE ON requests WHEN OLD.state = 'waiting'
        BEGIN UPDATE tally SET waiting = waiting - 1; END
    """,
    # A partial index answers a count by itself only when it also holds the columns of its condition.
    "CREATE INDEX requests_waiting ON requests (state, received_at) WHERE state = 'waiting'",
    "CREATE INDEX requests_refused ON requests (received_at) WHERE state = 'refused'",
    "CREATE INDEX requests_folded ON requests (person_id, event_id) WHERE state = 'folded'",
    """
    CREATE TABLE registrations (
        event_id TEXT NOT NULL,
        person_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        wants INTEGER NOT NULL, -- wish racing and no hold
        held INTEGER NOT NULL,
        has_seat INTEGER NOT NULL DEFAULT 0,
        has_problem INTEGER NOT NULL,
        is_ready INTEGER NOT NULL,
        is_gone INTEGER NOT NULL,
        asked_at INTEGER NOT NULL,
        begun_at INTEGER NOT NULL, -- asked_at, or when they got the place they had waited for
        ready_at INTEGER,
        wake_at INTEGER,
        token TEXT,
        lease_until INTEGER,
        body TEXT NOT NULL,
        PRIMARY KEY (event_id, person_id)
    )
    """,
    "CREATE INDEX registrations_person ON registrations (person_id)",
    """
    CREATE INDEX registrations_line ON registrations (event_id, wants, has_seat, asked_at, person_id)
        WHERE wants = 1 AND has_seat = 0
    """,
    "CREATE INDEX registrations_due ON registrations (wake_at) WHERE wake_at IS NOT NULL",
    """
    CREATE INDEX registrations_ready ON registrations (event_id, ready_at, begun_at)
        WHERE ready_at IS NOT NULL
    """,
    """
    CREATE INDEX registrations_tally
        ON registrations (event_id, wants, has_seat, held, has_problem, is_ready, is_gone)
    """,
    """
    CREATE TABLE bindings (
        chat TEXT NOT NULL PRIMARY KEY,
        person_id TEXT NOT NULL,
        platform TEXT NOT NULL,
        bound_at INTEGER NOT NULL,
        UNIQUE (person_id, platform)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE ledger (
        target TEXT NOT NULL,
        person_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (target, person_id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX ledger_person ON ledger (person_id)",
    """
    CREATE TABLE outbox (
        id TEXT NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL,
        over_at INTEGER, -- when it was sent or dropped
        body TEXT NOT NULL
    )
    """,
    "CREATE INDEX outbox_over ON outbox (over_at) WHERE over_at IS NOT NULL",
    """
    CREATE TABLE queue (
        work TEXT NOT NULL,
        key TEXT NOT NULL,
        urgent INTEGER NOT NULL,
        due_at INTEGER NOT NULL, -- from when it can be leased: ready_at, or while leased the end of the lease
        ready_at INTEGER NOT NULL,
        queued_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        token TEXT,
        again_at INTEGER, -- put while leased, to be ready then
        PRIMARY KEY (work, key)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX queue_due ON queue (work, urgent, due_at)",
    """
    CREATE TABLE leases (
        name TEXT NOT NULL PRIMARY KEY,
        token TEXT NOT NULL,
        lease_until INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE TABLE brakes (api TEXT NOT NULL PRIMARY KEY, held_until INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT, body TEXT NOT NULL)",
    "CREATE INDEX audit_event ON audit (event_id)",
)

_REFERENCES = (
    """
    CREATE TABLE refs (
        place TEXT NOT NULL PRIMARY KEY,
        address TEXT NOT NULL,
        kept_at INTEGER NOT NULL,
        dead TEXT
    ) WITHOUT ROWID
    """,
)


def _chain_what_is_there(connection: sqlite3.Connection) -> None:
    """Chain the lines of the audit that were written before there was a chain, in their order."""
    previous, count = START, 0
    for number, body in connection.execute("SELECT id, body FROM unchained ORDER BY id").fetchall():
        count += 1
        digest = chained(previous, body)
        facts = json.loads(body)
        connection.execute(
            "INSERT INTO audit (number, event_id, actor, subject, previous, digest, body)"
            " VALUES (?, (SELECT event_id FROM unchained WHERE id = ?), ?, ?, ?, ?, ?)",
            (count, number, facts["actor"], facts["subject"], previous, digest, body),
        )
        previous = digest
    connection.execute("INSERT INTO audit_head (count, digest) VALUES (?, ?)", (count, previous))


_ORGANIZERS: Steps = (
    "ALTER TABLE audit RENAME TO unchained",
    """
    CREATE TABLE audit ( -- chained and append-only
        number INTEGER PRIMARY KEY,
        event_id TEXT,
        actor TEXT NOT NULL,
        subject TEXT NOT NULL,
        previous TEXT NOT NULL,
        digest TEXT NOT NULL,
        body TEXT NOT NULL
    )
    """,
    "CREATE TABLE audit_head (count INTEGER NOT NULL, digest TEXT NOT NULL)",
    _chain_what_is_there,
    "DROP TABLE unchained",
    "CREATE INDEX audit_event ON audit (event_id)",
    "CREATE INDEX audit_subject ON audit (subject)",
    # What the bot did itself is found by its subject; an index over one word for most lines would be waste.
    "CREATE INDEX audit_actor ON audit (actor) WHERE actor <> 'bot'",
    """
    CREATE TRIGGER audit_keeps_lines BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
    """,
    """
    CREATE TRIGGER audit_keeps_words BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
    """,
    """
    CREATE TABLE audit_texts ( -- personal text, beside the chain
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        whose TEXT,
        salt TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (number, name)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX audit_texts_whose ON audit_texts (whose)",
    """
    CREATE TABLE instructions (
        id TEXT NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL,
        is_waiting INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        body TEXT NOT NULL
    )
    """,
    "CREATE INDEX instructions_age ON instructions (is_waiting, received_at)",
    """
    CREATE TABLE changes (
        id TEXT NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL,
        event_id TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        body TEXT NOT NULL
    )
    """,
    "CREATE INDEX changes_event ON changes (event_id, made_at)",
    "CREATE INDEX changes_age ON changes (made_at)",
)

_RACES = (
    """
    CREATE TABLE races (
        event_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (event_id, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE moments (
        what TEXT NOT NULL PRIMARY KEY,
        noted_at INTEGER NOT NULL,
        facts TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE answers (
        event_id TEXT NOT NULL,
        person_id TEXT NOT NULL,
        question TEXT NOT NULL,
        answer TEXT NOT NULL,
        answered_at INTEGER NOT NULL,
        PRIMARY KEY (event_id, person_id, question)
    ) WITHOUT ROWID
    """,
)

_BOARDS = (
    """
    CREATE TABLE boards (
        event_id TEXT NOT NULL,
        race_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        closes_at INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (event_id, race_id)
    )
    """,
)


def _count_what_is_there(connection: sqlite3.Connection) -> None:
    """Count the joins of the registrations that are there; who was refused or has left is not known."""
    found = connection.execute("SELECT event_id, begun_at, asked_at, ready_at FROM registrations").fetchall()
    for event_id, begun_at, asked_at, ready_at in found:
        names = ["asked", "joined", tallies.hour(to_moment(asked_at))]
        if ready_at is not None:
            names += ["ready", tallies.wait((ready_at - begun_at) / 1e6)]
        for name in names:
            connection.execute(
                "INSERT INTO tallies (event_id, name, number) VALUES (?, ?, 1)"
                " ON CONFLICT DO UPDATE SET number = number + 1",
                (event_id, name),
            )


def _say_what_notices_are_about(connection: sqlite3.Connection) -> None:
    for notice_id, body in connection.execute("SELECT id, body FROM outbox").fetchall():
        about = json.loads(body)["about"]
        connection.execute("UPDATE outbox SET about = ? WHERE id = ?", (about, notice_id))


_CLOSING: Steps = (
    """
    CREATE TABLE closings (
        event_id TEXT NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL,
        body TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE tallies ( -- numbers that outlive the rows that were counted
        event_id TEXT NOT NULL,
        name TEXT NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (event_id, name)
    ) WITHOUT ROWID
    """,
    _count_what_is_there,
    "CREATE TABLE mark_keys (event_id TEXT NOT NULL PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE marks ( -- holds of people who were forgotten
        event_id TEXT NOT NULL,
        digest TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (event_id, digest)
    ) WITHOUT ROWID
    """,
    # What is owed or was sent to one person is found by what it is about when they are forgotten.
    "ALTER TABLE outbox ADD COLUMN about TEXT NOT NULL DEFAULT ''",
    _say_what_notices_are_about,
    "CREATE INDEX outbox_about ON outbox (about)",
    "CREATE INDEX requests_event ON requests (event_id)",
)

_UNCLAIMED = (
    # Few or none, and asked for whenever a stranger asks how it stands.
    """
    CREATE INDEX registrations_unclaimed ON registrations (event_id)
        WHERE json_extract(body, '$.unclaimed') = 1
    """,
)

_WHOSE = (
    """
    CREATE TABLE board_racers ( -- whose lines of a board are known
        event_id TEXT NOT NULL,
        race_id TEXT NOT NULL,
        person_id TEXT NOT NULL,
        alias TEXT NOT NULL,
        submitted_at INTEGER NOT NULL,
        PRIMARY KEY (event_id, race_id, person_id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX board_racers_person ON board_racers (event_id, person_id)",
)

# So few are counted of those who wait that it costs less to count than to keep the number with every request.
_COUNTED = (
    *(f"DROP TRIGGER {name}" for name in ("request_made", "request_moved", "request_dropped")),
    "DROP TABLE tally",
)

VERSIONS: tuple[Steps, ...] = (
    *(_FIRST, _REFERENCES, _ORGANIZERS, _RACES, _BOARDS, _CLOSING, _UNCLAIMED),
    *(_WHOSE, _COUNTED),
)


def migrate(connection: sqlite3.Connection, versions: tuple[Steps, ...] = VERSIONS) -> None:
    """Bring the file forward to the newest version, in one transaction; does nothing when it is there.

    Raises StoreUnfit for a file that a newer release has brought further, or that belongs to another program.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, len(versions))
        for statements in versions[version:]:
            for step in statements:
                if isinstance(step, str):
                    connection.execute(step)
                else:
                    step(connection)
        if version < len(versions):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(versions)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, newest: int) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreUnfit("the file is another program's database", "name a file of its own for the bot")
    if version > newest:
        raise StoreUnfit(
            f"the file has version {version} of the tables and this release knows {newest}",
            "start the release that was here last, or a newer one",
        )
    return int(version)
