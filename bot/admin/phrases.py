"""What follows an organizers' verb, taken apart: words, options, targets, `--dry-run`. Pure.

event set spring-cup name=Spring Cup 2027 closes="2027-04-01 18:00 Europe/Berlin" --dry-run
          └ word     └ long option        └ long option, in quotes               └ switch
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from bot import event_forms
from provisioning.errors import InstructionUnclear, ValueUnusable
from provisioning.ids import ChatIdentity
from provisioning.targets import Mailed, Mentioned, Named, Target

DRY_RUN: Final = "--dry-run"
SHOWN: Final = 60  # characters of a value that are repeated back
_MOST: Final = 1_000_000

_TOKEN = re.compile(
    r"""
    (?P<name>[A-Za-z_]+)=(?:["“„](?P<quoted>[^"“”]*)["”]|(?P<linked><[^<>]*>(?:,\s?<[^<>]*>)*)|(?P<bare>\S*))
    | ["“„](?P<said>[^"“”]*)["”]
    | (?P<at>@["“„][^"“”]*["”])
    | (?P<angle><[^<>]*>)
    | (?P<word>\S+)
    """,
    re.VERBOSE,
)
_DASHES = re.compile(r"(?:--|—|–)(?=[A-Za-z])")
_SLACK_USER = re.compile(r"<@(?P<user>[UW][A-Z0-9]{2,20})(?:\|(?P<name>[^>]*))?>")
_TEAMS_USER = re.compile(r"<@teams:(?P<tenant>[0-9A-Za-z-]+):(?P<user>[^|<>\s]+)(?:\|(?P<name>[^>]*))?>")
_MAILTO = re.compile(r"<mailto:(?P<mail>[^|<>\s]+)(?:\|[^>]*)?>")
_BETWEEN = re.compile(r"[,;]+")  # what stands between the entries of a pasted list
_MAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")
_CHANNEL = re.compile(r"<#(?P<id>[CG][A-Z0-9]{2,})(?:\|[^>]*)?>")
_LINK = re.compile(r"<(?P<url>https?://[^|<>\s]+)(?:\|[^>]*)?>")
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d{2}:?\d{2})$")
_LOCAL = re.compile(r"(?P<moment>\S+[ T]\S+) (?P<zone>[A-Za-z]+(?:[/_+-][A-Za-z0-9_+-]+)*)$")


@dataclass(frozen=True, slots=True)
class Phrase:
    """What followed a verb. `words` keep their order; a target among them stands in `targets` instead."""

    words: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    dry_run: bool = False
    late: tuple[str, ...] = ()  # the targets that stand behind a word

    @property
    def text(self) -> str:
        """Return the words as they would be said."""
        return " ".join(self.words)

    @property
    def event(self) -> str | None:
        """Return the event that an option names."""
        return self.options.get("event") or None


def phrase(text: str, options: Mapping[str, bool], asker: ChatIdentity, *, names_people: bool) -> Phrase:
    """Take apart what followed a verb.

    `options` are the names the verb knows, besides `event`; True for one whose value goes on up to the next
    option. With `names_people` mentions and addresses are targets. Raises InstructionUnclear for a switch
    that does not exist: `--dry-rnu` must not be run.
    """
    words: list[str] = []
    values: dict[str, list[str]] = {}
    targets: list[Target] = []
    late: list[str] = []
    dry_run = False
    going_on: str | None = None
    listing: str | None = None  # the option whose list goes on behind a comma
    for token in _TOKEN.finditer(text):
        name = (token["name"] or "").lower()
        if name and (name == "event" or name in options):
            values[name] = [
                next(part for part in token.group("quoted", "linked", "bare") if part is not None)
            ]
            going_on = name if options.get(name) and token["bare"] is not None else None
            listing = name if not options.get(name) and values[name][0].endswith(",") else None
            continue
        shown = token["said"] if token["said"] is not None else token[0]
        if token["said"] is None and _DASHES.match(shown):
            if _DASHES.sub("--", shown).lower() != DRY_RUN:
                raise InstructionUnclear(word=shown[:SHOWN])
            dry_run, going_on = True, None
        elif listing is not None:
            values[listing].append(shown)
            listing = listing if shown.endswith(",") else None
        elif names_people and (found := _targets(shown, asker)) is not None:
            targets += found
            late += [_as_shown(found[0], shown)] if words and found else []
            going_on = None
        elif going_on is not None and token["angle"] is None and not names_channel(shown):
            values[going_on].append(shown)
        elif shown:
            words.append(shown)
    given = {name: " ".join(value).strip() for name, value in values.items()}
    return Phrase(tuple(words), given, tuple(dict.fromkeys(targets)), dry_run, tuple(late))


def _targets(text: str, asker: ChatIdentity) -> list[Target] | None:
    """Return whom a word names: one, or several with commas between them; None when it is another word."""
    if text.startswith(("@", "<@")):  # a name has commas of its own: "Lovelace, Ada"
        target = _target(text, asker)
        return None if target is None else [target]
    parts = [part for part in _BETWEEN.split(text) if part]
    found = [_target(part, asker) for part in parts]
    return None if None in found else [target for target in found if target is not None]


def _target(text: str, asker: ChatIdentity) -> Target | None:
    """Return whom this names: a mention of the asker's own platform, an address, or a name behind an @."""
    mention = (_SLACK_USER if asker.platform == "slack" else _TEAMS_USER).fullmatch(text)
    if mention is not None and mention.groupdict().get("tenant", asker.tenant) == asker.tenant:
        chat = ChatIdentity(asker.platform, asker.tenant, mention["user"])
        return Mentioned(chat, (mention["name"] or "").strip())
    mail = _MAILTO.fullmatch(text)
    address = mail["mail"] if mail else text
    if _MAIL.fullmatch(address):
        return Mailed(address)
    name = text.removeprefix("@").strip('"“”„,; ')
    return Named(name) if text.startswith("@") and name else None


def _as_shown(target: Target, word: str) -> str:
    return f"@{target.name}" if isinstance(target, Mentioned) and target.name else word


def mentioned_names(text: str, asker: ChatIdentity) -> dict[str, str]:
    """Return what the mentions in these words show, by the form under which an instruction keeps them."""
    named = (_target(token[0], asker) for token in _TOKEN.finditer(text) if token["angle"])
    return {str(one): one.name for one in named if isinstance(one, Mentioned)}


# --- values -------------------------------------------------------------------------------------------------


def moment(name: str, text: str, now: datetime) -> datetime:
    """Read a moment: `now`, or a date and a time with its zone, as an offset or by the zone's own name.

    Raises ValueUnusable for anything that could be two moments or none: no zone, an abbreviation, a local
    time that the clocks skip or repeat.
    """
    if text.casefold() == "now":
        return now
    found = _with_offset(text) if _OFFSET.search(text) else _in_zone(text)
    if found is None:
        raise ValueUnusable(field=name, value=text[:SHOWN], form="time")
    return found


def _with_offset(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(re.sub(r"\s+(?=[Zz]$|[+-]\d{2}:?\d{2}$)", "", text))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None and 1 < found.year < 9999 else None  # noqa: PLR2004


def _in_zone(text: str) -> datetime | None:
    local = _LOCAL.fullmatch(text)
    if local is None or ("/" not in local["zone"] and local["zone"] != "UTC"):
        return None  # an abbreviation: CST is three zones
    try:
        zone = UTC if local["zone"] == "UTC" else ZoneInfo(local["zone"])
        naive = datetime.fromisoformat(local["moment"])
    except (ValueError, OSError, KeyError):  # no such zone is a KeyError, a folder of zones an OSError
        return None
    if naive.tzinfo is not None or not 1 < naive.year < 9999:  # noqa: PLR2004 - the calendar's own ends
        return None
    first, second = (naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return naive.replace(tzinfo=zone).astimezone(UTC) if first == second else None


def number(name: str, text: str, *, at_least: int) -> str:
    """Read a whole number, with or without separators of thousands. Raises ValueUnusable."""
    plain = re.sub(r"(?<=\d)[,.' \u2019\u202f](?=\d{3}(?:\D|$))", "", text)
    if not (plain.isascii() and plain.isdigit()) or not at_least <= int(plain[:12]) <= _MOST:
        raise ValueUnusable(field=name, value=text[:SHOWN], form="number")
    return str(int(plain))


def line(name: str, text: str) -> str:
    """Read words that stand on one line. Raises ValueUnusable."""
    if not text or event_forms.line(text) is not None:
        raise ValueUnusable(field=name, value=text[:SHOWN], form="line")
    return text


def channels(name: str, text: str) -> str:
    """Read channels: mentions, links of Teams, or ids with their platform; none at all for `none`.

    Raises ValueUnusable.
    """
    if text.casefold() in {"", "none"}:
        return ""
    found: dict[str, None] = {}
    for part in filter(None, re.split(r"[,\s]+", text)):
        known = _channel(part)
        if known is None:
            raise ValueUnusable(field=name, value=part[:SHOWN], form="channel")
        found[known] = None
    return ", ".join(found)


def names_channel(word: str) -> bool:
    """Whether a word is a channel, however it is written."""
    return _channel(word) is not None


def _channel(word: str) -> str | None:
    """Return the channel that is mentioned (Slack), linked (Teams) or given by its id with its platform."""
    mentioned, linked = _CHANNEL.fullmatch(word), _LINK.fullmatch(word)
    if mentioned:
        return f"slack:{mentioned['id']}"
    return event_forms.linked_channel(linked["url"] if linked else word) or (
        word if event_forms.channel(word) is None else None
    )


def link(name: str, text: str) -> str:
    """Read an https address, bare or as Slack writes one. Raises ValueUnusable."""
    found = _LINK.fullmatch(text)
    address = found["url"] if found else text
    if event_forms.https(address) is not None:
        raise ValueUnusable(field=name, value=text[:SHOWN], form="link")
    return address


def page(phrase: Phrase) -> int:
    """Return the page of a list that is asked for, the first without a word about it."""
    given = phrase.options.get("page", "1")
    return max(1, int(number("page", given, at_least=1)))
