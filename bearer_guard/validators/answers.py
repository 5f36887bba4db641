"""What the authorization server answered about tokens, kept for a while: facts, never decisions.

Objects in this process, and below them, where there is one, a cache of bytes that many share. Each answer has one
deadline, which it takes along wherever it goes: two layers never add up.
"""

import hashlib
import json
import logging
from dataclasses import dataclass, fields

from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.checks import Expectations
from bearer_guard.errors import ConfigurationError
from bearer_guard.jose import parse_json_object
from bearer_guard.loops import within
from bearer_guard.protocols import Cache, Clock
from bearer_guard.stores.remembered import Remembered
from bearer_guard.tokens import AccessToken, Claims

log = logging.getLogger("bearer_guard")

MOST_TOKENS = 4096
"""Answers that are kept in this process."""
INACTIVE_FOR = 10.0
"""Seconds for which an inactive token is not asked about again, or less if `cache_ttl` is less."""
CLOCKS_DIFFER_BY = 30.0
"""Seconds, between the machines that share a cache."""
LONGEST_WAIT = 5.0
"""Seconds for a shared cache: behind one that hangs, asking the server is quicker."""
LONGEST_TTL = 3600.0
"""Seconds. What was said longer ago is no answer any more."""
_MOST_INACTIVE = 1024
"""They have a pool of their own: whoever sends rubbish pushes out nothing but rubbish."""


@dataclass(frozen=True, slots=True)
class Fact:
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
        fact = self._active.young.get(key) or self._active.get(key) or self._inactive.get(key)
        return fact if fact is not None and self.is_usable(fact, max_age) else None

    def is_usable(self, fact: Fact, max_age: float | None) -> bool:
        """Whether an answer may be used now. `max_age`: how old it may be; None: as old as configured."""
        now = self._clock.monotonic()
        if now >= fact.until or (max_age is not None and not now - fact.asked_at < max_age):
            return False
        # RFC 7662 section 4: not beyond exp. What is left of the leeway is for the server's answer, not for ours.
        return fact.token is None or self._clock.time() < fact.token.expires_at

    def keep(self, key: bytes, fact: Fact, weight: int) -> None:
        """Keeps an answer in this process, in place of an older one."""
        before = self._active.get(key) or self._inactive.get(key)
        if before is not None and before.asked_at > fact.asked_at:
            return  # it was long under way: a later question has been answered
        is_active = fact.token is not None
        pool, other = (self._active, self._inactive) if is_active else (self._inactive, self._active)
        other.forget(key)
        pool.set(key, fact, weight)

    def fact(self, token: AccessToken | None, asked_at: float) -> Fact:
        """An answer, with its deadline."""
        return Fact(token, asked_at, asked_at + (min(self.ttl, INACTIVE_FOR) if token is None else self.ttl))

    # --- the shared layer ---

    async def shared(self, key: bytes) -> tuple[Claims, float] | None:
        """The claims that somebody has put there, and how old they are; None: nothing that may be used."""
        if self.cache is None:
            return None
        try:
            content = await within(LONGEST_WAIT, self.cache.get(self._name(key)))
            return None if content is None else self._entry(parse_json_object(content))
        except Exception as error:  # noqa: BLE001  whatever it is, a cache that fails is no reason to fail
            log.warning("the cache could not be read (%s): the authorization server is asked", type(error).__name__)
            return None

    async def share(self, key: bytes, claims: Claims, fact: Fact, expires_at: float) -> None:
        """Puts claims there for all, in place of what was there before."""
        ttl = min(fact.until - self._clock.monotonic(), expires_at - self._clock.time())
        if self.cache is not None and ttl > 0:
            await self._put(self.cache, key, claims, fact.asked_at, ttl)

    async def end(self, key: bytes, claims: Claims | None, asked_at: float) -> None:
        """A fresh no: what was remembered of a token ends, here and for all. `claims`: None leaves nothing there."""
        self._active.forget(key)
        # Only where there is a yes to end: else rubbish would push out what is others'.
        if self.cache is not None and await self.shared(key) is not None:
            await self._put(self.cache, key, claims, asked_at, min(self.ttl, INACTIVE_FOR))

    async def _put(self, cache: Cache, key: bytes, claims: Claims | None, asked_at: float, ttl: float) -> None:
        entry = {"asked_at": self._clock.time() - (self._clock.monotonic() - asked_at), "claims": claims}
        try:
            await within(LONGEST_WAIT, cache.set(self._name(key), json.dumps(entry).encode(), ttl))
        except Exception as error:  # noqa: BLE001  as above
            log.warning("the cache could not be written (%s): the answer stays in this process", type(error).__name__)

    def _entry(self, entry: Claims) -> tuple[Claims, float] | None:
        claims, asked_at = entry["claims"], entry["asked_at"]
        age = self._clock.time() - asked_at
        # Clocks of machines differ a little. One that was set back would make old answers young for ever.
        return (claims, max(0.0, age)) if isinstance(claims, Claims) and -CLOCKS_DIFFER_BY < age < self.ttl else None

    def _name(self, key: bytes) -> str:
        return "token:" + hashlib.sha256(self._binding + key).hexdigest()


def binding_of(server: AuthorizationServer, expected: Expectations, token_type_hint: str | None) -> tuple[object, ...]:
    """All that an answer about a token depends on, beside the token: whom we ask, as whom, what, and what we expect."""
    return (
        server.issuer,
        server.introspection_endpoint,
        server.metadata_url,
        type(server.client_auth).__name__,
        getattr(server.client_auth, "client_id", None),
        token_type_hint,
        sorted(expected.audiences),
        sorted(expected.client_ids or ()),
        sorted(expected.may_lack),
        expected.leeway,
        repr([getattr(expected.profile, field.name) for field in fields(expected.profile)]),
    )


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
    is_cache = callable(getattr(cache, "get", None)) and callable(getattr(cache, "set", None))
    if cache is not None and (isinstance(cache, type) or not is_cache):
        raise ConfigurationError(f"cache= takes a cache, not {type(cache).__name__}; write cache=RedisCache(...)")
    return AnswerMemory(cache_ttl, cache, clock, binding)
