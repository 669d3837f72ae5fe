"""Every way in which the bot says no, sorted by who can act.

    ProvisioningError
    ├─ Refusal              the asker can act: told plainly, never retried
    │  ├─ EventUnknown · NoEventOpen · EventNotYetOpen · EventClosed · EventEnded · NothingToLeave
    │  ├─ JoiningPaused · StillIn · StillLeaving · NotAdded
    │  ├─ ForeignWorkspace · SiblingWorkspace · Stranger · Guest · SingleChannelGuest
    │  ├─ BotUser · Deactivated · Invited
    │  ├─ EmailMissing · EmailUnconfirmed · EmailUnusable · EmailOutsideCompany · Anonymous
    │  ├─ NotInDirectory · AccountDisabled · DirectoryGuest · SeveralMatches
    │  ├─ IdentityChanged · SecondChatIdentity
    │  ├─ AccessAccountDisabled · AccessAccountMismatch · PasswordTheirOwn · NoSiteAccount · NoSiteUser
    │  ├─ Suspended · RemovedByOrganizer · RemovedByDirectory · NotAllowed
    │  ├─ InstructionStale · InstructionUnclear · OnlyByFile · ValueUnusable · AlreadySo
    │  ├─ NothingToUndo · UndoOvertaken · NothingToConfirm · EventTaken · WindowBackwards
    │  ├─ TargetUnknown · TargetUnclear · ListUnreadable · ListTooLong
    │  ├─ QuotaBelowUse · QuotaAboveCeiling · NotInEvent · SeveralRacers
    │  └─ RaceUnknown · BoardUnknown · LinkNotAllowed · ChannelNotListed · RaceBackwards · QuestionUnknown
    ├─ Unavailable          nobody need act: retried (carries retry_after in seconds, or None)
    │  └─ DirectoryUnavailable · AccessUnavailable · ChatUnavailable · StoreUnavailable · SiteUnavailable
    ├─ StaleWrite           read again and repeat at once, a few times
    └─ Misconfigured        the operator must act: the event is marked broken, alarmed, healed by itself
       ├─ GroupMissing · GroupUnmanageable · AssignmentMissing · PermissionSetMissing
       ├─ PermissionMissing · CredentialRefused · ScopeMissing · Undeliverable
       ├─ SiteUnknown · SiteTooOld · SiteFirewalled
       └─ Unexpected

Each class has a `code` that a person can quote and that `docs/runbook.md` explains, and a `key` under which
the catalog holds its words; the docstring is the sentence for logs.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import ClassVar


class ProvisioningError(Exception):
    """Something went wrong in provisioning."""

    code: ClassVar[str] = "DR-500"

    def __init__(self, **facts: str) -> None:
        """Take the facts that the catalog's sentence needs, by name."""
        self.facts = facts
        super().__init__((self.__doc__ or "").split("\n", 1)[0])

    @classmethod
    def key(cls) -> str:
        """Return the catalog key: the class name in lower case with dashes."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()


# --- the asker can act --------------------------------------------------------------------------------------


class Refusal(ProvisioningError):
    """The request is refused, and the asker is told why."""


class EventUnknown(Refusal):
    """There is no event of this name."""

    code = "DR-101"


class NoEventOpen(Refusal):
    """No event is open for joining."""

    code = "DR-102"


class EventNotYetOpen(Refusal):
    """The event does not take racers yet."""

    code = "DR-103"


class EventClosed(Refusal):
    """The event takes no more racers."""

    code = "DR-104"


class EventEnded(Refusal):
    """The event is over."""

    code = "DR-105"


class NothingToLeave(Refusal):
    """The asker is not in the event they want to leave."""

    code = "DR-106"


class JoiningPaused(Refusal):
    """The organizers have paused joining."""

    code = "DR-107"


class StillIn(Refusal):
    """The asker is still in an event, and is not forgotten before they have left it."""

    code = "DR-108"


class StillLeaving(Refusal):
    """The asker's access is still being withdrawn, and is not forgotten before that is confirmed."""

    code = "DR-109"


class NotAdded(Refusal):
    """Nobody has added the asker to an event."""

    code = "DR-110"


class ForeignWorkspace(Refusal):
    """The asker's home workspace is not one of ours."""

    code = "DR-201"


class SiblingWorkspace(Refusal):
    """The asker's home workspace belongs to an Enterprise Grid organization, but is not admitted here."""

    code = "DR-202"


class Stranger(Refusal):
    """The asker shares no workspace with us."""

    code = "DR-203"


class Guest(Refusal):
    """The asker is a guest in the workspace."""

    code = "DR-204"


class SingleChannelGuest(Refusal):
    """The asker is a guest of one channel."""

    code = "DR-205"


class BotUser(Refusal):
    """The asker is a bot."""

    code = "DR-206"


class Deactivated(Refusal):
    """The asker's chat account is deactivated."""

    code = "DR-207"


class Invited(Refusal):
    """The asker was invited to the workspace and has never signed in."""

    code = "DR-208"


class EmailMissing(Refusal):
    """The chat platform shows no e-mail address for the asker."""

    code = "DR-209"


class EmailUnconfirmed(Refusal):
    """The asker's e-mail address was never confirmed."""

    code = "DR-210"


class EmailOutsideCompany(Refusal):
    """The asker's e-mail address is not in a domain that the event admits."""

    code = "DR-211"


class EmailUnusable(Refusal):
    """The asker's e-mail address has characters that could pass for others."""

    code = "DR-212"


class Anonymous(Refusal):
    """The chat platform does not say who the asker is in the directory."""

    code = "DR-213"


class NotInDirectory(Refusal):
    """Nobody in the directory has the asker's e-mail address."""

    code = "DR-221"


class AccountDisabled(Refusal):
    """The asker's directory account is disabled."""

    code = "DR-222"


class DirectoryGuest(Refusal):
    """The asker is a guest in the directory."""

    code = "DR-223"


class SeveralMatches(Refusal):
    """Several directory accounts answer to the asker's e-mail address."""

    code = "DR-224"


class IdentityChanged(Refusal):
    """The asker's chat identity is bound to one person and its e-mail address now finds another."""

    code = "DR-231"


class SecondChatIdentity(Refusal):
    """The person is already bound to another chat identity of the same platform."""

    code = "DR-232"


class NoSiteAccount(Refusal):
    """The asker has no account on a racing site that the bot could open."""

    code = "DR-244"


class NoSiteUser(Refusal):
    """The bot has no user of its own on a racing site of the event, which this would need."""

    code = "DR-245"


class AccessAccountDisabled(Refusal):
    """The person's account in the system that gives access is disabled."""

    code = "DR-241"


class AccessAccountMismatch(Refusal):
    """The account of this name in the system that gives access belongs to another person."""

    code = "DR-242"


class PasswordTheirOwn(Refusal):
    """The person's account on the racing site is signed in to with a password that is not ours to set."""

    code = "DR-243"


class Suspended(Refusal):
    """An organizer suspended the racer."""

    code = "DR-251"


class RemovedByOrganizer(Refusal):
    """An organizer removed the racer from the event."""

    code = "DR-252"


class RemovedByDirectory(Refusal):
    """The directory withdrew the racer: the account or its membership is gone."""

    code = "DR-253"


class NotAllowed(Refusal):
    """Only organizers may do this."""

    code = "DR-261"


class InstructionStale(Refusal):
    """The instruction waited too long and was not run."""

    code = "DR-262"


class InstructionUnclear(Refusal):
    """The words of an instruction are none that the bot knows."""

    code = "DR-263"


class OnlyByFile(Refusal):
    """What opens doors is changed only by a file on the host."""

    code = "DR-264"


class ValueUnusable(Refusal):
    """A value of an instruction cannot be used."""

    code = "DR-265"


class AlreadySo(Refusal):
    """The instruction would change nothing."""

    code = "DR-266"


class NothingToUndo(Refusal):
    """There is no change of the asker that can still be undone."""

    code = "DR-267"


class UndoOvertaken(Refusal):
    """Something newer has changed the same thing."""

    code = "DR-268"


class NothingToConfirm(Refusal):
    """There is nothing left to confirm for the asker."""

    code = "DR-269"


class EventTaken(Refusal):
    """There is an event of this id already."""

    code = "DR-271"


class WindowBackwards(Refusal):
    """The times of an event are not in order."""

    code = "DR-272"


class TargetUnknown(Refusal):
    """Nobody is found behind what an instruction names."""

    code = "DR-273"


class TargetUnclear(Refusal):
    """What an instruction names can be several people."""

    code = "DR-274"


class ListUnreadable(Refusal):
    """The list that came with an instruction cannot be read, or has no addresses in it."""

    code = "DR-275"


class ListTooLong(Refusal):
    """The list that came with an instruction names more people than one instruction may."""

    code = "DR-276"


class QuotaBelowUse(Refusal):
    """A quota would be lower than what the racer has used already."""

    code = "DR-281"


class QuotaAboveCeiling(Refusal):
    """A quota would be higher than the event's file allows."""

    code = "DR-282"


class NotInEvent(Refusal):
    """Whom an instruction names has no part in the event."""

    code = "DR-283"


class BoardUnknown(Refusal):
    """The event has no leaderboard of this name, or more than one."""

    code = "DR-288"


class SeveralRacers(Refusal):
    """Several racers of the event go by the name in an instruction."""

    code = "DR-284"


class RaceUnknown(Refusal):
    """The event has no race of this number or title."""

    code = "DR-291"


class LinkNotAllowed(Refusal):
    """The link of a race does not lead to a host that the event allows."""

    code = "DR-292"


class ChannelNotListed(Refusal):
    """The event does not announce in this channel."""

    code = "DR-293"


class RaceBackwards(Refusal):
    """The times of a race are not in order."""

    code = "DR-294"


class QuestionUnknown(Refusal):
    """Nothing of this kind is asked of this racer."""

    code = "DR-295"


# --- nobody need act ----------------------------------------------------------------------------------------


class Unavailable(ProvisioningError):
    """An outside system does not answer as it should; worth trying again."""

    code = "DR-300"

    def __init__(self, retry_after: float | None = None, **facts: str) -> None:
        """Take the seconds after which the outside system wants to be asked again, when it said so."""
        super().__init__(**facts)
        self.retry_after = retry_after


class DirectoryUnavailable(Unavailable):
    """The directory does not answer as it should."""

    code = "DR-301"


class AccessUnavailable(Unavailable):
    """The system that gives access does not answer as it should."""

    code = "DR-302"


class ChatUnavailable(Unavailable):
    """The chat platform does not answer as it should."""

    code = "DR-303"


class StoreUnavailable(Unavailable):
    """The bot's own store is full, busy or out of reach; it may be that nothing was recorded."""

    code = "DR-304"


class SiteUnavailable(Unavailable):
    """The racing site does not answer as it should."""

    code = "DR-305"


class StaleWrite(ProvisioningError):
    """Somebody else wrote this row in between."""

    code = "DR-310"


# --- the operator must act ----------------------------------------------------------------------------------


class Misconfigured(ProvisioningError):
    """Something is set up in a way that cannot work."""

    code = "DR-400"


class GroupMissing(Misconfigured):
    """A group that the event grants does not exist."""

    code = "DR-401"


class GroupUnmanageable(Misconfigured):
    """The group's members cannot be changed by an application."""

    code = "DR-402"


class AssignmentMissing(Misconfigured):
    """The group is not assigned to the AWS account with the permission set."""

    code = "DR-403"


class PermissionSetMissing(Misconfigured):
    """The permission set does not exist in this Identity Center instance."""

    code = "DR-404"


class PermissionMissing(Misconfigured):
    """The bot lacks a permission."""

    code = "DR-405"


class CredentialRefused(Misconfigured):
    """The bot's credentials were refused."""

    code = "DR-406"


class ScopeMissing(Misconfigured):
    """The Slack app lacks a scope."""

    code = "DR-407"


class Undeliverable(Misconfigured):
    """A message cannot be delivered to this address, now or later."""

    code = "DR-408"


class SiteUnknown(Misconfigured):
    """The racing site does not say where its user pool and its API are."""

    code = "DR-421"


class SiteTooOld(Misconfigured):
    """The racing site is of a version that shows only its first hundred racers."""

    code = "DR-422"


class SiteFirewalled(Misconfigured):
    """The racing site's firewall stops the bot before its call reaches the site."""

    code = "DR-423"


class Unexpected(Misconfigured):
    """Something happened that the bot has no word for; the log has the details."""

    code = "DR-500"


@cache
def by_code() -> Mapping[str, type[ProvisioningError]]:
    """Return every error class that stands for itself, by its code."""

    def walk(cls: type[ProvisioningError]) -> list[type[ProvisioningError]]:
        return [cls, *(found for child in cls.__subclasses__() for found in walk(child))]

    found = walk(ProvisioningError)
    return MappingProxyType(
        {cls.code: cls for cls in found if not cls.code.endswith("00") or cls is Unexpected}
    )
