"""What pictures show, as it is to be read. It is here so that nobody loads Pillow who only words it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the picture: place, alias, time and distance from the best, as they are to be read."""

    place: str
    alias: str
    time: str
    gap: str


@dataclass(frozen=True, slots=True)
class BoardPicture:
    """What the picture shows. Rows beyond the tenth are left out."""

    title: str
    subtitle: str
    rows: tuple[Row, ...]
    footer: str
    unwritten: str  # in place of an alias in letters that cannot be drawn


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the certificate says, as it is to be read.

    `facts` are names with their values ("Time", "1:02.345"); three fit beside each other. `seal` is what
    the seal shows: the place, or a word.
    """

    heading: str
    lead: str
    name: str
    achievement: str
    facts: tuple[tuple[str, str], ...]
    seal: str
    footer: str
