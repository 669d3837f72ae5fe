"""The answer at once is in the language of the answers before, and costs the store no reading more."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.utterance import Utterance
from adapters.sqlite import SqliteStore, open_store
from adapters.sqlite.requests import RequestRows
from bot.answering import Answering
from provisioning.ids import ChatIdentity
from provisioning.ports import Rows
from provisioning.requests import ReplyTo, Wish
from tests.unit.provisioning.spring_cup import CHAT, NOON, REPLY, asked, spring_cup

GERMAN = "Deine Anmeldung für Spring Cup ist da."


class AtNoon:
    def now(self) -> Any:
        return NOON


class Uncounted:
    def answered(self, verb: str, outcome: str, seconds: float) -> None:
        pass

    def has_told(self, result: str) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(open_store(f"sqlite:///{tmp_path / 'bot.db'}")) as opened:

        def unit(rows: Rows) -> None:
            rows.events.save(spring_cup())
            rows.requests.save(asked(Wish.RACING, NOON, reply=replace(REPLY, locale="de-DE")))

        opened.run(unit).result()
        yield opened


async def said(store: SqliteStore, text: str, chat: ChatIdentity = CHAT, locale: str | None = None) -> str:
    utterance = Utterance(chat, text, "1.2", NOON, ReplyTo(chat, locale=locale))
    message = await Answering(store, AtNoon(), Uncounted())(utterance)
    return "".join(getattr(span, "text", "") for span in message.summary)


@pytest.mark.parametrize("text", ["join", "status", "help", "races", "join nowhere", "privacy"])
async def test_whoever_was_answered_in_german_is_again(store: SqliteStore, text: str) -> None:
    newcomer = ChatIdentity("slack", "T0123", "U0NEW")
    assert await said(store, text) != await said(store, text, newcomer)


async def test_the_language_is_the_one_of_before_and_what_the_platform_says_now_wins(
    store: SqliteStore,
) -> None:
    assert await said(store, "join") == GERMAN
    assert await said(store, "join", locale="en-US") == "You're in the queue for Spring Cup."


async def test_what_a_newcomer_is_answered_at_once_is_english_and_their_next_request_keeps_the_language(
    store: SqliteStore,
) -> None:
    newcomer = ChatIdentity("slack", "T0123", "U0NEW")
    assert await said(store, "join", newcomer) == "You're in the queue for Spring Cup."
    await said(store, "leave --yes")
    kept = store.read(lambda rows: rows.requests.of(CHAT))
    assert [(one.wish, one.reply.locale) for one in kept] == [(Wish.GONE, "de-DE")]


@pytest.mark.parametrize("text", ["join", "status", "leave --yes"])
async def test_the_language_costs_no_reading_of_its_own(
    store: SqliteStore, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, read = RequestRows.of, []

    def counted(rows: RequestRows, chat: ChatIdentity) -> Any:
        read.append(chat)
        return of(rows, chat)

    monkeypatch.setattr(RequestRows, "of", counted)
    await said(store, text)
    assert read == [CHAT]
