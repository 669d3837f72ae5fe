"""Lists too long for one message: pages, with buttons that say the same words again for the next one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.chat.message import Button, Buttons, Note, Part
from bot.words import Words

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. `again` are the words that show the list; a page is added to them."""

    items: tuple[T, ...]
    number: int
    pages: int
    total: int
    again: str

    def parts(self, words: Words) -> tuple[Part, ...]:
        """Return what stands below the list: which page it is, and the way to the others."""
        if self.pages == 1:
            return ()
        buttons = [
            Button(words.plain(f"page.{key}"), f"{self.again} page={number}")
            for key, number in (("earlier", self.number - 1), ("later", self.number + 1))
            if 1 <= number <= self.pages
        ]
        note = Note(words.text("page.note", number=self.number, pages=self.pages))
        return (Buttons(tuple(buttons)), note)


def paged(found: Sequence[T], number: int, size: int, again: str) -> Page[T]:
    """Return this page of the list; the last one when there are not so many."""
    pages = max(1, -(-len(found) // size))
    number = min(max(1, number), pages)
    return Page(tuple(found[(number - 1) * size : number * size]), number, pages, len(found), again)
