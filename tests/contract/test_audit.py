"""The audit: every line once, in the order of recording, chained, with personal text beside the chain."""

from dataclasses import replace

from provisioning.audit import Break, Head, Line, Link, check
from provisioning.errors import EventClosed
from provisioning.ids import EventId
from provisioning.ports import Rows, Store
from tests.contract.samples import AUTUMN, MORNING, SPRING, after, chat, person, racer


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


# --- the chain ----------------------------------------------------------------------------------------------


def whole(store: Store) -> list[tuple[Head, list[Link]]]:
    """Return every chain, read in pages as a check reads it."""

    def read(rows: Rows) -> list[tuple[Head, list[Link]]]:
        found = []
        for head in rows.audit.heads():
            links: list[Link] = []
            while page := rows.audit.links(head.chain, links[-1].number if links else 0, 2):
                links += page
            found.append((head, links))
        return found

    return store.read(read)


def breaks(store: Store) -> list[Break]:
    return [found for head, links in whole(store) for found in check(head, links)]


def test_an_empty_audit_holds(store: Store) -> None:
    assert breaks(store) == []
    assert sum(head.count for head, _ in whole(store)) == 0


def test_lines_of_two_processes_and_of_units_that_share_a_commit_are_one_chain_each(
    store: Store, other: Store, is_slow: bool
) -> None:
    lines = 20 if is_slow else 60
    futures = [
        (store, other)[number % 2].run(
            lambda rows, number=number: rows.audit.append(  # type: ignore[misc]
                Line(after(number), "bot", "asked", str(racer(number)), SPRING)
            )
        )
        for number in range(lines)
    ]
    for future in futures:
        future.result()

    assert breaks(store) == []
    assert sum(head.count for head, _ in whole(store)) == lines
    assert [link.number for _, links in whole(store) for link in links] == [
        number for head, _ in whole(store) for number in range(1, head.count + 1)
    ]


def test_a_unit_that_raises_takes_its_lines_out_of_the_chain_again(store: Store) -> None:
    append(store, "one")

    def failing(rows: Rows) -> None:
        rows.audit.append(Line(MORNING, "bot", "two", str(racer(1)), SPRING, texts={"reason": "why"}))
        raise EventClosed

    first = store.run(failing)
    second = store.run(lambda rows: rows.audit.append(Line(MORNING, "bot", "three", SPRING, SPRING)))
    assert isinstance(first.exception(), EventClosed)
    second.result()

    assert actions(store) == ["one", "three"]
    assert breaks(store) == []


def test_texts_are_read_back_and_gone_when_they_are_forgotten_and_the_chain_still_holds(
    store: Store,
) -> None:
    texts = {"reason": "was rude to Grace", "name": "Ada \ud800 Lovelace"}
    mine = Line(
        MORNING, str(person(9)), "changed", str(racer(1)), SPRING, "c", {"kind": "hold"}, texts, person(1)
    )
    his = replace(mine, subject=str(racer(2)), texts={"reason": "the same"}, whose=person(2))
    for line in (mine, his):
        store.run(lambda rows, line=line: rows.audit.append(line)).result()  # type: ignore[misc]
    assert store.read(lambda rows: rows.audit.lines()) == (mine, his)
    assert not any(
        text in link.body for _, links in whole(store) for link in links for text in ("rude", "Ada")
    )

    assert store.run(lambda rows: rows.audit.forget_texts(person(1))).result() == 2

    assert store.read(lambda rows: rows.audit.lines()) == (replace(mine, texts={}), his)
    assert breaks(store) == []
    assert not any(link.texts for _, links in whole(store) for link in links if link.line.whose == person(1))


def test_the_same_text_has_another_digest_every_time(store: Store) -> None:
    line = Line(MORNING, "bot", "changed", str(racer(1)), SPRING, texts={"reason": "late"}, whose=person(1))
    for _ in range(2):
        store.run(lambda rows: rows.audit.append(line)).result()
    digests = [link.digests["reason"] for _, links in whole(store) for link in links]
    assert len(set(digests)) == 2


def test_lines_about_somebody_are_those_in_which_they_act_or_are_acted_upon(store: Store) -> None:
    lines = [
        Line(after(1), str(chat(1)), "asked", f"{SPRING}/{chat(1)}", SPRING),
        Line(after(2), "bot", "granted", str(racer(1)), SPRING),
        Line(after(3), "bot", "granted", str(racer(2)), SPRING),
        Line(after(4), str(person(1)), "changed", SPRING, SPRING),
    ]
    for line in lines:
        store.run(lambda rows, line=line: rows.audit.append(line)).result()  # type: ignore[misc]
    names = [str(chat(1)), str(racer(1)), str(person(1))]

    assert store.read(lambda rows: rows.audit.about(names, 10)) == (lines[0], lines[1], lines[3])
    assert store.read(lambda rows: rows.audit.about(names, 2)) == (lines[1], lines[3])
    assert store.read(lambda rows: rows.audit.about([], 10)) == ()
