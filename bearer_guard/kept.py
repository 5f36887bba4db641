"""What was made of a value, kept for when the same one comes again: tokens of one issuer have much in common."""

from collections.abc import Callable, Hashable, Sized
from typing import Protocol, TypeVar


class _Key(Hashable, Sized, Protocol):
    """A string or a tuple."""


Key = TypeVar("Key", bound=_Key)
Value = TypeVar("Value")

MOST = 512
"""Values that one of them keeps."""
LONGEST_TEXT, LONGEST_ARRAY = 1024, 256
"""Characters of a key, or items. What is longer seldom comes again."""


class Kept(dict[Key, Value]):
    """`kept[key]` is what `make(key)` gave when the key, or one that equals it, first came.

    Once full it is emptied, and holds what comes again. Raises TypeError for what has no hash or no length. Who is in a
    hurry writes `kept.get(key) or kept[key]`: CPython looks for the method of a subclass behind each pair of brackets.
    """

    __slots__ = ("_longest", "_make")

    def __init__(self, make: Callable[[Key], Value], longest: int) -> None:
        super().__init__()
        self._make = make
        self._longest = longest

    def __missing__(self, key: Key) -> Value:
        made = self._make(key)
        if len(key) <= self._longest:
            if len(self) >= MOST:
                self.clear()
            self[key] = made
        return made
