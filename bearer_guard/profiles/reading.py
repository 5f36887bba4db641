"""How claims are read: what is asked about every token is taken apart once for each profile."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bearer_guard.kept import LONGEST_ARRAY, LONGEST_TEXT, Kept
from bearer_guard.tokens import ClaimPath, Claims, names_in, value_at

Reading = tuple[Any, Any, Any, frozenset[str], frozenset[str]]
"""What a profile finds in claims: the values for scope, client and user, which nobody has looked at; groups; roles."""

_Paths = tuple[ClaimPath, ...]
_Names = tuple[str, ...]
_Way = list[tuple[str, _Names]]
_Places = list[tuple[int, _Names]]
_NO_NAMES: frozenset[str] = frozenset()  # one for all tokens: Python makes a new one each time, of 216 bytes


def way(paths: _Paths) -> _Way:
    """Claim paths, taken apart."""
    return [(names[0], names[1:]) for names in map(names_in, paths)]


class Ways(NamedTuple):
    """The claim paths of a profile, taken apart: of each the first name, which is mostly the only one, and the rest."""

    scope: _Way
    client_id: _Way
    user_id: _Way
    groups: _Way
    roles: _Way
    separator: str | None
    """What stands between groups that are one string."""

    def places(self, there: Mapping[str, int]) -> list[_Places]:
        """Where the values are that count. `there`: the place of each claim that is not null."""
        return [[(there[name], below) for name, below in each if name in there] for each in self[:-1]]

    def reader(self, there: Mapping[str, int]) -> Callable[[Sequence[Any]], Reading]:
        """What reads the values of claims, knowing where they stand."""
        scope, client_id, user_id, groups, roles = self.places(there)
        return lambda values: (
            _first(values, scope),
            _first(values, client_id),
            _first(values, user_id),
            _union(values, groups) if self.separator is None else _separated(values, groups, self.separator),
            _union(values, roles),
        )

    def plain_places(self, there: Mapping[str, int], nowhere: int) -> list[int] | None:
        """One place for each of the five, where that is all; None: more has to be done to read them.

        `nowhere`: the place of a None.
        """
        *firsts, groups, roles = self.places(there)
        if len(groups) > 1 or len(roles) > 1 or self.separator is not None:
            return None
        found = [each[0] if each else (nowhere, ()) for each in (*firsts, groups, roles)]
        return None if any(below for _, below in found) else [place for place, _ in found]


def _first(values: Sequence[Any], places: _Places) -> Any:
    for place, below in places:
        value = value_at(values[place], below)
        if value is not None:
            return value
    return None


def _union(values: Sequence[Any], places: _Places) -> frozenset[str]:
    union = _NO_NAMES
    for place, below in places:
        names = names_of(value_at(values[place], below))
        union = union | names if union else names
    return union


def _separated(values: Sequence[Any], places: _Places, separator: str) -> frozenset[str]:
    names: set[str] = set()
    for place, below in places:
        value = value_at(values[place], below)
        # Only what is one string: an item of an array is one group, as it is.
        names.update(map(str.strip, value.split(separator)) if isinstance(value, str) else names_of(value))
    return frozenset(names - {""})


# Many tokens have the same scopes and groups: their sets are made once. Equal values have equal strings in them, so it
# does no harm that `1 == True`.


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, tuple):
        value = (value,) if isinstance(value, str) else ()
    # RFC 9068 section 2.2.3.1 points to SCIM (RFC 7643 section 2.4): objects, with the name as their "value".
    names = [member.get("value") if isinstance(member, Claims) else member for member in value]
    return frozenset([name for name in names if isinstance(name, str) and name]) or _NO_NAMES


def _scopes(value: Any) -> frozenset[str]:
    # RFC 6749 section 3.3: the space alone separates; other white space would be part of a name.
    return _names(tuple(value.split(" ")) if isinstance(value, str) else value)


_kept_names, _kept_scopes = Kept(_names, LONGEST_ARRAY), Kept(_scopes, LONGEST_TEXT)


def user_behind(user_id: str | None, client_id: str | None) -> str | None:
    """The user, unless it is the client: in a client's own token some servers write its id where a user's would be."""
    return None if user_id == client_id else user_id


def names_of(value: Any) -> frozenset[str]:
    """The groups or roles in the value of a claim. A set of them is read already."""
    if value is None:
        return _NO_NAMES
    if type(value) is frozenset:
        return value
    try:
        return _kept_names.get(value) or _kept_names[value]
    except TypeError:  # objects have no hash
        return _names(value)


def scopes_in(value: Any) -> frozenset[str]:
    """The scopes in the value of a scope claim."""
    if value is None:
        return _NO_NAMES
    try:
        return _kept_scopes.get(value) or _kept_scopes[value]
    except TypeError:
        return _scopes(value)
