"""What scenarios in Teams need beside the racer's own chat: other conversations, and what stands there."""

import json
from typing import Any

from sandbox.chatting import Answer
from sandbox.connector_conversations import BOT_MRI
from sandbox.connector_transcript import TeamsEntry
from sandbox.teams_chatting import TeamsMoves
from tests.scenario.people import Racer, TeamsLine
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

POINTER = "I've answered you in our personal chat."


def moves(who: Racer) -> TeamsMoves:
    """Return what this person can do in Teams."""
    assert isinstance(who.line, TeamsLine)
    return who.line.moves


def says_in(stage: Stage, who: Racer, words: str, where: str | None, **more: Any) -> Answer:
    """Let somebody type this in a conversation; whatever becomes of it, the request is a good one."""
    answer = stage.plays(moves(who).say(words, conversation=where, **more))
    who.hears(answer)
    return answer


def activity_of(answer: Answer) -> dict[str, Any]:
    """Return the activity that was answered so."""
    found: dict[str, Any] = json.loads(answer.sent.body)
    return found


def stands_in(stage: Stage, where: str) -> list[TeamsEntry]:
    """Return what the bot said in a conversation, oldest first."""

    def read() -> list[TeamsEntry]:
        conversation = stage.world.teams.conversations.named(where)
        assert conversation is not None, where
        entries = stage.world.teams.transcript.in_conversation(conversation.id)
        return [entry for entry in entries if entry.author == BOT_MRI]

    return stage.world.do(read)


def is_answered(who: Racer, kind: str, after: int) -> None:
    """Wait until a message that came after so many said this to them, in private."""
    eventually(
        lambda: kind in [one.first for one in who.reads()[after:]],
        f"{who.key} is answered {kind}",
        otherwise=lambda: repr(who),
    )
