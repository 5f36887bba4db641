"""How the cost of validating grows, in microseconds as if the raw signature check (ES256, 1000 bytes) took 80.

**cold**: the validator alone, every token new. **seen before**: the guard's memory. What grows: the bytes of a token
(a request may bring 16 KiB), the claims in one of 1000 bytes, the objects inside of claims, the orders in which an
issuer writes its claims (nearly every one knows one), the tokens remembered, the groups in a token, the keys of the
issuer, the issuers that one process serves (each with a validator of its own, asked in turn: there is no `ByIssuer` yet
that finds it). A cost that should not grow is one: a hit among many remembered tokens, a key among many.
"""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bearer_guard import AccessToken, BearerGuard, JWTValidator
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.benchmarks import material
from tests.benchmarks.findings import Findings
from tests.benchmarks.racing import Effort, Lane, race

ALGORITHM = "ES256"
RAW_MICROSECONDS = 80
COLD, SEEN = "cold", "seen before"
KIBIBYTES = (0.5, 1, 2, 4, 8, 16)
CLAIMS = (9, 13, 20, 40)
OBJECTS = (1, 4, 16)
ORDERS = (1, 720)
REMEMBERED = (1, 10, 100, 1000, 10_000, 100_000)
GROUPS = (1, 10, 100, 1000)
KEYS = (1, 10, 100, 200)
ISSUERS = (1, 10, 100, 1000)
ROUNDS = 40


async def measure(effort: Effort) -> Findings:
    """One race of all sizes; what is remembered is remembered before it starts."""
    effort = Effort(min(effort.rounds, ROUNDS), effort.batch, effort.tokens, effort.is_quick)
    lanes = [
        *[lane for size in KIBIBYTES for lane in _token_size(size, effort)],
        *[lane for count in CLAIMS for lane in _claims(count, effort)],
        *[lane for count in OBJECTS for lane in _objects(count, effort)],
        *[lane for count in ORDERS if count == 1 or not effort.is_quick for lane in _orders(count, effort)],
        *[await _remembered(count, effort) for count in REMEMBERED if count <= effort.tokens or not effort.is_quick],
        *[lane for count in GROUPS for lane in _groups(count, effort)],
        *[lane for count in KEYS for lane in _keys(count, effort)],
        *[lane for count in ISSUERS if count <= effort.tokens for lane in await _issuers(count, effort)],
    ]
    raw = material.raw_lane("raw signature check", ALGORITHM, material.tokens(ALGORITHM, effort.tokens))
    findings = await race(raw, lanes, effort, times=RAW_MICROSECONDS)
    findings.unit = f"microseconds, where the raw signature check takes {RAW_MICROSECONDS}"
    return findings


_FEWER_CLAIMS: dict[str, Any] = dict.fromkeys(("groups", "tenant", "auth_time", "acr"))  # which leaves nine


def _token_size(kibibytes: float, effort: Effort) -> list[Lane]:
    fewer_claims = _FEWER_CLAIMS if kibibytes < 1 else {}
    tokens = material.different_tokens(effort.batch, ALGORITHM, size=int(kibibytes * 1024), **fewer_claims)
    return _both(f"token of {kibibytes:g} KiB", material.validator(), tokens)


def _claims(count: int, effort: Effort) -> list[Lane]:
    more_claims: dict[str, Any] = {f"claim_{number}": f"v{number}" for number in range(count - 9)}
    tokens = material.different_tokens(effort.batch, ALGORITHM, **_FEWER_CLAIMS, **more_claims)
    return _both(_counted(count, "claim"), material.validator(), tokens)


def _objects(count: int, effort: Effort) -> list[Lane]:
    access = {f"client-{number}": {"roles": ["reader", "writer"]} for number in range(count)}  # as Keycloak does
    tokens = material.different_tokens(effort.batch, ALGORITHM, size=0, resource_access=access)
    return _both(_counted(count, "object"), material.validator(), tokens)


def _orders(count: int, effort: Effort) -> list[Lane]:
    orders = itertools.islice(itertools.permutations([f"claim_{number}" for number in range(6)]), count)
    each = max(1, effort.batch // count)
    options: list[dict[str, Any]] = [{**_FEWER_CLAIMS, **dict.fromkeys(order, "v")} for order in orders]
    tokens = [token for one in options for token in material.different_tokens(each, ALGORITHM, **one)]
    return _both(_counted(count, "order"), material.validator(), tokens)


def _groups(count: int, effort: Effort) -> list[Lane]:
    groups = [f"g{number}" for number in range(count)]
    tokens = material.different_tokens(effort.batch, ALGORITHM, size=0, groups=groups)
    return _both(_counted(count, "group"), material.validator(), tokens)


def _keys(count: int, effort: Effort) -> list[Lane]:
    issuer = FakeIssuer(audience=material.AUDIENCE)
    names = ["RS256", *map(str, range(1, count))]  # it wants one of that name, and publishes them all
    issuer._keys = {name: SigningKey(ALGORITHM) for name in names}
    tokens = material.different_tokens(effort.batch, ALGORITHM, by=issuer, key=issuer._keys[names[-1]])
    return _both(_counted(count, "key"), JWTValidator(material.server(issuer), audience=material.AUDIENCE), tokens)


async def _issuers(count: int, effort: Effort) -> list[Lane]:
    cold: list[_Asked] = []
    seen: list[_Asked] = []
    for number in range(count):
        issuer = FakeIssuer(f"https://issuer-{number}.test", audience=material.AUDIENCE)
        issuer._keys = {"RS256": SigningKey(ALGORITHM)}  # it wants one of that name
        guard = BearerGuard(JWTValidator(material.server(issuer), audience=material.AUDIENCE))
        key, each = issuer._keys["RS256"], max(1, effort.batch // count)
        tokens = material.different_tokens(each, ALGORITHM, by=issuer, key=key)
        await guard.validate(tokens[0])  # brings its keys
        cold += [(guard.validator.validate, token) for token in tokens]
        seen += [(guard.validate, token) for token in tokens]
    row = _counted(count, "issuer")
    return [Lane(row, COLD, _ask, cold), Lane(row, SEEN, _ask, seen)]


_Asked = tuple[Callable[[str], Awaitable[AccessToken]], str]


async def _ask(asked: _Asked) -> None:
    validate, token = asked
    await validate(token)


async def _remembered(count: int, effort: Effort) -> Lane:
    guard = BearerGuard(material.validator(), remember=2 * count)
    tokens = list(material.different_tokens(count, ALGORITHM, size=0))
    for token in tokens:
        await guard.validate(token)
    hits = tokens[:: max(1, count // (8 * effort.batch))]  # all over the memory, not in one corner of it
    hits = [*hits, *tokens * (effort.batch // count)]  # and a full batch, where there are few
    return Lane(_counted(count, "remembered token"), SEEN, guard.validate, hits)


def _both(row: str, validator: JWTValidator, tokens: Sequence[str]) -> list[Lane]:
    guard = BearerGuard(validator)
    return [Lane(row, COLD, validator.validate, tokens), Lane(row, SEEN, guard.validate, tokens)]


def _counted(count: int, what: str) -> str:
    return f"{count:,}".replace(",", " ") + f" {what}{'s' if count > 1 else ''}"
