"""JSON objects as a shape and values: which members an object has, and what they say.

An issuer writes tokens of few shapes. So what follows from a shape is found out once, and a remembered token takes
little memory: of its claims it holds the values alone.
"""

import json
from collections.abc import Callable
from json.scanner import make_scanner
from typing import Any

from bearer_guard.jose.encoding import HIGHEST, LOWEST, SHARING, finite, no_constant, parse_json_object
from bearer_guard.jose.sharing import ARRAYS, REPEATED, TEXTS
from bearer_guard.kept import LONGEST_ARRAY, Kept
from bearer_guard.tokens import Claims


class Shape:
    """The names in a JSON object, in their order, and the types of what stands there."""

    __slots__ = ("arrays", "integers", "kinds", "names", "repeated", "strings")

    def __init__(self, names_and_kinds: tuple[Any, ...]) -> None:
        size = len(names_and_kinds) // 2
        self.names: tuple[str, ...] = tuple(TEXTS[name] for name in names_and_kinds[:size])
        self.kinds: tuple[type, ...] = names_and_kinds[size:]
        # Where what stands; and how many strings there are at least, with the names.
        self.arrays = self._places(list)
        self.integers = self._places(int)
        self.repeated = tuple(place for place in self._places(str) if self.names[place] in REPEATED)
        self.strings = size + len(self._places(str))

    def __len__(self) -> int:
        return len(self.names)

    def _places(self, kind: type) -> tuple[int, ...]:
        return tuple(place for place, one in enumerate(self.kinds) if one is kind)


Stated = tuple[Shape, list[Any]]
"""An object, taken apart: its shape, and the values in the order of its names."""

_shapes: Kept[tuple[Any, ...], Shape] = Kept(Shape, 2 * LONGEST_ARRAY)


def stated_by(claims: Claims) -> Stated:
    """Claims, taken apart."""
    return _shapes[*claims, *map(type, claims.values())], [*claims.values()]


_scan: Callable[[str, int], tuple[Any, int]] = make_scanner(
    json.JSONDecoder(parse_float=finite, parse_constant=no_constant)  # type: ignore[arg-type] # it takes a decoder
)


def stated_in(content: bytes) -> Stated:
    """A JSON object whose origin is certain, read like `parse_json_object` does. Raises ValueError as that does.

    What it has in common with others is kept once: what strangers send is not for here.
    """
    # Nearly always there is nothing in it but strings, numbers, words, and arrays of strings. That is read without any
    # Python for each member. What is not surely good is left to the careful reader, who decides.
    text = content.decode("utf-8")
    if "\\" in text or text.find("{", 1) > 0:
        return _carefully(content)
    try:
        members, end = _scan(text, 0)
        values = [*members.values()]
        key = (*members, *map(type, values))
        shape = _shapes.get(key)
        if shape is None:
            shape = _shapes[key]
        strings = shape.strings
        for place in shape.arrays:
            array = tuple(values[place])
            strings += len(array)
            values[place] = ARRAYS.get(array) or ARRAYS[array]
    except (AttributeError, RecursionError, StopIteration, TypeError, ValueError):
        return _carefully(content)
    # Without escapes each string takes two quotation marks. If there are more, a member was given twice.
    if end != len(text) or text.count('"') != 2 * strings:
        return _carefully(content)
    for place in shape.integers:
        if not LOWEST < values[place] < HIGHEST:
            return _carefully(content)
    for place in shape.repeated:
        said = values[place]
        values[place] = TEXTS.get(said) or TEXTS[said]
    return shape, values


def _carefully(content: bytes) -> Stated:
    return stated_by(parse_json_object(content, SHARING))
