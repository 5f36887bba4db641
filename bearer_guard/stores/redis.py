"""The same promises as in memory, kept by Redis or Valkey, and shared by all workers and machines.

What is stored is sealed: whoever reads the store learns nothing, and whoever writes to it can only take away. That
makes no token valid that the authorization server does not vouch for, but it can undo a revocation: let nobody but your
workers reach Redis.
"""

import asyncio
import logging
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from bearer_guard.errors import AuthorizationServerUnavailable, ConfigurationError, Reason
from bearer_guard.loops import PerLoop
from bearer_guard.protocols import Clock
from bearer_guard.stores.revocations import RevocationList
from bearer_guard.stores.sealing import Seal, Unreadable

log = logging.getLogger("bearer_guard.redis")

TIMEOUT = 1.0
"""Seconds for one command: a request waits for it."""
LONGEST_WAIT = 4.0
"""Seconds that a command waits for a connection, while others have them."""
MOST_CONNECTIONS = 16
"""For each event loop: a thousand requests at once do not open a thousand connections."""
_PATIENCE, _REST = 3, 1.0
"""After so many failures in a row nothing is asked for so many seconds: not every request waits for what hangs."""

Result = TypeVar("Result")
Client = Any
"""`redis.asyncio.Redis`, or a client with its interface."""


class StoreUnreachable(Exception):
    """Redis did not answer; the message says why, and holds neither key nor value."""


class SealedRedis:
    """A Redis or Valkey server, with the keys by which values are sealed before they go there.

    `url`: such as `rediss://:password@cache.internal:6379/0`; or a function that makes a `redis.asyncio.Redis`, for
    clusters, sentinels and certificates. One connection pool is kept for each event loop.
    `keys`: by their ids, each 32 random bytes or 64 hex digits. The first seals, all of them open: to exchange one, put
    the new one in front on all machines, and take the old one out when nothing that it sealed is left.
    `prefix`: what all names in Redis begin with. Raises `ConfigurationError`.
    """

    def __init__(
        self, url: str | Callable[[], Client], *, keys: Mapping[str, str | bytes], prefix: str = "bearer_guard:"
    ) -> None:
        if not callable(url):
            _check_url(url)
        self.seal = Seal(keys)
        self._prefix = prefix
        self._clients: PerLoop[Client] = PerLoop(lambda: _client(url))
        self._failures, self._rests_until = 0, 0.0

    def __repr__(self) -> str:
        return f"SealedRedis(prefix={self._prefix!r})"

    def name(self, key: str) -> str:
        """The name of a key in Redis."""
        return self._prefix + key

    async def run(self, command: Callable[[Client], Awaitable[Result]]) -> Result:
        """What a command answers. Raises `StoreUnreachable`."""
        if time.monotonic() < self._rests_until:
            raise StoreUnreachable("it failed several times a moment ago")
        try:
            async with asyncio.timeout(LONGEST_WAIT + TIMEOUT):
                result = await command(await self._clients.get())
        except Unreadable:
            raise
        except Exception as error:  # noqa: BLE001
            # By place and not by type: timeouts, lost connections, a server that is full or loading, a client of yours.
            raise self._failed(type(error).__name__) from None  # without its words: they may quote a password
        self._failures = 0
        return result

    def _failed(self, why: str) -> StoreUnreachable:
        self._failures += 1
        if self._failures >= _PATIENCE:
            self._rests_until = time.monotonic() + _REST
        log.error("Redis cannot be asked (failure %d in a row): %s", self._failures, why)
        return StoreUnreachable(why)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._clients.aclose()


class RedisCache:
    """A cache that all workers and machines share, for `IntrospectionValidator(..., cache=..., cache_ttl=60)`.

    While Redis is away it holds nothing, so that the authorization server is asked each time. Values that it cannot
    open (another key, another place, changed) do not exist for it.
    """

    def __init__(self, server: SealedRedis) -> None:
        self._server = _checked(server)

    async def get(self, key: str) -> bytes | None:
        """What was set, while its time lasts."""
        name = self._server.name(key)
        try:
            sealed = await self._server.run(lambda client: client.get(name))
            return None if sealed is None else self._server.seal.open(sealed, name)
        except (StoreUnreachable, Unreadable):
            return None

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keeps a value for `ttl` seconds."""
        name = self._server.name(key)
        sealed = self._server.seal.seal(value, name)
        with suppress(StoreUnreachable):
            await self._server.run(lambda client: client.set(name, sealed, px=_milliseconds(ttl)))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()


class RedisRevocations(RevocationList):
    """Revocations that all workers and machines hear of with their next request.

    While Redis is away it is not known whether a token was revoked, and the answer is 503.
    `accept_tokens_while_unreachable`: let them pass instead, also those that were revoked.
    Redis must not evict what is stored here (`maxmemory-policy noeviction`), and must write it to disk if revocations
    shall outlive its restart.
    """

    def __init__(
        self, server: SealedRedis, *, accept_tokens_while_unreachable: bool = False, clock: Clock = time
    ) -> None:
        super().__init__(clock)
        self._server = _checked(server)
        if not isinstance(accept_tokens_while_unreachable, bool):
            raise ConfigurationError("accept_tokens_while_unreachable= is True or False")
        self._is_open = accept_tokens_while_unreachable

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()

    async def _get(self, keys: list[str]) -> list[float | None]:
        names = [self._server.name(key) for key in keys]
        if not names:
            return []
        try:
            found = await self._server.run(lambda client: client.mget(names))
            return [self._moment(sealed, name) for sealed, name in zip(found, names, strict=True)]
        except (StoreUnreachable, Unreadable) as error:
            if self._is_open and isinstance(error, StoreUnreachable):
                return []
            raise AuthorizationServerUnavailable(Reason.REVOCATIONS_UNAVAILABLE) from error

    async def _put(self, key: str, issued_before: float, ttl: float) -> None:
        name = self._server.name(key)

        async def put(transaction: Any) -> None:
            before = await transaction.get(name)
            moment = issued_before if before is None else max(issued_before, self._moment(before, name))
            lasting = max(_milliseconds(ttl), await transaction.pttl(name))
            transaction.multi()
            transaction.set(name, self._server.seal.seal(struct.pack(">d", moment), name), px=lasting)

        # Watched by Redis: of two revocations at once none is lost.
        await self._server.run(lambda client: client.transaction(put, name))

    def _moment(self, sealed: bytes | None, name: str) -> Any:
        return None if sealed is None else struct.unpack(">d", self._server.seal.open(sealed, name))[0]


class RedisReplayStore:
    """What was used once, on whatever worker or machine.

    While Redis is away, or full, nothing is known: `AuthorizationServerUnavailable`. It must not evict what is stored
    here (`maxmemory-policy noeviction`).
    """

    def __init__(self, server: SealedRedis) -> None:
        self._server = _checked(server)

    async def add(self, key: str, ttl: float) -> bool:
        """True if the key is new."""
        name = self._server.name(f"used:{key}")
        try:
            return bool(await self._server.run(lambda client: client.set(name, b"", nx=True, px=_milliseconds(ttl))))
        except StoreUnreachable as error:
            raise AuthorizationServerUnavailable(Reason.REPLAY_STORE_UNAVAILABLE) from error

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()


def _client(url: str | Callable[[], Client]) -> AbstractAsyncContextManager[Client]:
    if callable(url):
        made: AbstractAsyncContextManager[Client] = url()
        return made
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=LONGEST_WAIT,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        # A kept connection may be one that the server has dropped since: once more, with a new one.
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[RedisConnectionError],
    )
    client: AbstractAsyncContextManager[Client] = redis.asyncio.Redis.from_pool(pool)
    return client


def _check_url(url: Any) -> None:
    if not isinstance(url, str) or not url.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigurationError("that is no URL of a Redis server; write 'rediss://cache.internal:6379/0'")


def _checked(server: SealedRedis) -> SealedRedis:
    if not isinstance(server, SealedRedis):
        raise ConfigurationError(
            f"it takes a SealedRedis, not {type(server).__name__}; write SealedRedis('rediss://...', keys={{...}})"
        )
    return server


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
