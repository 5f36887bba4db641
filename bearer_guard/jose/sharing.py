"""What the tokens of an issuer have in common is kept once, so that a remembered token takes little memory.

Names of claims, issuer, audience, client, scopes, groups: all but a few claims say the same in many tokens. Not with
`sys.intern`: in some versions of Python what it holds is never freed.
"""

from typing import Any, TypeVar

from bearer_guard.tokens import Claims, frozen

Common = TypeVar("Common", str, tuple[str, ...])

MOST, LONGEST = 512, 256
"""Values of a kind that are kept, and the length of one: what is longer seldom comes again."""

_REPEATED = frozenset({"iss", "aud", "client_id", "azp", "cid", "appid", "scope", "scp", "tid", "acr", "typ"})
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


_texts: Shared[str] = Shared()
_arrays: Shared[tuple[str, ...]] = Shared()
_objects: dict[tuple[tuple[str, str], ...], Claims] = {}


def with_shared_parts(pairs: list[tuple[str, Any]]) -> Claims:
    """The members of a JSON object, frozen. Raises ValueError where two of them have one name."""
    return _known(pairs) or _made(pairs) if len(pairs) < _FEW else _made(pairs)


def _made(pairs: list[tuple[str, Any]]) -> Claims:
    members = {}
    for name, value in pairs:
        if type(value) is list:
            value = _array(value)  # noqa: PLW2901  one of two equal ones
        elif name in _REPEATED and type(value) is str:
            value = _texts[value]  # noqa: PLW2901  the same
        members[_texts[name]] = value
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return Claims(members)


# Only strings are the same where they are equal: `1 == True == 1.0`. So what holds anything else is not kept.


def _array(members: list[Any]) -> tuple[Any, ...]:
    return _arrays[tuple(members)] if set(map(type, members)) == _STRINGS else frozen(members)


def _known(pairs: list[tuple[str, Any]]) -> Claims | None:
    key = tuple(pairs)
    try:
        known = _objects.get(key)
    except TypeError:  # arrays and objects have no hash
        return None
    if known is None and all(type(value) is str and len(value) <= LONGEST for _, value in pairs):
        known = _made(pairs)
        if len(_objects) >= MOST:
            _objects.clear()
        _objects[key] = known
    return known
