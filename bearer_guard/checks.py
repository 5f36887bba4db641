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
        profile = expected.profile
        self.scope: Any = profile.scope_claim(claims)
        self.client_id: Any = profile.client_id_claim(claims)
        self.user_id: Any = profile.user_id_claim(claims)


# Each check asks first what nearly all tokens answer with yes; which of the noes it is may take longer.
Check = Callable[[Facts], Failure | None]
_NUMBERS = frozenset({int, float})  # the types themselves: bool would be an int
_TEXTS = frozenset({str, type(None)})


def _kind(facts: Facts) -> Failure | None:
    # Before everything else: "an ID token was sent" helps more than "its audience is another".
    profile = facts.expected.profile
    if facts.typ is not None and facts.typ in profile.header_types:
        return Failure(profile.header_types[facts.typ], "typ")
    if profile.tells_the_kind.isdisjoint(facts.claims):
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
    return None if facts.typ in facts.expected.profile.typ else Failure(Reason.TYPE_NOT_ALLOWED, "typ")


def check_issuer(facts: Facts) -> Failure | None:
    """Whether the token names the issuer that is expected."""
    issuer = facts.claims.get("iss")
    # RFC 9068 section 4: exactly, as strings. A trailing slash is a difference.
    if issuer == facts.expected.issuer:
        return None
    if issuer is None:
        return Failure(Reason.CLAIM_MISSING, "iss")
    return Failure(Reason.ISSUER_MISMATCH if isinstance(issuer, str) else Reason.MALFORMED_CLAIM, "iss")


def _aud(facts: Facts) -> Failure | None:
    audience = facts.claims.get("aud")
    if type(audience) is str:
        return None if audience in facts.expected.audiences else Failure(Reason.AUDIENCE_MISMATCH, "aud")
    if audience is None or audience == ():
        return None if "aud" in facts.expected.may_lack else Failure(Reason.AUDIENCE_MISSING, "aud")
    if not isinstance(audience, tuple) or not all(isinstance(name, str) for name in audience):
        return Failure(Reason.MALFORMED_CLAIM, "aud")
    return Failure(Reason.AUDIENCE_MISMATCH, "aud") if facts.expected.audiences.isdisjoint(audience) else None


def _exp(facts: Facts) -> Failure | None:
    expiry: Any = facts.claims.get("exp")
    if type(expiry) not in _NUMBERS:
        return Failure(Reason.CLAIM_MISSING if expiry is None else Reason.MALFORMED_CLAIM, "exp")
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
    if type(facts.claims.get("sub")) not in _TEXTS:
        return Failure(Reason.MALFORMED_CLAIM, "sub")
    return None if type(facts.user_id) in _TEXTS else Failure(Reason.MALFORMED_CLAIM, "user_id")


def _jti(facts: Facts) -> Failure | None:
    return None if type(facts.claims.get("jti")) in _TEXTS else Failure(Reason.MALFORMED_CLAIM, "jti")


def _client(facts: Facts) -> Failure | None:
    client, ours = facts.client_id, facts.expected.client_ids
    if type(client) not in _TEXTS:
        return Failure(Reason.MALFORMED_CLAIM, "client_id")
    return None if ours is None or client in ours else Failure(Reason.CLIENT_NOT_ALLOWED, "client_id")


def _scope(facts: Facts) -> Failure | None:
    scope = facts.scope
    if type(scope) in _TEXTS or (isinstance(scope, tuple) and all(isinstance(item, str) for item in scope)):
        return None
    return Failure(Reason.MALFORMED_CLAIM, "scope")


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


_nbf, _iat = _not_before("nbf", Reason.NOT_YET_VALID), _not_before("iat", Reason.ISSUED_IN_FUTURE)

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
    """The first of the checks that fails; None: all passed."""
    # Written out, not as a loop over CHECKS: Python makes fast what always calls the same function from one place. And
    # what a check is about is not there in most tokens, or not asked for by most profiles.
    claims = facts.claims
    return (
        _kind(facts)
        or _typ(facts)
        or check_issuer(facts)
        or _aud(facts)
        or _exp(facts)
        or (_nbf(facts) if "nbf" in claims else None)
        or _iat(facts)
        or _sub(facts)
        or _jti(facts)
        or _client(facts)
        or _scope(facts)
        or (_cnf(facts) if "cnf" in claims else None)
        or (_required(facts) if facts.expected.profile.required else None)
    )
