"""Where verification keys come from: `StaticKeys` from your configuration, `RemoteKeys` from a published JWK set."""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bearer_guard.authorization_server.epochs import Absence, Always, SetInForce
from bearer_guard.authorization_server.flights import Flight
from bearer_guard.authorization_server.key_set import KeySet, KeysStatus
from bearer_guard.errors import AuthorizationServerUnavailable, ConfigurationError, Reason
from bearer_guard.jose import Header, VerificationKey
from bearer_guard.loops import is_being_cancelled
from bearer_guard.protocols import Clock
from bearer_guard.tokens import Epoch

log = logging.getLogger("bearer_guard.keys")

SHORTEST_FRESHNESS = 60.0
"""Seconds. `Cache-Control` may ask for less: then this is what it gets, or each token would cause a fetch."""


class StaticKeys:
    """Keys from a JWK set (RFC 7517 section 5) that you hand over; nothing is fetched, and they never change.

    Raises `ConfigurationError` if the set has no usable key.
    """

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        try:
            self._keys = KeySet(jwks)
        except (ValueError, AttributeError) as error:
            raise ConfigurationError(
                f"StaticKeys() takes a JWK set, as in StaticKeys({{'keys': [...]}}): {error}"
            ) from None
        self._keys.report()
        self.epoch: Epoch | None = Always()
        self.absence: Epoch | None = Always()

    def held(self, header: Header) -> Sequence[VerificationKey]:
        """The keys that fit the header."""
        return self._keys.find(header)

    async def keys_for(self, header: Header) -> Sequence[VerificationKey]:
        """The same; there is nobody to ask."""
        return self.held(header)

    def status(self) -> KeysStatus:
        """How the keys stand."""
        return KeysStatus(is_usable=True, size=len(self._keys), skipped=tuple(self._keys.skipped))

    async def aclose(self) -> None:
        """Nothing runs."""


class RemoteKeys:
    """Keys that are fetched when first needed, kept fresh in the background, and kept through an outage.

    `fetch`: brings the key set; whatever it raises is a failed attempt. Times are seconds of the clock's `monotonic()`.
    `fresh_for`: how long a set is used without asking (`Cache-Control` may shorten it); at 80 % of it a refresh starts
    in the background.
    `kept_for`: how long it is used while the server cannot be reached.
    `cooldown`: the least time between two fetches that a token with an unknown `kid` causes.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[KeySet]],
        *,
        clock: Clock,
        fresh_for: float,
        kept_for: float,
        cooldown: float,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._fresh_for = fresh_for
        self._kept_for = kept_for
        self._cooldown = cooldown
        self._flight = Flight(self._refresh)
        self._keys: KeySet | None = None
        self.epoch: Epoch | None = None
        self._confirmed_at = self._refresh_at = self.calm_until = -math.inf
        self._failed_at = self._retry_at = self._refetch_at = -math.inf
        self._fresh_now = fresh_for
        self._failures = self._landings = 0
        self._failure: Exception | None = None

    def held(self, header: Header) -> Sequence[VerificationKey]:
        """The keys in memory that fit the header; none if the set is too old to be used without asking."""
        if self._keys is None or not self.is_usable(self._clock.monotonic()):
            return ()
        return self._keys.find(header)

    async def keys_for(self, header: Header) -> Sequence[VerificationKey]:
        """The keys that fit the header, after a fetch where one is due or may bring an unknown `kid`."""
        keys = await self._usable_set()
        found = keys.find(header)
        # A kid that the set holds, or none at all: fetching again would not change the answer.
        if found or header.key_id is None or header.key_id in keys.key_ids:
            return found
        return await self._look_again(header)

    @property
    def absence(self) -> Epoch:
        """What must stay true for it to be remembered that a key is not in the set."""
        return Absence(self)

    def would_not_ask(self, now: float) -> bool:
        """Whether at `now` the answer about an unknown `kid` is what the set in memory says."""
        return now < self._refetch_at and not self._failures and not self._flight.is_under_way

    def is_usable(self, now: float) -> bool:
        """Whether the set may be used at `now` without waiting; starts the background refresh when that is due."""
        if now < self.calm_until:
            return True
        if self._keys is None:
            return False
        if now >= self._refresh_at and now >= self._retry_at:
            self._flight.start()
        return self._is_in_force(now)

    def _is_in_force(self, now: float) -> bool:
        age = now - self._confirmed_at
        if age < self._fresh_now:
            return True
        # An outage that we have just seen ourselves: nobody is locked out, and nobody waits for the next attempt.
        is_out = now < self._retry_at or now - self._failed_at < self._fresh_now
        return is_out and age < self._kept_for

    async def warm_up(self) -> bool:
        """Fetches the set if there is none that may be used, and says whether there is one then."""
        try:
            await self._usable_set()
        except AuthorizationServerUnavailable:
            return False
        return True

    async def refresh(self) -> bool:
        """Fetches the set now, unless the cooldown forbids it. Says whether keys of this moment are in force."""
        now = self._clock.monotonic()
        if now < self._refetch_at and not self._flight.is_under_way:
            return False
        self._refetch_at = now + self._cooldown
        landings = self._landings
        await self._flight.join()
        return self._landings != landings

    def status(self) -> KeysStatus:
        """How the keys stand. It starts nothing and waits for nothing."""
        now = self._clock.monotonic()
        error = None if self._failure is None else str(self._failure) or type(self._failure).__name__
        next_refresh = max(0.0, max(self._refresh_at, self._retry_at) - now)
        if self._keys is None:
            return KeysStatus(is_usable=False, next_refresh=next_refresh, last_error=error)
        age = now - self._confirmed_at
        return KeysStatus(
            is_usable=age < self._kept_for,  # after an idle night, too: only a request will refresh them
            size=len(self._keys),
            skipped=tuple(self._keys.skipped),
            age=age,
            next_refresh=next_refresh,
            last_error=error,
        )

    async def aclose(self) -> None:
        """Breaks off a fetch that is under way."""
        await self._flight.aclose()

    async def _usable_set(self) -> KeySet:
        now, landings = self._clock.monotonic(), self._landings
        if not self.is_usable(now) and now >= self._retry_at:  # else it failed a moment ago: let the server recover
            await self._flight.join()
        # What was fetched this moment is used, however short freshness is.
        is_new = self._landings != landings
        if self._keys is None or not (is_new or self.is_usable(self._clock.monotonic())):
            raise self._unavailable(self._retry_at - self._clock.monotonic())
        return self._keys

    async def _look_again(self, header: Header) -> Sequence[VerificationKey]:
        now = self._clock.monotonic()
        is_allowed = now >= self._refetch_at
        if is_allowed:
            self._refetch_at = now + self._cooldown
        if is_allowed or self._flight.is_under_way:
            await self._flight.join()
        if self._failures or self._keys is None:
            raise self._unavailable(self._refetch_at - self._clock.monotonic())
        return self._keys.find(header)

    async def _refresh(self) -> None:
        try:
            keys = await self._fetch()
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            self._failed(ConnectionAbortedError("the client cancelled the call"))
        except Exception as failure:  # noqa: BLE001  whatever it is, the keys that we have stay in force
            self._failed(failure)
        else:
            self._fetched(keys)

    def _fetched(self, keys: KeySet) -> None:
        if self._keys is None or keys.document != self._keys.document:
            self._keys = keys
            self.epoch = SetInForce(self)
            keys.report()
        self._confirmed_at = self._clock.monotonic()
        # Their server may shorten what we call fresh, and never lengthen it (RFC 9111 section 5.2.2.1).
        floor = min(SHORTEST_FRESHNESS, self._fresh_for)
        self._fresh_now = self._fresh_for if keys.max_age is None else max(floor, min(keys.max_age, self._fresh_for))
        # Jitter: many workers that started together do not ask together for ever.
        self._refresh_at = self._confirmed_at + self._fresh_now * random.uniform(0.75, 0.8)  # noqa: S311
        self.calm_until = self._refresh_at  # the set is fresh, and nothing is due: what every request asks first
        self._failed_at = self._retry_at = -math.inf
        self._failures = 0
        self._landings += 1
        self._failure = None

    def _failed(self, failure: Exception) -> None:
        self._failures += 1
        self._failure = failure
        self._failed_at = self._clock.monotonic()
        self._retry_at = self._failed_at + min(5.0 * 2 ** min(self._failures - 1, 10), self._cooldown)
        log.error("the keys could not be fetched (attempt %d since the last success): %s", self._failures, failure)

    def _unavailable(self, wait: float) -> AuthorizationServerUnavailable:
        error = AuthorizationServerUnavailable(Reason.KEYS_UNAVAILABLE, retry_after=wait)
        error.__cause__ = self._failure
        return error
