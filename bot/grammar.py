"""The grammar: words to commands. One table, from which help, the Slack manifest and the checks are made."""

import difflib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Audience = Literal["everyone", "organizers"]

YES = "--yes"  # what the button of a confirmation says for you
_PICTURE = re.compile(r"(?:(?P<race>.*) )??picture", re.IGNORECASE)
_AS = re.compile(r"(?:(?P<race>.*) )??as (?P<alias>\S+)", re.IGNORECASE)
_AROUND = "\"'“”„‘’«»*_`~/.,;:!?"  # "Status?", "/join", “leave”
_YES = frozenset({YES, "—yes", "–yes"})  # phones make one dash of two hyphens


@dataclass(frozen=True, slots=True)
class Join:
    """Join the named event, or the only open one."""

    event: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the named event, or the only one the asker is in; asks back unless confirmed."""

    event: str | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class SignIn:
    """Get a first password for the racing site."""

    event: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Show how everything of the asker stands."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Show what the asker has used of their quota."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """Show what is kept about the asker."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete what is kept about the asker; asks back unless confirmed."""

    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Races:
    """Show the races that are open."""


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Show the leaderboard of the named race, and the place of whoever goes by this alias; or draw it."""

    race: str = ""
    alias: str = ""
    as_picture: bool = False


@dataclass(frozen=True, slots=True)
class Certificate:
    """Draw the certificates of the races that the asker finished, in this name."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a question of an event."""

    event: str
    question: str
    text: str


@dataclass(frozen=True, slots=True)
class Help:
    """Show what the asker may do."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Words that are no command; `nearest` is a verb that looks like the first of them."""

    word: str
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Admin:
    """Words for organizers, as typed after "admin". What they mean is read only for an organizer."""

    words: str


Command = (
    Join
    | Leave
    | Status
    | Races
    | Leaderboard
    | Certificate
    | SignIn
    | Usage
    | Answer
    | Privacy
    | Forget
    | Help
    | Unknown
    | Admin
)
Rest = TypeVar("Rest")
Meant = TypeVar("Meant")


@dataclass(frozen=True, slots=True)
class Verb(Generic[Rest, Meant]):
    """One line of the grammar: how what follows the name becomes a command.

    `key` finds its words in the catalog under `verb.`. `listed`: Teams offers it to whoever begins a message,
    and has room for ten; help names the others all the same.
    """

    name: str
    usage: str
    audience: Audience
    parse: Callable[[Rest], Meant]
    aliases: tuple[str, ...] = ()
    listed: bool = True

    @property
    def key(self) -> str:
        """Return the catalog key of what the verb does."""
        return f"verb.{self.name.replace(' ', '-')}"


def _unquoted(text: str) -> str:
    return text.strip("\"'“”„‘’ ")


def _leave(rest: str) -> Leave:
    words = rest.split()
    named = [word for word in words if word not in _YES]
    return Leave(_unquoted(" ".join(named)) or None, len(named) < len(words))


def _leaderboard(rest: str) -> Leaderboard:
    drawn = _PICTURE.fullmatch(rest)
    if drawn:
        return Leaderboard(_unquoted(drawn["race"] or ""), as_picture=True)
    found = _AS.fullmatch(rest)
    return (
        Leaderboard(_unquoted(found["race"] or ""), found["alias"]) if found else Leaderboard(_unquoted(rest))
    )


def _certificate(rest: str) -> Certificate:
    return Certificate(_unquoted(rest)[:LONGEST_NAME].rstrip())


def _answer(rest: str) -> Answer:
    event, _, more = rest.partition(" ")
    question, _, text = more.partition(" ")
    return Answer(event, question, _unquoted(text))


VERBS: tuple[Verb[str, Command], ...] = (
    Verb("join", "join [event]", "everyone", lambda rest: Join(_unquoted(rest) or None)),
    Verb("status", "status", "everyone", lambda _: Status(), ("state",)),
    Verb("leave", "leave [event]", "everyone", _leave, ("quit",)),
    Verb("signin", "signin [event]", "everyone", lambda rest: SignIn(_unquoted(rest) or None), ("sign-in",)),
    Verb("races", "races", "everyone", lambda _: Races(), ("race",)),
    Verb("leaderboard", "leaderboard [race] [as alias | picture]", "everyone", _leaderboard, ("standings",)),
    Verb("certificate", "certificate [name]", "everyone", _certificate, ("certificates",), listed=False),
    Verb("usage", "usage", "everyone", lambda _: Usage(), ("quota",), listed=False),
    Verb("answer", "answer <event> <question> <answer>", "everyone", _answer),
    Verb("privacy", "privacy", "everyone", lambda _: Privacy()),
    Verb("forget", "forget", "everyone", lambda rest: Forget(bool(_YES & set(rest.split())))),
    Verb("help", "help", "everyone", lambda _: Help(), ("?", "hi", "hello", "hallo", "hilfe")),
)
ADMIN = "admin"  # what organizers type first; no help shows it to anybody else
EXAMPLES = ("join", "status", "leave")
LONGEST_NAME = 60  # characters on a certificate
WORD_SHOWN = 40  # characters of an unknown word that are repeated back


def parse(text: str) -> Command:
    """Return the command in these words. No words at all call for help.

    Case, odd blanks and what stands around the verb don't matter: in a chat people write sentences.
    """
    words = _plain(text)
    first, _, rest = words.partition(" ")
    name = (first.strip(_AROUND) or first).casefold()
    if name == ADMIN:
        return Admin(rest.strip())
    verb = find(name)
    if not first:
        return Help()
    if verb is None:
        return Unknown(first[:WORD_SHOWN], _nearest(first.casefold()))
    return verb.parse(rest.strip())


def find(name: str) -> Verb[str, Command] | None:
    """Return the verb of this name or alias."""
    return next((verb for verb in VERBS if name == verb.name or name in verb.aliases), None)


def usage_hint() -> str:
    """Return what Slack shows behind the command: exactly the verbs for everyone."""
    return " | ".join(verb.name for verb in VERBS if verb.audience == "everyone")


def _plain(text: str) -> str:
    """Return the words with single blanks, without control and direction characters."""
    kept = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in text)
    return re.sub(r"\s+", " ", kept).strip()


def _nearest(word: str) -> str | None:
    names = [name for verb in VERBS for name in (verb.name, *verb.aliases) if len(name) > 1]
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    verb = find(close[0]) if close else None
    return verb.name if verb else None
