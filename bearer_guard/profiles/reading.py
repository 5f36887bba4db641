"""How claims are read: what is asked about every token is taken apart once for each profile."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from bearer_guard.tokens import ClaimPath, Claims, names_in, value_at

Named = tuple[Any, Any, Any]
"""The values of the first claims that are there for scope, client and user."""
_Ways = tuple[tuple[str, tuple[str, ...]], ...]


def _ways(paths: tuple[ClaimPath, ...]) -> _Ways:
    """Of each claim path the first name, which is mostly the only one, and those below it."""
    return tuple((names[0], names[1:]) for names in map(names_in, paths))


def _plain_name(ways: _Ways) -> str | None:
    """The name that is asked first, where nothing stands below it; None: it is not that simple."""
    return ways[0][0] if ways and not ways[0][1] else None


def reader_of_names(
    scope: tuple[ClaimPath, ...], client_id: tuple[ClaimPath, ...], user_id: tuple[ClaimPath, ...]
) -> Callable[[Claims], Named]:
    """What finds, for each of these three, the value of the first claim that is there."""
    scopes, clients, users = kinds = _ways(scope), _ways(client_id), _ways(user_id)
    a_scope, a_client, a_user = map(_plain_name, kinds)

    def read(claims: Claims) -> Named:
        get: Any = claims.get  # no claim has the name None
        named = get(a_scope), get(a_client), get(a_user)
        if named[0] is None or named[1] is None or named[2] is None:  # some are elsewhere, or nowhere
            return _first(claims, scopes), _first(claims, clients), _first(claims, users)
        return named

    return read


def _first(claims: Claims, ways: _Ways) -> Any:
    for name, below in ways:
        value = value_at(claims.get(name), below)
        if value is not None:
            return value
    return None


_NOTHING: frozenset[str] = frozenset()  # one for all tokens: Python makes a new one each time, of 216 bytes

Rights = tuple[frozenset[str], frozenset[str]]
"""Groups and roles."""


def reader_of_rights(groups: tuple[ClaimPath, ...], roles: tuple[ClaimPath, ...]) -> Callable[[Claims], Rights]:
    """What finds all groups and all roles in the claims at these paths."""
    all_groups, all_roles = kinds = _ways(groups), _ways(roles)
    the_groups, the_roles = map(_plain_name, kinds)

    def read(claims: Claims) -> Rights:
        return _union(claims, all_groups), _union(claims, all_roles)

    def read_plain(claims: Claims) -> Rights:
        get: Any = claims.get
        groups, roles = get(the_groups), get(the_roles)
        return (_NOTHING if groups is None else _strings(groups)), (_NOTHING if roles is None else _strings(roles))

    return read_plain if the_groups and the_roles and len(all_groups) == len(all_roles) == 1 else read


def _union(claims: Claims, ways: _Ways) -> frozenset[str]:
    union = _NOTHING
    for name, below in ways:
        value = claims.get(name)
        if below:
            value = value_at(value, below)
        if value is not None:
            union = union | _strings(value) if union else _strings(value)
    return union


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
