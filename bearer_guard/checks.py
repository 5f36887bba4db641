"""The one list of claim checks, as data: each a name and a function from facts to a failure, or None.

They run on claims whose signature is verified, in this order. RFC 7519 section 4.1, RFC 9068 section 4, RFC 8725.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from bearer_guard.errors import Reason
from bearer_guard.profiles import Profile
from bearer_guard.tokens import Claims, claim_at


class Failure(NamedTuple):
    """Why a check failed, and which claim is at fault."""

    reason: Reason
    claim: str


class Expectations(NamedTuple):
    """What a validator was configured to accept.

    `may_lack`: claims that may be left out, because the one who says all the others vouches for them.
    """

    issuer: str
    audiences: frozenset[str]
    client_ids: frozenset[str] | None
    leeway: float
    profile: Profile
    may_lack: frozenset[str] = frozenset()


class Facts:
    """All that a check may look at. `typ`: the header parameter; `now`: seconds since 1970.

    What the profile has to search for is searched once: here, for the checks and for the token that comes of it.
    """

    __slots__ = ("claims", "client_id", "expected", "now", "scope", "typ", "user_id")

    def __init__(self, claims: Claims, typ: str | None, now: float, expected: Expectations) -> None:
        self.claims = claims
        self.typ = typ
        self.now = now
        self.expected = expected
        profile = expected.profile
        self.scope: Any = profile.scope_claim(claims)
        self.client_id: Any = profile.client_id_claim(claims)
        self.user_id: Any = profile.user_id_claim(claims)


Check = Callable[[Facts], Failure | None]


def _kind(facts: Facts) -> Failure | None:
    # Before everything else: "an ID token was sent" helps more than "its audience is another".
    profile = facts.expected.profile
    if facts.typ is not None and facts.typ in profile.header_types:
        return Failure(profile.header_types[facts.typ], "typ")
    if facts.claims.keys().isdisjoint(profile.tells_the_kind):
        return None  # as in most tokens; the rest is for those that do tell
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
    for name in names:
        if not isinstance(name, str):
            return Failure(Reason.MALFORMED_CLAIM, "aud")
    return None if not facts.expected.audiences.isdisjoint(names) else Failure(Reason.AUDIENCE_MISMATCH, "aud")


_NUMBERS = frozenset({int, float})  # the types themselves: bool would be an int


def _exp(facts: Facts) -> Failure | None:
    expiry = facts.claims.get("exp")
    if expiry is None:
        return Failure(Reason.CLAIM_MISSING, "exp")
    if type(expiry) not in _NUMBERS:
        return Failure(Reason.MALFORMED_CLAIM, "exp")
    return Failure(Reason.EXPIRED, "exp") if facts.now >= expiry + facts.expected.leeway else None


def _not_before(name: str, reason: Reason) -> Check:
    def check(facts: Facts) -> Failure | None:
        moment = facts.claims.get(name, 0)
        if type(moment) not in _NUMBERS:
            return Failure(Reason.MALFORMED_CLAIM, name)
        return Failure(reason, name) if moment > facts.now + facts.expected.leeway else None

    return check


def _sub(facts: Facts) -> Failure | None:
    # Some servers write "sub": null into tokens that name nobody.
    return _malformed(facts.claims.get("sub"), "sub") or _malformed(facts.user_id, "user_id")


def _jti(facts: Facts) -> Failure | None:
    return _malformed(facts.claims.get("jti"), "jti")


def _client(facts: Facts) -> Failure | None:
    client, ours = facts.client_id, facts.expected.client_ids
    malformed = _malformed(client, "client_id")
    if malformed is None and ours is not None and client not in ours:
        return Failure(Reason.CLIENT_NOT_ALLOWED, "client_id")
    return malformed


def _scope(facts: Facts) -> Failure | None:
    if isinstance(facts.scope, tuple) and all(isinstance(item, str) for item in facts.scope):
        return None
    return _malformed(facts.scope, "scope")


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


def _malformed(text: Any, name: str) -> Failure | None:
    return None if text is None or isinstance(text, str) else Failure(Reason.MALFORMED_CLAIM, name)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("kind", _kind),
    ("typ", _typ),
    ("iss", check_issuer),
    ("aud", _aud),
    ("exp", _exp),
    ("nbf", _not_before("nbf", Reason.NOT_YET_VALID)),
    ("iat", _not_before("iat", Reason.ISSUED_IN_FUTURE)),
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
