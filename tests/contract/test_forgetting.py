"""Of whoever is forgotten nothing stays, but for what others need."""

from datetime import timedelta

from provisioning.admitting import admit
from provisioning.forgetting import forget, known_of
from provisioning.ledger import Entry
from provisioning.ports import Rows, Store
from provisioning.registrations import Person, Progress, Step
from provisioning.requests import Wish
from tests.contract.samples import AUTUMN, MORNING, SPRING, a_registration, a_request, an_event, chat, person


def test_whoever_was_never_in_an_event_is_forgotten_as_well(store: Store) -> None:
    def asked(rows: Rows) -> None:
        rows.events.save(an_event())
        rows.requests.save(a_request(1, wish=Wish.GONE))
        admit(rows, a_request(1).key, 1, Person(person(1), "ada@example.com"), None, MORNING)
        assert rows.bindings.person_of(chat(1)) == person(1)  # there was nothing to leave

    store.run(asked).result()
    store.run(lambda rows: forget(rows, known_of(rows, chat(1)), MORNING)).result()

    assert store.read(lambda rows: known_of(rows, chat(1))).is_nothing


def test_no_entry_of_the_ledger_stays_that_no_event_needs(store: Store) -> None:
    event = an_event()
    record, effect, _ = event.grants

    def left(rows: Rows) -> None:
        rows.events.save(event)
        rows.events.save(an_event(AUTUMN, grants=(record,)))  # whose members the directory brings there, too
        rows.bindings.claim(chat(1), person(1), MORNING)
        progress = {grant.target: Progress(Step.KEPT, MORNING) for grant in (record, effect)}
        rows.registrations.save(a_registration(1, wish=Wish.GONE, gone_at=MORNING, progress=progress))
        for grant, needed_by in ((record, {AUTUMN}), (effect, set())):
            rows.ledger.save(
                Entry(grant.target, person(1), present_before=False, needed_by=frozenset(needed_by))
            )

    store.run(left).result()
    later = MORNING + timedelta(hours=1)
    store.run(lambda rows: forget(rows, known_of(rows, chat(1)), later)).result()

    found = store.read(lambda rows: [rows.ledger.get(grant.target, person(1)) for grant in (record, effect)])
    assert [one is not None for one in found] == [True, False]
    assert store.read(lambda rows: rows.registrations.count(SPRING))["all"] == 0
