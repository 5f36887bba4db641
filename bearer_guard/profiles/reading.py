"""How claims are read: what is asked about every token is taken apart once for each profile."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from bearer_guard.tokens import ClaimPath, Claims, names_in, value_at

_Ways = tuple[tuple[str, tuple[str, ...]], ...]


def _ways(paths: tuple[ClaimPath, ...]) -> _Ways:
    """Of each claim path the first name, which is mostly the only one, and those below it."""
    return tuple((names[0], names[1:]) for names in map(names_in, paths))


def first_of_each(*kinds: tuple[ClaimPath, ...]) -> Callable[[Claims], list[Any]]:
    """What finds, for each of these kinds of claims, the value of the first that is there."""
    ways_of_each = tuple(map(_ways, kinds))

    def read(claims: Claims) -> list[Any]:
        found, get = [], claims.get
        for ways in ways_of_each:
            value = None
            for name, below in ways:
                value = get(name)
                if below:
                    value = value_at(value, below)
                if value is not None:
                    break
            found.append(value)
        return found

    return read


_NOTHING: frozenset[str] = frozenset()  # one for all tokens: Python makes a new one each time, of 216 bytes


def union_of_each(*kinds: tuple[ClaimPath, ...]) -> Callable[[Claims], list[frozenset[str]]]:
    """What finds, for each of these kinds of claims, all names in those that are there."""
    ways_of_each = tuple(map(_ways, kinds))

    def read(claims: Claims) -> list[frozenset[str]]:
        found, get = [], claims.get
        for ways in ways_of_each:
            union = _NOTHING
            for name, below in ways:
                value = get(name)
                if below:
                    value = value_at(value, below)
                if value is not None:
                    union = union | _strings(value) if union else _strings(value)
            found.append(union)
        return found

    return read


# Many tokens have the same scopes and groups: their sets are made, and kept, once. Equal values have equal strings in
# them, so it does no harm that `1 == True`.
_SETS_KEPT, _LONGEST_KEPT = 512, 256


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, tuple):
        value = (value,) if isinstance(value, str) else ()
    # RFC 9068 section 2.2.3.1 points to SCIM (RFC 7643 section 2.4): objects, with the name as their "value".
    names = [member.get("value") if isinstance(member, Claims) else member for member in value]
    return frozenset([name for name in names if isinstance(name, str) and name])


def _scopes(value: Any) -> frozenset[str]:
    # RFC 6749 section 3.3: the space alone separates; other white space would be part of a name.
    return _names(tuple(value.split(" ")) if isinstance(value, str) else value)


_known_names, known_scopes = lru_cache(_SETS_KEPT)(_names), lru_cache(_SETS_KEPT)(_scopes)
"""The same, for what has a hash: objects have none."""


def _strings(value: Any) -> frozenset[str]:
    if isinstance(value, tuple) and len(value) > _LONGEST_KEPT:  # what is long seldom comes again
        return _names(value)
    try:
        return _known_names(value)
    except TypeError:
        return _names(value)


def scopes_in(value: Any) -> frozenset[str]:
    """The scopes in the value of a scope claim."""
    try:
        return known_scopes(value)
    except TypeError:
        return _scopes(value)


def user_behind(user_id: str | None, client_id: str | None) -> str | None:
    """The user, unless it is the client: in a client's own token some servers write its id where a user's would be."""
    return None if user_id == client_id else user_id
