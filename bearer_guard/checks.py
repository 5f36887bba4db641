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


class Expectations:
    """What a validator was configured to accept.

    `may_lack`: claims that may be left out, because the one who says all the others vouches for them.
    """

    # A class with slots, not a named tuple: each check reads some of these, and reads them in a third of the time.
    __slots__ = ("audiences", "client_ids", "issuer", "leeway", "may_lack", "profile")

    def __init__(  # noqa: PLR0917  filled in by name, in one place
        self,
        issuer: str,
        audiences: frozenset[str],
        client_ids: frozenset[str] | None,
        leeway: float,
        profile: Profile,
        may_lack: frozenset[str] = frozenset(),
    ) -> None:
        self.issuer = issuer
        self.audiences = audiences
        self.client_ids = client_ids
        self.leeway = leeway
        self.profile = profile
        self.may_lack = may_lack


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
        self.scope, self.client_id, self.user_id = expected.profile.named(claims)


# There are few, each with much in it: a call costs more than a comparison. And each asks first what nearly all tokens
# answer with yes; which of the noes it is may take longer.
Check = Callable[[Facts], Failure | None]
_NUMBERS = frozenset({int, float})  # the types themselves: bool would be an int
_TEXTS = frozenset({str, type(None)})


def _kind(facts: Facts) -> Failure | None:
    # Before everything else: "an ID token was sent" helps more than "its audience is another".
    typ, profile = facts.typ, facts.expected.profile
    if typ is not None and typ in profile.header_types:
        return Failure(profile.header_types[typ], "typ")
    if not profile.tells_the_kind.isdisjoint(facts.claims):  # no member of most tokens does
        told = _told_kind(facts.claims, profile)
        if told is not None:
            return told
    return None if typ in profile.typ else Failure(Reason.TYPE_NOT_ALLOWED, "typ")


def _told_kind(claims: Claims, profile: Profile) -> Failure | None:
    for name, reason in profile.telltale_claims.items():
        if name in claims:
            return Failure(reason, name)
    for name in profile.kind_claims:
        value = claims.get(name)
        for kind in value if isinstance(value, tuple) else (value,):
            if isinstance(kind, str) and kind.lower() in profile.kinds:
                return Failure(profile.kinds[kind.lower()], name)
    return None


def check_issuer(facts: Facts) -> Failure | None:
    """Whether the token names the issuer that is expected."""
    issuer = facts.claims.get("iss")
    # RFC 9068 section 4: exactly, as strings. A trailing slash is a difference.
    if issuer == facts.expected.issuer:
        return None
    if issuer is None:
        return Failure(Reason.CLAIM_MISSING, "iss")
    return Failure(Reason.ISSUER_MISMATCH if isinstance(issuer, str) else Reason.MALFORMED_CLAIM, "iss")


def _parties(facts: Facts) -> Failure | None:
    claims, expected = facts.claims, facts.expected
    if claims.get("iss") != expected.issuer:
        return check_issuer(facts)
    audience = claims.get("aud")
    if type(audience) is str:
        return None if audience in expected.audiences else Failure(Reason.AUDIENCE_MISMATCH, "aud")
    if audience is None or audience == ():
        return None if "aud" in expected.may_lack else Failure(Reason.AUDIENCE_MISSING, "aud")
    if not isinstance(audience, tuple) or not all(isinstance(name, str) for name in audience):
        return Failure(Reason.MALFORMED_CLAIM, "aud")
    return Failure(Reason.AUDIENCE_MISMATCH, "aud") if expected.audiences.isdisjoint(audience) else None


def _times(facts: Facts) -> Failure | None:
    claims, now, leeway = facts.claims, facts.now, facts.expected.leeway
    expiry: Any = claims.get("exp")
    if type(expiry) not in _NUMBERS:
        return Failure(Reason.CLAIM_MISSING if expiry is None else Reason.MALFORMED_CLAIM, "exp")
    if now >= expiry + leeway:
        return Failure(Reason.EXPIRED, "exp")
    latest = now + leeway
    if "nbf" in claims and (type(claims["nbf"]) not in _NUMBERS or claims["nbf"] > latest):
        return _too_early(claims["nbf"], "nbf", Reason.NOT_YET_VALID)
    issued: Any = claims.get("iat", 0)
    if type(issued) not in _NUMBERS or issued > latest:
        return _too_early(issued, "iat", Reason.ISSUED_IN_FUTURE)
    return None


def _too_early(moment: Any, name: str, reason: Reason) -> Failure:
    return Failure(reason if type(moment) in _NUMBERS else Reason.MALFORMED_CLAIM, name)


def _members(facts: Facts) -> Failure | None:  # noqa: PLR0911  one for each member that may be wrong
    claims, scope, client, ours = facts.claims, facts.scope, facts.client_id, facts.expected.client_ids
    # Some servers write "sub": null into tokens that name nobody.
    if type(claims.get("sub")) not in _TEXTS:
        return Failure(Reason.MALFORMED_CLAIM, "sub")
    if type(claims.get("jti")) not in _TEXTS:
        return Failure(Reason.MALFORMED_CLAIM, "jti")
    if type(facts.user_id) not in _TEXTS:
        return Failure(Reason.MALFORMED_CLAIM, "user_id")
    if type(client) not in _TEXTS:
        return Failure(Reason.MALFORMED_CLAIM, "client_id")
    if ours is not None and client not in ours:
        return Failure(Reason.CLIENT_NOT_ALLOWED, "client_id")
    if type(scope) not in _TEXTS and not (isinstance(scope, tuple) and all(isinstance(item, str) for item in scope)):
        return Failure(Reason.MALFORMED_CLAIM, "scope")
    # RFC 7800 section 3.1: an object. Whether it is proven is the guard's question; null must not hide it.
    if "cnf" in claims and not isinstance(claims["cnf"], Claims):
        return Failure(Reason.MALFORMED_CLAIM, "cnf")
    return None


def _required(facts: Facts) -> Failure | None:
    for path in facts.expected.profile.required:
        if claim_at(facts.claims, path) is None:
            return Failure(Reason.CLAIM_MISSING, path if isinstance(path, str) else ".".join(path))
    return None


CHECKS: tuple[tuple[str, Check], ...] = (
    ("kind", _kind),
    ("parties", _parties),
    ("times", _times),
    ("members", _members),
    ("required", _required),
)


def first_failure(facts: Facts) -> Failure | None:
    """The first of the checks that fails; None: all passed."""
    # Written out, not as a loop over CHECKS: Python makes fast what always calls the same function from one place.
    return _kind(facts) or _parties(facts) or _times(facts) or _members(facts) or _required(facts)
