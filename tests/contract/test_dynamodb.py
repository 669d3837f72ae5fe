"""What only the store on DynamoDB has to promise: few writes, and whole ones, whatever is lost on the way."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from adapters.codec.boards import pack_board
from adapters.dynamodb import DynamoStore, commit, is_made, missing_from, open_store, session
from adapters.dynamodb import table as calls
from adapters.dynamodb.definition import DEFINITION
from adapters.dynamodb.requests import row_key
from adapters.dynamodb.rows import DynamoRows
from adapters.unfit import StoreUnfit
from provisioning import tallies
from provisioning.audit import Line, check
from provisioning.boards import Board
from provisioning.changes import Change
from provisioning.errors import EventClosed, StoreUnavailable
from provisioning.ids import PersonId, RegistrationKey
from provisioning.instructing import Order, make
from provisioning.joining import Asking, request_join
from provisioning.leaderboards import Leaderboard
from provisioning.leaderboards import Line as Place
from provisioning.ledger import Entry
from provisioning.outcomes import Queued
from provisioning.ports import Rows, Store
from provisioning.queue import Work
from provisioning.quota_changes import of_everyone
from provisioning.quotas import Adjustment, Amount
from provisioning.recording import record
from provisioning.requests import ReplyTo
from tests.contract.faulty_dynamodb import Client, Dying, Lagging, LosingAnswers
from tests.contract.samples import (
    MORNING,
    SPRING,
    SetClock,
    a_registration,
    a_request,
    after,
    an_event,
    chat,
    person,
    racer,
)

Opening = Callable[[Any], DynamoStore]


@pytest.fixture
def opening(table: str, clock: SetClock) -> Iterator[Opening]:
    """Open the table with a client of one's own."""
    with ExitStack() as stack:
        yield lambda client: stack.enter_context(closing(DynamoStore(client, table, clock)))


@pytest.fixture
def store(opening: Opening, dynamodb: Any) -> DynamoStore:
    return opening(dynamodb)


def join(rows: Rows, number: int = 1) -> Any:
    asking = Asking(chat(number), f"asked-{number}", after(number), ReplyTo(chat(number)))
    return request_join(rows, asking, None)


# --- how many writes ----------------------------------------------------------------------------------------


def test_asking_to_join_is_one_conditional_write_of_one_item(
    store: Store, opening: Opening, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.dynamodb.store.GATHERING_SECONDS", 3600)  # the books come later
    store.run(lambda rows: rows.events.save(an_event())).result()
    client = Client(dynamodb)

    assert isinstance(opening(client).run(join).result(), Queued)

    ((operation, asked),) = client.writes
    assert (operation, asked["ConditionExpression"]) == ("put_item", "attribute_not_exists(#name)")
    jobs = store.run(lambda rows: rows.queue.lease(Work.ANSWER, 9, "w", after(9), after(60))).result()
    assert [job.key for job in jobs] == [f"{SPRING}/{chat(1)}"]
    assert store.read(lambda rows: rows.requests.waiting(after(9), 9))
    assert [line.action for line in store.read(lambda rows: rows.audit.lines())] == ["asked to join"]
    assert store.read(lambda rows: rows.tallies.of(SPRING)) == {tallies.ASKED: 1}


def test_a_unit_that_changes_nothing_writes_nothing(store: Store, opening: Opening, dynamodb: Any) -> None:
    registration = store.run(lambda rows: rows.registrations.save(a_registration(1))).result()
    store.run(lambda rows: rows.queue.put(Work.SETTLE, str(racer(1)), MORNING)).result()
    client = Client(dynamodb)

    def unit(rows: Rows) -> None:
        rows.queue.put(Work.SETTLE, str(racer(1)), after(9))
        rows.queue.ensure(Work.SETTLE, str(racer(1)), MORNING)
        rows.registrations.release([registration.key], "nobody's")

    opening(client).run(unit).result()
    assert client.writes == []


def test_what_a_unit_expects_is_read_in_one_request(
    store: Store, opening: Opening, dynamodb: Any, clock: SetClock
) -> None:
    event = store.run(lambda rows: rows.events.save(an_event())).result()
    keys = [racer(number) for number in range(12)]

    def some(rows: Rows) -> None:
        for number, key in enumerate(keys):
            rows.registrations.save(a_registration(number))
            rows.ledger.save(Entry(event.targets[0], key.person_id, False, frozenset({SPRING})))
            rows.queue.put(Work.SETTLE, str(key), MORNING)

    store.run(some).result()
    jobs = store.run(lambda rows: rows.queue.lease(Work.SETTLE, 99, "w", after(1), after(60))).result()
    client = Client(dynamodb)

    def unit(rows: Rows) -> None:
        rows.expect(keys, jobs)
        for key in keys:
            assert rows.registrations.get(key) is not None
            assert rows.ledger.get(event.targets[0], key.person_id) is not None
            assert rows.queue.renew([job for job in jobs if job.key == str(key)], after(90))

    opening(client).run(unit).result()

    read = [
        operation for operation, _ in client.calls if operation in {"get_item", "query", "batch_get_item"}
    ]
    assert read == ["get_item", "batch_get_item"]  # the event, to know what it grants, and all the rest


def test_what_racers_are_told_of_is_read_together(store: Store, opening: Opening, dynamodb: Any) -> None:
    event = store.run(lambda rows: rows.events.save(an_event())).result()
    keys = [racer(number) for number in range(12)]

    def some(rows: Rows) -> None:
        for number in range(12):
            handle = ReplyTo(chat(number), "https://hooks.slack.com/1", after(1800), 5)
            folded = a_request(number, state="folded", person_id=person(number), reply=handle)
            rows.requests.save(folded)
            rows.bindings.claim(chat(number), person(number), MORNING)
            rows.registrations.save(a_registration(number, has_seat=True, reply=handle))

    store.run(some).result()
    client = Client(dynamodb)

    def unit(rows: Rows) -> None:
        rows.expect(keys, told=True)
        for key in keys:
            before = rows.registrations.get(key)
            assert before is not None
            record(rows, before, replace(before, ready_at=after(9)), event, after(9))

    opening(client).run(unit).result()

    read = [
        operation for operation, _ in client.calls if operation in {"get_item", "query", "batch_get_item"}
    ]
    assert read == [
        "get_item",
        "batch_get_item",
        "batch_get_item",
    ]  # the event; who they are; where they asked
    assert store.read(lambda rows: rows.queue.depth())[Work.SPEAK] == 12
    assert store.read(lambda rows: rows.queue.depth())[Work.REFRESH] == 12


def test_what_organizers_do_to_many_is_read_together(store: Store, opening: Opening, dynamodb: Any) -> None:
    event = store.run(lambda rows: rows.events.save(an_event())).result()
    store.run(lambda rows: [rows.registrations.save(a_registration(number)) for number in range(12)]).result()
    order = Order("i1", event, PersonId("organizer"), MORNING, {})
    draft = store.read(lambda rows: of_everyone(rows, order, Adjustment(hours=Amount(15))))
    client = Client(dynamodb)

    opening(client).run(lambda rows: make(rows, draft, event)).result()

    read = [
        operation for operation, _ in client.calls if operation in {"get_item", "query", "batch_get_item"}
    ]
    assert read == ["get_item", "batch_get_item", "get_item"]  # the event; racers and notes; the change
    assert store.read(lambda rows: rows.queue.depth())[Work.SPEAK] == 12


def test_a_registration_is_read_with_its_event(store: Store, opening: Opening, dynamodb: Any) -> None:
    store.run(
        lambda rows: (rows.events.save(an_event()), rows.registrations.save(a_registration(1)))
    ).result()
    client = Client(dynamodb)

    def unit(rows: Rows) -> bool:
        return rows.registrations.get(racer(1)) is not None and rows.events.get(SPRING) is not None

    assert opening(client).read(unit)
    assert [operation for operation, _ in client.calls] == ["batch_get_item"]


def test_a_worker_without_work_asks_once_and_one_with_work_reads_what_is_there(
    store: Store, opening: Opening, dynamodb: Any
) -> None:
    client = Client(dynamodb)
    other = opening(client)

    def lease() -> list[str]:
        client.calls.clear()
        other.run(lambda rows: rows.queue.lease(Work.SETTLE, 9, "w", after(1), after(60))).result()
        return [operation for operation, _ in client.calls]

    assert lease() == ["query"]
    for key in ("a", "b"):
        store.run(lambda rows, key=key: rows.queue.put(Work.SETTLE, key, MORNING)).result()  # type: ignore[misc]
    assert lease() == ["query", "query", "batch_get_item", "transact_write_items"]
    store.run(lambda rows: rows.queue.put(Work.SETTLE, "c", MORNING, urgent=True)).result()
    assert lease() == ["query", "query", "query", "get_item", "query", "put_item"]


# --- whole or not at all ------------------------------------------------------------------------------------


@pytest.fixture
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen items are many, a process that is gone is given up at once, and nobody waits."""
    monkeypatch.setattr("adapters.dynamodb.store.TIDYING_SECONDS", 3600)  # what is left is left to the test
    monkeypatch.setattr(commit, "TOGETHER", 6)
    monkeypatch.setattr(commit, "_PART", 4)
    monkeypatch.setattr(commit, "PLAN_SECONDS", 0)
    monkeypatch.setattr(calls, "PAUSE_SECONDS", 0)


def many(rows: Rows) -> None:
    """Change what is there, delete some of it, and make something new: twelve items."""
    for number in range(4):
        found = rows.requests.get(a_request(number).key)
        if found is not None:
            rows.requests.save(found)
    for number in range(4, 8):
        found = rows.requests.get(a_request(number).key)
        if found is not None:
            rows.requests.delete(found)
    for number in range(8, 12):
        rows.requests.save(a_request(number))
        rows.tallies.add(SPRING, tallies.ASKED)


def versions(rows: Rows) -> list[int]:
    found = [rows.requests.get(a_request(number).key) for number in range(12)]
    return [0 if one is None else one.version for one in found]


BEFORE = [1] * 8 + [0] * 4
AFTER = [2] * 4 + [0] * 4 + [1] * 4


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("writes", [0, 1, 3, 4, 5, 6, 8])
def test_a_process_that_dies_while_it_writes_many_items_has_written_all_or_none(
    store: DynamoStore, opening: Opening, dynamodb: Any, writes: int
) -> None:
    store.run(lambda rows: [rows.requests.save(a_request(number)) for number in range(8)]).result()
    before = store.read(versions)
    outcome = opening(Dying(dynamodb, writes)).run(many).exception()

    found = store.read(versions)
    assert found in (BEFORE, AFTER)
    assert before == BEFORE
    assert (found == AFTER) is (outcome is None)
    if found == BEFORE:  # and nothing is in the way of whoever does it now
        store.run(many).result()
    assert store.read(versions) == AFTER
    assert store.read(lambda rows: len(rows.requests.waiting(after(1), 99))) == 8
    assert store.read(lambda rows: rows.tallies.of(SPRING)) == {tallies.ASKED: 4}


@pytest.mark.usefixtures("small_transactions")
def test_a_process_that_needs_long_for_many_items_is_not_taken_for_gone(
    store: DynamoStore, opening: Opening, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.run(lambda rows: [rows.requests.save(a_request(number)) for number in range(8)]).result()
    monkeypatch.setattr(commit, "PLAN_SECONDS", 20)
    seen, runs, now = [], [], [2.0**31]
    monkeypatch.setattr("time.time", lambda: now[0])

    class Slow(Client):
        def pass_on(self, operation: str, asked: dict[str, Any]) -> Any:
            if operation == "transact_write_items":
                now[0] += 9
                seen.append(store.read(versions))
            return super().pass_on(operation, asked)

    def unit(rows: Rows) -> None:
        runs.append(1)
        many(rows)

    opening(Slow(dynamodb)).run(unit).result()

    assert len(runs) == 1
    assert seen[:3] == [BEFORE] * 3
    assert store.read(versions) == AFTER


@pytest.mark.usefixtures("small_transactions")
def test_what_a_process_that_is_gone_left_taken_is_found_and_brought_forward(
    store: DynamoStore, opening: Opening, dynamodb: Any, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.run(lambda rows: [rows.requests.save(a_request(number)) for number in range(8)]).result()
    assert opening(Dying(dynamodb, 5)).run(many).exception() is None  # decided, and nothing brought forward
    items = calls.Table(dynamodb, table)
    assert any(items.find("owed", "plans"))

    monkeypatch.setattr("time.time", lambda: 2**33)
    assert commit.finish_plans(items) == 1

    assert not any(items.find("owed", "plans"))
    assert not any("by_plan" in (items.get(key) or {}) for key, _ in items.find("requests", SPRING))
    assert store.read(versions) == AFTER


class Helped(Client):
    """Once its plan is done, and before it brings the items forward, somebody else is there."""

    def __init__(self, client: Any, help_out: Callable[[], object]) -> None:
        super().__init__(client)
        self._help_out = help_out
        self.done_at: int | None = None

    def pass_on(self, operation: str, asked: dict[str, Any]) -> Any:
        answer = super().pass_on(operation, asked)
        if self.done_at is None and asked.get("Item", {}).get("state") == {"S": "done"}:
            self.done_at = len(self.calls)
            self._help_out()
        return answer


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("helped", [12, 6])
def test_what_somebody_else_has_brought_forward_costs_one_call_more_and_not_one_each(
    store: DynamoStore, opening: Opening, dynamodb: Any, table: str, helped: int
) -> None:
    store.run(lambda rows: [rows.requests.save(a_request(number)) for number in range(8)]).result()
    other = opening(dynamodb)
    keys = [a_request(number).key for number in range(helped)]
    client = Helped(dynamodb, lambda: other.read(lambda rows: [rows.requests.get(key) for key in keys]))

    opening(client).run(many).result()

    assert client.done_at is not None
    parts = 3  # of four items each; and two calls to forget the plan
    assert len(client.calls) - client.done_at <= 2 * parts + 2
    assert not any(calls.Table(dynamodb, table).find("owed", "plans"))
    assert store.read(versions) == AFTER


class Late(Client):
    """The second part of a plan gets through when nobody believes in it any more."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.under_way: dict[str, Any] | None = None

    def pass_on(self, operation: str, asked: dict[str, Any]) -> Any:
        parts = [one for name, one in self.calls if name == "transact_write_items"]
        if operation == "transact_write_items" and len({repr(one) for one in parts}) == 2:
            self.under_way = asked
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return super().pass_on(operation, asked)

    def arrive(self) -> None:
        assert self.under_way is not None
        self._client.transact_write_items(**self.under_way)


@pytest.mark.usefixtures("small_transactions")
def test_what_arrives_after_its_plan_was_given_up_is_in_nobodys_way(
    store: DynamoStore, opening: Opening, dynamodb: Any, table: str
) -> None:
    store.run(lambda rows: [rows.requests.save(a_request(number)) for number in range(8)]).result()
    late = Late(dynamodb)
    assert isinstance(opening(late).run(many).exception(), StoreUnavailable)
    late.arrive()
    items = calls.Table(dynamodb, table)
    assert any("by_plan" in item for _, item in items.everything())

    assert store.read(versions) == BEFORE
    store.run(many).result()
    assert store.read(versions) == AFTER


@pytest.mark.usefixtures("small_transactions")
def test_items_that_a_plan_still_holds_are_brought_forward_together(
    store: DynamoStore, opening: Opening, dynamodb: Any
) -> None:
    store.run(lambda rows: [rows.requests.save(a_request(number)) for number in range(8)]).result()
    assert opening(Dying(dynamodb, 5)).run(many).exception() is None  # decided, and nothing brought forward
    client = Client(dynamodb)
    reader = opening(client)

    def unit(rows: DynamoRows) -> list[int]:
        rows.session.load(row_key(a_request(number).key) for number in range(12))
        return versions(rows)

    assert reader.read(unit) == AFTER
    asked = [operation for operation, _ in client.calls]
    assert asked == ["batch_get_item", "get_item", *["transact_write_items"] * 3, "batch_get_item"]


@pytest.mark.usefixtures("small_transactions")
def test_seats_of_more_people_than_a_transaction_holds_are_taken_together(store: Store) -> None:
    def asked(rows: Rows) -> None:
        rows.events.save(an_event(capacity=8))
        for number in range(10):
            rows.registrations.save(a_registration(number, asked=number))

    store.run(asked).result()
    keys = [racer(number) for number in range(10)]
    seated = store.run(lambda rows: rows.events.take_seats(SPRING, keys)).result()

    event = store.read(lambda rows: rows.events.get(SPRING))
    assert event is not None
    assert (len(seated), event.taken) == (8, 8)
    assert store.read(lambda rows: rows.registrations.in_line(SPRING, 99)) == tuple(keys[8:])
    assert store.read(lambda rows: rows.registrations.count(SPRING))["in_line"] == 2


@pytest.mark.usefixtures("small_transactions")
def test_a_unit_over_many_items_that_raises_leaves_no_trace(store: Store) -> None:
    def unit(rows: Rows) -> None:
        many(rows)
        raise EventClosed

    assert isinstance(store.run(unit).exception(), EventClosed)
    assert store.read(versions) == [0] * 12
    assert store.read(lambda rows: rows.tallies.of(SPRING)) == {}


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("people", [1, 3, 12])
def test_a_write_whose_answer_is_lost_is_made_once(opening: Opening, dynamodb: Any, people: int) -> None:
    store = opening(LosingAnswers(dynamodb))

    def unit(rows: Rows) -> int:
        return sum(rows.requests.save(a_request(number)).version for number in range(people))

    assert store.run(unit).result() == people
    assert len(store.read(lambda rows: rows.requests.waiting(after(1), 99))) == people


def test_nobody_is_folded_in_by_a_binding_that_goes_at_the_same_moment(
    store: Store, opening: Opening, dynamodb: Any
) -> None:
    other = opening(dynamodb)
    store.run(lambda rows: rows.bindings.claim(chat(1), person(1), MORNING)).result()
    claims = []

    def fold_in(rows: Rows) -> None:
        claims.append(rows.bindings.claim(chat(1), person(1), MORNING))
        rows.registrations.save(a_registration(1))
        if len(claims) == 1:
            other.run(lambda rows: rows.bindings.release(person(1))).result()

    store.run(fold_in).result()
    assert claims == [False, True]
    assert store.read(lambda rows: rows.bindings.person_of(chat(1))) == person(1)


def test_while_the_table_is_out_of_reach_nothing_is_recorded_and_that_is_said(
    store: Store, opening: Opening, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "PAUSE_SECONDS", 0)
    away = opening(Dying(dynamodb, 0))
    with pytest.raises(StoreUnavailable):
        away.run(lambda rows: rows.requests.save(a_request(1))).result()
    assert store.read(lambda rows: rows.requests.of(chat(1))) == ()


# --- indexes are a moment behind ----------------------------------------------------------------------------


def test_a_key_that_an_index_still_shows_is_leased_by_nobody_else(
    store: Store, opening: Opening, dynamodb: Any
) -> None:
    client = Lagging(dynamodb)
    other = opening(client)
    store.run(lambda rows: rows.queue.put(Work.SETTLE, "a", MORNING)).result()

    def lease(one: Store, token: str) -> list[str]:
        leased = one.run(lambda rows: rows.queue.lease(Work.SETTLE, 9, token, MORNING, after(60))).result()
        return [job.key for job in leased]

    client.stands_still = True
    assert lease(other, "first") == ["a"]
    assert lease(other, "second") == []


def test_what_an_index_still_shows_in_its_old_place_is_not_found_there(
    store: Store, opening: Opening, dynamodb: Any
) -> None:
    client = Lagging(dynamodb)
    other = opening(client)
    store.run(lambda rows: rows.events.save(an_event())).result()
    for number in (1, 2):
        registration = a_registration(number, asked=number)
        store.run(lambda rows, one=registration: rows.registrations.save(one)).result()  # type: ignore[misc]
    assert other.read(lambda rows: rows.registrations.in_line(SPRING, 9)) == (racer(1), racer(2))

    client.stands_still = True
    store.run(lambda rows: rows.events.take_seats(SPRING, [racer(1)])).result()
    assert other.read(lambda rows: rows.registrations.in_line(SPRING, 9)) == (racer(2),)


# --- the books ----------------------------------------------------------------------------------------------


def test_what_is_owed_outlives_the_row_that_carried_it(store: Store) -> None:
    store.run(lambda rows: rows.events.save(an_event())).result()
    request = store.run(lambda rows: (join(rows), rows.requests.of(chat(1))[0])[1]).result()
    store.run(lambda rows: rows.queue.lease(Work.ANSWER, 1, "w", after(9), after(60))).result()
    store.run(lambda rows: rows.requests.delete(request)).result()

    assert store.read(lambda rows: rows.requests.of(chat(1))) == ()
    assert [line.action for line in store.read(lambda rows: rows.audit.lines())] == ["asked to join"]
    assert store.run(lambda rows: rows.queue.depth()).result()[Work.ANSWER] == 1


def test_what_many_owe_is_entered_in_transactions_and_read_together(
    store: Store, opening: Opening, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.dynamodb.store.GATHERING_SECONDS", 3600)
    client = Client(dynamodb)
    reader = opening(client)

    def unit(rows: Rows, number: int) -> None:
        rows.requests.save(a_request(number))
        for _ in range(3):
            rows.audit.append(Line(MORNING, str(chat(number)), "asked to join", f"{SPRING}/{number}", SPRING))
        rows.tallies.add(SPRING, tallies.ASKED)

    for number in range(40):
        store.run(lambda rows, number=number: unit(rows, number)).result()  # type: ignore[misc]
    client.calls.clear()

    (head,) = reader.read(lambda rows: rows.audit.heads())

    assert head.count == 120
    # 24 owe what fits into one transaction; then the rest: each time found, read, read, and written.
    once = ["query", "batch_get_item", "batch_get_item", "transact_write_items"]
    assert [operation for operation, _ in client.calls] == [*once, *once, "get_item"]
    assert reader.read(lambda rows: rows.tallies.of(SPRING)) == {tallies.ASKED: 40}


@pytest.mark.usefixtures("small_transactions")
def test_more_is_owed_than_one_item_carries_and_one_transaction_holds(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "OWED_TOGETHER", 5)

    def unit(rows: Rows) -> None:
        for number in range(13):
            rows.audit.append(
                Line(MORNING, str(chat(number)), "asked to join", f"{SPRING}/{chat(number)}", SPRING)
            )
            rows.tallies.add(SPRING, tallies.ASKED)

    store.run(unit).result()

    head, links = store.read(lambda rows: (rows.audit.heads()[0], rows.audit.links("table", 0, 999)))
    assert (head.count, list(check(head, links))) == (13, [])
    assert [link.line.subject for link in links] == [f"{SPRING}/{chat(number)}" for number in range(13)]
    assert store.read(lambda rows: rows.tallies.of(SPRING)) == {tallies.ASKED: 13}


def test_a_ranking_longer_than_an_item_holds_is_kept(store: Store, dynamodb: Any, table: str) -> None:
    lines = [Place(number, f"racer-{number}", 60_000 + number, after(number), 1) for number in range(8_000)]
    ranking = Leaderboard(tuple(lines))
    board = Board(
        SPRING, "7", "Lap", "https://race.example.com", "best-lap", MORNING, after(9), ranking=ranking
    )
    assert len(pack_board(board)) > 409_600
    store.run(lambda rows: rows.boards.save(board)).result()
    assert store.read(lambda rows: rows.boards.get(SPRING, "7")) == replace(board, version=1)
    found = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"event#{SPRING}"}},
    )
    assert len(found["Items"][0]["body"]["B"]) < 200_000


# --- the table ----------------------------------------------------------------------------------------------


def a_change(racers: int) -> Change:
    """Return a change for so many racers, each with an id that is like no other."""
    keys = [str(RegistrationKey(SPRING, PersonId(str(uuid.uuid4())))) for _ in range(racers)]
    hours = {f"{key} hours": "10" for key in keys}
    names = {f"{key} name": "Ada Lovelace" for key in keys}
    subjects = tuple(f"quota:{key}" for key in keys)
    by = PersonId("organizer")
    return Change("c1", SPRING, by, MORNING, "quota", subjects, racers, hours, hours, beside=names)


@pytest.mark.usefixtures("small_transactions")
def test_a_change_for_thousands_of_racers_is_kept_and_changed_with_many_other_items(store: Store) -> None:
    store.run(lambda rows: [rows.requests.save(a_request(number)) for number in range(8)]).result()
    made = store.run(lambda rows: rows.changes.save(a_change(4000))).result()

    def undo(rows: Rows) -> None:
        rows.changes.save(replace(made, undone_by="c2"))
        many(rows)

    store.run(undo).result()
    assert store.read(lambda rows: rows.changes.get("c1")) == replace(made, undone_by="c2", version=2)
    assert store.read(versions) == AFTER


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("others", [True, False])
def test_what_no_item_holds_is_a_mistake_and_no_outage(store: Store, *, others: bool) -> None:
    store.run(lambda rows: [rows.requests.save(a_request(number)) for number in range(8)]).result()

    def unit(rows: Rows) -> None:
        rows.changes.save(a_change(20_000))
        if others:
            many(rows)

    assert isinstance(store.run(unit).exception(), calls.Refused)
    assert store.read(versions) == BEFORE
    store.run(many).result()  # nothing is in the way
    assert store.read(versions) == AFTER


def test_the_table_is_made_as_it_is_defined(dynamodb: Any, table: str) -> None:
    made = dynamodb.describe_table(TableName=table)["Table"]
    for name in ("KeySchema", "AttributeDefinitions"):
        assert made[name] == DEFINITION[name]
    assert [
        {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
        for index in made["GlobalSecondaryIndexes"]
    ] == DEFINITION["GlobalSecondaryIndexes"]
    assert (made["BillingModeSummary"]["BillingMode"], made["SSEDescription"]["Status"]) == (
        "PAY_PER_REQUEST",
        "ENABLED",
    )


def expiry(dynamodb: Any, table: str, number: int) -> str | None:
    key = {"pk": {"S": f"chat#{chat(number)}"}, "sk": {"S": f"request#{SPRING}"}}
    found = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    return found["expires"]["N"] if "expires" in found else None


def test_only_what_nobody_waits_for_expires(store: Store, dynamodb: Any, table: str) -> None:
    refused = a_request(1, state="refused", refusal="DR-204")

    def unit(rows: Rows) -> None:
        rows.requests.save(refused)
        rows.requests.save(a_request(2))
        rows.requests.save(a_request(3, state="refused"))
        rows.queue.put(Work.ANSWER, str(a_request(3).key), MORNING)

    store.run(unit).result()
    eight_days = int((MORNING + timedelta(days=8)).timestamp())
    assert [expiry(dynamodb, table, number) for number in (1, 2, 3)] == [str(eight_days), None, None]
    store.run(
        lambda rows: rows.queue.done(rows.queue.lease(Work.ANSWER, 9, "w", MORNING, after(9))[0])
    ).result()
    assert expiry(dynamodb, table, 3) == str(eight_days)


@pytest.fixture
def address(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a table that is not there yet."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.meta.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    return f"dynamodb://made-at-{person(1)}?region=eu-central-1"


def test_the_table_is_made_when_the_store_is_opened_first(address: str, clock: SetClock) -> None:
    assert not is_made(address)
    for _ in range(2):
        with closing(open_store(address, clock)) as store:
            store.run(lambda rows: rows.queue.put(Work.SETTLE, "a", MORNING)).result()
            assert store.read(lambda rows: rows.queue.depth())[Work.SETTLE] == 1
    assert is_made(address)
    assert missing_from(address) == []


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("dynamodb://ab", "names no table"),
        ("dynamodb://table/other", "names no table"),
        ("dynamodb://table?region=", "names no table"),
        ("dynamodb://table?zone=a", "names no table"),
        ("dynamodb://table", "NoRegionError"),
        ("dynamodb://table?region=eu-central-1", "EndpointConnectionError"),
    ],
)
def test_a_store_that_cannot_be_opened_says_what_mends_it(
    monkeypatch: pytest.MonkeyPatch, clock: SetClock, url: str, what: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    with pytest.raises(StoreUnfit, match=what) as caught:
        open_store(url, clock)
    assert caught.value.mend
