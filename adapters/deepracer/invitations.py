"""The `deepracer-on-aws` grant where nobody lets the bot into the user pool: through the site's API alone.

It can less. Every new racer is mailed by the site, 50 a day without SES, and begins with the alias of
everybody. The API can take nobody out of the group: access ends as a quota below nothing, with which a racer
can still sign in, look, and submit the models there are. The firewall stands in between.

    invite (or: exists already) ─▶ the profile of that e-mail address ─▶ a quota below nothing, or one again
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from adapters.aws.api import Trouble
from adapters.aws.each import one_by_one
from adapters.deepracer.access import Mails
from adapters.deepracer.client import SiteClient, SiteError
from adapters.deepracer.platform import DeepRacerPlatform
from provisioning.access import Absent, Failed, Outcome, Present
from provisioning.errors import (
    AccessAccountMismatch,
    EmailUnusable,
    NotInDirectory,
    PermissionMissing,
    ProvisioningError,
    SiteUnavailable,
    Unexpected,
)
from provisioning.events import DeepRacerOnAws
from provisioning.ids import PersonId
from provisioning.platform import Allowance, Profile
from provisioning.registrations import Person

ADMINS: Final = "dr-admins"
OUT: Final = Allowance(0, -2)  # no quota of an event's: the site keeps less than nothing, and blocks as by 0
BACK: Final = Allowance(0, 0)  # in again, until the site is told what the event gives
_EXISTS, _UNUSABLE = "A user with this email address already exists.", "Invalid email address format."


class InvitedRacers:
    """The port `Access` for DeepRacer on AWS by invitation; `client_of` returns the API of a site."""

    batch = 10  # five calls a second at most, and each invitation is one

    def __init__(self, client_of: Callable[[str], SiteClient], mails: Mails) -> None:
        self._client_of = client_of
        self._platform = DeepRacerPlatform(client_of)
        self._mails = mails

    def presence(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Read who has a profile that was not shut; a quota of nothing is a quota."""
        return self._for_each(grant, people, lambda _, profiles: _as_outcome(profiles))

    confirm = presence  # there is nothing that tells more

    def add(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Invite these people; who was out is in again, with nothing until the event's quota is told."""

        def act(mail: str, profiles: list[Profile]) -> Outcome:
            if not profiles:
                return self._invited(grant, mail)
            if _is_out(profiles):
                self._set(grant, profiles[0], BACK)
            return Present(profiles[0].id)

        return self._for_each(grant, people, act)

    def remove(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Let these people use nothing any more."""

        def act(_: str, profiles: list[Profile]) -> Outcome:
            if profiles and not _is_out(profiles):
                self._set(grant, profiles[0], OUT)
            return Absent()

        return self._for_each(grant, people, act)

    def check(self, grant: DeepRacerOnAws) -> None:
        """Look whether the API answers, and whether the bot's user may set quotas.

        Raises SiteUnknown, SiteTooOld, SiteFirewalled, PermissionMissing, CredentialRefused, Unexpected or
        Unavailable.
        """
        client = self._client_of(grant.site_url)
        if ADMINS not in client.groups():
            raise PermissionMissing(permission=f"group {ADMINS}")
        self._platform.newcomers_allowance(grant)

    def _for_each(
        self,
        grant: DeepRacerOnAws,
        people: Sequence[Person],
        act: Callable[[str, list[Profile]], Outcome],
    ) -> Mapping[PersonId, Outcome]:
        """Act on each person's address and the profiles that have it, and answer for everybody."""
        try:
            mails = self._mails([person.id for person in people])
            by_mail: dict[str, list[Profile]] = {}
            for profile in self._platform.profiles(grant):
                by_mail.setdefault((profile.email or "").lower(), []).append(profile)
        except ProvisioningError as error:
            return {person.id: Failed(error) for person in people}

        def one(person: Person) -> Outcome:
            mail = mails.get(person.id)
            if mail is None or isinstance(mail, Failed):
                return mail or Failed(NotInDirectory())
            profiles = by_mail.get(mail.lower(), [])
            if len(profiles) > 1:  # a failed invitation leaves a row behind; which one works, none tells
                return Failed(AccessAccountMismatch())
            try:
                return act(mail.lower(), profiles)
            except ProvisioningError as error:
                raise Trouble(error, may_have_landed=isinstance(error, SiteUnavailable)) from error

        return one_by_one({person.id: person for person in people}, one)

    def _set(self, grant: DeepRacerOnAws, profile: Profile, wanted: Allowance) -> None:
        """Shut a profile or open it. Raises Unexpected for a site that has something else after that."""
        if self._platform.set_allowance(grant, profile.id, wanted) != wanted:
            raise Unexpected(action="PATCH /profile", reason="the site has another quota after that")

    def _invited(self, grant: DeepRacerOnAws, mail: str) -> Outcome:
        """Invite somebody. Which profile they have got, the next reading tells."""
        try:
            self._client_of(grant.site_url).call("POST", "/profile", {"emailAddress": mail})
        except SiteError as refusal:
            if refusal.text == _UNUSABLE:
                return Failed(EmailUnusable())
            if refusal.text != _EXISTS:
                return Failed(refusal.unexpected())
        return Present()


def _is_out(profiles: Sequence[Profile]) -> bool:
    return profiles[0].allowance == OUT


def _as_outcome(profiles: Sequence[Profile]) -> Outcome:
    return Absent() if not profiles or _is_out(profiles) else Present(profiles[0].id)
