"""The calls of the Bot Connector API: what each needs, what it refuses, what it answers.

A call either returns status and body of a good answer or raises `Refused`. Sources: Azure Bot Service
documentation, "Bot Connector REST API reference"; Teams documentation, "Send proactive messages" and
"Get Teams specific context".
"""

import base64
from dataclasses import dataclass
from typing import Any

from sandbox.company import TENANT_ID, Company, TeamsUser
from sandbox.connector_cards import CONTENT_TYPE, fault
from sandbox.connector_conversations import (
    BOT_MRI,
    Conversation,
    Conversations,
    bare,
    thread_of,
)
from sandbox.connector_errors import Refused
from sandbox.connector_transcript import TeamsEntry, TeamsTranscript

Json = dict[str, Any]
Answered = tuple[int, Any]
LARGEST_MESSAGE_BYTES = 100 * 1024  # in UTF-16
SMALLEST_PAGE, LARGEST_PAGE = 50, 500
_TEXT_FORMATS = ("plain", "markdown", "xml")
_OTHER_CARDS = ("hero", "thumbnail", "list", "o365connector", "receipt", "signin", "oauth")
_CONTENT_TYPES = (CONTENT_TYPE, *(f"application/vnd.microsoft.card.{card}" for card in _OTHER_CARDS))


@dataclass(frozen=True, slots=True)
class Content:
    """What a good message activity brings."""

    text: str
    card: Json | None

    @property
    def is_split(self) -> bool:
        """Whether Teams makes two messages of it."""
        return bool(self.text) and self.card is not None


@dataclass
class ConnectorApi:
    """The calls over one tenant's state."""

    company: Company
    conversations: Conversations
    transcript: TeamsTranscript

    def create(self, body: Json) -> Answered:
        """POST conversations: a chat with one person, or a new thread in a channel."""
        channel = _of(_of(body, "channelData"), "channel").get("id")
        if body.get("isGroup") or channel:
            return self._new_thread(body, channel)
        tenant = _of(_of(body, "channelData"), "tenant").get("id") or body.get("tenantId")
        members = body.get("members")
        if not isinstance(members, list) or not members or not tenant:
            raise Refused.bad_syntax("Bad format of conversation ID")
        if len(members) != 1 or not isinstance(members[0], dict):
            raise Refused.bad_syntax("Incorrect conversation creation parameters")
        user = self._addressed(str(members[0].get("id")), str(tenant))
        known = self.conversations.has_personal(user)
        if not self.conversations.may_open_personal(user):
            raise Refused.dead("ForbiddenOperationException")
        conversation = self.conversations.personal(user)
        if conversation.dead is not None:
            raise Refused.dead(conversation.dead)
        answer: Json = {"id": conversation.id}
        if "activity" in body:
            entry = self._say(conversation, None, _content(body["activity"]))
            answer |= {} if entry is None else {"activityId": entry.activity_id}
        return (200 if known else 201), answer

    def post(self, conversation_id: str, activity: Json, reply_to: str | None = None) -> Answered:
        """POST activities: one message, as a reply when it is one. Nothing is kept of other types."""
        conversation = self.reachable(conversation_id)
        thread = thread_of(conversation_id)
        if thread is not None and not self.transcript.has_thread(conversation.id, thread):
            raise Refused.dead("ConversationNotFound")
        if reply_to is not None:
            answered = self._message(conversation, reply_to)
            thread = thread or answered.thread
        if activity.get("type") == "typing":
            return 201, {"id": self.transcript.next_id()}
        entry = self._say(conversation, thread, _content(activity), reply_to)
        return 201, {} if entry is None else {"id": entry.activity_id}

    def update(self, conversation_id: str, activity_id: str, activity: Json) -> Answered:
        """PUT an activity: the bot's own messages only; all of the content is replaced."""
        entry = self._own(conversation_id, activity_id)
        content = _content(activity)
        entry.change(content.text, content.card)
        entry.edited = True
        return 200, {"id": entry.activity_id}

    def delete(self, conversation_id: str, activity_id: str) -> Answered:
        """DELETE an activity: the bot's own messages only."""
        self._own(conversation_id, activity_id).deleted = True
        return 200, {}

    def member(self, conversation_id: str, who: str) -> Answered:
        """GET one member by Bot Connector id, object id or UPN."""
        conversation = self.reachable(conversation_id)
        for user in self.conversations.members(conversation):
            names = (user.aad_object_id or "", user.user_principal_name or "")
            if who == user.id or (who and who.lower() in map(str.lower, names)):
                return 200, member_object(user)
        raise Refused(404, "MemberNotFoundInConversation", "Member not found in conversation.")

    def members(self, conversation_id: str) -> Answered:
        """GET all members at once, which Microsoft asks nobody to do any more."""
        conversation = self.reachable(conversation_id)
        return 200, [member_object(user) for user in self.conversations.members(conversation)]

    def page(self, conversation_id: str, size: str | None, token: str | None) -> Answered:
        """GET a page of members; its size is clamped to 50..500, the token leads to the next one."""
        everybody = self.conversations.members(self.reachable(conversation_id))
        try:
            wanted = int(size or LARGEST_PAGE)
            start = int(base64.b64decode(token, validate=True)) if token else 0
        except ValueError:
            raise Refused.bad_syntax("Invalid page size or continuation token") from None
        end = start + min(max(wanted, SMALLEST_PAGE), LARGEST_PAGE)
        answer: Json = {"members": [member_object(user) for user in everybody[start:end]]}
        if end < len(everybody):
            answer["continuationToken"] = base64.b64encode(str(end).encode()).decode()
        return 200, answer

    def reachable(self, conversation_id: str) -> Conversation:
        """Return a conversation the bot can use. Raises Refused with the code of what is in the way."""
        conversation = self.conversations.find(conversation_id)
        if conversation is None:
            if not bare(conversation_id).startswith(("a:", "19:")):
                raise Refused.bad_syntax("Bad format of conversation ID")
            raise Refused.dead("ConversationNotFound")
        obstacle = conversation.obstacle()
        if obstacle is not None:
            raise Refused.dead(obstacle)
        return conversation

    def _new_thread(self, body: Json, channel: object) -> Answered:
        if not isinstance(channel, str) or "activity" not in body:
            raise Refused.bad_syntax("Incorrect conversation creation parameters")
        conversation = self.reachable(channel)
        if conversation.kind != "channel" or thread_of(channel):
            raise Refused.bad_syntax("Bad format of conversation ID")
        content = _content(body["activity"])
        entry = self._say(conversation, None, content)
        if entry is None:  # split: the thread is there, but nobody is told which
            return 201, {"id": conversation.id}
        return 201, {
            "id": f"{conversation.id};messageid={entry.activity_id}",
            "activityId": entry.activity_id,
        }

    def _addressed(self, member_id: str, tenant: str) -> TeamsUser:
        """Return whom this id names in this tenant: a Bot Connector id or an object id, nothing else.

        Outsiders who are in a conversation of ours are named in our tenant too.
        """
        if member_id.startswith("29:") and member_id not in self.company.teams_users:
            raise Refused(403, "BadArgument", "Failed to decrypt pairwise id.")
        for user in self.company.teams_users.values():
            named = member_id in (user.id, user.aad_object_id)
            if named and tenant.lower() in (user.tenant_id, TENANT_ID):
                return user
        raise Refused.bad_syntax("Invalid user identity in provided tenant")

    def _say(
        self, conversation: Conversation, thread: str | None, content: Content, answers: str | None = None
    ) -> TeamsEntry | None:
        """Show a message. Returns None when Teams split it in two: then nobody learns the ids."""
        halves = [(content.text, content.card)]
        if content.is_split:
            halves = [(content.text, None), ("", content.card)]
        for text, card in halves:
            entry = self.transcript.write(
                conversation.kind,
                conversation.id,
                author=BOT_MRI,
                text=text,
                card=card,
                thread=thread,
                answers=answers,
            )
            thread = entry.thread
        return None if content.is_split else entry

    def _message(self, conversation: Conversation, activity_id: str) -> TeamsEntry:
        entry = self.transcript.find(conversation.id, activity_id)
        if entry is None:
            raise Refused(
                404,
                "ActivityNotFoundInConversation",
                "The message ID provided couldn't be found in the conversation.",
            )
        return entry

    def _own(self, conversation_id: str, activity_id: str) -> TeamsEntry:
        entry = self._message(self.reachable(conversation_id), activity_id)
        if entry.author != BOT_MRI:
            raise Refused(403, "NotEnoughPermissions", "Message was not sent by the bot")
        return entry


def member_object(user: TeamsUser) -> Json:
    """Return a member as Teams shows it: `objectId`, and of anonymous people next to nothing."""
    shown: Json = {"id": user.id, "name": user.name, "tenantId": user.tenant_id}
    if user.user_role != "anonymous":
        shown |= {
            "objectId": user.aad_object_id,
            "givenName": user.given_name,
            "surname": user.surname,
            "email": user.email,
            "userPrincipalName": user.user_principal_name,
        }
    if user.user_role is not None:
        shown["userRole"] = user.user_role
    return shown


def check_size(body: str) -> None:
    """Raise Refused when Teams finds the body of a message too big."""
    if len(body.encode("utf-16-le", "surrogatepass")) > LARGEST_MESSAGE_BYTES:
        raise Refused(413, "MessageSizeTooBig", "The size of message is too large.")


def _content(activity: object) -> Content:
    """Return what a message says. Raises Refused for what Teams does not show."""
    if not isinstance(activity, dict) or activity.get("type", "message") != "message":
        raise Refused.bad_syntax("Unsupported activity type")
    text, attachments = activity.get("text") or "", activity.get("attachments") or []
    if not isinstance(text, str) or activity.get("textFormat", "markdown") not in _TEXT_FORMATS:
        raise Refused.bad_syntax("Invalid text or textFormat")
    if not isinstance(attachments, list) or not all(isinstance(found, dict) for found in attachments):
        raise Refused.bad_syntax("Invalid attachments")
    cards = [_card(attachment) for attachment in attachments]
    if not text.strip() and not cards:
        raise Refused.bad_syntax("Activity must contain text or attachments")
    return Content(text, cards[0] if len(cards) == 1 else _together(cards))


def _together(cards: list[Json]) -> Json | None:
    """Return the cards of a message in one, as a list of attachments is shown: one below the other."""
    body = [{"type": "Container", "items": [card]} for card in cards]
    return {"type": "AdaptiveCard", "version": "1.5", "body": body} if cards else None


def _card(attachment: Json) -> Json:
    kind = attachment.get("contentType")
    if kind not in _CONTENT_TYPES and not str(kind).startswith("image/"):
        raise Refused.bad_syntax("Unknown attachment type")
    content = attachment.get("content", {})
    found = fault(content) if kind == CONTENT_TYPE else None
    if found is not None or not isinstance(content, dict):
        raise Refused.bad_syntax(f"Bad adaptive card: {found}")
    return content


def _of(body: Json, name: str) -> Json:
    part = body.get(name)
    return part if isinstance(part, dict) else {}
