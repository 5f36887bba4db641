"""How tokens are written down: claims in the dialect of an issuer, times from now on, and slips of the pen."""

import copy
from typing import Any

from bearer_guard.profiles import Profile
from bearer_guard.tokens import names_in

# What one would write, and the claim that one means.
_SLIPS = {"audience": "aud", "scopes": "scope", "subject": "sub", "issuer": "iss", "expires_in": "exp"}

_DIALECT = ("scope", "groups", "roles", "client_id", "user_id")


def in_dialect(profile: Profile, claims: dict[str, Any]) -> dict[str, Any]:
    """Scope, groups, roles, client and user where the profile reads them first, unless the claim itself is given."""
    placed = {name: copy.deepcopy(value) for name, value in claims.items() if name not in _DIALECT}
    for name in _DIALECT:
        paths = getattr(profile, name)
        if name in claims and paths:
            *way, last = names_in(paths[0])
            if name == "user_id" and (way or [last])[0] in claims:
                continue
            place = placed
            for step in way:
                place = place.setdefault(step, {})
            place[last] = claims[name]
    return placed


def refuse_slips(claims: dict[str, Any]) -> None:
    """Raises TypeError for a word that would become a claim of that name, and is not meant so."""
    for name in sorted(claims.keys() & _SLIPS.keys()):
        raise TypeError(f"{name}= would be a claim of that name; write {_SLIPS[name]}=")


def typ_of(profile: Profile) -> str | None:
    """The header parameter typ that a profile accepts."""
    if "at+jwt" in profile.typ:  # RFC 9068 section 2.1
        return "at+jwt"
    return next((typ for typ in profile.typ if typ is not None), None)


def from_now(now: int, moment: Any) -> Any:
    """A moment that was given in seconds from now; whatever is no number stays as it is."""
    is_number = isinstance(moment, int | float) and not isinstance(moment, bool)
    return now + moment if is_number else moment
