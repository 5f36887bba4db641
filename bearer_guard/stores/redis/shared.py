"""A cache, revocations and a replay store on a sealed Redis."""

import hashlib
import struct
import time
from contextlib import suppress
from typing import Any

from bearer_guard.errors import AuthorizationServerUnavailable, ConfigurationError, Reason
from bearer_guard.protocols import Clock
from bearer_guard.stores.redis.connection import SealedRedis, StoreUnreachable
from bearer_guard.stores.revocations import RevocationList
from bearer_guard.stores.sealing import Unreadable


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
            before = self._moment_or_none(await transaction.get(name), name)
            moment = issued_before if before is None else max(issued_before, before)
            lasting = max(_milliseconds(ttl), await transaction.pttl(name))
            transaction.multi()
            transaction.set(name, self._server.seal.seal(struct.pack(">d", moment), name), px=lasting)

        # Watched by Redis: of two revocations at once none is lost.
        await self._server.run(lambda client: client.transaction(put, name))

    def _moment_or_none(self, sealed: bytes | None, name: str) -> Any:
        try:
            return self._moment(sealed, name)
        except Unreadable:
            return None  # whatever stands there, the revocation takes its place

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
        name = self._server.name("used:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest())
        try:
            return bool(await self._server.run(lambda client: client.set(name, b"", nx=True, px=_milliseconds(ttl))))
        except StoreUnreachable as error:
            raise AuthorizationServerUnavailable(Reason.REPLAY_STORE_UNAVAILABLE) from error

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()


def _checked(server: SealedRedis) -> SealedRedis:
    if not isinstance(server, SealedRedis):
        raise ConfigurationError(
            f"it takes a SealedRedis, not {type(server).__name__}; write SealedRedis('rediss://...', keys={{...}})"
        )
    return server


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
