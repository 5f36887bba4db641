"""What the tokens of an issuer have in common is kept once, so that a remembered token takes little memory.

Names of claims, issuer, audience, client, scopes, groups: all but a few claims say the same in many tokens. Not with
`sys.intern`: in some versions of Python what it holds is never freed.
"""

from typing import Any

from bearer_guard.kept import LONGEST_ARRAY, LONGEST_TEXT, MOST, Kept
from bearer_guard.tokens import Claims, frozen

_REPEATED = frozenset(
    {"iss", "aud", "client_id", "azp", "cid", "appid", "scope", "scp", "acr", "typ"}
    | {"tid", "tenant", "tenant_id", "org", "org_id", "org_name"}
)
"""Claims whose text is the same in many tokens. Any other text would only be in the way."""
_FEW = 8
"""Members of an object inside a claim, such as an organization or an address."""
_STRINGS = {str}


def _itself(text: str) -> str:
    return text


def _named(name: str) -> tuple[str, Kept[str, str] | None]:
    return name, _texts if name in _REPEATED else None


def _of_strings(array: tuple[Any, ...]) -> tuple[str, ...]:
    # Only strings are the same where they are equal: `1 == True == 1.0`. So what holds anything else is not kept. And
    # what is equal to something that is kept holds strings alone, too.
    if array and set(map(type, array)) != _STRINGS:
        raise TypeError("not strings alone")
    return array


_texts = Kept(_itself, LONGEST_TEXT)
"""Of equal texts the first that came."""
_names = Kept(_named, LONGEST_TEXT)
"""For the name of a claim: the first that came of equal ones, and where its texts are kept, if they are."""
_arrays = Kept(_of_strings, LONGEST_ARRAY)
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


def _array(members: list[Any]) -> Any:
    array = tuple(members)
    try:
        return _arrays[array]
    except TypeError:  # objects have no hash
        return frozen(array)


def _known(pairs: list[tuple[str, Any]]) -> Claims | None:
    try:
        return _objects.get(tuple(pairs))
    except TypeError:  # arrays and objects have no hash
        return None


def _keep(pairs: list[tuple[str, Any]], claims: Claims) -> None:
    if all(type(value) is str and len(value) <= LONGEST_TEXT for _, value in pairs):
        if len(_objects) >= MOST:
            _objects.clear()
        _objects[tuple(pairs)] = claims
