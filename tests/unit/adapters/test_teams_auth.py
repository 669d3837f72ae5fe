"""Whether a token is good is a matter of our clock, and of everything Bot Connector promises."""

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.teams.auth import Token, TurnedAway, Validator
from adapters.teams.keys import KeysUnavailable, SigningKey
from adapters.teams.wire import envelope
from tests.scenario.bot_connector import APP_ID, ISSUER, OTHER_TENANT, SERVICE_URL, TENANT, activity, claims

AT = datetime(2040, 2, 29, 12, tzinfo=UTC)  # far from the clock on the wall
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - refused for that


class Ring:
    """Two keys and what was looked for."""

    def __init__(self, *, empty: bool = False) -> None:
        self.empty = empty
        self.looked_for: list[str] = []

    async def find(self, key_id: str) -> SigningKey | None:
        self.looked_for.append(key_id)
        if self.empty:
            raise KeysUnavailable
        keys = {"good": PRIVATE.public_key(), "weak": WEAK.public_key()}
        return SigningKey(keys[key_id], frozenset({"msteams"})) if key_id in keys else None


class ClockAt:
    def now(self) -> datetime:
        return AT


def validator(ring: Ring | None = None, **changes: Any) -> Validator:
    usual = {
        "app_id": APP_ID,
        "tenant_ids": frozenset({TENANT}),
        "service_url_hosts": {"smba.trafficmanager.net"},
    }
    return Validator(keys=ring or Ring(), clock=ClockAt(), **usual | changes)


def said(**changes: Any) -> dict[str, Any]:
    return claims(AT.timestamp(), **changes)


def header(stated: dict[str, Any] | None = None, key: Any = PRIVATE, **how: Any) -> str:
    return f"Bearer {jwt.encode(said() if stated is None else stated, key, 'RS256', {'kid': 'good'} | how)}"


async def reason(authorization: str | None, ring: Ring | None = None) -> tuple[int, str]:
    with pytest.raises(TurnedAway) as refused:
        await validator(ring).token(authorization)
    return refused.value.status, refused.value.reason


async def test_a_good_token_gives_its_claims_and_what_its_key_may_vouch_for() -> None:
    token = await validator().token(header())

    assert token.claims["serviceurl"] == SERVICE_URL
    assert token.endorsements == {"msteams"}
    assert (await validator().token(header().replace("Bearer", "bearer"))).claims["iss"] == ISSUER


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(3600, True), (0, True), (-299, True), (-300, False), (-301, False)]
)
async def test_a_token_is_good_until_five_minutes_past_its_end(seconds: int, is_good: bool) -> None:
    stated = header(said(exp=int(AT.timestamp()) + seconds))

    if is_good:
        await validator().token(stated)
    else:
        assert await reason(stated) == (401, "not-in-force")


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(-3600, True), (0, True), (300, True), (301, False), (86400, False)]
)
async def test_a_token_is_good_from_five_minutes_before_its_beginning(seconds: int, is_good: bool) -> None:
    stated = header(said(nbf=int(AT.timestamp()) + seconds))

    if is_good:
        await validator().token(stated)
    else:
        assert await reason(stated) == (401, "not-in-force")


async def test_by_the_clock_on_the_wall_nothing_is_judged() -> None:
    assert await reason(header(claims())) == (401, "not-in-force")


@pytest.mark.parametrize("moment", ["1", None, True, [], {}, 10**400, -(10**400), float("inf"), float("nan")])
async def test_a_moment_is_a_number_that_can_be_reckoned_with(moment: object) -> None:
    stated = said() | {"exp": moment}

    assert (await reason(header(stated)))[0] == 401
    if moment is not None:
        assert (await reason(header(said() | {"nbf": moment})))[0] == 401


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic eA==",
        "Token x",
        "Bearer " + "x" * 20_000,
        "Bearer é.é.é",
        "Bearer \ud800",
    ],
)
async def test_what_is_no_bearer_token_is_refused(authorization: str | None) -> None:
    assert (await reason(authorization))[0] == 401


@pytest.mark.parametrize(
    "text", ["a.b.c", "e30.e30.e30", "..", "W10.e30.x", "eyJhbGciOnt9fQ.e30.x", "x" * 9000]
)
async def test_garbage_is_refused_and_asks_for_no_key(text: str) -> None:
    ring = Ring()

    assert (await reason(f"Bearer {text}", ring))[0] == 401
    assert ring.looked_for == []


async def test_another_algorithm_asks_for_no_key() -> None:
    ring = Ring()
    keys: dict[str, Any] = {"HS256": "a secret of thirty-two characters", "none": None}
    for algorithm, key in keys.items():
        token = jwt.encode(said(), key, algorithm, {"kid": "good"})
        assert await reason(f"Bearer {token}", ring) == (401, "algorithm")
    assert await reason(f"Bearer {jwt.encode(said(), PRIVATE, 'RS256')}", ring) == (401, "algorithm")
    assert ring.looked_for == []


async def test_a_key_that_nobody_has_and_one_that_is_too_short_are_refused() -> None:
    assert await reason(header(kid="nobody's")) == (401, "unknown-key")
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        weak = header(key=WEAK, kid="weak")
    assert (await reason(weak))[0] == 401


async def test_without_keys_nobody_can_be_checked() -> None:
    assert await reason(header(), Ring(empty=True)) == (503, "no-keys")


def admitted(stated: dict[str, Any] | None = None, **how: Any) -> str:
    """Return the status and the reason with which the activity is not admitted, or nothing."""
    changes = how.pop("changes", {})
    token = Token(said() if stated is None else stated, how.pop("endorsements", frozenset({"msteams"})))
    try:
        validator(**how).admit(token, envelope(activity(**changes)))
    except TurnedAway as refused:
        return f"{refused.status} {refused.reason}"
    return ""


def test_a_good_token_admits_the_activity_it_came_with() -> None:
    assert admitted() == ""
    assert admitted(changes={"channelData": {"tenant": {"id": TENANT.upper()}}}) == ""


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"stated": {}}, "service-url-claim"),
        ({"stated": {"serviceurl": SERVICE_URL + "x"}}, "service-url-claim"),
        ({"stated": {"serviceurl": None}, "changes": {"serviceUrl": None}}, "service-url-claim"),
        ({"stated": {"serviceUrl": SERVICE_URL}}, "service-url-claim"),
        ({"endorsements": frozenset({"webchat"})}, "channel"),
        ({"endorsements": frozenset({"webchat"}), "changes": {"channelId": "webchat"}}, "channel"),
        ({"endorsements": frozenset({"webchat", "msteams"}), "changes": {"channelId": "webchat"}}, "channel"),
        ({"changes": {"channelId": None}}, "channel"),
        ({"service_url_hosts": frozenset({"smba.example"})}, "service-url-host"),
        ({"tenant_ids": frozenset({OTHER_TENANT})}, "tenant"),
        ({"changes": {"channelData": {"tenant": {"id": OTHER_TENANT}}}}, "tenant"),
        ({"changes": {"conversation": {"id": "a:1"}, "channelData": None}}, "tenant"),
    ],
)
def test_everything_else_is_for_somebody_else(how: dict[str, Any], why: str) -> None:
    assert admitted(**how) == f"403 {why}"
