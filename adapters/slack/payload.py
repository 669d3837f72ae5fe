"""What Slack sends, read: which workspace, who, and which words. Pure.

A payload is a JSON object whose signature held, or one that came over an authenticated socket. Its fields
are still checked for their types: what is missing is never guessed.
"""

import hashlib
import html
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.chat.hosts import is_listed
from adapters.chat.message import ANSWER
from adapters.chat.text import language_tag
from adapters.chat.utterance import Utterance
from adapters.slack import forms, response_url
from provisioning.ids import ChatIdentity
from provisioning.requests import ReplyTo

Payload = Mapping[str, Any]


class Malformed(ValueError):
    """The payload lacks something Slack always sends."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The workspace a request came from, and the organization around it on Enterprise Grid."""

    team: str | None
    enterprise: str | None

    def is_in(self, ours: Collection[str]) -> bool:
        """Whether the workspace or its organization is one of ours; never without a workspace."""
        return self.team is not None and (self.team in ours or self.enterprise in ours)


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance, and how to answer where it was said.

    `url` is the response URL when it is one we post to. `replaces`: an answer may take the place of the
    message that was clicked, because nobody but the asker sees it.
    """

    utterance: Utterance
    url: str | None
    replaces: bool


def origin(body: Payload) -> Origin:
    """Return where a command, a click or an event comes from.

    In an organization-wide installation `team` of a click can be null; the user's own team stands in for it.
    The organization of a click may stand with its team alone.
    """
    team = body.get("team_id") or _id(body.get("team"))
    if team is None and isinstance(body.get("user"), dict):
        team = body["user"].get("team_id")
    enterprise = body.get("enterprise_id") or _id(body.get("enterprise"))
    if enterprise is None and isinstance(body.get("team"), dict):
        enterprise = body["team"].get("enterprise_id")
    return Origin(
        team if isinstance(team, str) else None, enterprise if isinstance(enterprise, str) else None
    )


def first_action(body: Payload) -> Payload:
    """Return what was pressed; empty when the payload names nothing."""
    actions = body.get("actions")
    if isinstance(actions, list) and actions and isinstance(actions[0], dict):
        return actions[0]
    return {}


def url_of(body: Payload, hosts: Collection[str]) -> str | None:
    """Return the response URL when its host is listed."""
    url = body.get("response_url")
    return url if isinstance(url, str) and is_listed(url, hosts) else None


def command(body: Payload, received_at: datetime, hosts: Collection[str]) -> Heard:
    """Read a slash command. Slack escapes `&`, `<` and `>` in its text; they come back as they were typed.

    Raises Malformed.
    """
    url = url_of(body, hosts)
    chat = _chat(body, _text(body, "user_id"))
    utterance = Utterance(
        chat=chat,
        text=html.unescape(str(body.get("text") or "")),
        asked_id=_id_of(body, received_at),
        received_at=received_at,
        reply=_reply(chat, url, received_at, response_url.POSTS),
    )
    return Heard(utterance, url, replaces=True)


def _id_of(body: Payload, received_at: datetime) -> str:
    """Return what tells a command from every other, and is the same when it is sent again.

    That is the trigger's id, for which nothing else is needed; without one it is a digest of the command and
    of when it was signed. With a response URL, which no two commands share, the time need not be in it.
    """
    if body.get("trigger_id"):
        return _text(body, "trigger_id")
    signed = [] if body.get("response_url") else [received_at.isoformat()]
    told = json.dumps([*signed, body], sort_keys=True).encode()
    return f"command/{hashlib.blake2b(told, digest_size=16).hexdigest()}"


def press(body: Payload, received_at: datetime, hosts: Collection[str]) -> Heard:
    """Read a pressed button. Raises Malformed.

    A message in a channel belongs to everybody there: its response URL would replace it for all, so it is no
    handle for later messages. Elsewhere one post is taken off, for the answer to the click itself.
    """
    url = url_of(body, hosts)
    action = first_action(body)
    chat = _chat(body, _text(body.get("user"), "id"))
    replaces = _is_private(body)
    utterance = Utterance(
        chat=chat,
        text=_said(action),
        asked_id=f"{_text(body, 'trigger_id')}/{_text(action, 'action_id')}",
        received_at=received_at,
        reply=_reply(chat, url if replaces else None, received_at, response_url.POSTS - 1),
        pressed=True,
    )
    return Heard(utterance, url, replaces)


@dataclass(frozen=True, slots=True)
class Asked:
    """A pressed button that opens a form: the words to be said with it, and how to answer where it was."""

    trigger: str
    words: str
    reply: ReplyTo


def form(body: Payload, received_at: datetime, hosts: Collection[str]) -> Asked:
    """Read a pressed button that opens a form. Raises Malformed."""
    heard = press(body, received_at, hosts)
    language = language_tag(_text(first_action(body), "action_id").rpartition(":")[2])
    reply = heard.utterance.reply.spoken_in(language)
    return Asked(_text(body, "trigger_id"), heard.utterance.text, reply)


def submission(body: Payload, received_at: datetime, hosts: Collection[str]) -> Heard:
    """Read a form that was sent. One form is one request, however often it is sent. Raises Malformed.

    What was kept in it comes back signed, but may be old: the handle is checked like any other.
    """
    view = body.get("view")
    chat = _chat(body, _text(body.get("user"), "id"))
    words, reply = forms.kept(_text(view, "private_metadata"), chat)
    url = reply.handle if is_listed(reply.handle, hosts) else None
    utterance = Utterance(
        chat=chat,
        text=words,
        asked_id=_text(view, "id"),
        received_at=received_at,
        reply=reply if url is not None else ReplyTo(chat),
        pressed=True,
        given=forms.filled(view if isinstance(view, dict) else {}),
    )
    return Heard(utterance, url, replaces=True)


def _said(action: Payload) -> str:
    """Return the words of what was pressed, chosen or typed; a field has them in the id of its block."""
    chosen = action.get("selected_option")
    if isinstance(chosen, dict):
        return str(chosen.get("value") or "")
    typed = str(action.get("value") or "")
    return (
        str(action.get("block_id") or "").partition(" ")[2].replace(ANSWER, typed)
        if action.get("type") == "plain_text_input"
        else typed
    )


def _is_private(body: Payload) -> bool:
    """Whether only the clicker sees the message: ephemeral, or in their conversation with the bot."""
    container = body.get("container")
    if not isinstance(container, dict):
        return False
    return container.get("is_ephemeral") is True or str(container.get("channel_id") or "").startswith("D")


def _chat(body: Payload, user: str) -> ChatIdentity:
    came_from = origin(body)
    tenant = came_from.enterprise or came_from.team
    if tenant is None:
        raise Malformed("no workspace")
    return ChatIdentity("slack", tenant, user)


def _reply(chat: ChatIdentity, url: str | None, received_at: datetime, posts: int) -> ReplyTo:
    if url is None:
        return ReplyTo(chat)
    return ReplyTo(chat, handle=url, handle_until=received_at + response_url.LIFE, handle_posts=posts)


def _text(body: object, name: str) -> str:
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, str) or not found:
        raise Malformed(f"no {name}")
    return found


def _id(found: object) -> object:
    return found.get("id") if isinstance(found, dict) else None
