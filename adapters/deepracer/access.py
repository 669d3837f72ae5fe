"""The `deepracer-on-aws` grant: an account in the user pool of a racing site, in the group `dr-racers`.

The pool is written directly, as an administrator: there the username is ours to choose, errors tell what went
wrong, nothing passes the site's firewall, and no mail is needed. An account is ours when it has the username
that follows from the person; ours are disabled when access ends, and never deleted. Of an account somebody
else made, only the membership that we added is taken back.

    find (by e-mail) ─▶ create, or enable ours ─▶ put in the group ─▶ read back: in the group, and enabled
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from typing import Final

from adapters.aws.api import Trouble
from adapters.aws.each import one_by_one
from adapters.deepracer.names import alias_of, username_of
from adapters.deepracer.pool import (
    HALTED,
    NOT_FOUND,
    OUT_OF_MAILS,
    RACERS,
    TAKEN,
    Account,
    Pool,
    account_of,
)
from adapters.deepracer.site import Sites
from provisioning.access import Absent, Failed, Outcome, Present
from provisioning.errors import (
    AccessAccountDisabled,
    AccessUnavailable,
    GroupMissing,
    NotInDirectory,
    ProvisioningError,
    SiteUnavailable,
)
from provisioning.events import DeepRacerOnAws
from provisioning.ids import PersonId
from provisioning.ports import Clock
from provisioning.registrations import Person

KEPT_SECONDS: Final = 60.0  # how long what a request said of an account is relied upon
_LATER: Final = 3600.0  # seconds: how soon it is tried again when the day's mails are used up

Mails = Callable[[Sequence[PersonId]], Mapping[PersonId, str | Failed | None]]


class RacerAccounts:
    """The port `Access` for DeepRacer on AWS. Safe to use from several threads; they take turns.

    `pool_of` returns the user pool of a site, `mails` the directory's e-mail addresses of people.
    `invites`: the pool mails new accounts their first password; without it nothing is mailed.
    """

    batch = 40  # each takes two requests, of which the slower goes out twenty times a second

    def __init__(
        self,
        sites: Sites,
        pool_of: Callable[[str], Pool],
        mails: Mails,
        clock: Clock,
        *,
        invites: bool = False,
    ) -> None:
        self._sites = sites
        self._pool_of = pool_of
        self._mails = mails
        self._clock = clock
        self._invites = invites
        self._kept: dict[tuple[str, PersonId], tuple[Account | None, float]] = {}
        self._addresses: dict[PersonId, tuple[str | Failed | None, float]] = {}
        self._lock = RLock()

    def presence(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Read who is in the group, whatever the state of their account."""

        def act(pool: Pool) -> dict[PersonId, Outcome]:
            known = frozenset(person.subject for person in people if person.subject)
            listed, unread = pool.racers(known)

            def look(person: Person) -> Outcome:
                if person.subject and person.subject not in unread:
                    return Present(person.subject) if person.subject in listed else Absent()
                name = person.subject or self._name_of(pool, person)
                if isinstance(name, Failed):
                    return name
                return Present(name) if name and RACERS in pool.groups_of(name) else Absent()

            return one_by_one(_by_id(people), look)

        return self._in_turn(grant, people, act, _nameless(people))

    def add(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Give these people an account in the group; a disabled one that is not ours is refused."""

        def act(pool: Pool) -> dict[PersonId, Outcome]:
            return one_by_one(_by_id(people), lambda person: self._add(pool, person))

        return self._in_turn(grant, people, act, people)

    def remove(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Take these people out of the group, and disable the accounts that are ours."""

        def act(pool: Pool) -> dict[PersonId, Outcome]:
            return one_by_one(_by_id(people), lambda person: self._remove(pool, person))

        return self._in_turn(grant, people, act, _nameless(people))

    def confirm(self, grant: DeepRacerOnAws, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Read back the membership; a disabled account cannot use it."""

        def act(pool: Pool) -> dict[PersonId, Outcome]:
            names = {person.id: person.subject or username_of(pool.id, person.id) for person in people}
            listed, unread = pool.racers(frozenset(names.values()))

            def look(person: Person) -> Outcome:
                name = names[person.id]
                if name in unread and RACERS not in pool.groups_of(name):
                    return Absent()
                account = listed.get(name) or (self._account(pool, person, name) if name in unread else None)
                if account is None:
                    return Absent()
                return Present(name) if account.enabled else Failed(AccessAccountDisabled())

            return one_by_one(_by_id(people), look)

        return self._in_turn(grant, people, act)

    def check(self, grant: DeepRacerOnAws) -> None:
        """Look for the pool and the group, and at the version of the site.

        Raises SiteUnknown, SiteTooOld, GroupMissing, PermissionMissing, CredentialRefused, Unexpected or
        Unavailable.
        """
        self._sites.of(grant.site_url).check_version()
        pool = self._pool_of(grant.site_url)
        try:
            pool.check_brakes()
            pool.ask("ListUsersInGroup", GroupName=RACERS, Limit=1)
        except Trouble as trouble:
            self._look_again_for(grant, trouble.error)
            raise _of_pool(trouble.error, pool) from trouble

    def _look_again_for(self, grant: DeepRacerOnAws, error: ProvisioningError) -> None:
        """Have the site read anew whose pool or group is gone: it may have been deployed anew."""
        if isinstance(error, GroupMissing):
            self._sites.forget(grant.site_url)

    def _in_turn(
        self,
        grant: DeepRacerOnAws,
        people: Sequence[Person],
        act: Callable[[Pool], dict[PersonId, Outcome]],
        addressed: Sequence[Person] = (),
    ) -> Mapping[PersonId, Outcome]:
        """Act on the site's pool, with the mail addresses of some known, and answer for everybody."""
        with self._lock:
            self._forget_old()
            try:
                pool = self._pool_of(grant.site_url)
                pool.check_brakes()
                self._look_up(addressed)
                outcomes = act(pool)
            except Trouble as trouble:
                return {person.id: Failed(trouble.error) for person in people}
            except ProvisioningError as error:
                return {person.id: Failed(error) for person in people}
            for found in outcomes.values():
                if isinstance(found, Failed):
                    self._look_again_for(grant, found.error)
            return {key: _told(found, pool) for key, found in outcomes.items()}

    # --- one person -----------------------------------------------------------------------------------------

    def _add(self, pool: Pool, person: Person) -> Outcome:
        email = self._addresses[person.id][0]
        if email is None or isinstance(email, Failed):
            return email or Failed(NotInDirectory())
        account = self._kept.get((pool.id, person.id), (None, 0.0))[0]
        if account is None:
            account = self._created(pool, person, email)
        if not account.enabled:
            if account.username != username_of(pool.id, person.id):
                return Failed(AccessAccountDisabled())
            pool.ask("AdminEnableUser", Username=account.username)
        self._keep(pool, person, replace(account, enabled=True))
        try:
            pool.ask("AdminAddUserToGroup", Username=account.username, GroupName=RACERS)
        except Trouble as trouble:
            if trouble.code != NOT_FOUND:
                raise
            del self._kept[pool.id, person.id]  # somebody deleted the account: the next add makes another
            return Failed(AccessUnavailable(retry_after=1.0))
        return Present(account.username)

    def _created(self, pool: Pool, person: Person, email: str) -> Account:
        """Create the person's account, or return the one that is there already: ours, or their own."""
        username = username_of(pool.id, person.id)
        how = {"DesiredDeliveryMediums": ["EMAIL"]} if self._invites else {"MessageAction": "SUPPRESS"}
        try:
            answer = pool.ask(
                "AdminCreateUser",
                Username=username,
                UserAttributes=_verified(email),
                ClientMetadata={"racerAlias": alias_of(username)},
                **how,
            )
        except Trouble as trouble:
            if trouble.code == OUT_OF_MAILS:
                reason = "the user pool may send no more invitations today"
                raise Trouble(SiteUnavailable(_LATER, reason=reason), stops=True) from trouble
            if trouble.code in HALTED:
                error = SiteUnavailable(reason=trouble.code)
                raise Trouble(error, may_have_landed=True) from trouble
            if trouble.code not in TAKEN:
                raise
            return self._taken(pool, username, email, trouble)
        return account_of(answer["User"])

    def _taken(self, pool: Pool, username: str, email: str, trouble: Trouble) -> Account:
        """Return the account for which no other could be made; ours gets the person's present address."""
        ours = pool.account(username)
        if ours is None:
            found = pool.account(email)
            if found is None:  # it was there a moment ago: look again
                raise Trouble(AccessUnavailable(retry_after=1.0)) from trouble
            return found
        if ours.email.lower() == email:
            return ours
        try:
            pool.ask("AdminUpdateUserAttributes", Username=username, UserAttributes=_verified(email))
        except Trouble as other:
            theirs = pool.account(email) if other.code in TAKEN else None
            if theirs is None:
                raise
            return theirs  # they have an account of their own under the address they use now
        return ours

    def _remove(self, pool: Pool, person: Person) -> Outcome:
        username = username_of(pool.id, person.id)
        names = {person.subject or username}
        if not person.subject:
            theirs = self._name_of(pool, person)
            if isinstance(theirs, Failed):
                return theirs
            names |= {theirs} if theirs else set()
        for name in sorted(names):
            try:
                pool.ask("AdminRemoveUserFromGroup", Username=name, GroupName=RACERS)
                if name == username:
                    pool.ask("AdminDisableUser", Username=name)
            except Trouble as trouble:
                if trouble.code != NOT_FOUND:
                    raise
        self._kept.pop((pool.id, person.id), None)
        return Absent()

    def _name_of(self, pool: Pool, person: Person) -> str | Failed | None:
        """Return the username of the account with the person's e-mail address, or None.

        Who has no address in the directory is gone from it; then only the account that is ours is left.
        """
        email = self._addresses[person.id][0]
        if isinstance(email, Failed):
            return email
        account = pool.account(email or username_of(pool.id, person.id))
        self._keep(pool, person, account)
        return account.username if account else None

    def _account(self, pool: Pool, person: Person, name: str) -> Account | None:
        """Return the account as a request of the last minute showed it, else ask."""
        kept = self._kept.get((pool.id, person.id))
        if kept is not None and kept[0] is not None and kept[0].username == name:
            return kept[0]
        return pool.account(name)

    # --- what is remembered for a moment --------------------------------------------------------------------

    def _look_up(self, people: Sequence[Person]) -> None:
        """Ask the directory where these people's mail goes."""
        wanted = [person.id for person in people if person.id not in self._addresses]
        found = self._mails(wanted) if wanted else {}
        for key in wanted:
            mail = found.get(key)
            self._addresses[key] = (mail.lower() if isinstance(mail, str) else mail, self._now())

    def _keep(self, pool: Pool, person: Person, account: Account | None) -> None:
        self._kept[pool.id, person.id] = (account, self._now())

    def _forget_old(self) -> None:
        oldest = self._now() - KEPT_SECONDS
        self._kept = {key: kept for key, kept in self._kept.items() if kept[1] >= oldest}
        self._addresses = {
            key: known
            for key, known in self._addresses.items()
            if known[1] >= oldest and isinstance(known[0], str)
        }

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _by_id(people: Sequence[Person]) -> dict[PersonId, Person]:
    return {person.id: person for person in people}


def _verified(email: str) -> list[dict[str, str]]:
    return [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]


def _nameless(people: Sequence[Person]) -> list[Person]:
    """Return those whose username nobody knows yet."""
    return [person for person in people if person.subject is None]


def _told(outcome: Outcome, pool: Pool) -> Outcome:
    if not isinstance(outcome, Failed):
        return outcome
    return Failed(_of_pool(outcome.error, pool), outcome.may_have_landed)


def _of_pool(error: ProvisioningError, pool: Pool) -> ProvisioningError:
    """Return the error with the facts of the pool it concerns."""
    if not isinstance(error, GroupMissing) or error.facts:
        return error
    told = GroupMissing(group=RACERS, store=pool.id)
    told.__cause__ = error
    return told
