"""The outbox: each new message owed once, cards as often as they change."""

from dataclasses import replace

import pytest

from provisioning.errors import StaleWrite
from provisioning.outbox import Kind, Notice
from provisioning.ports import Store
from provisioning.queue import Job, Work
from provisioning.requests import ReplyTo
from tests.contract.samples import MORNING, SetClock, a_card, a_result, after, chat


def put(store: Store, notice: Notice) -> None:
    store.run(lambda rows: rows.outbox.put(notice)).result()


def get(store: Store, notice_id: str) -> Notice:
    found = store.read(lambda rows: rows.outbox.get(notice_id))
    assert found is not None
    return found


def known(store: Store, notice_id: str) -> bool:
    return store.read(lambda rows: rows.outbox.get(notice_id)) is not None


def save(store: Store, notice: Notice) -> Notice:
    return store.run(lambda rows: rows.outbox.save(notice)).result()


def owed(store: Store, now: float = 0, *, work: Work = Work.SPEAK) -> list[Job]:
    return list(store.run(lambda rows: rows.queue.lease(work, 10, "w", after(now), after(now + 60))).result())


def done(store: Store, job: Job) -> None:
    store.run(lambda rows: rows.queue.done(job)).result()


def sent(store: Store, notice_id: str, reference: str) -> None:
    for work in (Work.SPEAK, Work.REFRESH):
        for job in owed(store, work=work):
            done(store, job)
    save(store, replace(get(store, notice_id), sent_at=after(1), reference=reference))


def test_a_notice_is_read_back_as_it_was_put(store: Store) -> None:
    notice = Notice(
        id="post:slack:C1:broken",
        kind=Kind.POST,
        about="slack:C1",
        to=ReplyTo(chat(1), "https://hooks.slack.com/1", after(1800), 5, "de-DE"),
        serial=4,
        says="group-missing",
        facts={"group": "0c1a"},
        created_at=MORNING,
        reference="C1/123.456",
    )
    put(store, notice)
    assert get(store, notice.id) == replace(notice, version=1)


def test_an_unknown_notice_is_none(store: Store) -> None:
    assert store.read(lambda rows: rows.outbox.get("result:x:1")) is None


def test_what_is_owed_is_queued_with_it_and_changes_are_not_in_the_way_of_new_messages(store: Store) -> None:
    edit = Notice("edit:1", Kind.EDIT, a_result(1).about, ReplyTo(chat(1)), created_at=MORNING)
    post = Notice("post:slack:C1:late", Kind.POST, "slack:C1", created_at=MORNING)
    for notice in (a_card(1), edit, a_result(1), post):
        put(store, notice)
    assert {job.key for job in owed(store)} == {a_result(1).id, post.id}
    assert {job.key for job in owed(store, work=Work.REFRESH)} == {a_card(1).id, edit.id}


def test_a_notice_without_a_date_is_owed_from_now(store: Store, clock: SetClock) -> None:
    clock.moment = after(5)
    put(store, a_card(1, created_at=None))
    assert owed(store, now=4, work=Work.REFRESH) == []
    assert [job.key for job in owed(store, now=5, work=Work.REFRESH)] == [a_card(1).id]


def test_a_result_put_twice_is_owed_once(store: Store, other: Store) -> None:
    put(store, a_result(1))
    sent(store, a_result(1).id, "D1/1.2")
    before = get(store, a_result(1).id)
    put(other, a_result(1, says="changed"))
    assert get(store, a_result(1).id) == before
    assert owed(store) == []


def test_an_edit_put_twice_is_owed_once(store: Store) -> None:
    edit = Notice("edit:1", Kind.EDIT, a_result(1).about, ReplyTo(chat(1)), created_at=MORNING)
    put(store, edit)
    sent(store, edit.id, "D1/1.2")
    put(store, edit)
    assert owed(store, work=Work.REFRESH) == []
    assert get(store, edit.id).sent_at == after(1)


def test_a_card_put_twice_before_it_was_sent_is_one_card_with_the_newest_words(store: Store) -> None:
    put(store, a_card(1, says="first"))
    put(store, a_card(1, says="second"))
    assert [job.key for job in owed(store, work=Work.REFRESH)] == [a_card(1).id]
    assert get(store, a_card(1).id).says == "second"


def test_a_card_put_after_it_was_sent_is_due_again_and_edits_what_is_there(store: Store) -> None:
    put(store, a_card(1))
    sent(store, a_card(1).id, "C1/1.2")
    put(store, a_card(1, to=ReplyTo(chat(1), locale="fr"), created_at=after(9)))
    card = get(store, a_card(1).id)
    assert (card.sent_at, card.reference, card.to) == (None, "C1/1.2", ReplyTo(chat(1), locale="fr"))
    assert [job.key for job in owed(store, now=9, work=Work.REFRESH)] == [card.id]


def test_a_card_put_while_it_is_being_sent_is_sent_once_more(store: Store) -> None:
    put(store, a_card(1))
    (job,) = owed(store, work=Work.REFRESH)
    sending = get(store, a_card(1).id)
    put(store, a_card(1, says="newer"))
    with pytest.raises(StaleWrite):
        save(store, replace(sending, sent_at=after(1)))
    done(store, job)
    assert [again.key for again in owed(store, work=Work.REFRESH)] == [a_card(1).id]


def test_a_dropped_card_is_owed_again_when_it_is_put_again(store: Store) -> None:
    put(store, a_card(1))
    save(store, replace(get(store, a_card(1).id), dropped="DR-408"))
    put(store, a_card(1))
    assert get(store, a_card(1).id).dropped is None


@pytest.mark.parametrize("version", [0, 2])
def test_a_notice_somebody_else_wrote_is_stale(store: Store, version: int) -> None:
    put(store, a_result(1))
    with pytest.raises(StaleWrite):
        save(store, a_result(1, reference="mine", version=version))
    assert get(store, a_result(1).id).reference is None


def test_what_could_not_be_delivered_is_found_and_nothing_else(store: Store, clock: SetClock) -> None:
    for number in (1, 2, 3, 4):
        put(store, a_result(number))
    put(store, a_card(5))
    save(store, replace(get(store, a_result(1).id), dropped="DR-408"))
    clock.moment = after(10)
    save(store, replace(get(store, a_result(2).id), dropped="DR-303"))
    save(store, replace(get(store, a_result(3).id), dropped="overtaken"))
    save(store, replace(get(store, a_result(4).id), sent_at=after(1)))
    save(store, replace(get(store, a_card(5).id), dropped="DR-408"))

    def found(limit: int) -> list[str]:
        return store.run(lambda rows: [one.id for one in rows.outbox.undelivered(limit)]).result()

    assert found(9) == [a_result(2).id, a_result(1).id]
    assert found(1) == [a_result(2).id]


def test_only_what_was_sent_or_dropped_long_ago_is_forgotten(store: Store, clock: SetClock) -> None:
    for number in (1, 2, 3, 4):
        put(store, a_result(number))
    save(store, replace(get(store, a_result(1).id), sent_at=after(10)))
    save(store, replace(get(store, a_result(2).id), sent_at=after(30)))
    clock.moment = after(10)
    save(store, replace(get(store, a_result(3).id), dropped="overtaken"))
    assert store.run(lambda rows: rows.outbox.forget_sent(after(20))).result() == 2
    left = [number for number in (1, 2, 3, 4) if known(store, a_result(number).id)]
    assert left == [2, 4]
