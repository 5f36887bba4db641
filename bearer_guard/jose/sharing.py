"""What the tokens of an issuer have in common is kept once, so that a remembered token takes little memory.

Names of claims, issuer, audience, client, scopes, groups: all but a few claims say the same in many tokens. Not with
`sys.intern`: in some versions of Python what it holds is never freed.
"""

from typing import Any, TypeVar

from bearer_guard.tokens import Claims, frozen

Common = TypeVar("Common", str, tuple[str, ...])

MOST, LONGEST = 512, 256
"""Values of a kind that are kept, and the length of one: what is longer seldom comes again."""

_REPEATED = frozenset(
    {"iss", "aud", "client_id", "azp", "cid", "appid", "scope", "scp", "acr", "typ"}
    | {"tid", "tenant", "tenant_id", "org", "org_id", "org_name"}
)
"""Claims whose text is the same in many tokens. Any other text would only be in the way."""
_FEW = 8
"""Members of an object inside a claim, such as an organization or an address."""
_STRINGS = {str}


class Shared(dict[Common, Common]):
    """Of equal values the first that came: `shared[value]`. Once full it is emptied, and holds what comes again."""

    __slots__ = ()

    def __missing__(self, value: Common) -> Common:
        if len(value) > LONGEST:
            return value
        if len(self) >= MOST:
            self.clear()
        self[value] = value
        return value


class _Names(dict[str, tuple[str, Shared[str] | None]]):
    """For the name of a claim: the first that came of equal ones, and where its values are kept, if they are."""

    __slots__ = ()

    def __missing__(self, name: str) -> tuple[str, Shared[str] | None]:
        entry = name, _texts if name in _REPEATED else None
        if len(name) <= LONGEST:
            if len(self) >= MOST:
                self.clear()
            self[name] = entry
        return entry


_names = _Names()
_texts: Shared[str] = Shared()
_arrays: Shared[tuple[str, ...]] = Shared()
_objects: dict[tuple[tuple[str, str], ...], Claims] = {}


def with_shared_parts(pairs: list[tuple[str, Any]]) -> Claims:
    """The members of a JSON object, frozen. Raises ValueError where two of them have one name."""
    is_small = len(pairs) < _FEW
    if is_small and (known := _known(pairs)):
        return known
    members = {}
    for name, value in pairs:
        name, texts = _names[name]  # noqa: PLW2901  one of two equal ones
        if type(value) is str:
            if texts is not None:
                value = texts[value]  # noqa: PLW2901  the same
        elif type(value) is list:
            value = _array(value)  # noqa: PLW2901  the same
        members[name] = value
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    claims = Claims(members)
    if is_small:
        _keep(pairs, claims)
    return claims


# Only strings are the same where they are equal: `1 == True == 1.0`. So what holds anything else is not kept. And what
# is equal to something that is kept holds strings alone, too.


def _array(members: list[Any]) -> Any:
    array = tuple(members)
    try:
        known: Any = _arrays.get(array)
    except TypeError:  # objects have no hash
        return frozen(array)
    if known is None:
        known = _arrays[array] if set(map(type, array)) == _STRINGS else frozen(array)
    return known


def _known(pairs: list[tuple[str, Any]]) -> Claims | None:
    try:
        return _objects.get(tuple(pairs))
    except TypeError:  # arrays and objects have no hash
        return None


def _keep(pairs: list[tuple[str, Any]], claims: Claims) -> None:
    if all(type(value) is str and len(value) <= LONGEST for _, value in pairs):
        if len(_objects) >= MOST:
            _objects.clear()
        _objects[tuple(pairs)] = claims
