"""What a section finds: figures with their quartiles and targets, verdicts on tokens, and notes."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

US = "bearer_guard"
"""The column that the targets speak of."""
BUSY = 0.25
"""A baseline whose quartiles lie further apart, in parts of its median, tells of a machine that does other work."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of values; one alone has none."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def times(self, factor: float) -> "Spread":
        """The same in another unit."""
        return Spread(self.low * factor, self.median * factor, self.high * factor)

    def described(self, unit: str) -> str:
        """In words, for a baseline: if it does not stand still, neither does what it is the measure of."""
        text = f"{shown(self.median)} {unit} here ({shown(self.low)} to {shown(self.high)})."
        is_busy = self.high - self.low > BUSY * self.median
        return f"{text} The machine is busy: run this section again before you believe it." if is_busy else text


@dataclass(frozen=True, slots=True)
class Target:
    """What issue 6 wants to be reached: at most this, or at least."""

    limit: float
    at_least: bool = False

    def is_reached(self, value: float) -> bool:
        """Whether a median reaches it. It is compared as it is shown."""
        value = float(shown(value))
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured cell of a table. `row`: what was done. `column`: by whom."""

    row: str
    column: str
    spread: Spread
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a contestant accepts a token, and whether a resource server may."""

    row: str
    column: str
    accepts: bool
    may_be_accepted: bool


@dataclass(slots=True)
class Findings:
    """All that a section has to say. `unit`: of its figures."""

    unit: str
    figures: list[Figure] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def cells(self) -> Sequence[Figure | Verdict]:
        """What stands in the table."""
        return [*self.figures, *self.verdicts]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to put into a table."""
        return not self.cells


def shown(value: float) -> str:
    """A number with as many digits as it deserves."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
