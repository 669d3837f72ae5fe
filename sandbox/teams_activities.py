"""What Teams sends about a message, a pressed button, and an app that is added or removed.

Shapes are those of Microsoft's Teams documentation ("Messages in bot conversations", "Universal Actions",
"Conversation events"). A `Scene` says who acts, where and when.
"""

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sandbox.company import TeamsUser
from sandbox.connector_conversations import BOT_MRI, BOT_NAME, Conversation

Json = dict[str, Any]
_HOME = timezone(timedelta(hours=1))  # where the people of the company live
_TIMEZONE = "Europe/Berlin"
_MENTION = re.compile(r"<at>(.*?)</at>")


@dataclass(frozen=True, slots=True)
class Scene:
    """Who acts, in which conversation (and thread of it), when, and what the activity is called."""

    user: TeamsUser
    conversation: Conversation
    thread: str | None
    service_url: str
    at: float  # simulated seconds since 1970
    activity_id: str


def message(scene: Scene, text: str, mentioned: Iterable[TeamsUser | None]) -> Json:
    """Return a typed message with a mention entity for each `<at>…</at>` of the text (None: the bot)."""
    return _envelope(scene, "message") | {
        "text": text,
        "textFormat": "plain",
        "attachments": [{"contentType": "text/html", "content": _as_html(text, mentioned)}],
        "entities": [*(_mention(user) for user in mentioned), _client(scene)],
    }


def submitted(scene: Scene, value: Any, card_id: str) -> Json:
    """Return what Action.Submit makes: a message without text."""
    return _envelope(scene, "message") | {
        "value": value,
        "replyToId": card_id,
        "entities": [_client(scene)],
        "channelData": _channel_data(scene) | {"legacy": {"replyToId": f"1:{card_id}"}},
    }


def executed(scene: Scene, action: Json, card_id: str) -> Json:
    """Return what Action.Execute makes: an invoke that is answered at once."""
    return _envelope(scene, "invoke") | {
        "name": "adaptiveCard/action",
        "value": {"action": action, "trigger": "manual"},
        "replyToId": card_id,
        "entities": [_client(scene)],
        "channelData": _channel_data(scene)
        | {"source": {"name": "message"}, "legacy": {"replyToId": f"1:{card_id}"}},
    }


def installation(scene: Scene, action: str) -> Json:
    """Return what says that the app was added ("add") or removed ("remove") here."""
    data = _channel_data(scene) | {"settings": {"selectedChannel": {"id": scene.conversation.id}}}
    return _envelope(scene, "installationUpdate") | {
        "action": action,
        "entities": [_client(scene)],
        "channelData": data if scene.conversation.kind == "channel" else _channel_data(scene),
    }


def membership(scene: Scene, *, joined: bool) -> Json:
    """Return what says that the bot itself came into the conversation, or left it."""
    event = {"eventType": "teamMemberAdded" if joined else "teamMemberRemoved"}
    extra = event if scene.conversation.kind == "channel" else {}
    return _envelope(scene, "conversationUpdate") | {
        "membersAdded" if joined else "membersRemoved": [{"id": BOT_MRI}],
        "channelData": _channel_data(scene) | extra,
    }


def mentions_in(
    text: str, named: Callable[[str], TeamsUser | None]
) -> tuple[str, tuple[TeamsUser | None, ...]]:
    """Put full names in the place of the keys in `<at>key</at>`, and return whom they name in this order.

    The bot is mentioned by its own name, and stands as None. Raises LookupError when a key is nobody's.
    """
    mentioned: list[TeamsUser | None] = []

    def spelled(match: re.Match[str]) -> str:
        user = None if match[1] == BOT_NAME else named(match[1])
        if user is None and match[1] != BOT_NAME:
            raise LookupError(match[1])
        mentioned.append(user)
        return f"<at>{_name(user)}</at>"

    return _MENTION.sub(spelled, text), tuple(mentioned)


def _envelope(scene: Scene, kind: str) -> Json:
    """Return what every activity has."""
    sender: Json = {"id": scene.user.id, "name": scene.user.name}
    if scene.user.aad_object_id is not None:
        sender["aadObjectId"] = scene.user.aad_object_id
    return {
        "type": kind,
        "id": scene.activity_id,
        "timestamp": _stamp(datetime.fromtimestamp(scene.at, UTC)).replace("+00:00", "Z"),
        "localTimestamp": _stamp(datetime.fromtimestamp(scene.at, _HOME)),
        "localTimezone": _TIMEZONE,
        "serviceUrl": scene.service_url,
        "channelId": "msteams",
        "from": sender,
        "conversation": _conversation(scene),
        "recipient": {"id": BOT_MRI, "name": BOT_NAME},
        "channelData": _channel_data(scene),
        "locale": scene.user.locale,
    }


def _conversation(scene: Scene) -> Json:
    conversation = scene.conversation
    thread = "" if scene.thread is None else f";messageid={scene.thread}"
    shown: Json = {
        "conversationType": conversation.kind,
        "tenantId": conversation.tenant,
        "id": conversation.id + thread,
    }
    if conversation.kind != "personal":
        shown["isGroup"] = True
    if conversation.kind == "channel":
        shown["name"] = conversation.name
    return shown


def _channel_data(scene: Scene) -> Json:
    conversation = scene.conversation
    told: Json = {"tenant": {"id": conversation.tenant}}
    if conversation.team is not None:
        team = conversation.team
        told |= {
            "teamsChannelId": conversation.id,
            "teamsTeamId": team.id,
            "channel": {"id": conversation.id},
            "team": {"id": team.id, "name": team.name, "aadGroupId": team.group_id},
        }
    return told


def _client(scene: Scene) -> Json:
    country = scene.user.locale.partition("-")[2] or "US"
    return {
        "type": "clientInfo",
        "locale": scene.user.locale,
        "country": country,
        "platform": "Web",
        "timezone": _TIMEZONE,
    }


def _mention(user: TeamsUser | None) -> Json:
    name = _name(user)
    mentioned = {"id": BOT_MRI if user is None else user.id, "name": name}
    return {"type": "mention", "mentioned": mentioned, "text": f"<at>{name}</at>"}


def _name(user: TeamsUser | None) -> str:
    return BOT_NAME if user is None else user.name


def _as_html(text: str, mentioned: Iterable[TeamsUser | None]) -> str:
    """Return the text as the second copy of it that Teams sends along."""
    written, numbered = html.escape(text, quote=False), ""
    for number, _ in enumerate(mentioned):
        before, _, rest = written.partition("&lt;at&gt;")
        name, _, written = rest.partition("&lt;/at&gt;")
        numbered += (
            f'{before}<span itemscope="" itemtype="http://schema.skype.com/Mention"'
            f' itemid="{number}">{name}</span>'
        )
    return f"<div><div>{numbered}{written}</div>\n</div>"


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
