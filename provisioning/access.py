"""What provisioning needs from a system that gives access: one port, and what a call came to for each person.

A call is for one grant and many people, and answers for each of them: a call that fails half-way loses
nothing of what it did. An implementation translates, paces and batches; it decides nothing and remembers
nothing that must last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from provisioning.errors import ProvisioningError
from provisioning.events import Grant, IdentityCenterGroup
from provisioning.ids import PersonId
from provisioning.registrations import Person


@dataclass(frozen=True, slots=True)
class Present:
    """The person is a member. `subject` is their id in that system, when it has its own."""

    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """The person is not a member."""


@dataclass(frozen=True, slots=True)
class NotThere:
    """The person is not in that system yet, so no membership can be made; another system brings them."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing can be said of this person's membership.

    A Refusal concerns this person; Unavailable is worth another try; Misconfigured concerns the whole grant.
    `may_have_landed`: the call went out and its answer did not come back, so its effect may still happen.
    """

    error: ProvisioningError
    may_have_landed: bool = False


Outcome = Present | Absent | NotThere | Failed
G_contra = TypeVar("G_contra", bound=Grant, contravariant=True)


class Access(Protocol[G_contra]):
    """One kind of grant in the outside system that gives it.

    Every method answers for every person it was given and raises nothing of the ProvisioningError tree:
    errors come as `Failed`, per person. Each returns within `CALL_SECONDS` of its last outside request;
    callers pass at most `batch` people to `add` and `remove`.
    """

    batch: int  # people per add or remove call, so that a call stays well within a lease

    def presence(self, grant: G_contra, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Read who is a direct member now. Answers Present, Absent, NotThere or Failed."""
        ...

    def add(self, grant: G_contra, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Make these people members; somebody who is one already is Present too. Safe to repeat."""
        ...

    def remove(self, grant: G_contra, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """End these memberships; somebody who has none is Absent too. Safe to repeat."""
        ...

    def confirm(self, grant: G_contra, people: Sequence[Person]) -> Mapping[PersonId, Outcome]:
        """Read back whether access works where the grant takes effect; Present only when it truly does.

        For Identity Center: membership in the identity store *and* the account assignment (absent: Failed
        with AssignmentMissing).
        """
        ...

    def check(self, grant: G_contra) -> None:
        """Look whether the grant can work at all. Raises Misconfigured, naming the fault, or Unavailable."""
        ...


class Push(Protocol):
    """Brings people into an identity store on demand, ahead of the SCIM cycle, within a small budget."""

    def push(self, grant: IdentityCenterGroup, people: Sequence[Person]) -> Mapping[PersonId, bool]:
        """Ask for as many of these people as the budget allows. True: the push was accepted and took effect.

        People who are not asked for now are left out. Raises nothing: a push that cannot be made is no push.
        """
        ...
