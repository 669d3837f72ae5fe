"""Signing in for the first time: the bot made a racer's account, so it can give them a way in, for once.

The password is made when the answer is sent, shown to its owner alone, and kept nowhere. Asking again makes
another.
"""

from dataclasses import replace

from provisioning.deciding import IN_PLACE, wants_racing
from provisioning.errors import NoSiteAccount
from provisioning.events import DeepRacerOnAws, Event
from provisioning.ids import RegistrationKey
from provisioning.instructing import AFTER_ACK
from provisioning.joining import Asking, find_event
from provisioning.outbox import Kind, Notice
from provisioning.outcomes import Outcome, Refused, SigningIn
from provisioning.ports import Clock, Rows
from provisioning.registrations import Person, Registration


def request_sign_in(rows: Rows, asking: Asking, event_name: str | None) -> Outcome:
    """Owe the asker a first password for the racing site. A repeated delivery owes nothing more."""
    person = rows.bindings.person_of(asking.chat)
    events = rows.events.all()
    named = find_event(events, event_name) if event_name else None
    for registration in rows.registrations.of_person(person) if person else ():
        event = next((event for event in events if event.id == registration.key.event_id), None)
        if event is None or (event_name and event != named):
            continue
        if account_of(registration, event) is not None and wants_racing(registration, event, asking.now):
            _owe(rows, asking, registration.key)
            return SigningIn(event)
    return Refused(NoSiteAccount())


def account_of(registration: Registration, event: Event) -> tuple[DeepRacerOnAws, Person] | None:
    """Return the site on which this racer has an account, and the racer as the site knows them."""
    for grant in event.grants:
        if isinstance(grant, DeepRacerOnAws):
            progress = registration.progress.get(grant.target)
            if progress is not None and progress.step in IN_PLACE:
                return grant, replace(registration.person, subject=progress.subject)
    return None


def account_to_sign_in(
    rows: Rows, key: RegistrationKey, clock: Clock
) -> tuple[Event, DeepRacerOnAws, Person] | None:
    """Return what a first password is for now; None when the racer has no account there any more."""
    registration, event = rows.registrations.get(key), rows.events.get(key.event_id)
    if registration is None or event is None or not wants_racing(registration, event, clock.now()):
        return None
    account = account_of(registration, event)
    return None if account is None else (event, *account)


def _owe(rows: Rows, asking: Asking, key: RegistrationKey) -> None:
    about = f"signin:{key}"
    notice_id, at = f"answer:{about}:{asking.digest}", asking.now + AFTER_ACK
    rows.outbox.put(Notice(notice_id, Kind.ANSWER, about, asking.reply, created_at=at))
