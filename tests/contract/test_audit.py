"""The audit: every line once, in the order of recording."""

from provisioning.audit import Line
from provisioning.ids import EventId
from provisioning.ports import Store
from tests.contract.samples import AUTUMN, MORNING, SPRING, after, chat, racer


def append(store: Store, action: str, event_id: EventId | None = SPRING, at: float = 0) -> None:
    line = Line(after(at), "bot", action, str(racer(1)), event_id)
    store.run(lambda rows: rows.audit.append(line)).result()


def actions(store: Store, event_id: EventId | None = None, limit: int = 1000) -> list[str]:
    return [line.action for line in store.read(lambda rows: rows.audit.lines(event_id, limit))]


def test_a_line_is_read_back_as_it_was_written(store: Store) -> None:
    line = Line(MORNING, str(chat(1)), "refused", str(racer(1)), SPRING, "c-1", {"code": "DR-204"})
    plain = Line(MORNING, "command line", "applied", SPRING)
    store.run(lambda rows: rows.audit.append(line)).result()
    store.run(lambda rows: rows.audit.append(plain)).result()
    assert store.read(lambda rows: rows.audit.lines()) == (line, plain)


def test_lines_come_in_the_order_of_recording(store: Store, other: Store) -> None:
    append(store, "asked", at=9)
    append(other, "bound", at=1)
    append(store, "granted", at=5)
    assert actions(store) == ["asked", "bound", "granted"]


def test_the_newest_lines_are_kept_when_there_are_too_many(store: Store) -> None:
    for action in ("one", "two", "three"):
        append(store, action)
    assert actions(store, limit=2) == ["two", "three"]


def test_an_event_has_its_own_lines(store: Store) -> None:
    append(store, "spring", SPRING)
    append(store, "autumn", AUTUMN)
    append(store, "neither", None)
    append(store, "spring again", SPRING)
    assert actions(store, SPRING) == ["spring", "spring again"]
    assert actions(store, SPRING, limit=1) == ["spring again"]


def test_the_same_line_twice_is_two_lines(store: Store) -> None:
    append(store, "asked")
    append(store, "asked")
    assert actions(store) == ["asked", "asked"]
