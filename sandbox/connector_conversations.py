"""The conversations of Teams the bot can be part of: personal chats, the channels of a team, group chats.

An id may name a thread of a channel: "19:…@thread.tacv2;messageid=1790000000000".
"""

import random
from dataclasses import dataclass
from typing import Literal

from sandbox.company import BOT_APP_ID, TENANT_ID, Company, TeamsUser

BOT_MRI = f"28:{BOT_APP_ID}"
BOT_NAME = "DeepRacer"
TEAM = "19:7a1de0c4b58f4e20a9d3c6f81b2e5d07@thread.tacv2"  # a team has the id of its channel General
TEAM_GROUP_ID = "2b7f1c90-4d3e-4a86-9f15-c8e0a7d6b342"
RACING = "19:c41f7b9e2a6d4c03b8e5f1a09d7c3e62@thread.tacv2"
ORGANIZERS = "19:58e2a9d0c7f34b16a1d4e8b3f6c92705@thread.tacv2"
SHARED = "19:e06b3f8a1c9d4752b7a0e4c5d81f2936@thread.tacv2"
PIT_CREW = "19:9b4c7d2e8f1a4035c6e0d9b8a7f31245@thread.v2"
MEETING = "19:meeting_ZDk4YTJjMWYtN2I2ZS00OGQzLWE1ZjA@thread.v2"
Kind = Literal["personal", "channel", "groupChat"]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_UNDONE_BY_THE_PERSON = {"BotNotInConversationRoster", "ConversationBlockedByUser"}


@dataclass(slots=True)
class Team:
    """A team. `app_in`: the bot's app was added to it."""

    id: str
    name: str
    group_id: str
    app_in: bool = True


@dataclass(slots=True)
class Conversation:
    """A conversation. `members` None: everybody of the team. `dead` is the code that a call for it meets."""

    id: str
    kind: Kind
    name: str
    tenant: str = TENANT_ID
    members: set[str] | None = None
    team: Team | None = None
    app_in: bool = True  # of a channel the team says it
    dead: str | None = None

    def obstacle(self) -> str | None:
        """Return the code of why the bot can do nothing here, or None."""
        if self.dead is not None:
            return self.dead
        present = self.app_in if self.team is None else self.team.app_in
        return None if present else "BotNotInConversationRoster"

    def revive(self) -> None:
        """Undo what a person undoes by writing to the bot: a block, or a removal of the app."""
        if self.dead in _UNDONE_BY_THE_PERSON:
            self.dead = None
        if self.team is None:
            self.app_in = True


class Conversations:
    """All conversations. At first there is one team with four channels, a group chat and a meeting's chat.

    Its members are all people of the tenant. The organizer alone is in the channel Organizers; the channel
    With partners is shared with another company.
    """

    def __init__(self, company: Company) -> None:
        self._company = company
        self._dice = random.Random(23)
        self._personal: dict[str, Conversation] = {}  # by the person's id
        self.team = Team(TEAM, "DeepRacer", TEAM_GROUP_ID)
        crew = ("organizer", "employee-001", "employee-002", "employee-003", "teams-guest")
        found = (
            Conversation(TEAM, "channel", "General", team=self.team),
            Conversation(RACING, "channel", "Racing", team=self.team),
            Conversation(ORGANIZERS, "channel", "Organizers", members=self._ids("organizer"), team=self.team),
            Conversation(SHARED, "channel", "With partners", members=self._shared(), team=self.team),
            Conversation(PIT_CREW, "groupChat", "Pit crew", members=self._ids(*crew)),
            Conversation(
                MEETING, "groupChat", "Race meeting", members=self._ids("employee-001", "teams-anonymous")
            ),
        )
        self.all = {conversation.id: conversation for conversation in found}

    def add(self, conversation: Conversation) -> Conversation:
        """Add one more conversation."""
        self.all[conversation.id] = conversation
        return conversation

    def find(self, conversation_id: str) -> Conversation | None:
        """Return the conversation of this id, thread or not."""
        return self.all.get(bare(conversation_id))

    def named(self, name: str) -> Conversation | None:
        """Return the conversation of this id or name."""
        by_name = {found.name: found for found in self.all.values() if found.kind != "personal"}
        return self.find(name) or by_name.get(name)

    def personal(self, user: TeamsUser) -> Conversation:
        """Return the bot's chat with this person, opening it when there is none."""
        if user.id not in self._personal:
            chat_id = "a:1" + "".join(self._dice.choices(_LETTERS, k=98))
            chat = Conversation(chat_id, "personal", "", tenant=user.tenant_id, members={user.id})
            self._personal[user.id] = self.add(chat)
        return self._personal[user.id]

    def has_personal(self, user: TeamsUser) -> bool:
        """Tell whether the bot and this person have a chat already."""
        return user.id in self._personal

    def may_open_personal(self, user: TeamsUser) -> bool:
        """Tell whether the bot may write to this person first: the app is theirs, or their team's."""
        if user.id in self._personal:
            return self._personal[user.id].app_in
        return self.team.app_in and self._in_team(user)

    def members(self, conversation: Conversation) -> list[TeamsUser]:
        """Return who takes part, the bot left out."""
        users = self._company.teams_users
        if conversation.members is None:
            return [user for user in users.values() if self._in_team(user)]
        return [users[user_id] for user_id in users if user_id in conversation.members]

    def sees(self, user_id: str, conversation_id: str) -> bool:
        """Tell whether this person reads this conversation."""
        conversation = self.find(conversation_id)
        return conversation is not None and user_id in {user.id for user in self.members(conversation)}

    def _in_team(self, user: TeamsUser) -> bool:
        return user.tenant_id == TENANT_ID and user.user_role != "anonymous"

    def _ids(self, *keys: str) -> set[str]:
        people = self._company.people
        return {people[key].teams.id for key in keys if key in people}

    def _shared(self) -> set[str]:
        ours = {user.id for user in self._company.teams_users.values() if self._in_team(user)}
        return ours | self._ids("teams-partner")


def bare(conversation_id: str) -> str:
    """Return the conversation without the thread."""
    return conversation_id.partition(";")[0]


def thread_of(conversation_id: str) -> str | None:
    """Return the activity that began the thread this id names, or None."""
    _, _, thread = conversation_id.partition(";messageid=")
    return thread or None
