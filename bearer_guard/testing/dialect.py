"""Claims in the dialect of an issuer."""

import copy
from typing import Any

from bearer_guard.profiles import Profile
from bearer_guard.tokens import names_in

_DIALECT = ("scope", "groups", "roles", "client_id")


def in_dialect(profile: Profile, claims: dict[str, Any]) -> dict[str, Any]:
    """Scope, groups, roles and client where the profile reads them first."""
    placed = {name: copy.deepcopy(value) for name, value in claims.items() if name not in _DIALECT}
    for name in _DIALECT:
        paths = getattr(profile, name)
        if name in claims and paths:
            *way, last = names_in(paths[0])
            place = placed
            for step in way:
                place = place.setdefault(step, {})
            place[last] = claims[name]
    return placed
