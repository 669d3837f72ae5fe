"""A request: what is remembered so that a repetition changes nothing, and where the answer can still go."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.requests import MEMORY, ReplyTo, Seen, Wish, remember
from tests.unit.provisioning.spring_cup import CHAT, MINUTE, NOON, SECOND, asked

HANDLE = ReplyTo(CHAT, "https://hooks.example.com/1", NOON + 30 * MINUTE, 5)


def seen(asked_id: str, moment: datetime) -> Seen:
    return Seen(asked_id, moment, "queued")


@pytest.mark.parametrize(
    ("platform", "length"), [("slack", timedelta(minutes=10)), ("teams", timedelta(days=1))]
)
def test_a_request_is_remembered_for_as_long_as_its_platform_may_repeat_it(
    platform: str, length: timedelta
) -> None:
    old = seen("old", NOON)
    assert remember((old,), seen("new", NOON + length - SECOND), platform)[0] == old
    assert remember((old,), seen("new", NOON + length), platform) == (seen("new", NOON + length),)


@given(st.lists(st.integers(0, 3000), max_size=30), st.sampled_from(["slack", "teams"]))
def test_the_memory_holds_exactly_what_may_still_be_repeated(minutes: list[int], platform: str) -> None:
    memory: tuple[Seen, ...] = ()
    moments = [NOON + minute * MINUTE for minute in sorted(minutes)]
    for number, moment in enumerate(moments):
        memory = remember(memory, seen(str(number), moment), platform)
        fresh = [number for number, at in enumerate(moments[: number + 1]) if at > moment - MEMORY[platform]]
        assert [known.asked_id for known in memory] == [str(number) for number in fresh]


def test_a_request_knows_what_it_was_asked_by_and_how_that_was_answered() -> None:
    first, second = seen("first", NOON), Seen("second", NOON, "refused")
    request = asked(Wish.RACING, NOON, seen=(first, second))
    assert request.remembers("second") == second
    assert request.remembers("third") is None
    assert asked(Wish.RACING, NOON).remembers("") is None


@pytest.mark.parametrize(
    ("reply", "minutes", "keep", "lives"),
    [
        pytest.param(HANDLE, 0, 0, True, id="a fresh handle"),
        pytest.param(HANDLE, 29, 0, True, id="an older one"),
        pytest.param(HANDLE, 30, 0, False, id="one whose time is over"),
        pytest.param(replace(HANDLE, handle_posts=0), 0, 0, False, id="one that is used up"),
        pytest.param(replace(HANDLE, handle_posts=1), 0, 1, False, id="one whose last post is kept"),
        pytest.param(replace(HANDLE, handle_posts=2), 0, 1, True, id="one with more than that"),
        pytest.param(replace(HANDLE, handle=None), 0, 0, False, id="none"),
        pytest.param(replace(HANDLE, handle_until=None), 0, 0, False, id="one of unknown life"),
    ],
)
def test_a_handle_lives_while_it_has_time_and_posts(
    reply: ReplyTo, minutes: int, keep: int, lives: bool
) -> None:
    assert reply.handle_lives(NOON + minutes * MINUTE, keep=keep) is lives
