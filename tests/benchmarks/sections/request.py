"""A whole request in this process, over ASGI and without a server. The same route without any guard = 1.00.

**seen before**: the same tokens come again and again. **cold**: every request brings a token of its own (RS256). The
route asks for a scope everywhere.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp

from tests.benchmarks import asgi, material
from tests.benchmarks.contestants import entered
from tests.benchmarks.contestants.applications import (
    ALGORITHM,
    APPLICATIONS,
    BARE,
    bare,
    bearer_guard,
    least_in_python,
)
from tests.benchmarks.contestants.least import LEAST
from tests.benchmarks.findings import US, Findings, Target
from tests.benchmarks.racing import Effort, Lane, race

ROW_SEEN, ROW_COLD = "seen before", f"cold, {ALGORITHM}"
TARGETS = {ROW_SEEN: Target(1.45), ROW_COLD: Target(5.2)}


async def measure(effort: Effort) -> Findings:
    """One race: each application twice."""
    cold = [asgi.bearer(token) for token in material.tokens(ALGORITHM, effort.tokens)]
    seen = cold[: effort.batch]
    applications, absent = await entered({LEAST: least_in_python, **APPLICATIONS}, lambda app: let_in(app, cold[0]))
    lanes = [_lane(ROW_SEEN, name, app, seen) for name, app in applications.items()]
    # Memories of their own, which always miss.
    applications |= {LEAST: least_in_python(effort.memory), US: bearer_guard(effort.memory)}
    lanes += [_lane(ROW_COLD, name, app, cold) for name, app in applications.items()]
    findings = await race(_lane(ROW_SEEN, BARE, bare(), seen), lanes, effort)
    findings.unit = "times the bare route"
    findings.notes += absent
    return findings


async def let_in(app: ASGIApp, headers: asgi.Headers) -> None:
    """Raises ValueError if it refuses a good token."""
    if await asgi.status_of(app, headers) != 200:
        raise ValueError("refused")


def _lane(row: str, name: str, app: ASGIApp, requests: Sequence[asgi.Headers]) -> Lane:
    return Lane(row, name, asgi.asker(app), requests, TARGETS[row] if name == US else None)
