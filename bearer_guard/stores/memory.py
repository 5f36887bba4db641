"""Memory of this process. It is not shared between workers or machines, and ends with the process."""

import threading
import time
from typing import Generic, TypeVar

from bearer_guard.errors import AuthorizationServerUnavailable, ConfigurationError, Reason
from bearer_guard.protocols import Clock
from bearer_guard.stores.remembered import MOST_BYTES, Remembered
from bearer_guard.stores.revocations import RevocationList

Value = TypeVar("Value")


class MemoryCache:
    """A cache in this process, for validators that shall share one. Other workers and machines do not see it.

    It is bounded in entries (an odd number counts as the next even one) and in bytes; what is in use is kept. A
    validator with `cache_ttl=` alone remembers its answers by itself: this is for several of them, or for tests of what
    will be Redis.
    """

    def __init__(self, *, most_entries: int = 10_000, most_bytes: int = MOST_BYTES, clock: Clock = time) -> None:
        self._kept: Remembered[tuple[bytes, float]] = Remembered(
            _positive(most_entries, "most_entries"), _positive(most_bytes, "most_bytes")
        )
        self._clock = clock

    async def get(self, key: str) -> bytes | None:
        """What was set, while its time lasts."""
        found = self._kept.get(key.encode())
        return found[0] if found is not None and self._clock.monotonic() < found[1] else None

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keeps a value for `ttl` seconds."""
        self._kept.set(key.encode(), (value, self._clock.monotonic() + ttl), len(key) + len(value))


class _Expiring(Generic[Value]):
    """Values that must not be forgotten before their time is up, at most so many of them."""

    def __init__(self, most: int, now: float) -> None:
        self._most = most
        self._values: dict[str, tuple[Value, float]] = {}
        self._swept_at = now

    def get(self, key: str, now: float) -> Value | None:
        found = self._values.get(key)
        return found[0] if found is not None and now < found[1] else None

    def set(self, key: str, value: Value, until: float, now: float) -> bool:
        """False where there is no room: nothing is thrown out for it. Of two times the longer counts."""
        if key not in self._values and len(self._values) >= self._most:
            self._sweep(now)
            if len(self._values) >= self._most:
                return False
        before = self._values.get(key)
        self._values[key] = value, until if before is None else max(until, before[1])
        return True

    def _sweep(self, now: float) -> None:
        # Looking through all of them takes long: not for each of those that find no room.
        if now - self._swept_at >= 1:
            self._swept_at = now
            self._values = {key: kept for key, kept in self._values.items() if now < kept[1]}


class MemoryRevocations(RevocationList):
    """Revocations in this process alone: other workers and machines do not hear of them, and a restart forgets them.

    For one worker, and for tests; for more there is `RedisRevocations`. `most`: how many it holds; one more raises
    `OverflowError`, for none may be forgotten.
    """

    def __init__(self, *, most: int = 100_000, clock: Clock = time) -> None:
        super().__init__(clock)
        self._lock = threading.Lock()
        self._kept: _Expiring[float] = _Expiring(_positive(most, "most"), clock.monotonic())

    async def _get(self, keys: list[str]) -> list[float | None]:
        now = self._clock.monotonic()
        return [self._kept.get(key, now) for key in keys]

    async def _put(self, key: str, issued_before: float, ttl: float) -> None:
        with self._lock:
            now = self._clock.monotonic()
            before = self._kept.get(key, now)
            moment = issued_before if before is None else max(issued_before, before)
            has_room = self._kept.set(key, moment, now + ttl, now)
        if not has_room:
            raise OverflowError("there is no room for another revocation; write MemoryRevocations(most=...)")


class MemoryReplayStore:
    """What was used once, in this process alone: another worker would let it pass a second time.

    `most`: how much it holds. When that is full it knows nothing for certain: `AuthorizationServerUnavailable`.
    """

    def __init__(self, *, most: int = 100_000, clock: Clock = time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: _Expiring[bool] = _Expiring(_positive(most, "most"), clock.monotonic())

    async def add(self, key: str, ttl: float) -> bool:
        """True if the key is new."""
        with self._lock:  # of two threads one is first
            now = self._clock.monotonic()
            if self._kept.get(key, now):
                return False
            if not self._kept.set(key, value=True, until=now + ttl, now=now):
                raise AuthorizationServerUnavailable(Reason.REPLAY_STORE_UNAVAILABLE)
            return True


def _positive(number: int, option: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ConfigurationError(f"{option}={number!r} holds nothing; write a whole number of at least 1")
    return number
