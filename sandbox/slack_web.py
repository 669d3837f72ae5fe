"""The methods of the Slack Web API: what each needs, what it refuses, what it answers.

Method names, scopes, tiers and error codes are those of Slack's method reference. A method gets its arguments
as one dict and either returns the fields of a good answer or raises `Refused`.
"""

import base64
import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.company import ENTERPRISE_ID, TEAM_ID, Company, SlackUser
from sandbox.slack_arguments import Refused, number, parsed, refused_for, required
from sandbox.slack_blocks import refusal, texts
from sandbox.slack_channels import Channel, Channels
from sandbox.slack_files import Files
from sandbox.slack_people import APP_ID, BOT_ID, BOT_USER, SLACKBOT, handle_of, user_object
from sandbox.slack_transcript import Entry, Transcript
from sandbox.slack_views import Views

Json = dict[str, Any]
_LONGEST_TEXT = 40_000
# All text of a message's blocks together: not documented, measured in slackapi/bolt-js#2509. Response URLs
# are free of it (slackapi/bolt-js#2867).
_LONGEST_BLOCKS = 13_200
_LONGEST_UPDATE_BYTES = 4_000  # of chat.update's text, counted after & < > are escaped
_MOST_USERS = 1_000


@dataclass(frozen=True, slots=True)
class Method:
    """One Web API method: its function, calls a minute, the scope it needs, and if it reads JSON."""

    call: Callable[[Json], Json]
    per_minute: int
    scope: str | None = None
    takes_json: bool = True


@dataclass(slots=True)
class Switches:
    """How this workspace and this installation differ from the usual."""

    scopes: set[str]
    grid: bool = False
    messages_tab: bool = True
    omit_deleted: bool = False
    deactivated_dm: str | None = "user_not_found"


@dataclass(slots=True)
class WebApi:
    """The methods over one workspace's state."""

    company: Company
    channels: Channels
    transcript: Transcript
    switches: Switches
    views: Views
    files: Files
    url: str = "https://acme.example/"

    def methods(self) -> dict[str, Method]:
        """Return every method by name; apps.connections.open is the socket's own."""
        return {
            "auth.test": Method(self.auth_test, 300),
            "users.info": Method(self.users_info, 100, "users:read", takes_json=False),
            "users.list": Method(self.users_list, 20, "users:read", takes_json=False),
            "chat.postMessage": Method(self.post_message, 300, "chat:write"),
            "chat.update": Method(self.update, 50, "chat:write"),
            "chat.postEphemeral": Method(self.post_ephemeral, 100, "chat:write"),
            "conversations.open": Method(self.open_conversation, 50, "im:write"),
            "conversations.info": Method(self.conversation_info, 50, takes_json=False),
            "files.getUploadURLExternal": Method(self.files.begin, 100, "files:write", takes_json=False),
            "files.completeUploadExternal": Method(self.files.complete, 100, "files:write"),
            "files.info": Method(self.files.info, 100, "files:read", takes_json=False),
            "views.open": Method(self.views.open, 100),
            "views.publish": Method(self.publish_home, 100),
        }

    def user(self, user_id: str) -> SlackUser | None:
        """Return a user of the workspace, Slackbot and the app's own bot user included."""
        own = {BOT_USER.id: BOT_USER, SLACKBOT.id: SLACKBOT}
        return own.get(user_id) or self.company.slack_users.get(user_id)

    def auth_test(self, _: Json) -> Json:
        """auth.test."""
        answer: Json = {
            "url": self.url,
            "team": "Acme",
            "user": handle_of(BOT_USER),
            "team_id": TEAM_ID,
            "user_id": BOT_USER.id,
            "bot_id": BOT_ID,
            "is_enterprise_install": False,
        }
        return answer | ({"enterprise_id": ENTERPRISE_ID} if self.switches.grid else {})

    def users_info(self, args: Json) -> Json:
        """users.info."""
        user = self.user(required(args, "user"))
        if user is None:
            raise Refused("user_not_found")
        return {"user": self._shown(user, args)}

    def users_list(self, args: Json) -> Json:
        """users.list: the whole workspace in its own order; the cursor names the first of the next page."""
        everybody = [SLACKBOT, BOT_USER, *reversed(self.company.slack_users.values())]
        limit = number(args, "limit")
        if limit == 0 and len(everybody) > _MOST_USERS:
            raise Refused("limit_required")
        start = 0
        if args.get("cursor"):
            first = _decoded(str(args["cursor"]))
            places = [place for place, user in enumerate(everybody) if first == f"user:{user.id}"]
            if not places:
                raise Refused("invalid_cursor")
            start = places[0]
        end = start + min(limit or _MOST_USERS, _MOST_USERS)
        more = base64.b64encode(f"user:{everybody[end].id}".encode()).decode() if end < len(everybody) else ""
        return {
            "members": [self._shown(user, args) for user in everybody[start:end]],
            "cache_ts": int(self.company.clock.now()),
            "response_metadata": {"next_cursor": more},
        }

    def post_message(self, args: Json) -> Json:
        """chat.postMessage: to a channel, a direct conversation, or a person, who then gets one."""
        target = required(args, "channel")
        user = self.company.slack_users.get(self.channels.user_of(target) or target)
        text, blocks = self._content(args)
        if user is not None:
            self._may_write_to(user)
            channel_id = self.channels.open_dm(user.id)
            entry = self.transcript.write(
                "dm", channel_id, author=BOT_USER.id, text=text, blocks=blocks, reader=user.id
            )
        else:
            if target in (BOT_USER.id, SLACKBOT.id):
                raise Refused("cannot_dm_bot")
            channel = self._writable(target)
            entry = self.transcript.write("channel", channel.id, author=BOT_USER.id, text=text, blocks=blocks)
        return {"channel": entry.channel, "ts": entry.ts, "message": _message(entry)}

    def update(self, args: Json) -> Json:
        """chat.update: the app's own messages only; without `blocks` the earlier blocks stay."""
        channel, ts = required(args, "channel"), required(args, "ts")
        if channel not in self.channels.channels and self.channels.user_of(channel) is None:
            raise Refused("channel_not_found")
        entry = self.transcript.find(channel, ts)
        if entry is None or entry.surface == "ephemeral":
            raise Refused("message_not_found")
        if entry.author != BOT_USER.id:
            raise Refused("cant_update_message")
        text, blocks = self._content(args)
        if len(html.escape(html.unescape(text), quote=False).encode()) > _LONGEST_UPDATE_BYTES:
            raise Refused("msg_too_long")
        entry.change(text or entry.text, blocks if "blocks" in args else entry.blocks)
        entry.edited = True
        return {"channel": channel, "ts": ts, "text": entry.text, "message": _message(entry)}

    def post_ephemeral(self, args: Json) -> Json:
        """chat.postEphemeral: one person in a channel sees it; it can never be updated."""
        target, user_id = required(args, "channel"), required(args, "user")
        if self.company.slack_users.get(user_id) is None:
            raise Refused("user_not_in_channel")
        text, blocks = self._content(args)
        if self.channels.user_of(target) is None:
            channel = self._writable(target, joined=True)
            if not self.channels.sees(user_id, channel.id):
                raise Refused("user_not_in_channel")
        elif self.channels.user_of(target) != user_id:
            raise Refused("user_not_in_channel")
        entry = self.transcript.write(
            "ephemeral", target, author=BOT_USER.id, text=text, blocks=blocks, reader=user_id
        )
        return {"message_ts": entry.ts}

    def open_conversation(self, args: Json) -> Json:
        """conversations.open: with one person."""
        users = [part for part in str(args.get("users", "")).split(",") if part]
        if len(users) != 1:
            raise Refused("not_enough_users" if not users else "method_not_supported_for_channel_type")
        user = self.user(users[0])
        if user is None:
            raise Refused("user_not_found")
        if user in (BOT_USER, SLACKBOT) or user.is_bot:
            raise Refused("cannot_dm_bot")
        if user.deleted:
            raise Refused("user_disabled")
        known = self.channels.has_dm(user.id)
        return {"no_op": known, "already_open": known, "channel": {"id": self.channels.open_dm(user.id)}}

    def conversation_info(self, args: Json) -> Json:
        """conversations.info."""
        channel_id = required(args, "channel")
        user_id = self.channels.user_of(channel_id)
        if user_id is not None:
            self._needs("im:read")
            return {"channel": {"id": channel_id, "is_im": True, "user": user_id, "is_ext_shared": False}}
        channel = self.channels.channels.get(channel_id)
        if channel is None or (channel.is_private and not channel.bot_in):
            raise Refused("channel_not_found")
        self._needs("groups:read" if channel.is_private else "channels:read")
        return {"channel": channel.as_json()}

    def publish_home(self, args: Json) -> Json:
        """views.publish, for people of this workspace."""
        if required(args, "user_id") not in self.company.slack_users:
            raise Refused("invalid_arguments", response_metadata={"messages": ["[ERROR] invalid user_id"]})
        return self.views.publish(args)

    def _shown(self, user: SlackUser, args: Json) -> Json:
        return user_object(
            user,
            email="users:read.email" in self.switches.scopes,
            locale=str(args.get("include_locale", "")).lower() in ("1", "true"),
            grid=self.switches.grid,
            omit_deleted=self.switches.omit_deleted,
        )

    def _needs(self, scope: str) -> None:
        if scope not in self.switches.scopes:
            raise Refused("missing_scope", needed=scope, provided=",".join(sorted(self.switches.scopes)))

    def _may_write_to(self, user: SlackUser) -> None:
        if user.is_bot:
            raise Refused("cannot_dm_bot")
        if user.deleted and self.switches.deactivated_dm is not None:
            raise Refused(self.switches.deactivated_dm)
        if not self.switches.messages_tab:
            raise Refused("messages_tab_disabled")

    def _writable(self, channel_id: str, *, joined: bool = False) -> Channel:
        channel = self.channels.channels.get(channel_id)
        if channel is None or (channel.is_private and not channel.bot_in):
            raise Refused("channel_not_found")
        if channel.is_archived:
            raise Refused("is_archived")
        if not channel.bot_in and (joined or "chat:write.public" not in self.switches.scopes):
            raise Refused("not_in_channel")
        return channel

    def _content(self, args: Json) -> tuple[str, list[Json]]:
        """Return text and blocks, refusing what Slack refuses."""
        text, blocks = str(args.get("text") or ""), parsed(args.get("blocks"))
        if not (text or blocks or args.get("attachments")):
            raise Refused("no_text")
        if len(text) > _LONGEST_TEXT:
            raise Refused("msg_too_long")
        refused = refusal(blocks)
        if refused is not None:
            raise refused_for(refused.error, refused.messages)
        if sum(map(len, texts(blocks))) > _LONGEST_BLOCKS:
            raise Refused("msg_blocks_too_long")
        return text, blocks


def _decoded(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, validate=True).decode()
    except ValueError:
        raise Refused("invalid_cursor") from None


def _message(entry: Entry) -> Json:
    message: Json = {
        "type": "message",
        "user": entry.author,
        "bot_id": BOT_ID,
        "app_id": APP_ID,
        "team": TEAM_ID,
        "text": entry.text,
        "ts": entry.ts,
    }
    if entry.blocks:
        message["blocks"] = entry.blocks
    if entry.edited:
        message["edited"] = {"user": BOT_USER.id, "ts": entry.ts}
    return message
