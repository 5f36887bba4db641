"""Memory of this process. It is not shared between workers or machines."""

from typing import Generic, TypeVar

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """A bounded memory of objects: never more than `size` (an even number), and surely the later half of them.

    Two generations instead of a move per hit: what is asked for in the older one is carried over into the younger.
    """

    def __init__(self, size: int) -> None:
        self._generation = (size + 1) // 2
        self._young: dict[bytes, Value] = {}
        self._old: dict[bytes, Value] = {}

    def get(self, key: bytes) -> Value | None:
        """The value, or None."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.set(key, value)
        return value

    def set(self, key: bytes, value: Value) -> None:
        """Remembers a value, and forgets the older generation once the younger one is full."""
        if self._generation == 0:
            return
        if len(self._young) >= self._generation and key not in self._young:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def forget(self, key: bytes) -> None:
        """Forgets a value, if it is there."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def __len__(self) -> int:
        return len(self._young) + sum(key not in self._young for key in self._old)
