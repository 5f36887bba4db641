"""The one list of claim checks, as data: each a name and a function from facts to a failure, or None.

They run on claims whose signature is verified, in this order. RFC 7519 section 4.1, RFC 9068 section 4, RFC 8725.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from bearer_guard.errors import Reason
from bearer_guard.profiles import Profile
from bearer_guard.tokens import Claims, claim_at


class Failure(NamedTuple):
    """Why a check failed, and which claim is at fault."""

    reason: Reason
    claim: str


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a validator was configured to accept.

    `may_lack`: claims that may be left out, because the one who says all the others vouches for them.
    """

    issuer: str
    audiences: frozenset[str]
    client_ids: frozenset[str] | None
    leeway: float
    profile: Profile
    may_lack: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a check may look at. `typ`: the header parameter; `now`: seconds since 1970."""

    claims: Claims
    typ: str | None
    now: float
    expected: Expectations


Check = Callable[[Facts], Failure | None]


def _kind(facts: Facts) -> Failure | None:
    # Before everything else: "an ID token was sent" helps more than "its audience is another".
    profile = facts.expected.profile
    if facts.typ is not None and facts.typ in profile.header_types:
        return Failure(profile.header_types[facts.typ], "typ")
    for name, reason in profile.telltale_claims.items():
        if name in facts.claims:
            return Failure(reason, name)
    for name in profile.kind_claims:
        value = facts.claims.get(name)
        for kind in value if isinstance(value, tuple) else (value,):
            if isinstance(kind, str) and kind.lower() in profile.kinds:
                return Failure(profile.kinds[kind.lower()], name)
    return None


def _typ(facts: Facts) -> Failure | None:
    if facts.typ not in facts.expected.profile.typ:
        return Failure(Reason.TYPE_NOT_ALLOWED, "typ")
    return None


def check_issuer(facts: Facts) -> Failure | None:
    """Whether the token names the issuer that is expected."""
    issuer = facts.claims.get("iss")
    if issuer is None:
        return Failure(Reason.CLAIM_MISSING, "iss")
    if not isinstance(issuer, str):
        return Failure(Reason.MALFORMED_CLAIM, "iss")
    # RFC 9068 section 4: exactly, as strings. A trailing slash is a difference.
    return None if issuer == facts.expected.issuer else Failure(Reason.ISSUER_MISMATCH, "iss")


def _aud(facts: Facts) -> Failure | None:
    audience = facts.claims.get("aud")
    if audience is None or audience == ():
        return None if "aud" in facts.expected.may_lack else Failure(Reason.AUDIENCE_MISSING, "aud")
    names = audience if isinstance(audience, tuple) else (audience,)
    if not all(isinstance(name, str) for name in names):
        return Failure(Reason.MALFORMED_CLAIM, "aud")
    return None if not facts.expected.audiences.isdisjoint(names) else Failure(Reason.AUDIENCE_MISMATCH, "aud")


def _exp(facts: Facts) -> Failure | None:
    expiry = facts.claims.get("exp")
    if expiry is None:
        return Failure(Reason.CLAIM_MISSING, "exp")
    if not _is_number(expiry):
        return Failure(Reason.MALFORMED_CLAIM, "exp")
    return Failure(Reason.EXPIRED, "exp") if facts.now >= expiry + facts.expected.leeway else None


def _nbf(facts: Facts) -> Failure | None:
    return _not_before(facts, "nbf", Reason.NOT_YET_VALID)


def _iat(facts: Facts) -> Failure | None:
    return _not_before(facts, "iat", Reason.ISSUED_IN_FUTURE)


def _not_before(facts: Facts, name: str, reason: Reason) -> Failure | None:
    if name not in facts.claims:
        return None
    moment = facts.claims[name]
    if not _is_number(moment):
        return Failure(Reason.MALFORMED_CLAIM, name)
    return Failure(reason, name) if moment > facts.now + facts.expected.leeway else None


def _sub(facts: Facts) -> Failure | None:
    # Some servers write "sub": null into tokens that name nobody.
    return _malformed(facts.claims.get("sub"), str, "sub") or _malformed(
        facts.expected.profile.user_id_claim(facts.claims), str, "user_id"
    )


def _jti(facts: Facts) -> Failure | None:
    return _malformed(facts.claims.get("jti"), str, "jti")


def _client(facts: Facts) -> Failure | None:
    client = facts.expected.profile.client_id_claim(facts.claims)
    if not isinstance(client, str | None):
        return Failure(Reason.MALFORMED_CLAIM, "client_id")
    if facts.expected.client_ids is not None and client not in facts.expected.client_ids:
        return Failure(Reason.CLIENT_NOT_ALLOWED, "client_id")
    return None


def _scope(facts: Facts) -> Failure | None:
    value = facts.expected.profile.scope_claim(facts.claims)
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return None
    return _malformed(value, str, "scope")


def _cnf(facts: Facts) -> Failure | None:
    # RFC 7800 section 3.1: an object. Whether it is proven is the guard's question; null must not hide it.
    if "cnf" in facts.claims and not isinstance(facts.claims["cnf"], Claims):
        return Failure(Reason.MALFORMED_CLAIM, "cnf")
    return None


def _required(facts: Facts) -> Failure | None:
    for path in facts.expected.profile.required:
        if claim_at(facts.claims, path) is None:
            return Failure(Reason.CLAIM_MISSING, path if isinstance(path, str) else ".".join(path))
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _malformed(value: Any, expected_type: type, name: str) -> Failure | None:
    return None if value is None or isinstance(value, expected_type) else Failure(Reason.MALFORMED_CLAIM, name)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("kind", _kind),
    ("typ", _typ),
    ("iss", check_issuer),
    ("aud", _aud),
    ("exp", _exp),
    ("nbf", _nbf),
    ("iat", _iat),
    ("sub", _sub),
    ("jti", _jti),
    ("client", _client),
    ("scope", _scope),
    ("cnf", _cnf),
    ("required", _required),
)


def first_failure(facts: Facts) -> Failure | None:
    """The first check that fails; None: all passed."""
    for _, check in CHECKS:
        failure = check(facts)
        if failure is not None:
            return failure
    return None
