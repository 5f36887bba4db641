"""The connection: Redis or Valkey within bounds of time and number, and the seal of what is stored there."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Self, TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from bearer_guard.errors import BearerGuardError, ConfigurationError
from bearer_guard.loops import PerLoop, cancelled_by_nobody_is_a_failure
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


class StoreUnreachable(BearerGuardError):
    """Redis did not answer; the message says why, and holds neither key nor value."""


class SealedRedis:
    """A Redis or Valkey server, with the keys by which values are sealed before they go there.

    `url`: such as `rediss://:password@cache.internal:6379/0`; or a function that makes a `redis.asyncio.Redis`, for
    clusters, sentinels and certificates. One connection pool is kept for each event loop.
    `keys`: by their ids, each 32 random bytes or 64 hex digits. The first seals, all of them open: to exchange one, put
    the new one in front on all machines, and take the old one out when nothing that it sealed is left.
    `prefix`: what all names in Redis begin with; applications that do not share their keys need different ones. In a
    cluster all names must lie in one slot: `prefix="{bearer_guard}:"` (with redis-py 6 or later).
    Raises `ConfigurationError`.
    """

    def __init__(
        self, url: str | Callable[[], Client], *, keys: Mapping[str, str | bytes], prefix: str = "bearer_guard:"
    ) -> None:
        if not callable(url):
            _check_url(url)
        if not isinstance(prefix, str) or not prefix:
            raise ConfigurationError(f"prefix={prefix!r} is none; write prefix='orders:', or leave it out")
        self.seal = Seal(keys)
        self._prefix = prefix
        self._lines: PerLoop[_Line] = PerLoop(lambda: _Line(_client(url)))
        self._failures, self._rests_until = 0, 0.0

    def __repr__(self) -> str:
        return f"SealedRedis(prefix={self._prefix!r})"

    def name(self, key: str) -> str:
        """The name of a key in Redis."""
        return self._prefix + key

    async def run(self, command: Callable[[Client], Awaitable[Result]]) -> Result:
        """What a command answers. Raises `StoreUnreachable`."""
        self._rest()
        try:
            with cancelled_by_nobody_is_a_failure():
                line = await self._lines.get()
                async with asyncio.timeout(LONGEST_WAIT):
                    await line.turns.acquire()
                try:
                    self._rest()  # it may have failed while this one waited
                    async with asyncio.timeout(TIMEOUT):
                        result = await command(line.client)
                finally:
                    line.turns.release()
        except (StoreUnreachable, Unreadable):
            raise
        except ResponseError as error:
            # It answers, and refuses this command: it is full, or gives us no right to it. Others may do.
            log.error("Redis refuses a command: %s", type(error).__name__)  # noqa: TRY400
            why = type(error).__name__
        except Exception as error:  # noqa: BLE001
            # By place and not by type: timeouts, lost connections, a client of yours.
            why = self._failed(type(error).__name__)
        else:
            self._failures = 0
            return result
        raise StoreUnreachable(why)  # out here, without the words of what failed: they may quote a password

    def _rest(self) -> None:
        if time.monotonic() < self._rests_until:
            raise StoreUnreachable("it failed several times a moment ago")

    def _failed(self, why: str) -> str:
        self._failures += 1
        if self._failures >= _PATIENCE:
            self._rests_until = time.monotonic() + _REST
        log.error("Redis cannot be asked (failure %d in a row): %s", self._failures, why)
        return why

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._lines.aclose()


class _Line:
    """A client with a bounded number of commands at once. It belongs to one event loop, and is closed with it."""

    def __init__(self, context: AbstractAsyncContextManager[Client]) -> None:
        self._context = context
        self.turns = asyncio.Semaphore(MOST_CONNECTIONS)

    async def __aenter__(self) -> Self:
        self.client = await self._context.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._context.__aexit__(None, None, None)


def _client(url: str | Callable[[], Client]) -> AbstractAsyncContextManager[Client]:
    if callable(url):
        made: AbstractAsyncContextManager[Client] = url()
        return made
    client: AbstractAsyncContextManager[Client] = redis.asyncio.Redis.from_pool(_pool(url))
    return client


def _pool(url: str) -> redis.asyncio.BlockingConnectionPool:
    return redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=LONGEST_WAIT,
        # The time of a command is counted in run(). Where redis-py counts as well, it does so with asyncio.wait_for(),
        # which in Python 3.11 swallows cancellations: our deadline, and that of a request that is given up.
        socket_timeout=None,
        socket_connect_timeout=TIMEOUT,
        # A kept connection may be one that the server has dropped since: once more, with a new one.
        # Not after a timeout: it may have been done, and what is used once must not count as used before.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        retry_on_error=[RedisConnectionError],
    )


def _check_url(url: Any) -> None:
    is_one = isinstance(url, str) and url.startswith(("redis://", "rediss://", "unix://")) and _can_be_read(url)
    if not is_one:
        raise ConfigurationError("that is no URL of a Redis server; write 'rediss://cache.internal:6379/0'")


def _can_be_read(url: str) -> bool:
    try:
        pool: Any = _pool(url)
        pool.make_connection()  # it is not opened
    except Exception:  # noqa: BLE001  a port that is none, an option that it does not know: it raises whatever it likes
        return False
    return bool(not url.startswith("unix://") or pool.connection_kwargs.get("path"))
