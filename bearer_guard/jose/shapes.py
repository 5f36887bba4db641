"""JSON objects as a shape and values: which members an object has, and what they say.

An issuer writes tokens of few shapes. So what follows from a shape is found out once, and a remembered token takes
little memory: of its claims it holds the values alone, and what many tokens have in common is kept once. Not with
`sys.intern`: in some versions of Python what it holds is never freed.
"""

import json
from collections.abc import Callable
from json.scanner import make_scanner
from typing import Any

from bearer_guard.jose.encoding import HIGHEST, LOWEST, finite, no_constant, parse_json_object
from bearer_guard.kept import LONGEST_ARRAY, LONGEST_TEXT, Kept
from bearer_guard.tokens import Claims

_REPEATED = frozenset(
    {"iss", "aud", "client_id", "azp", "cid", "appid", "scope", "scp", "acr", "typ"}
    | {"tid", "tenant", "tenant_id", "org", "org_id", "org_name"}
)
"""Claims whose text is the same in many tokens. Any other text would only be in the way."""
_STRINGS = {str}
_DEEPEST = 8
"""Levels of nesting that are read here. Real tokens have three or four."""


def _itself(text: str) -> str:
    return text


def _of_strings(array: tuple[Any, ...]) -> tuple[str, ...]:
    # Only strings are the same where they are equal: `1 == True == 1.0`. So what holds anything else is not kept. And
    # what is equal to something that is kept holds strings alone, too.
    if array and set(map(type, array)) != _STRINGS:
        raise TypeError("not strings alone")
    return array


_texts = Kept(_itself, LONGEST_TEXT)
"""Of equal texts the first that came."""
_arrays = Kept(_of_strings, LONGEST_ARRAY)


class Shape:
    """The names in a JSON object, in their order, and the types of what stands there (`Claims` for objects)."""

    __slots__ = ("compound", "integers", "kinds", "names", "repeated", "strings")

    def __init__(self, names_and_kinds: tuple[Any, ...]) -> None:
        size = len(names_and_kinds) // 2
        self.names: tuple[str, ...] = tuple([_texts[name] for name in names_and_kinds[:size]])
        self.kinds = tuple([_FROZEN.get(kind, kind) for kind in names_and_kinds[size:]])
        # Where what stands; and how many strings there are at least, with the names.
        places: dict[type, list[int]] = {str: [], int: [], tuple: [], Claims: []}
        for place, kind in enumerate(self.kinds):
            places.setdefault(kind, []).append(place)
        self.compound = (*places[tuple], *places[Claims])
        self.integers = tuple(places[int])
        self.repeated = tuple([place for place in places[str] if self.names[place] in _REPEATED])
        self.strings = size + len(places[str])

    def __len__(self) -> int:
        """What keeping it takes: the characters of its names."""
        return sum(map(len, self.names))


_FROZEN: dict[type, type] = {list: tuple, dict: Claims}
_shapes: Kept[tuple[Any, ...], Shape] = Kept(Shape, 2 * LONGEST_ARRAY)
LONGEST_NAMES = 8192
"""Characters of all names in a shape that is kept."""


def _shape(names_and_kinds: tuple[Any, ...]) -> Shape:
    names = names_and_kinds[: len(names_and_kinds) // 2]
    return Shape(names_and_kinds) if sum(map(len, names)) > LONGEST_NAMES else _shapes[names_and_kinds]


Stated = tuple[Shape, list[Any]]
"""An object, taken apart: its shape, and the values in the order of its names."""


def stated_by(claims: Claims) -> Stated:
    """Claims, taken apart."""
    shape, values = _shape((*claims, *map(type, claims.values()))), [*claims.values()]
    for place in shape.repeated:
        values[place] = _texts[values[place]]
    return shape, values


_scan: Callable[[str, int], tuple[Any, int]] = make_scanner(
    json.JSONDecoder(parse_float=finite, parse_constant=no_constant)  # type: ignore[arg-type] # it takes a decoder
)


def stated_in(content: bytes) -> Stated:
    """A JSON object whose origin is certain, read like `parse_json_object` does. Raises ValueError as that does.

    What it has in common with others is kept once: what strangers send is not for here.
    """
    # Read without any Python for most members. What is not surely good is left to the careful reader, who decides.
    text = content.decode("utf-8")
    if "\\" in text:
        return _carefully(content)
    try:
        members, end = _scan(text, 0)
        values = [*members.values()]
        key = (*members, *map(type, values))
        shape = _shapes.get(key)
        if shape is None:
            shape = _shape(key)
        strings = shape.strings
        for place in shape.compound:
            values[place], inside = _frozen(values[place], _DEEPEST)
            strings += inside
    except (AttributeError, RecursionError, StopIteration, ValueError):
        return _carefully(content)
    for place in shape.integers:
        if not LOWEST < values[place] < HIGHEST:
            return _carefully(content)
    # Without escapes each string takes two quotation marks. If there are more, a member was given twice.
    if end != len(text) or text.count('"') != 2 * strings:
        return _carefully(content)
    for place in shape.repeated:
        said = values[place]
        values[place] = _texts.get(said) or _texts[said]
    return shape, values


def _carefully(content: bytes) -> Stated:
    return stated_by(parse_json_object(content))


def _frozen(value: Any, levels: int) -> tuple[Any, int]:
    """A value, immutable to the bottom, and how many strings are in it. Raises ValueError where it cannot be sure."""
    if levels == 0:
        raise ValueError("nested deeper than is usual")
    if type(value) is list:
        array = tuple(value)
        try:
            return _arrays.get(array) or _arrays[array], len(array)
        except TypeError:  # something else is among them
            frozen = [_frozen(member, levels - 1) for member in array]
            return tuple([member for member, _ in frozen]), sum([inside for _, inside in frozen])
    if type(value) is dict:
        strings, members = len(value), {}
        for name, member in value.items():
            members[_texts.get(name) or _texts[name]], inside = _frozen(member, levels - 1)
            strings += inside
        return Claims(members), strings
    if type(value) is int and not LOWEST < value < HIGHEST:
        raise ValueError("a number beyond reason")
    return value, int(type(value) is str)
