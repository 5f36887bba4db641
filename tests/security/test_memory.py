"""What stands in memory is as good as a fresh answer, and never better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from bearer_guard import AuthorizationServer, BearerGuard, InvalidToken, JWTValidator
from bearer_guard.errors import Reason
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.security.target import claims_of, signed

EXPIRY, LEEWAY, FRESH_FOR, COOLDOWN = 2_000_000_000, 30, 600, 30
LATER = EXPIRY + 100_000


@dataclass
class StillClock:
    """A clock that stands, so that one moment can be told from the next."""

    now: float = EXPIRY - 1000

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class Publisher(FakeIssuer):
    """An issuer that can withdraw a key. `withdrawn`: the names of those that it no longer publishes."""

    def __init__(self) -> None:
        super().__init__()
        self.withdrawn: set[str] = set()

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key for key in super().jwks()["keys"] if key["kid"] not in self.withdrawn]}


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def publisher(signing_keys: dict[str, SigningKey]) -> Publisher:
    publisher = Publisher()
    publisher._keys = dict(signing_keys)
    return publisher


MakeGuard = Callable[..., BearerGuard]


@pytest.fixture
def make_guard(publisher: Publisher, clock: StillClock) -> MakeGuard:
    """Guards with memories of their own, on the clock that stands."""

    def make(*, audience: str = "api", leeway: float = LEEWAY, **options: Any) -> BearerGuard:
        server = AuthorizationServer(
            publisher.issuer,
            http_client=publisher.http_client,
            clock=clock,
            keys_fresh_for=FRESH_FOR,
            refetch_cooldown=COOLDOWN,
        )
        return BearerGuard(JWTValidator(server, audience=audience, leeway=leeway), **options)

    return make


def token_of(publisher: Publisher, alg: str = "ES256", **claims: Any) -> str:
    return signed(publisher.signing_key(alg), payload=claims_of(publisher, **{"exp": LATER, **claims}))


async def reason_of(guard: BearerGuard, token: str) -> Reason:
    """Why a guard refuses a token."""
    with pytest.raises(InvalidToken) as caught:
        await guard.validate(token)
    return caught.value.reason


async def is_remembered(guard: BearerGuard, token: str) -> bool:
    """Whether the same object comes back: a token that is validated again is another."""
    return await guard.validate(token) is await guard.validate(token)


@pytest.mark.parametrize("leeway", [0, 30, 120])
@pytest.mark.parametrize("expiry", [EXPIRY, EXPIRY + 0.5])
async def test_a_remembered_token_is_refused_the_moment_it_expires(
    publisher: Publisher, make_guard: MakeGuard, clock: StillClock, expiry: float, leeway: int
) -> None:
    guard, token = make_guard(leeway=leeway), token_of(publisher, exp=expiry)
    clock.now = expiry - 10
    assert await is_remembered(guard, token)
    remembered = await guard.validate(token)
    clock.now = expiry + leeway - 0.001
    assert await guard.validate(token) is remembered
    clock.now = expiry + leeway
    assert await reason_of(guard, token) is Reason.EXPIRED


async def test_a_token_that_never_expires_is_as_mortal_as_its_key(
    publisher: Publisher, make_guard: MakeGuard, clock: StillClock
) -> None:
    guard, token = make_guard(), token_of(publisher, exp=1e300)
    assert await is_remembered(guard, token)
    publisher.rotate_keys()
    clock.now += FRESH_FOR
    assert await reason_of(guard, token) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
async def test_a_remembered_token_is_refused_once_its_key_was_withdrawn(
    publisher: Publisher, make_guard: MakeGuard, clock: StillClock, alg: str
) -> None:
    guard, token, other = make_guard(), token_of(publisher, alg), token_of(publisher, "ES512")
    assert await is_remembered(guard, token)
    assert await is_remembered(guard, other)
    publisher.withdrawn.add(publisher.signing_key(alg).key_id)
    clock.now += FRESH_FOR
    assert await reason_of(guard, token) is Reason.UNKNOWN_KEY
    assert await is_remembered(guard, other)  # its key is still there


async def test_news_of_other_keys_end_what_is_remembered_at_once(
    publisher: Publisher, make_guard: MakeGuard, clock: StillClock
) -> None:
    guard, token = make_guard(), token_of(publisher)
    assert await is_remembered(guard, token)
    publisher.rotate_keys()
    await guard.validate(token_of(publisher))  # the first token of a new key brings the new set
    assert await reason_of(guard, token) is Reason.UNKNOWN_KEY


async def test_a_key_of_the_same_name_does_not_inherit_what_is_remembered(
    publisher: Publisher, make_guard: MakeGuard, clock: StillClock
) -> None:
    guard, token = make_guard(), token_of(publisher)
    assert await is_remembered(guard, token)
    name = publisher.signing_key("ES256").key_id
    publisher.rotate_keys()
    publisher.signing_key("ES256").key_id = name
    clock.now += FRESH_FOR
    assert await reason_of(guard, token) is Reason.INVALID_SIGNATURE


async def test_a_guard_that_remembers_nothing_remembers_nothing(publisher: Publisher, make_guard: MakeGuard) -> None:
    guard, token = make_guard(remember=0), token_of(publisher)
    assert not await is_remembered(guard, token)
    assert len(guard._answering[-1]._remembered) == 0


async def test_what_one_guard_remembers_is_nothing_to_another(publisher: Publisher, make_guard: MakeGuard) -> None:
    orders, billing, token = make_guard(), make_guard(audience="billing"), token_of(publisher)
    assert await is_remembered(orders, token)
    assert await reason_of(billing, token) is Reason.AUDIENCE_MISMATCH


@pytest.mark.parametrize("filling", ["", "x" * 2000, "x" * 8000], ids=["short", "long", "longer"])
async def test_a_remembered_token_is_found_by_all_of_its_characters(
    publisher: Publisher, make_guard: MakeGuard, filling: str
) -> None:
    guard, token = make_guard(), token_of(publisher, filling=filling)
    assert await is_remembered(guard, token)
    for almost in (token[:-1], f"{token}A", token.swapcase(), f"{token} ", f"{token}=", f"{token}.", token[:-1] + "~"):
        with pytest.raises(InvalidToken):
            await guard.validate(almost)
