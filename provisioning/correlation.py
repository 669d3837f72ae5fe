"""Correlation: for which chat requests something is done, told in every line that is logged meanwhile.

    asked in chat ─▶ Asking.digest ─▶ request ─▶ registration ─▶ `about` around what is done outside ─▶ log

The id goes with the rows, so that it outlives crashes, restarts and the host that took the request. It is a
digest of what the platform calls the request, and names nobody.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_about: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039 - never changed


@contextmanager
def about(requests: Mapping[str, str]) -> Iterator[None]:
    """Do what is within for these requests, by the subject for which each was made; "" is none."""
    before = _about.set({subject: request for subject, request in requests.items() if request})
    try:
        yield
    finally:
        _about.reset(before)


@contextmanager
def only(subjects: Iterable[str]) -> Iterator[None]:
    """Do what is within for these subjects alone, of those that are known; where none is, for all of them."""
    known = _about.get()
    before = _about.set({one: known[one] for one in subjects if one in known} or known)
    try:
        yield
    finally:
        _about.reset(before)


def requests() -> tuple[str, ...]:
    """Return the requests for which something is done here and now, each once."""
    return tuple(dict.fromkeys(_about.get().values()))
