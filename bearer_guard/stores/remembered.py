"""A bounded memory of objects in this process: what validated tokens and answers are kept in."""

from typing import Generic, TypeVar

Value = TypeVar("Value")

MOST_BYTES = 16 * 1024 * 1024
"""What a memory holds, unless told otherwise. It counts what entries were made of, not what Python makes of them."""


class Remembered(Generic[Value]):
    """A bounded memory of objects: never more than `size` (an even number), and surely the later half of them.

    Two generations instead of a move per hit: what is asked for in the older one is carried over into the younger. So
    what is in use stays, however much else comes and goes. `most_bytes` bounds the sum of the weights.
    """

    def __init__(self, size: int, most_bytes: int = MOST_BYTES) -> None:
        self._generation = (size + 1) // 2
        self._heaviest = most_bytes // 2
        self.young: dict[bytes, Value] = {}
        """What was asked for lately. Who asks on every request may look here first, for the sake of a call less."""
        self._old: dict[bytes, Value] = {}
        # Beside the values: where nothing is weighed, nothing is kept.
        self._young_weights: dict[bytes, int] = {}
        self._old_weights: dict[bytes, int] = {}
        self._weight = 0

    def get(self, key: bytes) -> Value | None:
        """The value, or None."""
        found = self.young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.set(key, found, self._old_weights.get(key, 0))
        return found

    def set(self, key: bytes, value: Value, weight: int = 0) -> None:
        """Remembers a value of so many bytes, and forgets the older generation once the younger one is full."""
        if self._generation == 0 or weight > self._heaviest:
            self.forget(key)  # what stood there is no longer so
            return
        young = self.young
        if weight or self._young_weights:
            self._weight += weight - self._young_weights.pop(key, 0)
        if (len(young) >= self._generation and key not in young) or self._weight > self._heaviest:
            self._old, self.young = young, {}
            self._old_weights, self._young_weights = self._young_weights, {}
            self._weight = weight
        self.young[key] = value
        if weight:
            self._young_weights[key] = weight

    def forget(self, key: bytes) -> None:
        """Forgets a value, if it is there."""
        if self.young.pop(key, None) is not None:
            self._weight -= self._young_weights.pop(key, 0)
        self._old.pop(key, None)
        self._old_weights.pop(key, None)

    def __len__(self) -> int:
        return len(self.young) + sum(key not in self.young for key in self._old)
