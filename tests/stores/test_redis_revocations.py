"""Revocations in Redis: of several at once none is lost, nobody can forge one, and not knowing is not no."""

import asyncio
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from bearer_guard import AuthorizationServerUnavailable, ConfigurationError
from bearer_guard.errors import Reason
from bearer_guard.stores.redis import RedisCache, RedisRevocations, StoreUnreachable
from bearer_guard.stores.revocations import DAY, LONGEST
from bearer_guard.stores.sealing import Seal, Unreadable
from tests.processes import free_port
from tests.redis_server import RedisServer, running_redis
from tests.stores.conftest import MakeSealed
from tests.stores.material import ISSUER, KEYS, NOW, validated

MakeRevocations = Callable[..., RedisRevocations]


@pytest.fixture
def shared(redis_server: RedisServer, sealed: MakeSealed) -> MakeRevocations:
    """The same list, as another worker has it."""
    return lambda **options: RedisRevocations(sealed(redis_server), **options)


@pytest.fixture
def redis_cluster(tmp_path: Path) -> Iterator[RedisServer]:
    """The smallest there is: one server, that has all slots."""
    # Its second port would be the first and 10000, which may be more than there are.
    with running_redis(tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        server.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        server.wait_until(lambda: b"cluster_state:ok" in server.ask("CLUSTER", "INFO"))
        yield server


def moment_of(redis_server: RedisServer) -> float:
    ((name, value),) = redis_server.content().items()
    moment: float = struct.unpack(">d", Seal(KEYS).open(value, name.decode()))[0]
    return moment


async def test_what_one_worker_takes_back_the_next_request_of_another_refuses(shared: MakeRevocations) -> None:
    one, other = shared(), shared()
    assert not await other.is_revoked(validated(jti="1"))
    await one.revoke(issuer=ISSUER, jti="1")
    assert await other.is_revoked(validated(jti="1"))


@pytest.mark.parametrize(
    ("lasting", "seconds"), [(0.5, 0.5), (60, 60), (DAY, DAY), (LONGEST, LONGEST), (math.inf, LONGEST)]
)
async def test_redis_forgets_a_revocation_by_itself(
    shared: MakeRevocations, redis_server: RedisServer, lasting: float, seconds: float
) -> None:
    await shared().revoke(issuer=ISSUER, jti="1", lasting=lasting)
    assert [seconds * 1000 - 500 < left <= seconds * 1000 for left in redis_server.milliseconds_left()] == [True]


@pytest.mark.parametrize("order", [1, -1])
async def test_the_later_moment_and_the_longer_time_win_one_by_one(
    shared: MakeRevocations, redis_server: RedisServer, order: int
) -> None:
    for moment, lasting in [(NOW + 50, 100), (NOW, 900)][::order]:
        await shared().revoke(issuer=ISSUER, subject="alice", issued_before=moment, lasting=lasting)
    assert moment_of(redis_server) == NOW + 50
    assert 800_000 < redis_server.milliseconds_left()[0] <= 900_000


async def test_of_many_at_once_the_latest_moment_and_the_longest_time_stay(
    shared: MakeRevocations, redis_server: RedisServer
) -> None:
    workers = [shared(), shared(), shared()]
    await asyncio.gather(
        *(
            workers[n % 3].revoke(issuer=ISSUER, subject="alice", issued_before=NOW + n, lasting=1000 - n)
            for n in range(30)
        )
    )
    assert moment_of(redis_server) == NOW + 29
    assert 990_000 < redis_server.milliseconds_left()[0] <= 1_000_000


async def test_a_worker_ahead_with_its_keys_and_one_behind_understand_each_other(
    redis_server: RedisServer, sealed: MakeSealed
) -> None:
    new = {"new": b"n" * 32}
    ahead = RedisRevocations(sealed(redis_server, keys={**new, **KEYS}))
    behind = RedisRevocations(sealed(redis_server, keys={**KEYS, **new}))
    for worker, moment in ((behind, NOW + 5), (ahead, NOW), (behind, NOW - 5)):
        await worker.revoke(issuer=ISSUER, subject="alice", issued_before=moment)
    for worker in (ahead, behind):
        assert await worker.is_revoked(validated(sub="alice", iat=NOW + 5))
        assert not await worker.is_revoked(validated(sub="alice", iat=NOW + 6))


# --- whoever writes to Redis ---


async def test_a_revocation_copied_to_another_name_revokes_nobody_and_nobody_is_let_in(
    shared: MakeRevocations, redis_server: RedisServer
) -> None:
    revocations = shared()
    await revocations.revoke(issuer=ISSUER, subject="mallory")
    (mallory,) = redis_server.names()
    await revocations.revoke(issuer=ISSUER, subject="alice", issued_before=1)
    (alice,) = set(redis_server.names()) - {mallory}
    redis_server.ask("COPY", mallory, alice, "REPLACE")
    with pytest.raises(AuthorizationServerUnavailable):
        await revocations.is_revoked(validated(sub="alice", iat=NOW))


@pytest.mark.parametrize("value", [b"", b"no", b"\x072026-11" + b"\0" * 36])
@pytest.mark.parametrize("accept", [False, True])
async def test_what_nobody_of_us_wrote_is_not_known_also_where_outages_let_tokens_pass(
    shared: MakeRevocations, redis_server: RedisServer, value: bytes, *, accept: bool
) -> None:
    revocations = shared(accept_tokens_while_unreachable=accept)
    await revocations.revoke(issuer=ISSUER, jti="1")
    (name,) = redis_server.names()
    redis_server.ask("SET", name, value)
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await revocations.is_revoked(validated(jti="1"))
    assert (caught.value.reason, type(caught.value.__cause__)) == (Reason.REVOCATIONS_UNAVAILABLE, Unreadable)
    assert not await revocations.is_revoked(validated(jti="2"))  # nobody else suffers from it


async def test_what_nobody_of_us_wrote_does_not_stand_in_the_way_of_a_revocation(
    shared: MakeRevocations, redis_server: RedisServer
) -> None:
    revocations = shared()
    await revocations.revoke(issuer=ISSUER, jti="1")
    (name,) = redis_server.names()
    redis_server.ask("SET", name, "junk")
    await revocations.revoke(issuer=ISSUER, jti="1")
    assert await revocations.is_revoked(validated(jti="1"))


# --- Redis is away, or full ---


async def refused(revocations: RedisRevocations) -> Reason:
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await revocations.is_revoked(validated(jti="1"))
    assert isinstance(caught.value.__cause__, StoreUnreachable)
    return caught.value.reason


async def test_while_redis_is_away_the_door_is_closed_unless_told_otherwise(
    redis_of_its_own: RedisServer, sealed: MakeSealed
) -> None:
    closed = RedisRevocations(sealed(redis_of_its_own))
    opened = RedisRevocations(sealed(redis_of_its_own), accept_tokens_while_unreachable=True)
    await closed.revoke(issuer=ISSUER, jti="1")
    assert await opened.is_revoked(validated(jti="1"))
    redis_of_its_own.kill()
    for _ in range(5):  # also while it is not asked any more
        assert await refused(closed) is Reason.REVOCATIONS_UNAVAILABLE
        assert await opened.is_revoked(validated(jti="1")) is False


async def test_a_token_without_a_name_needs_no_redis(redis_of_its_own: RedisServer, sealed: MakeSealed) -> None:
    redis_of_its_own.kill()
    assert await RedisRevocations(sealed(redis_of_its_own)).is_revoked(validated()) is False


@pytest.mark.parametrize("accept", [False, True])
async def test_a_revocation_that_could_not_be_written_is_never_passed_over_in_silence(
    redis_of_its_own: RedisServer, sealed: MakeSealed, *, accept: bool
) -> None:
    revocations = RedisRevocations(sealed(redis_of_its_own), accept_tokens_while_unreachable=accept)
    redis_of_its_own.fill()
    with pytest.raises(StoreUnreachable, match=r"^OutOfMemoryError$"):
        await revocations.revoke(issuer=ISSUER, jti="1")
    redis_of_its_own.kill()
    with pytest.raises(StoreUnreachable):
        await revocations.revoke(issuer=ISSUER, jti="1")


@pytest.mark.parametrize("accept", [False, True])
async def test_a_full_redis_still_says_what_was_revoked(
    redis_of_its_own: RedisServer, sealed: MakeSealed, *, accept: bool
) -> None:
    server = sealed(redis_of_its_own)
    revocations = RedisRevocations(server, accept_tokens_while_unreachable=accept)
    await revocations.revoke(issuer=ISSUER, jti="1")
    redis_of_its_own.fill()
    for number in range(3):
        await RedisCache(server).set(str(number), b"answer", 60)
    assert await revocations.is_revoked(validated(jti="1")) is True


@pytest.mark.skipif(redis.__version__ < "6", reason="clusters have no transactions before redis-py 6")
async def test_a_cluster_will_do_with_a_prefix_that_keeps_all_in_one_place(
    redis_cluster: RedisServer, sealed: MakeSealed
) -> None:
    def client() -> Any:
        return redis.asyncio.RedisCluster(host="127.0.0.1", port=redis_cluster.port)

    together = RedisRevocations(sealed(client, prefix="{bearer_guard}:"))  # what stands in braces says where
    scattered = RedisRevocations(sealed(client))
    for revocations in (together, scattered):
        await revocations.revoke(issuer=ISSUER, jti="1")
    assert await together.is_revoked(validated(jti="1", sub="alice", sid="s"))
    assert not await together.is_revoked(validated(jti="2", sub="alice", sid="s"))
    with pytest.raises(AuthorizationServerUnavailable):  # and no token passes by mistake
        await scattered.is_revoked(validated(jti="1", sub="alice", sid="s"))


@pytest.mark.parametrize("accept", [None, 1, "no"])
def test_to_let_tokens_pass_is_true_or_false(redis_server: RedisServer, sealed: MakeSealed, accept: object) -> None:
    with pytest.raises(ConfigurationError, match="accept_tokens_while_unreachable= is True or False"):
        RedisRevocations(sealed(redis_server), accept_tokens_while_unreachable=accept)  # type: ignore[arg-type]
