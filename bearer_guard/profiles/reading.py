"""How claims are read: what is asked about every token is taken apart once for each profile."""

from collections.abc import Callable
from typing import Any

from bearer_guard.kept import LONGEST_ARRAY, LONGEST_TEXT, Kept
from bearer_guard.tokens import ClaimPath, Claims, names_in, value_at

Reading = tuple[Any, Any, Any, frozenset[str], frozenset[str]]
"""What a profile finds in claims: the values for scope, client and user, which nobody has looked at; groups; roles."""

_Paths = tuple[ClaimPath, ...]
_Ways = tuple[tuple[str, tuple[str, ...]], ...]
_NOTHING: frozenset[str] = frozenset()  # one for all tokens: Python makes a new one each time, of 216 bytes


def reader(
    scope: _Paths, client_id: _Paths, user_id: _Paths, groups: _Paths, roles: _Paths
) -> Callable[[Claims], Reading]:
    """What reads claims: of scope, client and user the first that is there, of groups and roles all."""
    scopes, clients, users, all_groups, all_roles = kinds = [
        _ways(paths) for paths in (scope, client_id, user_id, groups, roles)
    ]
    a_scope, a_client, a_user, a_group, a_role = map(_plain_name, kinds)
    is_plain = a_group is not None and a_role is not None and len(all_groups) == len(all_roles) == 1

    def read(claims: Claims) -> Reading:
        get: Any = claims.get  # a name that is None is in no claims
        scope, client, user = get(a_scope), get(a_client), get(a_user)
        if scope is None or client is None or user is None:  # they stand elsewhere, or nowhere
            scope, client, user = _first(claims, scopes), _first(claims, clients), _first(claims, users)
        if not is_plain:
            return scope, client, user, _union(claims, all_groups), _union(claims, all_roles)
        groups, roles = get(a_group), get(a_role)
        return (
            scope,
            client,
            user,
            _NOTHING if groups is None else names_of(groups),
            _NOTHING if roles is None else names_of(roles),
        )

    return read


def _ways(paths: _Paths) -> _Ways:
    """Of each claim path the first name, which is mostly the only one, and those below it."""
    return tuple((names[0], names[1:]) for names in map(names_in, paths))


def _plain_name(ways: _Ways) -> str | None:
    """The name that is asked first, where nothing stands below it; None: it is not that simple."""
    return ways[0][0] if ways and not ways[0][1] else None


def _first(claims: Claims, ways: _Ways) -> Any:
    for name, below in ways:
        value = value_at(claims.get(name), below)
        if value is not None:
            return value
    return None


def _union(claims: Claims, ways: _Ways) -> frozenset[str]:
    union = _NOTHING
    for name, below in ways:
        value = value_at(claims.get(name), below)
        if value is not None:
            union = union | names_of(value) if union else names_of(value)
    return union


# Many tokens have the same scopes and groups: their sets are made once. Equal values have equal strings in them, so it
# does no harm that `1 == True`.


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, tuple):
        value = (value,) if isinstance(value, str) else ()
    # RFC 9068 section 2.2.3.1 points to SCIM (RFC 7643 section 2.4): objects, with the name as their "value".
    names = [member.get("value") if isinstance(member, Claims) else member for member in value]
    return frozenset([name for name in names if isinstance(name, str) and name]) or _NOTHING


def _scopes(value: Any) -> frozenset[str]:
    # RFC 6749 section 3.3: the space alone separates; other white space would be part of a name.
    return _names(tuple(value.split(" ")) if isinstance(value, str) else value)


_kept_names, _kept_scopes = Kept(_names, LONGEST_ARRAY), Kept(_scopes, LONGEST_TEXT)


def user_behind(user_id: str | None, client_id: str | None) -> str | None:
    """The user, unless it is the client: in a client's own token some servers write its id where a user's would be."""
    return None if user_id == client_id else user_id


def names_of(value: Any) -> frozenset[str]:
    """The groups or roles in the value of a claim."""
    try:
        return _kept_names[value]
    except TypeError:  # objects have no hash
        return _names(value)


def scopes_in(value: Any) -> frozenset[str]:
    """The scopes in the value of a scope claim."""
    if value is None:
        return _NOTHING
    try:
        return _kept_scopes[value]
    except TypeError:
        return _scopes(value)
