"""The `deepracer-on-aws` grant where nobody lets the bot into the user pool: through the site's API alone.

It can less. Every new racer is mailed by the site, 50 a day without SES, and begins with the alias of
everybody. The API can take nobody out of the group: access ends as a quota below nothing, with which a racer
can still sign in, look, and submit the models there are. The firewall stands in between.

    invite (or: exists already) ─▶ the profile of that e-mail address ─▶ a quota below nothing, or one again

A profile proves no account: the site writes it before the account, and an invitation that fails leaves it
behind. That the account exists is proven by inviting alone, which the site then refuses.
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
_NOT_MADE: Final = "Unable to create profile"  # mostly because the day's mails are used up
_LATER: Final = 600.0  # seconds after which the site is asked for one again


class InvitedRacers:
    """The port `Access` for DeepRacer on AWS by invitation; `client_of` returns the API of a site."""

    batch = 10  # five calls a second at most, and each invitation is one

    def __init__(self, client_of: Callable[[str], SiteClient], mails: Mails) -> None:
        self._client_of = client_of
        self._platform = DeepRacerPlatform(client_of)
        self._mails = mails
        # Whose account is known to exist, by site, with the profile that was there before it and is not its.
        self._proven: dict[tuple[str, PersonId], str] = {}

    def presence(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Read who has a profile that was not shut; a quota of nothing is a quota."""

        def act(person: Person, mail: str, profile: Profile | None) -> Outcome:
            return Absent() if profile is None or profile.allowance == OUT else Present(profile.id)

        return self._for_each(grant, people, act)

    def confirm(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Read the same, and that there is an account behind each profile; who has none is invited."""

        def act(person: Person, mail: str, profile: Profile | None) -> Outcome:
            if profile is None or profile.allowance == OUT:
                return Absent()
            left_behind = self._proven.get((grant.site_url, person.id))
            if left_behind is not None:
                return Absent() if profile.id == left_behind else Present(profile.id)
            outcome = self._invited(grant, person, mail, profile)
            return Absent() if outcome == Present() else outcome

        return self._for_each(grant, people, act)

    def add(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Invite these people; who was out is in again, with nothing until the event's quota is told."""

        def act(person: Person, mail: str, profile: Profile | None) -> Outcome:
            if profile is not None and profile.allowance == OUT:
                self._set(grant, profile, BACK)
                return Present(profile.id)
            return self._invited(grant, person, mail, profile)

        return self._for_each(grant, people, act)

    def remove(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Let these people use nothing any more."""

        def act(person: Person, mail: str, profile: Profile | None) -> Outcome:
            if profile is not None and profile.allowance != OUT:
                self._set(grant, profile, OUT)
            self._proven.pop((grant.site_url, person.id), None)
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
        act: Callable[[Person, str, Profile | None], Outcome],
    ) -> Mapping[PersonId, Outcome]:
        """Act on each person's address and the profile that has it, and answer for everybody."""
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
            try:
                return act(person, mail.lower(), _working(by_mail.get(mail.lower(), [])))
            except AccessAccountMismatch as error:
                return Failed(error)
            except ProvisioningError as error:
                raise Trouble(error, may_have_landed=isinstance(error, SiteUnavailable)) from error

        return one_by_one({person.id: person for person in people}, one)

    def _set(self, grant: DeepRacerOnAws, profile: Profile, wanted: Allowance) -> None:
        """Shut a profile or open it. Raises Unexpected for a site that has something else after that."""
        if self._platform.set_allowance(grant, profile.id, wanted) != wanted:
            raise Unexpected(action="PATCH /profile", reason="the site has another quota after that")

    def _invited(self, grant: DeepRacerOnAws, person: Person, mail: str, profile: Profile | None) -> Outcome:
        """Invite somebody, so that they have an account; which profile a new one has, is read later."""
        address = (profile.email if profile is not None else None) or mail  # as it is spelt in the pool
        try:
            self._client_of(grant.site_url).call("POST", "/profile", {"emailAddress": address})
        except SiteError as refusal:
            if refusal.text == _UNUSABLE:
                return Failed(EmailUnusable())
            if refusal.text != _EXISTS:
                return Failed(refusal.unexpected())
            self._proven[grant.site_url, person.id] = ""
            return Present() if profile is None else Present(profile.id)
        except SiteUnavailable as error:
            if _NOT_MADE in error.facts.get("reason", ""):  # each attempt may leave one more profile behind
                raise SiteUnavailable(_LATER, reason=error.facts["reason"]) from error
            raise
        self._proven[grant.site_url, person.id] = "" if profile is None else profile.id
        return Present()


def _working(profiles: Sequence[Profile]) -> Profile | None:
    """Return the profile that an account goes with: the newest, as none is made once there is an account.

    Raises AccessAccountMismatch where the site does not tell which one that is.
    """
    if not profiles[1:]:
        return next(iter(profiles), None)
    dates = sorted(one.created_at for one in profiles if one.created_at is not None)
    if len(dates) < len(profiles) or dates[-1] == dates[-2]:
        raise AccessAccountMismatch
    return max(profiles, key=lambda one: one.created_at == dates[-1])
