"""Who the people of a Slack workspace are, as far as Slack vouches for them: the first half of the
identity gate.

`judge` decides, purely, over one user object. What is missing or of another type than Slack documents is
never read in anybody's favor. Slack shows no e-mail at all, silently, to an app without users:read.email.
The language tag that comes along decides nothing, and may be missing.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.chat.text import language_tag
from adapters.slack.client import METHODS, SlackClient
from provisioning.access import Failed
from provisioning.directory import MailClaim, Unvouched
from provisioning.errors import (
    BotUser,
    ChatUnavailable,
    Deactivated,
    EmailMissing,
    EmailUnconfirmed,
    EmailUnusable,
    ForeignWorkspace,
    Guest,
    Invited,
    ProvisioningError,
    Refusal,
    ScopeMissing,
    SiblingWorkspace,
    SingleChannelGuest,
    Stranger,
    Undeliverable,
    Unexpected,
)
from provisioning.ids import ChatIdentity

MAIL_SCOPE: Final = "users:read.email"
_PAGE, _SMALL_PAGE = 1000, 200  # users a page of users.list: the most it gives, and what Slack recommends
_PAGE_SECONDS, _LOOKUP_SECONDS = 1.0, 0.1  # about what one call takes
_SHARE_OF_CRAWL: Final = 0.8  # of a round's time, so that those it did not meet can still be looked up
_SHORTEST_WAIT: Final = 0.05  # seconds; a Retry-After of 0 must not spin
_UNKNOWN: Final = frozenset({"user_not_found", "users_not_found", "user_not_visible"})
_PAGE_TOO_LONG: Final = frozenset({"limit_required", "invalid_limit", "invalid_arguments"})
_LONGEST_MAIL: Final = 254  # characters; RFC 5321
_MAIL: Final = re.compile(r"[!-?A-~]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")  # printable ASCII, one "@"

Shown = Mapping[str, object] | ProvisioningError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom we take for an employee: `team_ids` holds our workspaces (T…) and admitted organizations (E…).

    `trust_unconfirmed_mail`: every account of the workspace comes from single sign-on, so that addresses
    are right although Slack never had them confirmed.
    """

    team_ids: frozenset[str]
    trust_unconfirmed_mail: bool = False


Verdict = MailClaim | Refusal | ChatUnavailable

# In the order in which they count; the user's home is judged between the two groups.
_ACCOUNT_FLAGS: Final[tuple[tuple[str, type[Refusal]], ...]] = (
    ("deleted", Deactivated),
    ("is_bot", BotUser),
    ("is_invited_user", Invited),
)
_GUEST_FLAGS: Final[tuple[tuple[str, type[Refusal]], ...]] = (
    ("is_stranger", Stranger),
    ("is_ultra_restricted", SingleChannelGuest),
    ("is_restricted", Guest),
)
# A single-channel guest is always marked as a guest as well, so the narrower mark may be left out; a bot
# types no command and has no confirmed address.
_LEFT_OUT_WHEN_FALSE: Final = frozenset(
    {"deleted", "is_bot", "is_invited_user", "is_stranger", "is_ultra_restricted"}
)


def judge(user: Mapping[str, object], policy: Policy, *, asked: str, home: str | None = None) -> Verdict:
    """Return the claim Slack makes for the user who was `asked` for, or why there is none.

    `home` is the tenant of their chat identity: an organization (E…) shows which siblings are our own.
    ChatUnavailable stands for an answer that cannot be judged.
    """
    if user.get("id") != asked or not asked:
        return _unclear("id")
    if asked == "USLACKBOT":  # says of itself that it is no bot
        return BotUser()
    for name, refusal in _ACCOUNT_FLAGS:
        if user.get(name) is True:
            return refusal()
    outside = _outside(user, policy, home)
    if outside is not None:
        return outside
    for name, refusal in _GUEST_FLAGS:
        if user.get(name) is True:
            return refusal()
    for name, _ in (*_ACCOUNT_FLAGS, *_GUEST_FLAGS):
        if user.get(name) is not False and (name in user or name not in _LEFT_OUT_WHEN_FALSE):
            return _unclear(name)
    return _mail(user, policy)


def _unclear(what: str) -> ChatUnavailable:
    return ChatUnavailable(method="users.info", reason=f"unclear {what}")


def _outside(
    user: Mapping[str, object], policy: Policy, home: str | None
) -> Refusal | ChatUnavailable | None:
    """Return why the user's home is none of ours, or None when it is."""
    team = user.get("team_id")
    if not isinstance(team, str) or not team:
        return _unclear("team_id")
    workspaces = {name for name in policy.team_ids if not name.startswith("E")}
    if team in workspaces:
        return None
    if "enterprise_user" not in user:
        return ForeignWorkspace()
    member = user["enterprise_user"]
    if not isinstance(member, Mapping):
        return _unclear("enterprise_user")
    enterprise, teams = member.get("enterprise_id"), member.get("teams")
    if not isinstance(enterprise, str) or not isinstance(teams, list):
        return _unclear("enterprise_user")
    shares_a_workspace = any(isinstance(name, str) and name in workspaces for name in teams)
    if enterprise in policy.team_ids:
        return None if shares_a_workspace else SiblingWorkspace()
    return (
        SiblingWorkspace()
        if shares_a_workspace or (enterprise and enterprise == home)
        else ForeignWorkspace()
    )


def _mail(user: Mapping[str, object], policy: Policy) -> Verdict:
    profile = user.get("profile")
    if not isinstance(profile, Mapping):
        return _unclear("profile")
    mail = profile.get("email")
    if mail is None or mail == "":
        return EmailMissing()
    if not isinstance(mail, str):
        return _unclear("email")
    if user.get("is_email_confirmed") is not True and not policy.trust_unconfirmed_mail:
        return EmailUnconfirmed()
    if len(mail) > _LONGEST_MAIL or _MAIL.fullmatch(mail) is None:
        return EmailUnusable()
    return MailClaim(mail)


class SlackPeople:
    """Looks people up in Slack, every time anew: few one by one, many by reading through the workspace.

    Whichever is faster under Slack's limits is taken. A round ends after `patience_seconds`; who was not
    reached is Failed with ChatUnavailable and is asked for again.
    """

    def __init__(
        self,
        client: SlackClient,
        team_ids: frozenset[str],
        *,
        trust_unconfirmed_mail: bool = False,
        patience_seconds: float = 25.0,
    ) -> None:
        self._client = client
        self._policy = Policy(team_ids, trust_unconfirmed_mail)
        self._patience = timedelta(seconds=patience_seconds)
        self._pages = 0  # of the whole workspace, as far as it is known: at least so many
        self._page = _PAGE

    def vouch(self, chats: Sequence[ChatIdentity]) -> Mapping[ChatIdentity, MailClaim | Failed]:
        """Look these users up, each at the moment of asking; see the port."""
        deadline = self._client.clock.now() + self._patience
        by_user: dict[str, list[ChatIdentity]] = defaultdict(list)
        for chat in chats:
            by_user[chat.user].append(chat)
        shown: dict[str, Shown] = {}
        pages = self._affordable_pages(len(by_user))
        if pages:
            shown |= self._crawled(by_user.keys(), pages, deadline)
        shown |= self._looked_up([user for user in by_user if user not in shown], deadline)
        return {chat: self._claim(chat, shown[user]) for user, group in by_user.items() for chat in group}

    def _claim(self, chat: ChatIdentity, shown: Shown) -> MailClaim | Failed:
        if isinstance(shown, ProvisioningError):
            return Failed(shown)
        verdict: MailClaim | ProvisioningError = judge(shown, self._policy, asked=chat.user, home=chat.tenant)
        granted = self._client.granted
        if isinstance(verdict, EmailMissing) and granted is not None and MAIL_SCOPE not in granted:
            # Not the asker's to mend.
            verdict = ScopeMissing(method="users.info", needed=MAIL_SCOPE)
        locale = language_tag(shown.get("locale"))
        if isinstance(verdict, MailClaim):
            return replace(verdict, locale=locale)
        return Unvouched(verdict, locale=locale)

    def _affordable_pages(self, people: int) -> int:
        """Return how many pages of users.list come sooner than looking so many people up; 0 for none."""
        budget = min(
            _seconds("users.info", people, _LOOKUP_SECONDS), self._patience.total_seconds() * _SHARE_OF_CRAWL
        )
        pages = 0
        while _seconds("users.list", pages + 1, _PAGE_SECONDS) < budget:
            pages += 1
        return pages if self._pages <= pages else 0

    def _crawled(self, wanted: AbstractSet[str], pages: int, deadline: datetime) -> dict[str, Shown]:
        """Read through the workspace, so many pages at most; returns those it met. Raises nothing."""
        met: dict[str, Shown] = {}
        cursor = ""
        for number in range(1, pages + 1):
            try:
                answer = self._users(cursor, deadline)
            except ProvisioningError as error:
                log.info("crawl ended early", extra={"action": "slack-crawl", "error": error.code})
                return met
            met |= _members(answer, wanted)
            cursor = _next_cursor(answer)
            if not cursor:
                self._pages = number
                return met
            if len(met) == len(wanted):
                return met
        self._pages = pages + 1
        return met

    def _users(self, cursor: str, deadline: datetime) -> dict[str, Any]:
        try:
            return self._page_of_users(cursor, deadline)
        except Unexpected as error:
            if self._page == _SMALL_PAGE or error.facts.get("reason") not in _PAGE_TOO_LONG:
                raise
            self._page = _SMALL_PAGE
            return self._page_of_users(cursor, deadline)

    def _page_of_users(self, cursor: str, deadline: datetime) -> dict[str, Any]:
        return self._patiently(
            deadline, "users.list", limit=str(self._page), cursor=cursor or None, include_locale="true"
        )

    def _looked_up(self, users: Sequence[str], deadline: datetime) -> dict[str, Shown]:
        """Look these users up one by one. What concerns everybody ends it, and everybody left gets it."""
        shown: dict[str, Shown] = {}
        for number, user in enumerate(users):
            try:
                answer = self._patiently(deadline, "users.info", user=user, include_locale="true")
            except Undeliverable as error:
                shown[user] = Stranger() if error.facts.get("reason") in _UNKNOWN else error
            except Unexpected as error:
                shown[user] = error
            except ChatUnavailable as error:
                return shown | {
                    left: ChatUnavailable(error.retry_after, **error.facts) for left in users[number:]
                }
            except ProvisioningError as error:
                return shown | {left: type(error)(**error.facts) for left in users[number:]}
            else:
                found = answer.get("user")
                shown[user] = found if isinstance(found, Mapping) else _unclear("user")
        return shown

    def _patiently(self, deadline: datetime, method: str, **params: object) -> dict[str, Any]:
        """Call, and wait for the pace and the brake as long as the deadline allows."""
        while True:
            if self._client.clock.now() > deadline:
                raise ChatUnavailable(method=method, reason="patience")
            try:
                return self._client.call(method, **params)
            except ChatUnavailable as error:
                if error.retry_after is None:
                    raise
                if self._client.clock.now() + timedelta(seconds=error.retry_after) > deadline:
                    raise
                self._client.sleep(max(error.retry_after, _SHORTEST_WAIT))


def _members(answer: Mapping[str, Any], wanted: AbstractSet[str]) -> dict[str, Shown]:
    members = answer.get("members")
    found: dict[str, Shown] = {}
    for user in members if isinstance(members, list) else ():
        if isinstance(user, Mapping) and isinstance(user.get("id"), str) and user["id"] in wanted:
            found[user["id"]] = user
    return found


def _next_cursor(answer: Mapping[str, Any]) -> str:
    metadata = answer.get("response_metadata")
    cursor = metadata.get("next_cursor") if isinstance(metadata, Mapping) else None
    return cursor if isinstance(cursor, str) else ""


def _seconds(method: str, calls: int, each: float) -> float:
    """Return about how long so many calls take at Slack's pace."""
    rate = METHODS[method].rate
    return calls * each + max(0.0, calls - rate.burst) / rate.per_second
