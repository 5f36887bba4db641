"""What the authorization server answered about tokens, kept for a while: facts, never decisions.

Objects in this process, and below them, where there is one, a cache of bytes that many share. Each answer has one
deadline, which it takes along wherever it goes: two layers never add up.
"""

import hashlib
import json
import logging
from typing import NamedTuple

from bearer_guard.errors import ConfigurationError
from bearer_guard.jose import parse_json_object
from bearer_guard.loops import cancelled_by_nobody_is_a_failure
from bearer_guard.protocols import Cache, Clock
from bearer_guard.stores.memory import Remembered
from bearer_guard.tokens import AccessToken, Claims

log = logging.getLogger("bearer_guard")

MOST_TOKENS = 4096
"""Answers that are kept in this process."""
INACTIVE_FOR = 10.0
"""Seconds for which an inactive token is not asked about again, or less if `cache_ttl` is less."""
LONGEST_TTL = 3600.0
"""Seconds. What was said longer ago is no answer any more."""
_MOST_INACTIVE = 1024
"""They have a pool of their own: whoever sends rubbish pushes out nothing but rubbish."""


class Fact(NamedTuple):
    """One answer. `asked_at`: seconds of the clock's `monotonic()`, when the question was put."""

    token: AccessToken | None
    """None: it is not active."""
    asked_at: float
    until: float


class AnswerMemory:
    """Answers of one validator. `ttl`: seconds for which an answer may be used. `binding`: what they depend on."""

    def __init__(self, ttl: float, cache: Cache | None, clock: Clock, binding: tuple[object, ...]) -> None:
        self.ttl = ttl
        self.cache = cache
        self._clock = clock
        # Two validators share an entry only if they would have asked the same server the same question as the same
        # client, and expect the same of the answer.
        self._binding = hashlib.sha256(json.dumps(binding).encode()).digest()
        self._active: Remembered[Fact] = Remembered(MOST_TOKENS)
        self._inactive: Remembered[Fact] = Remembered(_MOST_INACTIVE)

    def get(self, key: bytes, max_age: float | None) -> Fact | None:
        """The answer in memory, while it may be used."""
        fact = self._active.get(key) or self._inactive.get(key)
        if fact is None:
            return None
        now = self._clock.monotonic()
        if now >= fact.until or (max_age is not None and not now - fact.asked_at < max_age):
            return None
        if fact.token is not None and self._clock.time() >= fact.token.accepted_until:
            return None
        return fact

    def keep(self, key: bytes, fact: Fact, weight: int = 0) -> None:
        """Keeps an answer in memory, in place of the one before."""
        is_active = fact.token is not None
        pool, other = (self._active, self._inactive) if is_active else (self._inactive, self._active)
        other.forget(key)
        pool.set(key, fact, weight)

    def fact(self, token: AccessToken | None, asked_at: float) -> Fact:
        """An answer of this moment, with its deadline."""
        return Fact(token, asked_at, asked_at + (min(self.ttl, INACTIVE_FOR) if token is None else self.ttl))

    # --- the shared layer ---

    async def shared(self, key: bytes) -> tuple[Claims, float] | None:
        """The claims that somebody has put there, and how old they are; None: nothing that may be used."""
        if self.cache is None:
            return None
        try:
            with cancelled_by_nobody_is_a_failure():
                content = await self.cache.get(self._name(key))
            if content is None:
                return None
            entry = parse_json_object(content)
            age = max(0.0, self._clock.time() - float(entry["asked_at"]))
            claims = entry["claims"]
        except Exception as error:  # noqa: BLE001  whatever it is, a cache that fails is no reason to fail
            log.warning("the cache could not be read (%s): the authorization server is asked", type(error).__name__)
            return None
        return (claims, age) if isinstance(claims, Claims) and age < self.ttl else None

    async def share(self, key: bytes, claims: Claims, fact: Fact) -> None:
        """Puts claims there for all, in place of what was there before."""
        age = self._clock.monotonic() - fact.asked_at
        ttl = fact.until - fact.asked_at - age
        if fact.token is not None:
            ttl = min(ttl, fact.token.accepted_until - self._clock.time())
        if self.cache is None or ttl <= 0:
            return
        entry = {"asked_at": self._clock.time() - age, "claims": claims}
        try:
            with cancelled_by_nobody_is_a_failure():
                await self.cache.set(self._name(key), json.dumps(entry).encode(), ttl)
        except Exception as error:  # noqa: BLE001  as above
            log.warning("the cache could not be written (%s): the answer stays in this process", type(error).__name__)

    def _name(self, key: bytes) -> str:
        return "token:" + hashlib.sha256(self._binding + key).hexdigest()


def answer_memory(
    cache: Cache | None, cache_ttl: float | None, clock: Clock, binding: tuple[object, ...]
) -> AnswerMemory | None:
    """The memory that was asked for; None: none was. Raises `ConfigurationError`."""
    if cache_ttl is None:
        if cache is not None:
            raise ConfigurationError(
                "cache= says where, not how long; write cache_ttl=60, the seconds for which a token that was revoked"
                " may still be accepted"
            )
        return None
    if isinstance(cache_ttl, bool) or not isinstance(cache_ttl, int | float) or not 0 < cache_ttl <= LONGEST_TTL:
        raise ConfigurationError(f"cache_ttl={cache_ttl!r} is out of range; write seconds from 1 to {LONGEST_TTL:.0f}")
    if hasattr(cache, "execute_command"):
        raise ConfigurationError(
            "a bare Redis client believes whoever can write to it; write cache=RedisCache(SealedRedis('rediss://...',"
            " keys={...}))"
        )
    if cache is not None and not (callable(getattr(cache, "get", None)) and callable(getattr(cache, "set", None))):
        raise ConfigurationError(f"cache= takes a cache, not {type(cache).__name__}; write cache=RedisCache(...)")
    return AnswerMemory(cache_ttl, cache, clock, binding)
