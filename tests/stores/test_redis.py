"""The way to a Redis server: where it is, who may, what is said about it, and what it must not learn."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from bearer_guard import AuthorizationServerUnavailable, BearerGuardError, ConfigurationError
from bearer_guard.stores.redis import (
    RedisCache,
    RedisReplayStore,
    RedisRevocations,
    SealedRedis,
    StoreUnreachable,
)
from tests.processes import free_port
from tests.redis_server import RedisServer, running_redis
from tests.stores.conftest import MakeSealed
from tests.stores.material import ISSUER, KEYS, validated

PASSWORD = "pass-word-of-redis"


async def works(server: SealedRedis) -> bool:
    """Whether all three stores do."""
    cache, revocations, store = RedisCache(server), RedisRevocations(server), RedisReplayStore(server)
    await cache.set("a", b"1", 60)
    await revocations.revoke(issuer=ISSUER, jti="1")
    return (
        await cache.get("a") == b"1"
        and await revocations.is_revoked(validated(jti="1"))
        and not await revocations.is_revoked(validated(jti="2"))
        and [await store.add("a", 60) for _ in range(2)] == [True, False]
    )


# --- where it is ---


async def test_a_url_will_do(redis_server: RedisServer, sealed: MakeSealed) -> None:
    assert await works(sealed(redis_server.url))


async def test_a_unix_socket_will_do(redis_server: RedisServer, sealed: MakeSealed) -> None:
    assert await works(sealed(redis_server.unix_url))


async def test_another_database_is_another_place(redis_server: RedisServer, sealed: MakeSealed) -> None:
    await RedisCache(sealed(redis_server.url)).set("a", b"1", 60)
    assert await RedisCache(sealed(redis_server.url.removesuffix("0") + "1")).get("a") is None


async def test_a_client_of_ones_own_will_do_and_is_closed_with_the_store(redis_server: RedisServer) -> None:
    made: list[Any] = []

    def factory() -> Any:
        made.append(redis.asyncio.Redis(host="127.0.0.1", port=redis_server.port))
        return made[-1]

    server = SealedRedis(factory, keys=KEYS)
    assert not made, "nothing starts at construction"
    assert await works(server)
    await server.aclose()
    assert [connection.is_connected for connection in made[0].connection_pool._available_connections] == [False]


async def test_after_closing_it_can_be_used_again(redis_server: RedisServer, sealed: MakeSealed) -> None:
    cache = RedisCache(sealed(redis_server))
    await cache.set("a", b"1", 60)
    await cache.aclose()
    assert await cache.get("a") == b"1"


@pytest.mark.parametrize("store", [RedisCache, RedisReplayStore, RedisRevocations])
async def test_each_store_closes_its_connections(
    redis_server: RedisServer, sealed: MakeSealed, store: Callable[[SealedRedis], Any]
) -> None:
    server = sealed(redis_server)
    before = len(redis_server.ask("CLIENT", "LIST").splitlines())
    assert await works(server)
    await store(server).aclose()
    redis_server.wait_until(lambda: len(redis_server.ask("CLIENT", "LIST").splitlines()) == before)


@pytest.mark.parametrize("fault", [OSError("pass-word-of-redis"), ValueError("pass-word-of-redis")])
async def test_a_client_that_cannot_be_made_is_a_store_that_cannot_be_reached(
    sealed: MakeSealed, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    def factory() -> Any:
        raise fault

    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await RedisReplayStore(sealed(factory)).add("a", 60)
    assert str(caught.value.__cause__) == type(fault).__name__
    assert PASSWORD not in caplog.text


async def test_a_client_that_could_not_be_made_is_made_the_next_time(
    redis_server: RedisServer, sealed: MakeSealed
) -> None:
    clients = iter([OSError("not yet"), redis.asyncio.Redis(host="127.0.0.1", port=redis_server.port)])

    def factory() -> Any:
        client = next(clients)
        if isinstance(client, Exception):
            raise client
        return client

    cache = RedisCache(sealed(factory))
    await cache.set("a", b"1", 60)
    await cache.set("a", b"2", 60)
    assert await cache.get("a") == b"2"


# --- what is refused at construction ---


@pytest.mark.parametrize(
    "url", [None, "", "127.0.0.1:6379", "http://127.0.0.1:6379", "valkey://cache", b"redis://cache", 6379, "REDIS"]
)
def test_what_is_no_url_of_a_redis_server_is_refused_and_not_shown(url: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SealedRedis(url, keys=KEYS)
    assert str(caught.value) == "that is no URL of a Redis server; write 'rediss://cache.internal:6379/0'"


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:port/0",
        "redis://127.0.0.1:99999/0",
        "redis://[::1/0",
        "redis://127.0.0.1/0?socket_timeout=long",
        "redis://:pass-word-of-redis/@127.0.0.1/0",  # a slash in a password is %2F
        "redis://127.0.0.1/0?patience=5",
        "unix://",
        "unix://?db=0",
    ],
)
def test_a_url_that_leads_nowhere_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^that is no URL of a Redis server; write 'rediss://") as caught:
        SealedRedis(url, keys=KEYS)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "url", ["redis://cache", "rediss://:pass@cache:6380/3?socket_timeout=0.5", "redis://[::1]", "unix:///run/x.sock"]
)
def test_a_url_that_leads_somewhere_is_taken(url: str) -> None:
    SealedRedis(url, keys=KEYS)


@pytest.mark.parametrize("prefix", [None, b"p:", 5, ""])
def test_a_prefix_that_is_none_is_refused(prefix: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^prefix=.* is none; write prefix='orders:', or leave it out$"):
        SealedRedis("redis://127.0.0.1", keys=KEYS, prefix=prefix)


@pytest.mark.parametrize("store", [RedisCache, RedisRevocations, RedisReplayStore])
@pytest.mark.parametrize("server", ["redis://:pass-word-of-redis@127.0.0.1", None])
def test_a_store_takes_a_sealed_redis(store: Any, server: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"it takes a SealedRedis, not .*; write SealedRedis\(") as caught:
        store(server)
    assert PASSWORD not in str(caught.value)


def test_without_keys_there_is_no_store() -> None:
    with pytest.raises(ConfigurationError, match="values are not stored in the clear"):
        SealedRedis("redis://127.0.0.1", keys={})


# --- who may ---


@pytest.fixture
def locked_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that asks for a password."""
    with running_redis(tmp_path, password=PASSWORD) as server:
        yield server


async def test_a_password_in_the_url_opens_the_server(locked_redis: RedisServer, sealed: MakeSealed) -> None:
    assert await works(sealed(locked_redis))


@pytest.mark.parametrize("password", ["", "not-the-pass-word@"])
async def test_a_wrong_password_is_named_in_the_log_and_not_shown(
    locked_redis: RedisServer, sealed: MakeSealed, caplog: pytest.LogCaptureFixture, password: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server = sealed(f"redis://{f':{password}' if password else ''}127.0.0.1:{locked_redis.port}")
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await RedisReplayStore(server).add("a", 60)
    told = f"{caught.value!r} {caught.value.__cause__!r} {server!r} {caplog.text}"
    assert "Redis cannot be asked (failure 1 in a row): Authentication" in caplog.text
    assert "not-the-pass-word" not in told
    assert PASSWORD not in told


async def test_an_outage_tells_nobody_the_password(
    locked_redis: RedisServer, sealed: MakeSealed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = sealed(locked_redis)
    assert repr(server) == "SealedRedis(prefix='bearer_guard:')"
    locked_redis.kill()
    for _ in range(4):
        with pytest.raises(StoreUnreachable) as caught:
            await server.run(lambda client: client.get(f"a-name-{PASSWORD}"))
        assert (PASSWORD in repr(caught.value), caught.value.__cause__) == (False, None)
    assert PASSWORD not in caplog.text


async def test_whoever_catches_what_this_library_raises_catches_an_outage_as_well(sealed: MakeSealed) -> None:
    with pytest.raises(BearerGuardError) as caught:
        await RedisRevocations(sealed(f"redis://127.0.0.1:{free_port()}")).revoke(issuer=ISSUER, jti="1")
    assert type(caught.value) is StoreUnreachable


async def test_where_nobody_listens_is_a_store_that_cannot_be_reached(sealed: MakeSealed) -> None:
    with pytest.raises(StoreUnreachable, match="ConnectionError"):
        await sealed(f"redis://127.0.0.1:{free_port()}").run(lambda client: client.get("a"))
