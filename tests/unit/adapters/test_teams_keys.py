"""Bot Connector's keys: what is known is used at once, what is unknown is asked for once for all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from adapters.teams.keys import FETCH_SECONDS, KeyRing, KeysUnavailable
from tests.scenario.bot_connector import Authority, jwk

START = datetime(2027, 3, 1, 9, tzinfo=UTC)


class MovedClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@asynccontextmanager
async def serving(
    app: web.Application, clock: MovedClock, fetch_seconds: float = FETCH_SECONDS
) -> AsyncIterator[KeyRing]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ring = KeyRing(f"http://127.0.0.1:{runner.addresses[0][1]}/metadata", clock, fetch_seconds)
    try:
        yield ring
    finally:
        await ring.stop()
        await runner.cleanup()


@asynccontextmanager
async def a_ring(authority: Authority, clock: MovedClock | None = None) -> AsyncIterator[KeyRing]:
    async with serving(authority.app(), clock or MovedClock()) as ring:
        yield ring


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - whatever it is, it has no event
            await asyncio.sleep(0.002)


async def test_a_key_comes_with_the_channels_it_is_endorsed_for() -> None:
    authority = Authority([jwk(1), jwk(2, endorsements=["webchat", 5]), jwk(3, endorsements=None)])
    async with a_ring(authority) as ring:
        found = [await ring.find(f"key-{number}") for number in (1, 2, 3, 4)]

    assert [one.endorsements if one else None for one in found] == [
        {"msteams", "webchat"},
        {"webchat"},
        frozenset(),
        None,
    ]


async def test_keys_are_loaded_before_anybody_asks() -> None:
    authority = Authority()
    async with a_ring(authority) as ring:
        ring.start()
        await until(lambda: authority.asked == ["metadata", "keys"])
        assert await ring.find("key-1") is not None

    assert authority.asked == ["metadata", "keys"]


async def test_many_who_ask_at_once_are_answered_by_one_refresh() -> None:
    authority = Authority()
    authority.open.clear()
    async with a_ring(authority) as ring:
        asking = [asyncio.create_task(ring.find("key-1")) for _ in range(50)]
        await until(lambda: authority.asked == ["metadata", "keys"])
        authority.open.set()
        found = await asyncio.gather(*asking)

    assert None not in found
    assert authority.asked == ["metadata", "keys"]


async def test_one_who_gives_up_does_not_take_the_refresh_from_the_others() -> None:
    authority = Authority()
    authority.open.clear()
    async with a_ring(authority) as ring:
        first, second = (asyncio.create_task(ring.find("key-1")) for _ in range(2))
        await until(lambda: authority.asked == ["metadata", "keys"])
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        authority.open.set()
        assert await second is not None


async def test_an_unknown_key_is_asked_for_once_in_thirty_seconds() -> None:
    authority, clock = Authority(), MovedClock()
    async with a_ring(authority, clock) as ring:
        assert await ring.find("key-1") is not None
        assert await ring.find("key-2") is None
        authority.keys = [jwk(2)]
        for seconds in (0, 10, 19):
            clock.move(seconds=seconds)
            assert await ring.find("key-2") is None
        clock.move(seconds=1)
        assert await ring.find("key-2") is not None
        assert await ring.find("key-1") is None

    assert authority.asked == ["metadata", "keys"] * 3


async def test_keys_that_change_right_after_the_first_were_loaded_are_found_at_once() -> None:
    authority = Authority()
    async with a_ring(authority) as ring:
        assert await ring.find("key-1") is not None
        authority.keys = [jwk(2)]
        assert await ring.find("key-2") is not None


async def test_a_clock_that_was_set_back_puts_nothing_off() -> None:
    authority, clock = Authority(), MovedClock()
    async with a_ring(authority, clock) as ring:
        await ring.find("key-1")
        authority.keys = [jwk(2)]
        clock.move(hours=-5)
        assert await ring.find("key-2") is not None


async def test_old_keys_are_used_while_they_are_refreshed_beside() -> None:
    authority, clock = Authority(), MovedClock()
    async with a_ring(authority, clock) as ring:
        await ring.find("key-1")
        clock.move(hours=24)
        await ring.find("key-1")
        assert authority.asked == ["metadata", "keys"]

        authority.open.clear()
        authority.keys = [jwk(2)]
        clock.move(seconds=1)
        assert await ring.find("key-1") is not None
        await until(lambda: authority.asked == ["metadata", "keys"] * 2)
        assert await ring.find("key-1") is not None
        authority.open.set()
        assert await ring.find("key-2") is not None


async def test_a_refresh_that_fails_leaves_the_keys_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    authority, clock = Authority(), MovedClock()
    async with a_ring(authority, clock) as ring:
        await ring.find("key-1")
        authority.broken = True
        clock.move(days=3)
        assert await ring.find("key-2") is None
        assert await ring.find("key-1") is not None

    assert [record.getMessage() for record in caplog.records] == ["signing keys not loaded"]


async def test_a_refresh_that_does_not_end_is_given_up() -> None:
    authority = Authority()
    authority.open.clear()
    async with serving(authority.app(), MovedClock(), 0.2) as ring:
        with pytest.raises(KeysUnavailable):
            await ring.find("key-1")
    assert not authority.open.is_set()


async def test_without_any_key_there_is_another_try_every_second() -> None:
    authority, clock = Authority(broken=True), MovedClock()
    async with a_ring(authority, clock) as ring:
        for _ in range(3):
            with pytest.raises(KeysUnavailable):
                await ring.find("key-1")
        assert authority.asked == ["metadata", "keys"]
        authority.broken = False
        clock.move(seconds=1)
        assert await ring.find("key-1") is not None


@pytest.mark.parametrize(
    "found",
    [
        [],
        [5, None, {}, {"kid": "key-1"}],
        [jwk(1, kid=5)],
        [jwk(1, kty="EC")],
        [jwk(1, n="!")],
        [jwk(1, n=5)],
        [jwk(1, n=None)],
        [jwk(1, e="")],
    ],
)
async def test_a_set_without_a_good_key_is_no_set(found: list[Any]) -> None:
    async with a_ring(Authority(found)) as ring:
        with pytest.raises(KeysUnavailable):
            await ring.find("key-1")
    async with a_ring(Authority([*found, jwk(2)])) as ring:
        assert await ring.find("key-2") is not None


@pytest.mark.parametrize("uri", ["http://keys.example/keys", "ftp://keys.example", "keys"])
async def test_keys_are_fetched_from_a_safe_address_only(uri: str) -> None:
    authority = Authority(jwks_uri=uri)
    async with a_ring(authority) as ring:
        with pytest.raises(KeysUnavailable):
            await ring.find("key-1")
    assert authority.asked == ["metadata"]


@pytest.mark.parametrize(
    "answer",
    [
        {"body": b"[]"},
        {"body": b"{"},
        {"body": b"\xff"},
        {"body": b'{"jwks_uri": 5}'},
        {"body": b"[" * 100_000},
        {"body": b" " * 1_100_000 + b"{}"},
        {"status": 302, "headers": {"Location": "/elsewhere"}},
        {"status": 404},
    ],
)
async def test_whatever_the_metadata_says_is_no_more_than_a_failure(answer: dict[str, Any]) -> None:
    asked = []

    async def say(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(**answer)

    app = web.Application()
    app.add_routes([web.get("/{any}", say)])
    async with serving(app, MovedClock()) as ring:
        with pytest.raises(KeysUnavailable):
            await ring.find("key-1")
    assert asked == ["/metadata"]
