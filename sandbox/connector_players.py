"""The routes under /_teams: what people do becomes a signed activity, and what they see can be asked.

    GET  people                    every person by key
    GET  transcript?user=|conversation=
                                   what one person sees (key or id), or what stands in one conversation
    POST activities                {"person", "kind", …}: make an activity, show it, and sign it for the bot
    POST answers                   {"person", "entry", "status", "body"}: what the bot answered a button
    POST tokens                    {"deviation"?}: an Authorization header alone
    POST conversations             {"conversation"|"person", "dead": code or null}: end or heal a conversation
    POST keys                      {"overlap"?}: sign with a new key from now on

Kinds of activities: "message" (text, reply_to?), "execute" and "submit" (entry, action, value), "install",
"install-members", "uninstall", "uninstall-members". All take "conversation" (id or name; by default the
person's chat with the bot), "token" (a deviation) and "fields", which overwrite fields of the activity.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.company import Company, TeamsUser
from sandbox.connector_cards import fault
from sandbox.connector_conversations import BOT_NAME, Conversation, Conversations
from sandbox.connector_errors import DEAD
from sandbox.connector_keys import SigningKeys
from sandbox.connector_tokens import VALID, TokenForge
from sandbox.connector_transcript import TEAMS, TeamsEntry, TeamsTranscript
from sandbox.teams_activities import (
    Scene,
    executed,
    installation,
    membership,
    mentions_in,
    message,
    submitted,
)

Json = dict[str, Any]
CARD_ANSWER = "application/vnd.microsoft.card.adaptive"
MESSAGE_ANSWER = "application/vnd.microsoft.activity.message"
COMPLAINT = "Unable to reach app. Please try again."  # what the client says of an answer it can't use


class _Impossible(Exception):
    """Nobody can do this in Teams."""


@dataclass(slots=True)
class Players:
    """The routes over one tenant's state."""

    company: Company
    conversations: Conversations
    transcript: TeamsTranscript
    keys: SigningKeys
    forge: TokenForge
    region: str = ""

    def add_to(self, router: web.UrlDispatcher, region: str) -> None:
        """Add the routes; activities name this region in their service URL."""
        self.region = region
        router.add_get("/_teams/people", self._people)
        router.add_get("/_teams/transcript", self._transcript)
        router.add_post("/_teams/activities", self._activities)
        router.add_post("/_teams/answers", self._answers)
        router.add_post("/_teams/tokens", self._tokens)
        router.add_post("/_teams/conversations", self._conversations)
        router.add_post("/_teams/keys", self._keys)

    def service_url(self, request: web.Request) -> str:
        """Return the service URL that activities carry."""
        return f"http://{request.host}{self.region}/"

    async def _people(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                key: {
                    "id": person.teams.id,
                    "aad_object_id": person.teams.aad_object_id,
                    "tenant_id": person.teams.tenant_id,
                    "name": person.teams.name,
                    "personal": self.conversations.personal(person.teams).id
                    if self.conversations.has_personal(person.teams)
                    else None,
                }
                for key, person in self.company.people.items()
            }
        )

    async def _transcript(self, request: web.Request) -> web.Response:
        if "user" not in request.query:
            wanted = request.query.get("conversation", "")
            found = self.conversations.named(wanted)
            entries = self.transcript.in_conversation(found.id if found and found.name == wanted else wanted)
            return web.json_response([entry.as_json() for entry in entries])
        user = self._user(request.query["user"])
        if user is None:
            return _impossible(f"nobody here is called {request.query['user']}")
        return web.json_response([entry.as_json(user.id) for entry in self.transcript.visible_to(user.id)])

    async def _activities(self, request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            activity = self._made(asked, self.service_url(request))
        except (_Impossible, LookupError) as impossible:
            return _impossible(str(impossible))
        url = str(activity.get("serviceUrl", self.service_url(request)))
        headers = self.forge.header(url, asked.get("token") or VALID)
        return web.json_response({"activity": activity, "headers": headers})

    async def _answers(self, request: web.Request) -> web.Response:
        said = await request.json()
        user = self._user(said["person"])
        if user is None:
            return _impossible(f"nobody here is called {said['person']}")
        self._show(user, self.transcript.entries[said["entry"]], said["status"], said.get("body"))
        return web.json_response({})

    async def _tokens(self, request: web.Request) -> web.Response:
        asked = await request.json()
        url = asked.get("service_url") or self.service_url(request)
        return web.json_response({"headers": self.forge.header(url, asked.get("deviation") or VALID)})

    async def _conversations(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("dead") is not None and asked["dead"] not in DEAD:
            return _impossible(f"no conversation ends with {asked['dead']}")
        user = self._user(asked["person"]) if "person" in asked else None
        found = self.conversations.personal(user) if user else self.conversations.named(asked["conversation"])
        if found is None:
            return _impossible(f"no conversation is called {asked['conversation']}")
        found.dead = asked.get("dead")
        return web.json_response({"conversation": found.id, "dead": found.dead})

    async def _keys(self, request: web.Request) -> web.Response:
        self.keys.rotate(overlap=bool((await request.json()).get("overlap")))
        return web.json_response({"kid": self.keys.current.kid})

    def _user(self, key: str) -> TeamsUser | None:
        person = self.company.people.get(key)
        return person.teams if person is not None else self.company.teams_users.get(key)

    def _made(self, asked: Json, service_url: str) -> Json:
        """Do what the person did, and return the activity about it."""
        user = self._user(asked["person"])
        if user is None:
            raise _Impossible(f"nobody here is called {asked['person']}")
        entry = None if asked.get("entry") is None else self.transcript.entries[asked["entry"]]
        where = entry.conversation if entry is not None else asked.get("conversation")
        conversation = self.conversations.personal(user) if where is None else self._place(where)
        if not self.conversations.sees(user.id, conversation.id):
            raise _Impossible(f"{asked['person']} is not in this conversation")
        thread = None if entry is None else entry.thread
        scene = Scene(
            user, conversation, thread, service_url, self.company.clock.now(), f"f:{secrets.randbits(63)}"
        )
        return self._acted(asked, scene, entry) | (asked.get("fields") or {})

    def _acted(self, asked: Json, scene: Scene, entry: TeamsEntry | None) -> Json:
        conversation, kind = scene.conversation, asked["kind"]
        if kind in ("uninstall", "uninstall-members"):
            self._install(conversation, present=False)
            if kind == "uninstall":
                return installation(scene, "remove")
            return membership(scene, joined=False)
        if kind in ("install", "install-members"):
            self._install(conversation, present=True)
            return installation(scene, "add") if kind == "install" else membership(scene, joined=True)
        conversation.revive()
        if kind == "message":
            return self._said(scene, asked["text"], asked.get("reply_to"))
        if entry is None:
            raise _Impossible("a button stands on a card")
        if kind == "execute":
            return executed(scene, asked["action"], entry.activity_id)
        # Teams names a submitted message as it names every other, though nobody sees it.
        named = Scene(
            scene.user,
            conversation,
            scene.thread,
            scene.service_url,
            scene.at,
            self.transcript.next_id(),
        )
        return submitted(named, asked["value"], entry.activity_id)

    def _said(self, scene: Scene, text: str, reply_to: str | None) -> Json:
        """Show what was typed. Outside the personal chat the bot hears only what mentions it."""
        if scene.conversation.kind != "personal" and f"<at>{BOT_NAME}</at>" not in text:
            text = f"<at>{BOT_NAME}</at> {text}"
        spelled, mentioned = mentions_in(text, self._user)
        thread = None
        if reply_to is not None:
            answered = self.transcript.find(scene.conversation.id, reply_to)
            if answered is None:
                raise _Impossible("there is no such message to reply to")
            thread = answered.thread
        shown = spelled.replace("<at>", "").replace("</at>", "")
        entry = self.transcript.write(
            scene.conversation.kind, scene.conversation.id, author=scene.user.id, text=shown, thread=thread
        )
        named = Scene(
            scene.user, scene.conversation, entry.thread, scene.service_url, scene.at, entry.activity_id
        )
        return message(named, spelled, mentioned)

    def _install(self, conversation: Conversation, *, present: bool) -> None:
        if conversation.team is not None:
            conversation.team.app_in = present
        conversation.app_in = present
        if present:
            conversation.revive()

    def _place(self, name: str) -> Conversation:
        found = self.conversations.named(name)
        if found is None:
            raise _Impossible(f"no conversation is called {name}")
        return found

    def _show(self, user: TeamsUser, entry: TeamsEntry, status: int, body: object) -> None:
        """Show the answer to a pressed button: a card in its place, a line below, or Teams' own complaint."""
        answer = body if status == 200 and isinstance(body, dict) else {}  # noqa: PLR2004 - HTTP's word for yes
        kind, value = answer.get("type"), answer.get("value")
        if answer.get("statusCode") == 200 and kind == CARD_ANSWER and fault(value) is None:  # noqa: PLR2004
            assert isinstance(value, dict)  # noqa: S101 - a card without fault is an object
            if entry.kind == "personal":
                entry.change(entry.text, value)
                entry.replaced = True
            else:  # the others go on seeing the card as it was
                entry.views[user.id] = value
            return
        good = answer.get("statusCode") == 200 and kind == MESSAGE_ANSWER and isinstance(value, str)  # noqa: PLR2004
        self.transcript.write(
            entry.kind,
            entry.conversation,
            author=TEAMS,
            text=str(value) if good else COMPLAINT,
            thread=entry.thread,
            reader=user.id,
        )


def _impossible(why: str) -> web.Response:
    return web.json_response({"error": why}, status=409)
