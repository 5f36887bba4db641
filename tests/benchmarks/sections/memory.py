"""What the guard's memory holds for each validated token, in bytes: measured by `tracemalloc`, nothing is estimated.

Counted is all that is still allocated once the tokens are validated and the requests are over: the digest, the entry,
the `AccessToken`, its claims and every string in them. What all tokens share counts once. The tokens themselves belong
to the requests, and are not kept.
"""

import asyncio
import gc
import tracemalloc

from bearer_guard import BearerGuard
from tests.benchmarks import material
from tests.benchmarks.findings import US, Figure, Findings, Spread, Target
from tests.benchmarks.racing import Effort

ROW = "a remembered token of 1000 bytes"
TARGET = Target(1000)
TIMES = 3


async def measure(effort: Effort) -> Findings:
    """A guard of its own each time, filled to the brim."""
    count = min(1024, effort.tokens)
    sizes = [await _bytes_per_token(count) for _ in range(TIMES)]
    claims = (await material.guard().validate(material.token())).claims
    note = f"The tokens have {len(claims)} claims; the longest is a string of {len(claims['note'])} characters."
    return Findings("bytes", [Figure(ROW, US, Spread.of(sizes), TARGET)], notes=[note])


async def _bytes_per_token(count: int) -> float:
    guard = material.guard(remember=2 * count)
    stranger, *tokens = material.tokens("RS256", count + 1)
    await guard.validate(stranger)  # keys and caches are there before the count begins
    gc.collect()
    tracemalloc.start()
    try:
        await _fill(guard, tokens)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / count


async def _fill(guard: BearerGuard, tokens: list[str]) -> None:
    for token in tokens:
        await guard.validate(token)
    await asyncio.sleep(0)
