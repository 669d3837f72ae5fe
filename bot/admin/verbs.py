"""What an organizers' verb is: how its phrase is read, and whether it asks something or changes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from adapters.chat.message import Message
from bot.admin.phrases import Phrase
from bot.grammar import Verb
from bot.words import Words
from provisioning.instructing import Draft, Order
from provisioning.ports import Rows
from provisioning.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminCommand:
    """What an organizer says. `event` is the one that is named; `targets` the people who are."""

    event: str | None = None
    targets: tuple[Target, ...] = ()
    dry_run: bool = False

    about_event: ClassVar[bool] = True  # False: it is about no event in particular
    vouches: ClassVar[bool] = False  # True: the targets need have no part in the event yet, but are vetted
    reads_models: ClassVar[bool] = False  # True: the garages of the targets are looked into first
    names_actors: ClassVar[bool] = False  # True: what those are called who acted is looked up first
    needs_usage: ClassVar[bool] = False  # True: what racers have used is looked up first

    @property
    def reads_letters(self) -> bool:
        """Whether the dead letters are looked at first."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminVerb(Verb[Phrase, Any]):
    """One organizers' verb. Its name begins with "admin"; `options` as in `phrases.phrase`."""

    options: Mapping[str, bool] = field(default_factory=dict)
    names_people: bool = False


Plan = Callable[[Rows, Order, Any], Draft]  # for a command that changes something
Query = Callable[[Rows, Order, Any], Any]  # for one that asks; what it returns is worded when it is sent
Wording = Callable[[Words, Any], Message]  # of what a query returned


@dataclass(frozen=True, slots=True)
class Noun:
    """The verbs about one thing, with what they do and how it is said. `bot.admin.table` puts them together.

    `plans` and `queries` are by the class of the command, `answers` by the class of what a query returns.
    """

    verbs: tuple[AdminVerb, ...]
    plans: Mapping[type, Plan] = field(default_factory=dict)
    queries: Mapping[type, Query] = field(default_factory=dict)
    answers: Mapping[type, Wording] = field(default_factory=dict)
