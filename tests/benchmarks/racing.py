"""The method: all lanes run in every round, and only what they took in the same round is compared."""

import asyncio
import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.findings import Figure, Findings, Spread, Target


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done. `batch`: items a lane handles in a round. `tokens`: how many distinct ones there are."""

    rounds: int
    batch: int
    tokens: int
    is_quick: bool = False

    @property
    def memory(self) -> int:
        """How many validated tokens a guard remembers: its default, and always fewer than go round."""
        return min(1024, self.tokens // 4)


FULL = Effort(rounds=60, batch=256, tokens=4096)
QUICK = Effort(rounds=3, batch=4, tokens=32, is_quick=True)


@dataclass(frozen=True, slots=True)
class Lane:
    """One runner. `call` is called, and awaited if it is async, with one of its `items` after the other.

    `items`: what the others get, too, each prepared as the lane needs it.
    """

    row: str
    column: str
    call: Callable[[Any], Any]
    items: Sequence[Any]
    target: Target | None = None

    def batch_of(self, number: int, size: int) -> Sequence[Any]:
        """What it handles in a round; after the last item it begins again with the first."""
        if len(self.items) <= size:
            return self.items
        begin = number * size % (len(self.items) - size + 1)
        return self.items[begin : begin + size]

    def last_batch(self, size: int) -> Sequence[Any]:
        """What it warms up with: the items that come again last."""
        return self.items[-size:]

    async def lap(self, batch: Sequence[Any]) -> float:
        """Seconds for one item."""
        return await (_lap_async if inspect.iscoroutinefunction(self.call) else _lap)(self.call, batch)


async def _lap(call: Callable[[Any], Any], batch: Sequence[Any]) -> float:
    began = time.perf_counter()
    for item in batch:
        call(item)
    return (time.perf_counter() - began) / len(batch)


async def _lap_async(call: Callable[[Any], Any], batch: Sequence[Any]) -> float:
    began = time.perf_counter()
    for item in batch:
        await call(item)
    return (time.perf_counter() - began) / len(batch)


async def race(baseline: Lane, lanes: Sequence[Lane], effort: Effort, *, times: float = 1) -> Findings:
    """Figures of all lanes: medians and quartiles of their ratios to the baseline in the same round.

    `times`: what the baseline counts as, 1 unless told otherwise.
    """
    everyone = [baseline, *lanes]
    for lane in everyone:  # what is loaded, compiled or fetched with the first call is no part of the race
        await lane.lap(lane.last_batch(effort.batch))
    seconds: list[list[float]] = [[] for _ in everyone]
    for number in range(effort.rounds):
        # Each round begins with another lane, so that none always runs in the wake of the same one.
        for position in range(len(everyone)):
            runner = (number + position) % len(everyone)
            lane = everyone[runner]
            seconds[runner].append(await lane.lap(lane.batch_of(number, effort.batch)))
        await asyncio.sleep(0)
    figures = [
        Figure(lane.row, lane.column, _ratios(laps, seconds[0]).times(times), lane.target)
        for lane, laps in zip(everyone, seconds, strict=True)
    ]
    took = Spread.of(seconds[0]).times(1e6).described("microseconds")
    return Findings(unit="", figures=figures, notes=[f"{baseline.row}: {baseline.column} took {took}"])


def _ratios(laps: Sequence[float], of_baseline: Sequence[float]) -> Spread:
    return Spread.of([lap / base for lap, base in zip(laps, of_baseline, strict=True)])
