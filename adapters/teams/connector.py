"""Bot Connector, Teams' side of the conversation: messages posted and changed, conversations opened, members.

Called with httpx at Teams' pace, its errors sorted by who can act. Nothing is repeated here but a call whose
token was refused: a message whose answer was lost may have been posted. Sources: the Bot Connector REST
reference, and Teams' pages on rate limits, proactive messages and conversation members.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import httpx

from adapters.chat.hosts import is_listed
from adapters.chat.pace import Pace, Rate
from adapters.retry_after import retry_after
from adapters.teams.address import Address
from adapters.tokens import Tokens
from adapters.trust import ssl_context
from provisioning.brake import Brakes, throttled
from provisioning.errors import (
    ChatUnavailable,
    CredentialRefused,
    DirectoryUnavailable,
    ProvisioningError,
    Undeliverable,
    Unexpected,
)
from provisioning.ports import Clock

Json = dict[str, Any]

SCOPE: Final = "https://api.botframework.com/.default"
# A shorter wait is spent here, a longer one is the caller's, whose words may not be true by then.
PATIENCE_SECONDS: Final = 0.2
DEAD: Final = frozenset(
    {"BotNotInConversationRoster", "ConversationBlockedByUser", "BotDisabledByAdmin", "MessageWritesBlocked"}
    | {"ConversationNotFound", "ForbiddenOperationException", "UserNotFound"}
)  # nothing gets through there until somebody is heard from again
# Of what Teams allows per conversation (7 in 1 s, 8 in 2 s, 60 in 30 s) and per tenant (30 in 1 s).
_CONVERSATION: Final = Rate(per_minute=108, burst=4)
_MEMBERS: Final = Rate(per_minute=228, burst=8)  # 14 in 1 s, 16 in 2 s, 120 in 30 s
_TENANT: Final = Rate(per_minute=1444, burst=4)  # 28 in any second
_PASSING: Final = frozenset({408, 409, 412, 502, 503, 504})
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _DEFECT = 401, 403, 404, 429, 500

log = logging.getLogger(__name__)


class Connector:
    """Bot Connector for one bot, for threads. Close it when done.

    A token goes to no other host than `hosts` (see `adapters.chat.hosts`), and over http to loopback only.
    `sleep` is what short waits are spent with.
    """

    def __init__(
        self,
        tokens: Tokens,
        hosts: Collection[str],
        brakes: Brakes,
        clock: Clock,
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self._tokens = tokens
        self._hosts = frozenset(hosts)
        self._brakes = brakes
        self._pace = Pace()
        self._http = httpx.Client(timeout=httpx.Timeout(8.0, connect=3.0), verify=ssl_context())
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses at INFO

    def send(self, address: Address, activity: Json, *, reply_to: str | None = None) -> str:
        """Post to this conversation, as an answer to one of its activities if named; returns the new id.

        Raises ChatUnavailable, Undeliverable, CredentialRefused or Unexpected, as all of this class.
        """
        path = f"{_in(address)}/activities" + (f"/{quote(reply_to, safe='')}" if reply_to else "")
        body = _from(address.bot) | activity
        answer = self._call("POST", address, path, body, conversation=address.channel)
        return str(answer.get("id") or "")  # none when Teams made two messages of it

    def update(self, address: Address, activity_id: str, activity: Json) -> None:
        """Change one of our own messages in place."""
        path = f"{_in(address)}/activities/{quote(activity_id, safe='')}"
        body = _from(address.bot) | activity | {"id": activity_id}
        self._call("PUT", address, path, body, conversation=address.channel)

    def open_personal(self, met: Address) -> Address:
        """Return the personal conversation with the user of this address, opened where there is none."""
        if met.user is None:
            raise Undeliverable(reason="nobody to write to")
        body = {
            "bot": {"id": met.bot},
            "members": [{"id": met.user}],
            "isGroup": False,
            "tenantId": met.tenant,
            "channelData": {"tenant": {"id": met.tenant}},
        }
        answer = self._call("POST", met, "v3/conversations", body)
        return replace(met, conversation=_id_of(answer), kind="personal")

    def open_thread(self, channel: Address, activity: Json) -> tuple[Address, str]:
        """Post to a channel as a new thread; returns the thread and the id of the post."""
        body = {
            "bot": {"id": channel.bot},
            "isGroup": True,
            "channelData": {"channel": {"id": channel.channel}, "tenant": {"id": channel.tenant}},
            "activity": _from(channel.bot) | activity,
        }
        answer = self._call("POST", channel, "v3/conversations", body, conversation=channel.channel)
        thread = replace(channel, conversation=_id_of(answer))
        return thread, str(answer.get("activityId") or "")

    def member(self, address: Address, who: str) -> Json:
        """Return a member of this conversation, by object id, by `29:…` id or by user principal name."""
        path = f"{_in(address)}/members/{quote(who, safe='')}"
        return self._call("GET", address, path, None, conversation=address.channel, rate=_MEMBERS)

    def sign_in(self) -> None:
        """Get a token, as every call does, and nothing else; for `doctor`."""
        self._token()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _call(
        self,
        verb: str,
        address: Address,
        path: str,
        body: Json | None,
        *,
        conversation: str | None = None,
        rate: Rate = _CONVERSATION,
    ) -> Json:
        base = self._trusted(address.service_url)
        self._wait(verb, address.tenant, conversation, rate)
        token = self._token()
        response = self._sent(verb, base + path, token, body)
        if response.status_code == _UNAUTHORIZED:
            response = self._sent(verb, base + path, self._token(refused=token), body)
        if not response.is_success:
            raise self._refused(verb, response, address.tenant, conversation)
        answer = _object(response)
        if answer is None and response.content:  # a gateway's page: nobody knows what became of the call
            raise ChatUnavailable(method=verb, reason="no JSON object")
        return answer or {}

    def _trusted(self, service_url: str) -> str:
        """Return the service's address with a slash at its end. Raises Undeliverable for a foreign host."""
        if not is_listed(service_url, self._hosts):
            raise Undeliverable(reason="the service URL is on a host that is not listed")
        return service_url.rstrip("/") + "/"

    def _token(self, refused: str | None = None) -> str:
        try:
            return self._tokens.token(refused)
        except DirectoryUnavailable as error:
            raise ChatUnavailable(error.retry_after, method="token", reason="no token") from error

    def _wait(self, verb: str, tenant: str, conversation: str | None, rate: Rate) -> None:
        wanted = {f"tenant:{tenant}": _TENANT}
        brakes = [f"teams:{tenant}"]
        if conversation is not None:
            wanted[f"{'members' if rate is _MEMBERS else 'messages'}:{conversation}"] = rate
            brakes.append(f"teams:{conversation}")
        braked = max(self._brakes.wait(name) for name in brakes)
        if braked > PATIENCE_SECONDS:
            raise ChatUnavailable(braked, method=verb, reason="brake")
        if braked > 0:
            self.sleep(braked)
        paced = self._pace.reserve(wanted, self.clock.now(), PATIENCE_SECONDS)
        if paced > PATIENCE_SECONDS:
            raise ChatUnavailable(paced, method=verb, reason="pace")
        if paced > 0:
            self.sleep(paced)

    def _sent(self, verb: str, url: str, token: str, body: Json | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return self._http.request(verb, url, headers=headers, json=body)
        except httpx.RequestError as error:
            log.warning("no answer", extra={"action": "teams", "method": verb, "error": type(error).__name__})
            raise ChatUnavailable(method=verb, reason=type(error).__name__) from error

    def _refused(
        self, verb: str, response: httpx.Response, tenant: str, conversation: str | None
    ) -> ProvisioningError:
        status, code = response.status_code, _code(response)
        wait = retry_after(response.headers.get("retry-after"), self.clock.now())
        log.info("Teams refused", extra={"action": "teams", "method": verb, "status": status, "error": code})
        if status == _TOO_MANY:
            brake = throttled(f"teams:{conversation or tenant}", wait, self.clock.now())
            self._brakes.hold(brake)
        return translated(status, code, method=verb, retry_after=wait)


def translated(status: int, code: str, *, method: str, retry_after: float | None = None) -> ProvisioningError:
    """Return our error for a status and error code of Bot Connector."""
    # Teams says to repeat nothing after a 500; what only asks may be asked again.
    if status == _TOO_MANY or status in _PASSING or (status == _DEFECT and method == "GET"):
        return ChatUnavailable(retry_after, method=method, reason=f"http_{status}")
    if status == _UNAUTHORIZED:
        return CredentialRefused(method=method, reason=code or "http_401")
    if status in {_FORBIDDEN, _NOT_FOUND}:
        return Undeliverable(method=method, reason=code or f"http_{status}")
    return Unexpected(method=method, reason=code or f"http_{status}")


def _in(address: Address) -> str:
    return f"v3/conversations/{quote(address.conversation, safe='')}"


def _from(bot: str) -> Json:
    return {"type": "message", "from": {"id": bot}}


def _id_of(answer: Json) -> str:
    """Return the id of what was opened. Raises ChatUnavailable when there is none."""
    found = answer.get("id")
    if not isinstance(found, str) or not found:
        raise ChatUnavailable(method="POST", reason="no id of the conversation")
    return found


def _object(response: httpx.Response) -> Json | None:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _code(response: httpx.Response) -> str:
    answer = _object(response) or {}
    error = answer.get("error")
    told = error if isinstance(error, Mapping) else answer  # a gateway on the way leaves the envelope out
    return str(told.get("code") or "")[:80]
