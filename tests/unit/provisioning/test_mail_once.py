"""A mail is sent at most once, whoever dies while sending it."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.sqlite import open_store
from provisioning.errors import ChatUnavailable, ProvisioningError
from provisioning.outbox import Kind, Notice
from provisioning.ports import Store
from provisioning.queue import Work
from provisioning.speaking import LEASE, Speaking

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MAIL = Notice("mail:spring/ada:1", Kind.MAIL, "mail:spring/ada", serial=1, created_at=NOON)


class Killed(BaseException):
    """The process dies here."""


class Clock:
    moment = NOON

    def now(self) -> datetime:
        return self.moment


class Post:
    """Takes what is said; `then` is raised after it went out or, if it is an error of ours, before."""

    def __init__(self, *then: BaseException) -> None:
        self.sent: list[str] = []
        self._then = list(then)

    def say(self, notice: Notice) -> str:
        then = self._then.pop(0) if self._then else None
        if isinstance(then, ProvisioningError):
            raise then
        self.sent.append(notice.id)
        if then is not None:
            raise then
        return "an id"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/bot.db", clock)
    opened.run(lambda rows: rows.outbox.put(MAIL)).result()
    yield opened
    opened.close()


def rounds(store: Store, clock: Clock, post: Post, count: int) -> None:
    """Let a speaker work, and another one after the lease of each is over."""
    for _ in range(count):
        with suppress(Killed):
            Speaking(store, {"mail": post}, clock, Work.REFRESH).round()
        clock.moment += LEASE + timedelta(minutes=5)


def test_whoever_dies_after_sending_sent_it_once(store: Store, clock: Clock) -> None:
    post = Post(Killed())
    rounds(store, clock, post, 3)
    assert post.sent == [MAIL.id]


def test_what_was_surely_not_sent_is_sent_later(store: Store, clock: Clock) -> None:
    post = Post(ChatUnavailable(60.0), ChatUnavailable(60.0))
    rounds(store, clock, post, 4)
    assert post.sent == [MAIL.id]
    kept = store.read(lambda rows: rows.outbox.get(MAIL.id))
    assert kept is not None
    assert (kept.sent_at is not None, kept.reference) == (True, "an id")
