"""What `doctor` looks at in SQS, where BOT_QUEUE names a queue there: the bell, and what it gave up."""

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from bot.checks import Check

WORKER_SECONDS: Final = 60  # for which a worker may work on one batch, as in infra/template.yaml
HIDDEN_SECONDS: Final = 6 * WORKER_SECONDS  # as AWS asks for: a batch may wait for a free worker
LEAST_RECEIVES: Final = 3  # fewer make dead letters of what a directory out of reach held up


class Facts(Protocol):
    """What SQS tells of a queue."""

    @property
    def messages(self) -> int: ...
    @property
    def hidden_seconds(self) -> int: ...
    @property
    def dead_letters(self) -> str | None: ...
    @property
    def receives(self) -> int: ...


FactsOf = Callable[[str], Facts | None]


def bell(facts_of: FactsOf, url: str, dead_letters_url: str | None) -> Iterator[Check]:
    """Look at the queue of this URL, and at its dead letters. Raises ProvisioningError."""
    found = facts_of(url)
    if found is None:
        yield _missing("bell", "BOT_QUEUE")
        return
    yield _hiding(found)
    yield _giving_up(found, dead_letters_url)
    if dead_letters_url is not None:
        dead = facts_of(dead_letters_url)
        yield _missing("dead letters", "BOT_DEAD_LETTERS_URL") if dead is None else _dead(dead.messages)


def _hiding(found: Facts) -> Check:
    told = f"{found.messages} messages; one that was received is hidden for {found.hidden_seconds} s"
    mend = f"Set the queue's visibility timeout to {HIDDEN_SECONDS} s, six times the worker's time."
    if found.hidden_seconds < WORKER_SECONDS:
        why = f"{told}, and a worker may take {WORKER_SECONDS} s: another would do the same work"
        return Check("bell", "failed", why, mend)
    if found.hidden_seconds < HIDDEN_SECONDS:
        return Check("bell", "warn", f"{told}, so that what waits for a free worker counts as tried", mend)
    return Check("bell", "ok", told)


def _giving_up(found: Facts, dead_letters_url: str | None) -> Check:
    name = "dead letters"
    if found.dead_letters is None:
        mend = "Give the queue a redrive policy: SQS, the queue, Dead-letter queue; five receives."
        return Check(name, "warn", "there is no queue for them: what cannot be read comes for days", mend)
    told = f"after {found.receives} receives, to {found.dead_letters}"
    if found.receives < LEAST_RECEIVES:
        return Check(name, "warn", told, "Let a message come five times before it is given up.")
    if dead_letters_url is not None and dead_letters_url.rpartition("/")[2] != found.dead_letters:
        mend = "Set BOT_DEAD_LETTERS_URL to the URL of the queue that the redrive policy names."
        return Check(name, "warn", f"{told}, and BOT_DEAD_LETTERS_URL names another", mend)
    return Check(name, "ok", told)


def _dead(letters: int) -> Check:
    if letters:
        mend = "See what they are, and take them back: admin stuck, admin retry all."
        return Check("dead letters", "warn", f"{letters} lie there", mend)
    return Check("dead letters", "ok", "none")


def _missing(name: str, setting: str) -> Check:
    return Check(name, "failed", f"there is no queue at {setting}", "Copy the queue's URL: SQS, Queues.")
