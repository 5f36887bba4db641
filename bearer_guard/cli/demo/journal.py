"""What the API's log says: caught during the story, so that each refusal stands beside its reason."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Handler = TypeVar("Handler", bound=logging.Handler)


class Journal(logging.Handler):
    """Keeps the reasons that the guard logs, until they are taken."""

    def __init__(self) -> None:
        super().__init__()
        self._reasons: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Notes the `reason` of a refusal; of any other record, all that it says."""
        self._reasons.append(getattr(record, "reason", None) or record.getMessage())

    def take_reason(self) -> str | None:
        """What was logged since the last time; None: nothing."""
        reasons, self._reasons = self._reasons, []
        return "; ".join(reasons) or None


class Aloud(logging.Handler):
    """Passes every record on as a sentence."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Says what was logged."""
        self._say(record.getMessage())


@contextmanager
def listening(handler: Handler) -> Iterator[Handler]:
    """Gives the guard's log to this handler, and to nobody else, until the block ends."""
    logger = logging.getLogger("bearer_guard")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield handler
    finally:
        logger.propagate = propagate
        logger.setLevel(level)
        logger.removeHandler(handler)
