"""The address of a conversation survives the store, and anything else is refused."""

import pytest

from adapters.teams.address import Address

THREAD = Address(
    "https://smba.example/emea/",
    "8f1b7c6e-6a9a-4b1e-9d53-1f6f0c2e7a01",
    "19:abc@thread.tacv2;messageid=17",
    "channel",
    "28:bot",
    "29:ada",
)


def test_an_address_is_the_same_after_the_store() -> None:
    assert Address.unpack(THREAD.pack()) == THREAD
    assert "\n" not in THREAD.pack()


def test_a_thread_is_in_its_channel() -> None:
    assert THREAD.channel == "19:abc@thread.tacv2"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"service_url": "x"}', '"19:abc"'])
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json and we say it in different words
        Address.unpack(text)
