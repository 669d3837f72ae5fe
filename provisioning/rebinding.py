"""Rebinding: the chat identities of a person are let go, so that others of theirs can take their place.

Access is not touched. Nothing more goes to the old identities; whoever passes the gate as this person next is
bound, and told how it stands.
"""

from dataclasses import replace

from provisioning import roster
from provisioning.changes import Change
from provisioning.errors import AlreadySo
from provisioning.ids import PersonId, RegistrationKey
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows


def rebind(rows: Rows, order: Order) -> Draft:
    """Plan to let go of whom the order names. Always asks. Raises AlreadySo when nobody of them is bound."""
    bound = {
        person: chats
        for person in dict.fromkeys(order.people.values())
        if (chats := rows.bindings.chats_of(person))
    }
    if not bound:
        raise AlreadySo(event=order.event.name)
    texts = {person: text for text, person in order.people.items()}
    keys = {person: RegistrationKey(order.event.id, person) for person in bound}
    found = {person: rows.registrations.get(key) for person, key in keys.items()}
    names = {person: roster.called(one) if one else texts[person] for person, one in found.items()}
    change = Change(
        order.id,
        order.event.id,
        order.by,
        order.at,
        "rebind",
        tuple(f"binding:{keys[person]}" for person in bound),
        len(bound),
        {f"{keys[person]} account": ", ".join(map(str, chats)) for person, chats in bound.items()},
        beside={f"{keys[person]} name": name for person, name in names.items()},
    )

    def make(rows: Rows) -> None:
        for person in bound:
            _release(rows, person)

    return Draft(change, make, asks=True)


def _release(rows: Rows, person_id: PersonId) -> None:
    chats = rows.bindings.chats_of(person_id)
    rows.bindings.release(person_id)
    for registration in rows.registrations.of_person(person_id):
        rows.registrations.save(replace(registration, reply=None, unclaimed=True))
    for chat in chats:
        for request in rows.requests.of(chat):
            if request.state == "folded":  # what they asked there is no way to this person any more
                rows.requests.save(replace(request, state="refused", person_id=None))
