"""What the guard's memory holds for each validated token, in bytes: measured by `tracemalloc`, nothing is estimated.

Counted is all that is still allocated once the tokens are validated and the requests are over: the digest, the entry,
the `AccessToken`, its claims and every string in them. What all tokens share counts once. The tokens themselves belong
to the requests, and are not kept. **its claims asked for**: `token.claims`, a dict, is made when somebody first asks
for it, and then kept as well.
"""

import asyncio
import gc
import tracemalloc

from bearer_guard import BearerGuard
from tests.benchmarks import material
from tests.benchmarks.findings import US, Figure, Findings, Spread, Target
from tests.benchmarks.racing import Effort

ROW = "a remembered token of 1000 bytes"
ROW_ASKED = f"{ROW}, its claims asked for"
TARGET = Target(1000)
TIMES = 3


async def measure(effort: Effort) -> Findings:
    """A guard of its own each time, filled to the brim."""
    count = min(1024, effort.tokens)
    sizes = [await _bytes_per_token(count) for _ in range(TIMES)]
    sizes_asked = [await _bytes_per_token(count, asks_for_claims=True) for _ in range(TIMES)]
    claims = (await material.guard().validate(material.token())).claims
    note = f"The tokens have {len(claims)} claims; the longest is a string of {len(claims['note'])} characters."
    figures = [Figure(ROW, US, Spread.of(sizes), TARGET), Figure(ROW_ASKED, US, Spread.of(sizes_asked))]
    return Findings("bytes", figures, notes=[note])


async def _bytes_per_token(count: int, *, asks_for_claims: bool = False) -> float:
    guard = material.guard(remember=2 * count)
    stranger, *tokens = material.tokens("RS256", count + 1)
    await guard.validate(stranger)  # keys and caches are there before the count begins
    gc.collect()
    tracemalloc.start()
    try:
        await _fill(guard, tokens, asks_for_claims=asks_for_claims)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / count


async def _fill(guard: BearerGuard, tokens: list[str], *, asks_for_claims: bool) -> None:
    for token in tokens:
        validated = await guard.validate(token)
        if asks_for_claims:
            assert validated.claims
    await asyncio.sleep(0)
