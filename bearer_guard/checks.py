"""The one list of claim checks: what is wrong with a token, asked in one order.

They run on claims whose origin is certain. RFC 7519 section 4.1, RFC 9068 section 4, RFC 8725.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from bearer_guard.errors import Reason
from bearer_guard.jose import LONGEST_NAMES, Shape
from bearer_guard.kept import Kept
from bearer_guard.profiles import Profile
from bearer_guard.tokens import Claims, names_in, value_at


class Failure(NamedTuple):
    """Why a check failed, and which claim is at fault."""

    reason: Reason
    claim: str


class Expectations:
    """What a validator was configured to accept.

    `may_lack`: claims that may be left out, because the one who says all the others vouches for them.
    """

    # A class with slots, not a named tuple: each check reads some of these, and reads them in a third of the time.
    __slots__ = ("audiences", "client_ids", "forms", "issuer", "leeway", "may_lack", "profile", "types")

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
        self.types = profile.typ - set(profile.header_types)
        self.forms: Kept[Shape, Form] = Kept(self._form, LONGEST_NAMES)
        """What is known about all tokens whose claims have one shape."""

    def _form(self, shape: Shape) -> "Form":
        return Form(shape, self.profile)


_NUMBERS = frozenset({int, float})  # the types themselves: bool would be an int
_TEXTS = frozenset({str, type(None)})

Facts = tuple[Any, ...]
"""Issuer, audience, exp, nbf, iat, subject; then the `Reading` of the profile, where groups and roles that are one
plain claim each are left as they stand. An issuer or audience that is no string is None; a time that may be left out
passes if it is, and one that is no number does not, so that it is looked at."""
ABSENT = [None, -math.inf, math.inf]
"""To be put behind the values of claims: there a form finds what is not among them."""


class Form:
    """What the shape of claims says about every token that has it: where everything stands, and what is wrong.

    The checks that depend on values are those in `failures`.
    """

    __slots__ = ("_places", "facts_in", "has_required", "is_bound", "kind_claims", "malformed", "misbound", "telltales")

    def __init__(self, shape: Shape, profile: Profile) -> None:
        kinds = dict(zip(shape.names, shape.kinds, strict=True))
        self._places = {name: place for place, name in enumerate(kinds)}
        there = {name: place for name, place in self._places.items() if kinds[name] is not type(None)}
        self.telltales = [Failure(reason, name) for name, reason in profile.telltale_claims.items() if name in kinds]
        self.kind_claims = [name for name in profile.kind_claims if name in kinds]
        # Some servers write "sub": null into tokens that name nobody.
        texts = [(name, kinds.get(name, str)) for name in ("sub", "jti")]
        self.malformed = [Failure(Reason.MALFORMED_CLAIM, name) for name, kind in texts if kind not in _TEXTS]
        # RFC 7800 section 3.1: an object. Whether it is proven is the guard's question; null must not hide it.
        self.is_bound, self.misbound = "cnf" in kinds, kinds.get("cnf", Claims) is not Claims
        # Those that stand on top. For those below it the values have to be looked at.
        self.has_required = all(len(names) == 1 and names[0] in there for names in map(names_in, profile.required))
        self.facts_in = _reader(kinds, self._places, there, profile)

    def value(self, values: Sequence[Any], name: str) -> Any:
        """What one claim says; None if it is not there."""
        place = self._places.get(name)
        return None if place is None else values[place]


def _reader(
    kinds: Mapping[str, type], places: Mapping[str, int], there: Mapping[str, int], profile: Profile
) -> Callable[[Sequence[Any]], Facts]:
    nowhere, long_ago, never = range(len(places), len(places) + len(ABSENT))

    def text(name: str) -> int:
        return places[name] if kinds.get(name) is str else nowhere

    def moment(name: str, *, if_missing: int, if_wrong: int) -> int:
        return places[name] if kinds.get(name) in _NUMBERS else if_wrong if name in kinds else if_missing

    fixed = (
        text("iss"),
        text("aud"),
        moment("exp", if_missing=long_ago, if_wrong=long_ago),
        moment("nbf", if_missing=long_ago, if_wrong=never),
        moment("iat", if_missing=long_ago, if_wrong=never),
        places.get("sub", nowhere),
    )
    plain = profile.ways.plain_places(there, nowhere)
    if plain is not None:
        return itemgetter(*fixed, *plain)
    read_fixed, read = itemgetter(*fixed), profile.ways.reader(there)
    return lambda values: read_fixed(values) + read(values)


def failures(  # noqa: C901, PLR0912, PLR0917  one line for each check, in one place: what it asks stands beside what it says
    form: Form, values: Sequence[Any], facts: Facts, typ: str | None, now: float, expected: Expectations
) -> Iterator[Failure]:
    """All that is wrong with a token, what tells most about it first; nothing where it is good.

    `facts`: what the form finds in the values of the claims; `typ`: the header parameter; `now`: seconds since 1970.
    """
    # Here stands what nearly every token answers with yes, and no call: a call takes longer than the answer. Which of
    # the noes it is may take longer, and is found out below. Who stops at the first pays for no other.
    issuer, audience, expires_at, not_before, issued_at, subject, scope, client_id, user_id, _, _ = facts
    leeway = expected.leeway
    latest = now + leeway
    # Before everything else: "an ID token was sent" helps more than "its audience is another".
    if typ not in expected.types or form.kind_claims or form.telltales:
        yield from _of_another_kind(form, values, typ, expected.profile)
    if issuer != expected.issuer:
        yield from of_another_issuer(form.value(values, "iss"), expected)
    if audience not in expected.audiences:
        yield from _for_another_audience(form.value(values, "aud"), expected)
    if now >= expires_at + leeway:
        yield _too_late(form.value(values, "exp"))
    if not_before > latest:
        yield _too_early(form.value(values, "nbf"), "nbf", Reason.NOT_YET_VALID)
    if issued_at > latest:
        yield _too_early(form.value(values, "iat"), "iat", Reason.ISSUED_IN_FUTURE)
    if form.malformed:
        yield from form.malformed
    if type(user_id) not in _TEXTS and user_id is not subject:  # which is mostly the same, and told once
        yield Failure(Reason.MALFORMED_CLAIM, "user_id")
    if type(client_id) not in _TEXTS:
        yield Failure(Reason.MALFORMED_CLAIM, "client_id")
    elif expected.client_ids is not None and client_id not in expected.client_ids:
        yield Failure(Reason.CLIENT_NOT_ALLOWED, "client_id")
    if type(scope) not in _TEXTS and not _are_strings(scope):
        yield Failure(Reason.MALFORMED_CLAIM, "scope")
    if form.misbound:
        yield Failure(Reason.MALFORMED_CLAIM, "cnf")
    if not form.has_required:
        yield from _lacking(form, values, expected.profile)


def _of_another_kind(form: Form, values: Sequence[Any], typ: str | None, profile: Profile) -> Iterator[Failure]:
    if typ is not None and typ in profile.header_types:
        yield Failure(profile.header_types[typ], "typ")
    yield from form.telltales
    for name in form.kind_claims:
        value = form.value(values, name)
        for kind in value if isinstance(value, tuple) else (value,):
            if isinstance(kind, str) and kind.lower() in profile.kinds:
                yield Failure(profile.kinds[kind.lower()], name)
    if typ not in profile.typ and typ not in profile.header_types:
        yield Failure(Reason.TYPE_NOT_ALLOWED, "typ")


def of_another_issuer(issuer: Any, expected: Expectations) -> Iterator[Failure]:
    """Whether a token names another issuer (`iss`) than the one that is expected, or none."""
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


def _lacking(form: Form, values: Sequence[Any], profile: Profile) -> Iterator[Failure]:
    for path in profile.required:
        name, *below = names_in(path)
        if value_at(form.value(values, name), below) is None:
            yield Failure(Reason.CLAIM_MISSING, path if isinstance(path, str) else ".".join(path))
