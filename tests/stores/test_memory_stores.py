"""What must not be forgotten, in one process: it expires by itself, and nothing is thrown out to make room."""

from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServerUnavailable,
    ConfigurationError,
    InvalidToken,
    JWTValidator,
    MemoryReplayStore,
    MemoryRevocations,
)
from bearer_guard.errors import Reason
from bearer_guard.guard import BearerGuard
from bearer_guard.stores.revocations import DAY
from bearer_guard.testing import FakeIssuer
from tests.stores.material import ISSUER, StillClock, validated

# --- revocations ---


async def test_a_revocation_ends_by_itself(clock: StillClock) -> None:
    revocations = MemoryRevocations(clock=clock)
    await revocations.revoke(issuer=ISSUER, jti="1")
    clock.advance(DAY - 1)
    assert await revocations.is_revoked(validated(jti="1"))
    clock.advance(1)
    assert not await revocations.is_revoked(validated(jti="1"))


@pytest.mark.parametrize("times", [(100, 5), (5, 100)])
async def test_of_two_times_the_longer_one_counts(clock: StillClock, times: tuple[float, float]) -> None:
    revocations = MemoryRevocations(clock=clock)
    for lasting in times:
        await revocations.revoke(issuer=ISSUER, subject="alice", lasting=lasting)
    clock.advance(99)
    assert await revocations.is_revoked(validated(sub="alice"))
    clock.advance(1)
    assert not await revocations.is_revoked(validated(sub="alice"))


async def test_what_has_ended_does_not_come_back_with_its_old_moment(clock: StillClock) -> None:
    revocations = MemoryRevocations(clock=clock)
    await revocations.revoke(issuer=ISSUER, subject="alice", issued_before=clock.time() + 1000, lasting=10)
    clock.advance(10)
    await revocations.revoke(issuer=ISSUER, subject="alice", lasting=10)
    assert not await revocations.is_revoked(validated(sub="alice", iat=clock.time() + 1))


async def test_a_full_list_says_so_and_forgets_nobody(clock: StillClock) -> None:
    revocations = MemoryRevocations(most=2, clock=clock)
    for jti in ("1", "2"):
        await revocations.revoke(issuer=ISSUER, jti=jti)
    with pytest.raises(OverflowError, match=r"no room for another revocation; write MemoryRevocations\(most=\.\.\.\)"):
        await revocations.revoke(issuer=ISSUER, jti="3")
    await revocations.revoke(issuer=ISSUER, jti="1", lasting=2 * DAY)  # it has its place
    assert [await revocations.is_revoked(validated(jti=jti)) for jti in "123"] == [True, True, False]


async def test_what_has_ended_makes_room(clock: StillClock) -> None:
    revocations = MemoryRevocations(most=2, clock=clock)
    await revocations.revoke(issuer=ISSUER, jti="1", lasting=10)
    await revocations.revoke(issuer=ISSUER, jti="2", lasting=100)
    clock.advance(10)
    await revocations.revoke(issuer=ISSUER, jti="3", lasting=100)
    assert [await revocations.is_revoked(validated(jti=jti)) for jti in "123"] == [False, True, True]


async def test_a_full_list_is_looked_through_at_most_once_a_second(clock: StillClock) -> None:
    revocations = MemoryRevocations(most=1, clock=clock)
    await revocations.revoke(issuer=ISSUER, jti="1", lasting=10.5)
    clock.advance(10)
    with pytest.raises(OverflowError):
        await revocations.revoke(issuer=ISSUER, jti="2")
    clock.advance(0.5)  # its time is up, and nobody has looked
    with pytest.raises(OverflowError):
        await revocations.revoke(issuer=ISSUER, jti="2")
    clock.advance(0.5)
    await revocations.revoke(issuer=ISSUER, jti="2")


async def test_two_lists_share_nothing() -> None:
    await (one := MemoryRevocations()).revoke(issuer=ISSUER, jti="1")
    assert await one.is_revoked(validated(jti="1"))
    assert not await MemoryRevocations().is_revoked(validated(jti="1"))


async def test_a_remembered_token_is_refused_by_the_very_next_request(issuer: FakeIssuer) -> None:
    revocations = MemoryRevocations(clock=issuer.clock)
    guard = BearerGuard(JWTValidator(issuer.server, audience="api"), revocations=[MemoryRevocations(), revocations])
    presented, other = issuer.token(), issuer.token()
    token = await guard.validate(presented)
    await revocations.revoke(token)
    with pytest.raises(InvalidToken) as caught:
        await guard.validate(presented)
    assert caught.value.reason is Reason.REVOKED
    assert await guard.validate(other)


async def test_a_revocation_outlasts_the_leeway_of_the_guard(issuer: FakeIssuer) -> None:
    revocations = MemoryRevocations(clock=issuer.clock)
    guard = BearerGuard(JWTValidator(issuer.server, audience="api", leeway=120), revocations=[revocations])
    presented = issuer.token(exp=60)
    await revocations.revoke(await guard.validate(presented))
    issuer.clock.advance(60 + 110)
    with pytest.raises(InvalidToken) as caught:
        await guard.validate(presented)
    assert caught.value.reason is Reason.REVOKED


async def test_a_revocation_outlasts_the_leeway_of_another_guard(issuer: FakeIssuer) -> None:
    revocations = MemoryRevocations(clock=issuer.clock)
    strict, lax = (JWTValidator(issuer.server, audience="api", leeway=leeway) for leeway in (0, 120))
    presented = issuer.token(exp=60)
    await revocations.revoke(await strict.validate(presented))
    issuer.clock.advance(60 + 110)
    assert await BearerGuard(lax).validate(presented)
    with pytest.raises(InvalidToken) as caught:
        await BearerGuard(lax, revocations=[revocations]).validate(presented)
    assert caught.value.reason is Reason.REVOKED


async def test_a_token_that_one_guard_refuses_as_expired_can_still_be_taken_back_from_another(
    issuer: FakeIssuer,
) -> None:
    revocations = MemoryRevocations(clock=issuer.clock)
    strict, lax = (JWTValidator(issuer.server, audience="api", leeway=leeway) for leeway in (0, 120))
    presented = issuer.token(exp=60)
    token = await strict.validate(presented)
    issuer.clock.advance(60 + 60)
    await revocations.revoke(token)
    issuer.clock.advance(50)
    with pytest.raises(InvalidToken) as caught:
        await BearerGuard(lax, revocations=[revocations]).validate(presented)
    assert caught.value.reason is Reason.REVOKED


# --- what was used once ---


async def test_what_was_used_is_new_again_when_its_time_is_up(clock: StillClock) -> None:
    store = MemoryReplayStore(clock=clock)
    assert await store.add("a", 60)
    clock.advance(59)
    assert not await store.add("a", 60)
    clock.advance(1)
    assert await store.add("a", 60)


async def test_using_it_again_does_not_prolong_it(clock: StillClock) -> None:
    store = MemoryReplayStore(clock=clock)
    assert await store.add("a", 10)
    assert not await store.add("a", 1000)
    clock.advance(10)
    assert await store.add("a", 10)


async def test_a_full_store_knows_nothing_for_certain_and_forgets_nothing(clock: StillClock) -> None:
    store = MemoryReplayStore(most=2, clock=clock)
    assert await store.add("a", 60)
    assert await store.add("b", 60)
    for _ in range(2):
        with pytest.raises(AuthorizationServerUnavailable) as caught:
            await store.add("c", 60)
        assert caught.value.reason is Reason.REPLAY_STORE_UNAVAILABLE
    assert not await store.add("a", 60)
    clock.advance(60)
    assert await store.add("c", 60)


@pytest.mark.parametrize("store", [MemoryRevocations, MemoryReplayStore])
@pytest.mark.parametrize("most", [0, -5, 2.0, False, None, "many"])
def test_a_store_that_holds_nothing_is_refused(store: Any, most: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"most=.* holds nothing; write a whole number of at least 1"):
        store(most=most)
