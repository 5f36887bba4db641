"""What was used once, in memory and in Redis: exactly one of all who come is told that it is new."""

import asyncio
from collections.abc import Callable

import pytest

from bearer_guard import AuthorizationServerUnavailable, MemoryReplayStore
from bearer_guard.errors import Reason
from bearer_guard.protocols import ReplayStore
from bearer_guard.stores.redis import RedisCache, RedisReplayStore, SealedRedis
from tests.redis_server import RedisServer
from tests.stores.conftest import MakeSealed

A_MOMENT = 0.05
Client = Callable[[], ReplayStore]


@pytest.fixture(params=["memory", "redis"])
def client(request: pytest.FixtureRequest, sealed: MakeSealed) -> Client:
    """Another user of the same store: in Redis, from another machine."""
    if request.param == "memory":
        store = MemoryReplayStore()
        return lambda: store
    server = request.getfixturevalue("redis_server")
    return lambda: RedisReplayStore(sealed(server))


async def test_the_first_use_is_new_and_the_second_is_not(client: Client) -> None:
    store = client()
    assert [await store.add("a", 60) for _ in range(3)] == [True, False, False]
    assert await store.add("b", 60) is True


async def test_it_is_new_again_after_its_time(client: Client) -> None:
    store = client()
    assert await store.add("a", A_MOMENT)
    assert not await store.add("a", A_MOMENT)
    await asyncio.sleep(2 * A_MOMENT)
    assert await store.add("a", A_MOMENT)


async def test_of_a_hundred_at_once_exactly_one_is_new(client: Client) -> None:
    one, other = client(), client()
    for key in ("a", "b", "c"):
        answers = await asyncio.gather(*(store.add(key, 60) for _ in range(50) for store in (one, other)))
        assert sorted(answers) == [False] * 99 + [True]


@pytest.mark.parametrize("key", ["", " ", "a\r\nFLUSHALL\r\n", "ключ", "\ud800", "*", "x" * 10_000])
async def test_every_key_is_a_key(client: Client, key: str) -> None:
    store = client()
    assert await store.add("a", 60)
    assert [await store.add(key, 60) for _ in range(2)] == [True, False]


# --- in Redis ---


async def test_redis_forgets_by_itself_and_a_second_use_prolongs_nothing(
    redis_server: RedisServer, sealed: MakeSealed
) -> None:
    store = RedisReplayStore(sealed(redis_server))
    await store.add("a", 60)
    await store.add("a", 6000)
    assert [0 < left <= 60_000 for left in redis_server.milliseconds_left()] == [True]


async def test_a_cache_and_a_replay_store_do_not_meet(redis_server: RedisServer, sealed: MakeSealed) -> None:
    server = sealed(redis_server)
    assert await RedisReplayStore(server).add("a", 60)
    (name,) = (name.decode().removeprefix("bearer_guard:") for name in redis_server.names())
    assert [await RedisCache(server).get(key) for key in ("a", "used:a", name)] == [None] * 3
    await RedisCache(server).set("a", b"1", 60)
    assert await RedisReplayStore(server).add("a", 60) is False


async def test_two_prefixes_share_nothing(redis_server: RedisServer, sealed: MakeSealed) -> None:
    for prefix in ("stock:", "orders:"):
        assert await RedisReplayStore(sealed(redis_server, prefix=prefix)).add("a", 60)
    assert [name.split(b":")[:2] for name in redis_server.names()] == [[b"orders", b"used"], [b"stock", b"used"]]


@pytest.mark.parametrize("key", ["jti-of-alice", "jti-of-alice" * 1000])
async def test_what_was_used_cannot_be_read_in_redis(redis_server: RedisServer, sealed: MakeSealed, key: str) -> None:
    await RedisReplayStore(sealed(redis_server)).add(key, 60)
    ((name, value),) = redis_server.content().items()
    assert (b"alice" in name, value) == (False, b"")
    assert len(name) == len("bearer_guard:used:") + 64  # however long the key is


async def refusal(store: RedisReplayStore, key: str) -> Reason:
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await store.add(key, 60)
    return caught.value.reason


async def test_while_redis_is_away_nothing_is_known(redis_of_its_own: RedisServer, sealed: MakeSealed) -> None:
    store = RedisReplayStore(sealed(redis_of_its_own))
    assert await store.add("a", 60)
    redis_of_its_own.kill()
    assert {await refusal(store, key) for key in "abcde"} == {Reason.REPLAY_STORE_UNAVAILABLE}


async def test_while_redis_is_full_nothing_is_known(redis_of_its_own: RedisServer, sealed: MakeSealed) -> None:
    store = RedisReplayStore(sealed(redis_of_its_own))
    assert await store.add("a", 60)
    redis_of_its_own.fill()
    assert await refusal(store, "b") is Reason.REPLAY_STORE_UNAVAILABLE
    redis_of_its_own.empty()
    assert await store.add("b", 60) is True


async def test_a_pause_of_redis_does_not_turn_a_first_use_into_a_second(
    redis_of_its_own: RedisServer, sealed: MakeSealed
) -> None:
    server = sealed(redis_of_its_own)
    store = RedisReplayStore(server)
    await store.add("a", 60)
    assert await during_a_pause(redis_of_its_own, server) in (True, Reason.REPLAY_STORE_UNAVAILABLE)


async def during_a_pause(redis_server: RedisServer, server: SealedRedis) -> bool | Reason:
    """A first use while Redis hangs for longer than one timeout, and for less than two."""
    redis_server.hang()
    first_use = asyncio.ensure_future(RedisReplayStore(server).add("b", 60))
    await asyncio.sleep(1.3)
    redis_server.resume()
    try:
        return await first_use
    except AuthorizationServerUnavailable as error:
        return error.reason
