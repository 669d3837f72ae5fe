"""Garages: the models of racers on a racing site, read when an organizer asks, deleted where one wants so.

Deleting is desired state: it stands in the registration until the site shows none of the models that were
there when it was asked for. There is no way back.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from provisioning import roster
from provisioning.changes import Change
from provisioning.errors import AlreadySo, NoSiteUser
from provisioning.events import Event
from provisioning.ids import PersonId, RegistrationKey
from provisioning.instructing import Draft, Order
from provisioning.platform import Model, RacingPlatform
from provisioning.ports import Rows, Store
from provisioning.queue import Work
from provisioning.tending import account_on

KEPT = "models"  # under which an instruction keeps what was read, until its answer is sent
MOST_KEPT = 100  # models of one racer that are kept for an answer


class Garages:
    """Looks into garages."""

    def __init__(self, store: Store, platform: Callable[[], RacingPlatform | None]) -> None:
        """Take the way to the platform; None where the bot has no user of its own on the sites."""
        self._store = store
        self._platform = platform

    def of(self, event: Event, people: Collection[PersonId]) -> Mapping[PersonId, tuple[Model, ...]]:
        """Return the models of these racers, the oldest first; who has no account there is left out.

        Raises NoSiteUser without a site and a user of the bot's own there, else as `RacingPlatform` does.
        """
        platform = self._platform() if event.site_url is not None else None
        if platform is None:
            raise NoSiteUser(event=event.name)
        found: dict[PersonId, tuple[Model, ...]] = {}
        for person in people:
            key = RegistrationKey(event.id, person)
            registration = self._store.read(lambda rows, key=key: rows.registrations.get(key))  # type: ignore[misc]
            account = account_on(registration, event) if registration is not None else None
            if account is not None and account[1]:
                models = platform.models(*account)
                found[person] = tuple(sorted(models, key=lambda model: (model.created_at, model.name)))
        return found


def delete(rows: Rows, order: Order) -> Draft:
    """Plan to delete every model of those whom the order names. Raises NotInEvent, AlreadySo without any."""
    found = [
        one for one in roster.named(rows, order.event, order.people) if order.models.get(one.key.person_id)
    ]
    if not found:
        raise AlreadySo(event=order.event.name)
    change = Change(
        order.id,
        order.event.id,
        order.by,
        order.at,
        "models-delete",
        tuple(f"models:{one.key}" for one in found),
        len(found),
        before={f"{one.key} models": str(len(order.models[one.key.person_id])) for one in found},
        beside={f"{one.key} name": roster.called(one) for one in found},
    )

    def make(rows: Rows) -> None:
        for one in found:
            current = rows.registrations.get(one.key)
            if current is not None:  # else forgotten meanwhile
                unwanted = replace(current, models_unwanted_since=order.at, correlation=order.id)
                rows.registrations.save(unwanted)
                rows.queue.put(Work.TEND, str(one.key), order.at, urgent=True)

    return Draft(change, make, asks=True)


def packed(models: Mapping[PersonId, tuple[Model, ...]]) -> Mapping[str, str]:
    """Return what was read in the form in which an instruction keeps it."""
    rows = {
        person: [[one.id, one.name, one.status, one.created_at.isoformat()] for one in found[:MOST_KEPT]]
        for person, found in models.items()
    }
    return {KEPT: json.dumps(rows)}


def unpacked(facts: Mapping[str, str]) -> Mapping[PersonId, tuple[Model, ...]]:
    """Return what `packed` keeps."""
    rows = json.loads(facts.get(KEPT, "{}"))
    return {
        PersonId(person): tuple(
            Model(model, name, status, datetime.fromisoformat(at)) for model, name, status, at in found
        )
        for person, found in rows.items()
    }
