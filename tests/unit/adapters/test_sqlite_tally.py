"""How many requests wait is kept beside them, and stays true whatever becomes of them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Literal

import pytest

from adapters.sqlite import SqliteStore, open_store
from provisioning.ids import ChatIdentity, EventId, PersonId, RequestKey
from provisioning.ports import Rows
from provisioning.requests import ReplyTo, Request, Wish

MORNING = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'bot.db'}")
    yield opened
    opened.close()


def asked(number: int) -> Request:
    key = RequestKey(EventId("spring-cup"), ChatIdentity("slack", "T0123", f"U{number:04}"))
    return Request(key, Wish.RACING, MORNING + timedelta(seconds=number), ReplyTo(key.chat))


def save(store: SqliteStore, request: Request) -> Request:
    return store.run(lambda rows: rows.requests.save(request)).result()


def ahead(store: SqliteStore, moment: datetime) -> int:
    return store.read(lambda rows: rows.requests.waiting_ahead(moment))


def test_the_tally_follows_every_move_of_a_request(store: SqliteStore) -> None:
    dice = Random(1)
    rows = [save(store, asked(number)) for number in range(30)]
    for _ in range(200):
        number, before = dice.randrange(30), MORNING + timedelta(seconds=dice.randrange(31))
        state: Literal["waiting", "folded", "refused"] = dice.choice(("waiting", "folded", "refused"))
        person = PersonId("p-1") if state == "folded" else None
        rows[number] = save(store, replace(rows[number], state=state, person_id=person))
        waiting = [row for row in rows if row.state == "waiting" and row.received_at < before]
        assert ahead(store, before) == len(waiting)


def test_the_tally_forgets_what_is_forgotten(store: SqliteStore) -> None:
    save(store, replace(asked(1), state="refused"))
    save(store, asked(2))
    assert store.run(lambda rows: rows.requests.forget_refused(MORNING + timedelta(days=1))).result() == 1
    assert ahead(store, MORNING + timedelta(days=1)) == 1


def test_a_unit_that_raises_leaves_the_tally_alone(store: SqliteStore) -> None:
    save(store, asked(1))

    def unit(rows: Rows) -> None:
        rows.requests.save(asked(2))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.run(unit).result()
    assert ahead(store, MORNING + timedelta(days=1)) == 1
