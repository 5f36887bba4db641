"""What the tokens of an issuer have in common is kept once, so that a remembered token takes little memory.

Names of claims, issuer, audience, client, scopes, groups: all but a few claims say the same in many tokens. Not with
`sys.intern`: in some versions of Python what it holds is never freed.
"""

from collections.abc import Sequence
from typing import Any

from bearer_guard.kept import LONGEST_ARRAY, LONGEST_TEXT, Kept
from bearer_guard.tokens import Claims, frozen

REPEATED = frozenset(
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
    return name, TEXTS if name in REPEATED else None


# Only strings are the same where they are equal: `1 == True == 1.0`. So what holds anything else is not kept. And what
# is equal to something that is kept holds strings alone, too.


def _of_strings(array: tuple[Any, ...]) -> tuple[str, ...]:
    if array and set(map(type, array)) != _STRINGS:
        raise TypeError("not strings alone")
    return array


def _of_texts(pairs: tuple[tuple[str, Any], ...]) -> Claims:
    if not all(type(value) is str and len(value) <= LONGEST_TEXT for _, value in pairs):
        raise TypeError("not short texts alone")
    return _object(pairs)


TEXTS = Kept(_itself, LONGEST_TEXT)
"""Of equal texts the first that came."""
_names = Kept(_named, LONGEST_TEXT)
"""For the name of a claim: the first that came of equal ones, and where its texts are kept, if they are."""
ARRAYS = Kept(_of_strings, LONGEST_ARRAY)
_objects = Kept(_of_texts, _FEW)


def with_shared_parts(pairs: list[tuple[str, Any]]) -> Claims:
    """The members of a JSON object, frozen. Raises ValueError where two of them have one name."""
    if len(pairs) < _FEW:
        try:
            return _objects[tuple(pairs)]
        except TypeError:  # arrays and objects have no hash
            pass
    return _object(pairs)


def _object(pairs: Sequence[tuple[str, Any]]) -> Claims:
    members = {}
    for name, value in pairs:
        name, texts = _names.get(name) or _names[name]  # noqa: PLW2901  one of two equal ones
        if type(value) is str:
            if texts is not None:
                value = texts.get(value) or texts[value]  # noqa: PLW2901  the same
        elif type(value) is list:
            value = _array(value)  # noqa: PLW2901  the same
        members[name] = value
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return Claims(members)


def _array(members: list[Any]) -> Any:
    array = tuple(members)
    try:
        return ARRAYS[array]
    except TypeError:  # objects have no hash
        return frozen(array)
