"""The one list of claim checks: what is wrong with a token, asked in one order.

They run on claims whose origin is certain. RFC 7519 section 4.1, RFC 9068 section 4, RFC 8725.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from bearer_guard.errors import Reason
from bearer_guard.profiles import Profile
from bearer_guard.profiles.reading import Reading
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
    __slots__ = ("audiences", "client_ids", "issuer", "leeway", "may_lack", "profile", "read", "telltales", "types")

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
        # What the profile is asked about every token.
        self.read = profile.read
        self.types = profile.typ - set(profile.header_types)
        self.telltales = profile.tells_the_kind


_NUMBERS = frozenset({int, float})  # the types themselves: bool would be an int
_TEXTS = frozenset({str, type(None)})


def failures(  # noqa: C901, PLR0912  one line for each check, in one place: what it asks stands beside what it says
    claims: Claims, reading: Reading, typ: str | None, now: float, expected: Expectations
) -> Iterator[Failure]:
    """All that is wrong with a token, what tells most about it first; nothing where it is good.

    `reading`: what the profile finds in the claims; `typ`: the header parameter; `now`: seconds since 1970.
    """
    # Here stands what nearly every token answers with yes, and no call: a call takes longer than the answer. Which of
    # the noes it is may take longer, and is found out below. Who stops at the first pays for no other.
    leeway, get = expected.leeway, claims.get
    scope, client_id, user_id, _, _ = reading
    # Before everything else: "an ID token was sent" helps more than "its audience is another".
    if typ not in expected.types or not expected.telltales.isdisjoint(claims):
        yield from _of_another_kind(claims, typ, expected.profile)
    if get("iss") != expected.issuer:
        yield from of_another_issuer(claims, expected)
    audience = get("aud")
    if type(audience) is not str or audience not in expected.audiences:
        yield from _for_another_audience(audience, expected)
    expiry: Any = get("exp")
    if type(expiry) not in _NUMBERS or now >= expiry + leeway:
        yield _too_late(expiry)
    if "nbf" in claims and (type(claims["nbf"]) not in _NUMBERS or claims["nbf"] > now + leeway):
        yield _too_early(claims["nbf"], "nbf", Reason.NOT_YET_VALID)
    issued: Any = get("iat", 0)
    if type(issued) not in _NUMBERS or issued > now + leeway:
        yield _too_early(issued, "iat", Reason.ISSUED_IN_FUTURE)
    # Some servers write "sub": null into tokens that name nobody.
    if type(get("sub")) not in _TEXTS:
        yield Failure(Reason.MALFORMED_CLAIM, "sub")
    if type(get("jti")) not in _TEXTS:
        yield Failure(Reason.MALFORMED_CLAIM, "jti")
    if type(user_id) not in _TEXTS and user_id is not get("sub"):  # which is mostly the same, and told once
        yield Failure(Reason.MALFORMED_CLAIM, "user_id")
    if type(client_id) not in _TEXTS:
        yield Failure(Reason.MALFORMED_CLAIM, "client_id")
    elif expected.client_ids is not None and client_id not in expected.client_ids:
        yield Failure(Reason.CLIENT_NOT_ALLOWED, "client_id")
    if type(scope) not in _TEXTS and not _are_strings(scope):
        yield Failure(Reason.MALFORMED_CLAIM, "scope")
    # RFC 7800 section 3.1: an object. Whether it is proven is the guard's question; null must not hide it.
    if "cnf" in claims and not isinstance(claims["cnf"], Claims):
        yield Failure(Reason.MALFORMED_CLAIM, "cnf")
    if expected.profile.required:
        yield from _lacking(claims, expected.profile)


def _of_another_kind(claims: Claims, typ: str | None, profile: Profile) -> Iterator[Failure]:
    if typ is not None and typ in profile.header_types:
        yield Failure(profile.header_types[typ], "typ")
    for name, reason in profile.telltale_claims.items():
        if name in claims:
            yield Failure(reason, name)
    for name in profile.kind_claims:
        value = claims.get(name)
        for kind in value if isinstance(value, tuple) else (value,):
            if isinstance(kind, str) and kind.lower() in profile.kinds:
                yield Failure(profile.kinds[kind.lower()], name)
    if typ not in profile.typ and typ not in profile.header_types:
        yield Failure(Reason.TYPE_NOT_ALLOWED, "typ")


def of_another_issuer(claims: Claims, expected: Expectations) -> Iterator[Failure]:
    """Whether the token names another issuer than the one that is expected, or none."""
    issuer = claims.get("iss")
    # RFC 9068 section 4: exactly, as strings. A trailing slash is a difference.
    if issuer is None:
        yield Failure(Reason.CLAIM_MISSING, "iss")
    elif issuer != expected.issuer:
        yield Failure(Reason.ISSUER_MISMATCH if isinstance(issuer, str) else Reason.MALFORMED_CLAIM, "iss")


def _for_another_audience(audience: Any, expected: Expectations) -> Iterator[Failure]:
    if audience is None or audience == ():
        if "aud" not in expected.may_lack:
            yield Failure(Reason.AUDIENCE_MISSING, "aud")
    elif type(audience) is not str and not _are_strings(audience):
        yield Failure(Reason.MALFORMED_CLAIM, "aud")
    elif type(audience) is str or expected.audiences.isdisjoint(audience):
        yield Failure(Reason.AUDIENCE_MISMATCH, "aud")


def _too_late(expiry: Any) -> Failure:
    if expiry is None:
        return Failure(Reason.CLAIM_MISSING, "exp")
    return Failure(Reason.EXPIRED if type(expiry) in _NUMBERS else Reason.MALFORMED_CLAIM, "exp")


def _too_early(moment: Any, name: str, reason: Reason) -> Failure:
    return Failure(reason if type(moment) in _NUMBERS else Reason.MALFORMED_CLAIM, name)


def _are_strings(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, str) for item in value)


def _lacking(claims: Claims, profile: Profile) -> Iterator[Failure]:
    for path in profile.required:
        if claim_at(claims, path) is None:
            yield Failure(Reason.CLAIM_MISSING, path if isinstance(path, str) else ".".join(path))
