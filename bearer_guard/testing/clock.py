"""A clock that tests can move."""

import time


class MovableClock:
    """A clock that stands on the real time and can be moved: `clock.advance(seconds)`."""

    def __init__(self) -> None:
        self._offset = 0.0

    def time(self) -> float:
        """Seconds since 1970, moved."""
        return time.time() + self._offset

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment, moved."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Moves the time on. Negative seconds move it back."""
        self._offset += seconds
