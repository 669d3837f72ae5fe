"""The Bot Framework SDK, and all that is known of it: an activity that was let in is taken through a turn.

Only this module imports botbuilder, botframework or msrest. The SDK receives: it neither checks a token
(`auth` has) nor reads a body (`wire` does) nor sends anything (that goes over httpx), so that of its defects
those remain that are worked around here.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botbuilder.core import InvokeResponse, TurnContext
from botbuilder.integration.aiohttp import CloudAdapter
from botbuilder.schema import Activity, ActivityTypes, CallerIdConstants, ChannelAccount, ConversationAccount
from botframework.connector.auth import (
    AuthenticateRequestResult,
    AuthenticationConstants,
    BotFrameworkAuthentication,
    ClaimsIdentity,
    ConnectorFactory,
)

from adapters.teams.wire import Envelope

NOT_IMPLEMENTED: Final = 501  # what the SDK answers to an invoke that nobody took
_TAKEN: Final = 201


@dataclass(frozen=True, slots=True)
class Reply:
    """The HTTP answer to an activity; `body` is JSON, for invokes alone."""

    status: int
    body: str | None = None


Turn = Callable[[], Awaitable[Mapping[str, Any] | None]]
"""Takes one activity and returns the body that answers an invoke, or None."""


class Receiver:
    """Takes activities through the SDK's adapter."""

    def __init__(self) -> None:
        # Below ERROR they print what people wrote.
        for name in ("botbuilder", "botframework", "msrest"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._adapter = CloudAdapter(_LetIn())

    async def process(self, envelope: Envelope, claims: Mapping[str, Any], turn: Turn) -> Reply:
        """Run the turn in the SDK's context; what it raises comes through."""

        async def on_turn(context: TurnContext) -> None:
            body = await turn()
            if body is not None:
                # As text: the SDK copies what it is given in depth, and serializes a body twice (4.17.1).
                response = InvokeResponse(status=200, body=json.dumps(body))
                await context.send_activity(Activity(type=ActivityTypes.invoke_response, value=response))

        result = await self._adapter.process_activity(_let_in(claims), _activity(envelope), on_turn)
        return Reply(_TAKEN) if result is None else Reply(int(result.status), result.body)


def _activity(envelope: Envelope) -> Activity:
    """Return what the adapter needs of an activity.

    Not by `Activity().deserialize`: it maps `tenantID` where Teams sends `tenantId` (4.17.1), and it fails on
    a body that only has something new in it.
    """
    return Activity(
        type=envelope.type,
        id=envelope.id,
        service_url=envelope.service_url,
        channel_id=envelope.channel_id,
        conversation=ConversationAccount(
            id=envelope.conversation, conversation_type=envelope.kind, tenant_id=envelope.tenant
        ),
        from_property=ChannelAccount(id=envelope.user, aad_object_id=envelope.person),
        recipient=ChannelAccount(id=envelope.bot),
    )


def _let_in(claims: Mapping[str, Any]) -> AuthenticateRequestResult:
    result = AuthenticateRequestResult()
    result.claims_identity = ClaimsIdentity(dict(claims), True)  # noqa: FBT003 - the SDK's own signature
    result.audience = AuthenticationConstants.TO_CHANNEL_FROM_BOT_OAUTH_SCOPE
    result.caller_id = CallerIdConstants.public_azure_channel
    result.connector_factory = _NoConnectors()
    return result


class _NoConnectors(ConnectorFactory):  # type: ignore[misc]
    """Gives the adapter a connector that sends nothing.

    The SDK's own makes two msrest clients for every activity, which is most of what one costs (4.17.1).
    """

    async def create(self, service_url: str, audience: str) -> object:
        return _NOTHING


class _LetIn(BotFrameworkAuthentication):  # type: ignore[misc]
    """Authentication that has been done already; the adapter asks it for clients only."""

    async def authenticate_request(self, activity: Activity, auth_header: str) -> AuthenticateRequestResult:
        raise PermissionError("tokens are checked at the door")

    async def authenticate_streaming_request(
        self, auth_header: str, channel_id_header: str
    ) -> AuthenticateRequestResult:
        raise PermissionError("there is no streaming")

    def create_connector_factory(self, claims_identity: ClaimsIdentity) -> ConnectorFactory:
        return _NoConnectors()

    async def create_user_token_client(self, claims_identity: ClaimsIdentity) -> object:
        return _NOTHING


_NOTHING: Final = object()
