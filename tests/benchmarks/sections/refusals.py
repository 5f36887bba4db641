"""A request refused, in this process, over ASGI. The bare route, which answers every request = 1.00.

**no header**; **garbage**: `Bearer` and a word that is no JWT; **unknown kid**: good tokens of one key that is not
published, such as a retired one (the keys have been fetched; nobody fetches again within the cooldown); **unknown
kids, each another**: the same, as an attacker may do it; **bad signature**: a token of a published key with a signature
that is not its own (RS256). Each token is seen once in a round.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp

from tests.benchmarks import asgi, material
from tests.benchmarks.contestants import entered
from tests.benchmarks.contestants.applications import ALGORITHM, APPLICATIONS, BARE, bare
from tests.benchmarks.findings import US, Findings, Target
from tests.benchmarks.racing import Effort, Lane, race
from tests.benchmarks.sections.request import let_in

UNAUTHORIZED = 401
TARGETS = {
    "no header": Target(0.5),
    "garbage": Target(1.2),
    "unknown kid": Target(1.2),
    "bad signature": Target(3.8),
}


async def measure(effort: Effort) -> Findings:
    """One race: each application with each reason."""
    good = [asgi.bearer(token) for token in material.tokens(ALGORITHM, effort.tokens)[: effort.batch]]
    applications, absent = await entered(APPLICATIONS, lambda app: let_in(app, good[0]))
    refused = _refused(effort)
    lanes = [_lane(row, name, app, refused[row]) for row in refused for name, app in applications.items()]
    findings = await race(Lane("let in", BARE, asgi.asker(bare()), good), lanes, effort)
    findings.unit = "times the bare route"
    findings.notes += absent
    for name, app in applications.items():
        findings.notes += await _other_answers(name, app, refused)
    return findings


async def _other_answers(name: str, app: ASGIApp, refused: dict[str, list[asgi.Headers]]) -> list[str]:
    """A sentence wherever the answer is not 401."""
    statuses = {row: await asgi.status_of(app, requests[0]) for row, requests in refused.items()}
    return [f"{name} answers {status}: {row}." for row, status in statuses.items() if status != UNAUTHORIZED]


def _refused(effort: Effort) -> dict[str, list[asgi.Headers]]:
    tokens = material.tokens(ALGORITHM, effort.tokens)
    count = min(effort.tokens, 1024)
    retired = material.different_tokens(count, ALGORITHM, header={"kid": "retired"})
    strangers = [material.token(ALGORITHM, header={"kid": f"unknown-{n}"}) for n in range(count)]
    return {
        "no header": [asgi.headers(None)] * effort.batch,
        "garbage": [asgi.headers(f"Bearer garbage-{n}") for n in range(count)],
        "unknown kid": [asgi.bearer(token) for token in retired],
        "unknown kids, each another": [asgi.bearer(token) for token in strangers],
        "bad signature": [asgi.bearer(material.tampered(token)) for token in tokens[:count]],
    }


def _lane(row: str, name: str, app: ASGIApp, requests: Sequence[asgi.Headers]) -> Lane:
    return Lane(row, name, asgi.asker(app), requests, TARGETS.get(row) if name == US else None)
