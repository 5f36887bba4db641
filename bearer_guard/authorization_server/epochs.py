"""What must stay true for an answer about keys to be remembered (see `bearer_guard.tokens.Epoch`)."""

from typing import Protocol

from bearer_guard.tokens import Epoch


class Source(Protocol):
    """What `RemoteKeys` tells about its key set."""

    epoch: Epoch | None
    calm_until: float
    """Until when the set is fresh and nothing is due."""

    def is_usable(self, now: float) -> bool:
        """Whether the set may be used without waiting."""

    def would_not_ask(self, now: float) -> bool:
        """Whether the answer about an unknown `kid` is what the set in memory says."""


class Always:
    """What never changes."""

    def still_good(self, now: float) -> bool:
        """It is."""
        return True


class SetInForce:
    """The time during which one fetched key set is in force."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def still_good(self, now: float) -> bool:
        source = self._source
        return source.epoch is self and (now < source.calm_until or source.is_usable(now))


class Absence:
    """The time during which nobody would ask for a key again that the set in force does not hold."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._epoch = source.epoch

    def still_good(self, now: float) -> bool:
        source = self._source
        return source.epoch is self._epoch and source.is_usable(now) and source.would_not_ask(now)
