"""Moving from a file into a table: everything arrives as it left, also when the move is killed on the way."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters import sqlite
from adapters.dynamodb import DynamoStore
from adapters.dynamodb import table as calls
from adapters.dynamodb.arriving import Arriving
from adapters.moving import NOUNS, NotMoved
from bot import auditing
from bot.moving import Compared, move
from provisioning.audit import Line
from provisioning.boards import Board
from provisioning.changes import Change
from provisioning.closings import Closing
from provisioning.errors import StoreUnavailable
from provisioning.events import Breakage
from provisioning.ids import TargetId
from provisioning.instructions import Instruction
from provisioning.joining import Asking, request_join
from provisioning.ledger import Entry
from provisioning.ports import Rows, Store
from provisioning.queue import Work
from provisioning.races import Race
from provisioning.references import ANSWER, Reference
from provisioning.registrations import Hold
from provisioning.requests import ReplyTo
from provisioning.whose import Claim
from tests.contract.faulty_dynamodb import Dying
from tests.contract.samples import (
    MORNING,
    SPRING,
    SetClock,
    a_card,
    a_registration,
    a_request,
    a_result,
    after,
    an_event,
    chat,
    person,
    racer,
)
from tests.scenario import LONG

CROWD = 1000 if LONG else 60
TARGET = TargetId("entra-group:0c1a")


@pytest.fixture
def people() -> int:
    return 6


@pytest.fixture
def file(tmp_path: Path, clock: SetClock, people: int) -> str:
    """A file in which half the people are in, the others have asked, and there is some of everything."""
    url = f"sqlite:///{tmp_path / 'bot.db'}"
    with closing(sqlite.open_store(url, clock)) as store:
        store.run(lambda rows: rows.events.save(an_event(capacity=people // 4))).result()
        for number in range(people):
            store.run(lambda rows, of=number: joins(rows, of, is_in=of < people // 2)).result()  # type: ignore[misc]
        store.run(some_of_everything).result()
        store.run(
            lambda rows: rows.events.take_seats(SPRING, [racer(one) for one in range(people // 2)])
        ).result()
        store.run(lambda rows: rows.queue.lease(Work.SETTLE, 3, "gone", after(9), after(60))).result()
        store.run(lambda rows: rows.registrations.lease([racer(1)], "gone", MORNING, after(60))).result()
    return url


def joins(rows: Rows, number: int, *, is_in: bool) -> None:
    request_join(rows, Asking(chat(number), f"asked-{number}", after(number), ReplyTo(chat(number))), None)
    if is_in:
        rows.bindings.claim(chat(number), person(number), after(number))
        (request,) = rows.requests.of(chat(number))
        rows.requests.save(replace(request, state="folded", person_id=person(number)))
        rows.registrations.save(a_registration(number, asked=number))
        rows.ledger.save(Entry(TARGET, person(number), False, frozenset({SPRING})))
        rows.outbox.put(a_result(number))
        rows.queue.put(Work.SETTLE, str(racer(number)), after(number / 100))


def some_of_everything(rows: Rows) -> None:
    rows.events.mark_broken(SPRING, Breakage(TARGET, "DR-401", "group-missing", MORNING, {"group": "0c1a"}))
    rows.requests.save(a_request(5000, state="refused", refusal="DR-204"))
    sent = rows.outbox.get(a_result(0).id)
    assert sent is not None
    rows.outbox.save(replace(sent, sent_at=after(3), reference="17"))
    rows.outbox.put(a_card(0))
    dropped = rows.outbox.get(a_card(0).id)
    assert dropped is not None
    rows.outbox.save(replace(dropped, dropped="DR-601"))
    rows.references.save(Reference(str(chat(1, "teams")), '{"conversation":"a:1"}', MORNING, "blocked"))
    rows.references.save(Reference(f"{ANSWER}a:1/7", "17", MORNING))
    rows.instructions.save(Instruction("i-1", chat(9), "pause", MORNING, ReplyTo(chat(9))))
    rows.instructions.save(Instruction("i-2", chat(9), "pause", MORNING, ReplyTo(chat(9)), state="answered"))
    rows.changes.save(Change("c-1", SPRING, person(9), MORNING, "event-set", ("event.name",)))
    rows.races.save(Race(SPRING, 1, "Lap \ud800", "https://racing.example.com/1", person(9), MORNING))
    url = "https://racing.example.com/1"
    rows.boards.save(Board(SPRING, "r#1", "Lap", url, "best-lap", MORNING, after(9)))
    rows.boards.save_claims(SPRING, "r#1", [Claim(person(one), f"alias {one}", MORNING) for one in (1, 2)])
    rows.moments.note("reminder", MORNING, {"of": "3"})
    rows.answers.save(racer(1), "team", "Zoë #1 \ud800", MORNING)
    rows.closings.save(Closing(SPRING, MORNING, 7, 2))
    rows.marks.keep(SPRING, person(77), Hold("removed", person(9), MORNING, "unfair"))
    said = {"reason": "It was unfair."}
    rows.audit.append(Line(MORNING, person(9), "changed", str(racer(1)), SPRING, texts=said, whose=person(9)))
    rows.audit.append(Line(MORNING, person(9), "changed", "all", texts=said))


@pytest.fixture
def moved(file: str, dynamodb: Any, table: str, clock: SetClock) -> Callable[..., tuple[Compared, ...]]:
    """Move the file into the table, through a client of one's own."""

    def once(client: Any = dynamodb) -> tuple[Compared, ...]:
        with closing(sqlite.leave(file)) as left:
            return move(left, Arriving(client, table, clock), lambda *_: None)

    return once


@pytest.fixture
def there(dynamodb: Any, table: str, clock: SetClock) -> Iterator[Store]:
    """The store that was moved into."""
    with closing(DynamoStore(dynamodb, table, clock)) as store:
        yield store


@pytest.mark.parametrize("people", [CROWD])
def test_a_move_that_is_killed_on_the_way_is_finished_by_the_next(
    moved: Callable[..., tuple[Compared, ...]],
    file: str,
    there: Store,
    dynamodb: Any,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
    people: int,
) -> None:
    monkeypatch.setattr(calls, "PAUSE_SECONDS", 0)
    for writes in (people // 20, people // 5):
        with pytest.raises(StoreUnavailable):
            moved(Dying(dynamodb, writes))
        assert there.read(lambda rows: rows.events.all()) == ()  # a bot that starts now does no harm

    compared = moved()

    assert [one.noun for one in compared if not one.is_same] == []
    assert [one.noun for one in compared if not one.left.count] == []
    assert tuple(one.noun for one in compared) == NOUNS
    assert auditing.verify(there).breaks == ()
    with closing(sqlite.open_store(file, clock)) as store:
        assert there.read(lambda rows: everything(rows, people)) == store.read(
            lambda rows: everything(rows, people)
        )
    finishes(there, people)


def everything(rows: Rows, people: int) -> list[Any]:
    """What the two stores say of themselves."""
    line = rows.audit.lines(limit=9999)
    return [
        rows.events.all(),
        rows.registrations.of_event(SPRING, None, 9999),
        rows.registrations.count(SPRING),
        rows.registrations.in_line(SPRING, 9999),
        [rows.requests.of(chat(number)) for number in range(0, people, 5)],
        rows.requests.waiting(after(9999), 9999),
        [rows.bindings.person_of(chat(number)) for number in range(0, people, 5)],
        [rows.bindings.chat_of(person(number), "slack") for number in range(0, people, 5)],
        [rows.ledger.get(TARGET, person(number)) for number in range(0, people, 10)],
        [rows.outbox.get(a_result(number).id) for number in range(0, people, 10)],
        rows.outbox.undelivered(99),
        rows.references.get(str(chat(1, "teams"))),
        [rows.instructions.get(one) for one in ("i-1", "i-2")],
        rows.instructions.waiting(after(1), 9),
        rows.changes.since(SPRING, MORNING),
        rows.races.of_event(SPRING),
        rows.boards.of_event(SPRING),
        rows.boards.claims(SPRING, "r#1"),
        rows.moments.get("reminder"),
        rows.answers.of_event(SPRING),
        rows.closings.get(SPRING),
        rows.tallies.of(SPRING),
        rows.marks.of(SPRING, person(77)),
        rows.queue.depth(),
        line,
        rows.audit.about([str(racer(1)), person(9)], 99),
        [(head.count, head.digest) for head in rows.audit.heads()],
    ]


def finishes(store: Store, people: int) -> None:
    """Lease what was on the queue, those too that somebody held who is gone, and write over what is there."""
    works = {Work.ANSWER: people, Work.SETTLE: people // 2}
    for work, keys in works.items():
        leased = store.run(
            lambda rows, one=work: rows.queue.lease(one, 9999, "w", after(9999), after(99_999))  # type: ignore[misc]
        ).result()
        assert len({job.key for job in leased}) == keys
    held = store.run(lambda rows: rows.registrations.lease([racer(1)], "w", MORNING, after(9))).result()
    assert held == {racer(1)}

    def on(rows: Rows) -> None:
        registration = rows.registrations.get(racer(1))
        assert registration is not None
        rows.registrations.save(replace(registration, attempts=1))
        rows.audit.append(Line(MORNING, "bot", "ready", str(racer(1)), SPRING))

    store.run(on).result()
    assert auditing.verify(store).breaks == ()


def test_moving_twice_changes_nothing(moved: Callable[..., tuple[Compared, ...]]) -> None:
    first = moved()
    assert moved() == first


def test_what_was_changed_meanwhile_is_not_written_over(
    moved: Callable[..., tuple[Compared, ...]], there: Store
) -> None:
    moved()
    registration = there.read(lambda rows: rows.registrations.get(racer(1)))
    assert registration is not None
    saved = there.run(lambda rows: rows.registrations.save(replace(registration, attempts=7))).result()

    with pytest.raises(NotMoved, match="other registrations"):
        moved()

    assert there.read(lambda rows: rows.registrations.get(racer(1))) == saved


def test_what_is_only_in_the_table_is_found_by_comparing(
    moved: Callable[..., tuple[Compared, ...]], there: Store
) -> None:
    moved()
    there.run(lambda rows: rows.races.save(Race(SPRING, 2, "B", "https://b", person(9), MORNING))).result()
    assert [one.noun for one in moved() if not one.is_same] == ["races"]


def test_a_table_of_another_bot_is_left_alone(
    moved: Callable[..., tuple[Compared, ...]], there: Store
) -> None:
    event = there.run(lambda rows: rows.events.save(an_event(name="Another"))).result()
    with pytest.raises(NotMoved, match="another bot's"):
        moved()
    assert there.read(lambda rows: rows.events.all()) == (event,)


def test_leases_and_brakes_of_an_idle_bot_are_not_in_the_way(
    moved: Callable[..., tuple[Compared, ...]], there: Store
) -> None:
    there.run(lambda rows: rows.leases.take("sweeper", "w", MORNING, MORNING + timedelta(hours=1))).result()
    assert all(one.is_same for one in moved())


def test_a_file_that_a_process_has_open_is_not_left(file: str, clock: SetClock) -> None:
    with closing(sqlite.open_store(file, clock)), pytest.raises(NotMoved, match="Stop it first"):
        sqlite.leave(file)
