"""A token seen before, while another thread computes without a pause: the mean of many hits, in microseconds.

Whoever gives the interpreter lock away in such a moment gets it back after 5 milliseconds. So a hit should cost twice
what it costs alone (two threads share one interpreter) and not a thousand times as much. They count as if the raw
signature check (RS256) took 20 microseconds here.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bearer_guard import BearerGuard
from tests.benchmarks import material
from tests.benchmarks.findings import US, Figure, Findings, Spread, Target
from tests.benchmarks.racing import Effort
from tests.benchmarks.sections.introspection import RAW_MICROSECONDS

ROUNDS, SECONDS = 15, 0.3
"""A lap takes many turns of the interpreter lock, so that the mean holds what waiting costs."""
BETWEEN_LOOKS = 20
"""Hits between two looks at the clock."""
SIZES = {"token of 1000 bytes": 1000, "token of 4 KiB": 4096}
TARGETS = {"token of 1000 bytes": Target(5)}
ALONE, BESIDE = "alone", "beside one thread"


async def measure(effort: Effort) -> Findings:
    """In each round: the raw check alone, then hits alone, then hits beside the thread."""
    raw = material.raw_lane("raw signature check", "RS256", material.tokens("RS256", effort.tokens))
    guard, rounds, seconds = material.guard(), *((2, 0.02) if effort.is_quick else (ROUNDS, SECONDS))
    laps: dict[str, list[float]] = {}
    for _ in range(rounds):
        microsecond = await raw.lap(raw.items[:1000]) / RAW_MICROSECONDS
        for what, size in SIZES.items():
            seen = material.token("ES256", size=size)
            alone = await _mean(guard, seen, seconds)
            with _busy_thread():
                beside = await _mean(guard, seen, seconds)
            laps.setdefault(f"{what}, {ALONE}", []).append(alone / microsecond)
            laps.setdefault(f"{what}, {BESIDE}", []).append(beside / microsecond)
    figures = [Figure(row, US, Spread.of(values), _target(row)) for row, values in laps.items()]
    return Findings("microseconds, where the raw signature check takes 20", figures)


async def _mean(guard: BearerGuard, seen: str, seconds: float) -> float:
    """Seconds for one of as many hits as this time allows."""
    await guard.validate(seen)
    hits, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        for _ in range(BETWEEN_LOOKS):
            await guard.validate(seen)
        hits += BETWEEN_LOOKS
    return elapsed / hits


@contextmanager
def _busy_thread() -> Iterator[None]:
    stop = False

    def compute() -> None:
        number = 0
        while not stop:
            number = number * 31 % 65_521

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        stop = True
        thread.join()


def _target(row: str) -> Target | None:
    what, _, how = row.partition(", ")
    return TARGETS.get(what) if how == BESIDE else None
