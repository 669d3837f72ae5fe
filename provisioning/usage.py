"""What racers have used, as the racing sites of an event know it."""

from collections.abc import Callable, Mapping

from provisioning.events import DeepRacerOnAws, Event, Quota
from provisioning.ids import PersonId
from provisioning.platform import RacingPlatform
from provisioning.ports import Rows, Store
from provisioning.roster import everybody


class Usage:
    """Looks up what has been used of quotas."""

    def __init__(self, store: Store, platform: Callable[[], RacingPlatform | None]) -> None:
        """Take the way to the platform; None where the bot has no user of its own on the sites."""
        self._store = store
        self._platform = platform

    def of(self, event: Event) -> Mapping[PersonId, Quota]:
        """Return what racers of this event have used and reserved this month, begun hours as whole ones.

        Who is missing used nothing, as far as is known: without a racing site nothing is. With several, the
        one where somebody used the most counts. Raises what `RacingPlatform` does while a site does not tell.
        """
        grants = [grant for grant in event.grants if isinstance(grant, DeepRacerOnAws)]
        platform = self._platform() if grants else None
        if platform is None:
            return {}
        used: dict[PersonId, Quota] = {}
        for grant in grants:
            people = self._store.read(lambda rows, grant=grant: people_at(rows, event, grant))  # type: ignore[misc]
            for profile in platform.profiles(grant):
                person = people.get(profile.id)
                if person is None:
                    continue
                hours = -(-(profile.minutes_used + profile.minutes_queued) // 60)
                known = used.get(person, Quota(training_hours=0, models=0))
                used[person] = Quota(max(known.training_hours, hours), max(known.models, profile.models))
        return used


def people_at(rows: Rows, event: Event, grant: DeepRacerOnAws) -> Mapping[str, PersonId]:
    """Return who of the event has which profile at the site of the grant."""
    found = ((one.progress.get(grant.target), one.key.person_id) for one in everybody(rows, event.id))
    return {at.subject: person for at, person in found if at is not None and at.subject is not None}
