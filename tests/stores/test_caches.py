"""The promises of a cache, in memory and in Redis: what was set, while its time lasts, and nothing else."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bearer_guard import ConfigurationError, MemoryCache
from bearer_guard.protocols import Cache
from bearer_guard.stores.redis import RedisCache
from tests.redis_server import RedisServer
from tests.stores.conftest import MakeSealed
from tests.stores.material import StillClock

A_MOMENT = 0.05


@pytest.fixture(params=["memory", "redis"])
def make_cache(request: pytest.FixtureRequest, sealed: MakeSealed) -> Callable[[], Cache]:
    if request.param == "memory":
        return MemoryCache
    server = sealed(request.getfixturevalue("redis_server"))
    return lambda: RedisCache(server)


@pytest.fixture
def cache(make_cache: Callable[[], Cache]) -> Cache:
    return make_cache()


async def test_what_was_set_is_there_and_what_was_not_is_none(cache: Cache) -> None:
    await cache.set("a", b"1", 60)
    assert (await cache.get("a"), await cache.get("b")) == (b"1", None)


@pytest.mark.parametrize("value", [b"", b"\0\xff" * 500, b"x" * 1_000_000])
async def test_every_value_comes_back_as_it_was(cache: Cache, value: bytes) -> None:
    await cache.set("a", value, 60)
    assert await cache.get("a") == value


@pytest.mark.parametrize("key", ["", " ", "a\r\nFLUSHALL\r\n", "ключ", "*", "a:b", "x" * 10_000])
async def test_every_key_is_a_place_of_its_own(cache: Cache, key: str) -> None:
    await cache.set("a", b"another", 60)
    await cache.set(key, b"this", 60)
    assert (await cache.get(key), await cache.get("a")) == (b"this", b"another")


async def test_what_is_set_again_takes_the_place_of_the_one_before(cache: Cache) -> None:
    await cache.set("a", b"1", 60)
    await cache.set("a", b"2", 60)
    assert await cache.get("a") == b"2"


async def test_what_is_set_again_lasts_as_long_as_it_is_told_then(cache: Cache) -> None:
    await cache.set("a", b"1", 60)
    await cache.set("a", b"2", A_MOMENT)
    await asyncio.sleep(2 * A_MOMENT)
    assert await cache.get("a") is None


@pytest.mark.parametrize("ttl", [0.0001, 0, -1])
async def test_what_has_no_time_left_is_gone_at_once(cache: Cache, ttl: float) -> None:
    await cache.set("a", b"1", ttl)
    await asyncio.sleep(A_MOMENT)
    assert await cache.get("a") is None


# --- in memory ---


async def test_in_memory_time_runs_on_the_given_clock_to_the_very_end(clock: StillClock) -> None:
    cache = MemoryCache(clock=clock)
    await cache.set("a", b"1", 60)
    clock.advance(59)
    assert await cache.get("a") == b"1"
    clock.advance(1)
    assert await cache.get("a") is None


async def test_in_memory_two_caches_share_nothing() -> None:
    await (one := MemoryCache()).set("a", b"1", 60)
    assert (await one.get("a"), await MemoryCache().get("a")) == (b"1", None)


async def test_in_memory_the_number_of_entries_is_bounded_and_what_is_in_use_stays() -> None:
    cache = MemoryCache(most_entries=10)
    await cache.set("in use", b"1", 60)
    for number in range(100):
        await cache.set(str(number), b"1", 60)
        assert await cache.get("in use") == b"1"
    assert sum([await cache.get(str(number)) is not None for number in range(100)]) < 10


async def test_in_memory_bytes_are_bounded_by_keys_and_values_together() -> None:
    cache = MemoryCache(most_bytes=1000)
    for number in range(100):
        await cache.set(f"{number:050}", b"x" * 50, 60)
    there = [number for number in range(100) if await cache.get(f"{number:050}") is not None]
    assert 5 <= len(there) <= 10
    assert there[-1] == 99


async def test_in_memory_what_is_too_big_is_not_kept() -> None:
    cache = MemoryCache(most_bytes=100)
    await cache.set("a", b"x" * 50, 60)  # and one for the key: more than half
    assert await cache.get("a") is None


async def test_in_memory_what_is_too_big_still_takes_the_place_of_the_one_before() -> None:
    cache = MemoryCache(most_bytes=100)
    await cache.set("a", b"old", 60)
    await cache.set("a", b"x" * 100, 60)
    assert await cache.get("a") is None


@pytest.mark.parametrize(("most", "bound"), [(1, 2), (2, 2), (3, 4), (5, 6)])
async def test_in_memory_an_odd_number_of_entries_counts_as_the_next_even_one(most: int, bound: int) -> None:
    cache = MemoryCache(most_entries=most)
    sizes = set()
    for number in range(10 * bound):
        await cache.set(str(number), b"1", 60)
        sizes.add(len(cache._kept))
    assert max(sizes) == bound


@pytest.mark.parametrize("most", [0, -1, 1.5, True, None, "10"])
def test_a_cache_that_holds_no_entries_is_refused(most: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"most_entries=.* holds nothing; write a whole number of at least 1"):
        MemoryCache(most_entries=most)


@pytest.mark.parametrize("most", [0, -1, 1.5, True, None, "10"])
def test_a_cache_that_holds_no_bytes_is_refused(most: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"most_bytes=.* holds nothing; write a whole number of at least 1"):
        MemoryCache(most_bytes=most)


# --- in Redis ---


@pytest.mark.parametrize(("ttl", "milliseconds"), [(60, 60_000), (0.25, 250), (1.0004, 1000), (0.00001, 1)])
async def test_redis_forgets_by_itself(
    redis_server: RedisServer, sealed: MakeSealed, ttl: float, milliseconds: int
) -> None:
    await RedisCache(sealed(redis_server)).set("a", b"1", ttl)
    assert all(milliseconds - 1000 < left <= milliseconds for left in redis_server.milliseconds_left())


async def test_all_who_have_the_key_share_what_is_in_redis(redis_server: RedisServer, sealed: MakeSealed) -> None:
    await RedisCache(sealed(redis_server)).set("a", b"1", 60)
    assert await RedisCache(sealed(redis_server)).get("a") == b"1"


async def test_two_prefixes_share_nothing(redis_server: RedisServer, sealed: MakeSealed) -> None:
    await RedisCache(sealed(redis_server, prefix="orders:")).set("a", b"1", 60)
    await RedisCache(sealed(redis_server, prefix="s")).set("a", b"2", 60)
    assert await RedisCache(sealed(redis_server, prefix="stock:")).get("a") is None
    assert await RedisCache(sealed(redis_server, prefix="orders:")).get("a") == b"1"
    assert redis_server.names() == [b"orders:a", b"sa"]


async def test_whoever_has_another_key_finds_nothing(redis_server: RedisServer, sealed: MakeSealed) -> None:
    await RedisCache(sealed(redis_server)).set("a", b"1", 60)
    assert await RedisCache(sealed(redis_server, keys={"2026-11": b"x" * 32})).get("a") is None
    assert await RedisCache(sealed(redis_server, keys={"another": b"x" * 32})).get("a") is None


async def test_while_keys_are_exchanged_both_sides_understand_each_other(
    redis_server: RedisServer, sealed: MakeSealed
) -> None:
    old, new = {"old": b"o" * 32}, {"new": b"n" * 32}
    ahead = RedisCache(sealed(redis_server, keys={**new, **old}))
    behind = RedisCache(sealed(redis_server, keys={**old, **new}))
    await ahead.set("a", b"1", 60)
    await behind.set("b", b"2", 60)
    assert (await behind.get("a"), await ahead.get("b")) == (b"1", b"2")


async def test_what_was_copied_to_another_name_is_not_there(redis_server: RedisServer, sealed: MakeSealed) -> None:
    cache = RedisCache(sealed(redis_server, prefix="p:"))
    await cache.set("a", b"yes", 60)
    await cache.set("b", b"no", 60)
    redis_server.ask("COPY", "p:a", "p:b", "REPLACE")
    redis_server.ask("RENAME", "p:a", "p:c")
    assert [await cache.get(key) for key in "abc"] == [None] * 3


@pytest.mark.parametrize("value", [b"", b"yes", b"\x07" + b"2026-11" + b"\0" * 40, b"\xff" * 300])
async def test_what_somebody_else_wrote_is_not_there_until_it_is_set_again(
    redis_server: RedisServer, sealed: MakeSealed, value: bytes
) -> None:
    cache = RedisCache(sealed(redis_server, prefix="p:"))
    redis_server.ask("SET", "p:a", value)
    assert await cache.get("a") is None
    await cache.set("a", b"1", 60)
    assert await cache.get("a") == b"1"


async def test_what_is_no_string_at_all_is_not_there(redis_server: RedisServer, sealed: MakeSealed) -> None:
    redis_server.ask("LPUSH", "p:a", "yes")
    assert await RedisCache(sealed(redis_server, prefix="p:")).get("a") is None
