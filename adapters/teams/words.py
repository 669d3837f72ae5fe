"""The words in an activity: what somebody typed to the bot, or what a pressed button says. Pure."""

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

SAY: Final = "say"  # the verb of our buttons, and the name under which their data holds the words
LONGEST_INPUT: Final = 200  # characters of what is typed into a field of a card
_MENTION: Final = re.compile(r"<at(?:\s[^<>]*)?>([^<]*)</at>", re.IGNORECASE)
# The habit of those who know the bot from Slack, or a mention that Teams did not make one.
_CALLED: Final = re.compile(r"[/@]?deepracer[,:]?", re.IGNORECASE)
_PLACE: Final = re.compile(r"\{(\w+)\}")
_NO_NAME: Final = re.compile(r"[<>|&{}]")  # would end the mention, now or unescaped, or name an input
_PERSON: Final = re.compile(r"29:[\w.:-]+", re.ASCII)


def typed(text: str, entities: Sequence[Mapping[str, Any]], *, bot: str, tenant: str) -> str:
    """Return what was typed, without the mention of the bot, in single blanks.

    Who is mentioned is taken from the entities, never from the text: other people stay as
    `<@teams:TENANT:29:…|name>`, and a mention without an entity is no more than the name it shows.
    """
    mentioned = _mentioned(entities)

    def who(found: re.Match[str]) -> str:
        name = found[1]
        known = mentioned.get(_shown(name))
        user = known.pop(0) if known else ""
        if user == bot:
            return " "
        shown = _NO_NAME.sub("", _shown(name))
        return f" <@teams:{tenant}:{user}|{shown}> " if _PERSON.fullmatch(user) else f" {name} "

    said = _plain(html.unescape(_MENTION.sub(who, text)))
    first, _, rest = said.partition(" ")
    return rest if _CALLED.fullmatch(first) else said


def pressed(data: Mapping[str, Any]) -> str | None:
    """Return what a button says, None when it is none of ours.

    The card's inputs come merged into the button's data; `{name}` in its words is the input of that name,
    and nothing when there is none.
    """
    words = data.get(SAY)
    if not isinstance(words, str):
        return None
    return _plain(_PLACE.sub(lambda found: "" if found[1] == SAY else _input(data.get(found[1])), words))


def _mentioned(entities: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the ids behind each name that is mentioned, in order."""
    found: dict[str, list[str]] = {}
    for entity in entities:
        who, text = entity.get("mentioned"), entity.get("text")
        if entity.get("type") != "mention" or not isinstance(who, dict) or not isinstance(text, str):
            continue
        shown = _MENTION.fullmatch(text.strip())
        if shown is not None and isinstance(who.get("id"), str):
            found.setdefault(_shown(shown[1]), []).append(who["id"])
    return found


def _shown(name: str) -> str:
    return _plain(html.unescape(name))


def _input(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        return ""
    return _plain(str(value)[:LONGEST_INPUT])


def _plain(text: str) -> str:
    """Return the text with every kind of blank as a single space, and without what cannot be seen."""
    return " ".join("".join(map(_visible, text)).split())


def _visible(character: str) -> str:
    # Cc control, Cf format (zero width, direction), Cs halves of a pair, Zs, Zl, Zp blanks
    match unicodedata.category(character):
        case "Cf" | "Cs":
            return ""
        case "Cc" | "Zs" | "Zl" | "Zp":
            return " "
        case _:
            return character
