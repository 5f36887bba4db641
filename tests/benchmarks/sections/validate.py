"""A token validated: the signature, the key by `kid`, issuer, audience, times. Raw signature check = 1.00.

**cold**: every token is seen for the first time. **cold, memory on**: the same through the guard, whose memory of
validated tokens always misses. **seen before**: the guard remembers the token, and checks again what may have changed.
The others remember nothing: their figure would be the cold one again. "least in Python" is no library, but what
hardly any in Python will be below on this machine.
"""

from collections.abc import Sequence

from tests.benchmarks import material
from tests.benchmarks.contestants import entered, least, maybe_await
from tests.benchmarks.contestants.verifiers import VERIFIERS, Verify
from tests.benchmarks.findings import US, Findings, Target
from tests.benchmarks.racing import Effort, Lane, race

COLD = {"RS256": Target(1.6), "PS256": Target(1.55), "ES256": Target(1.25), "EdDSA": Target(1.15)}
MISSING = {"RS256": Target(1.75), "PS256": Target(1.7), "ES256": Target(1.3), "EdDSA": Target(1.2)}
SEEN = {"RS256": Target(0.15)}  # 3 microseconds where raw RS256 is 20


async def measure(effort: Effort) -> Findings:
    """One race for each algorithm."""
    findings = Findings("times the raw signature check")
    for alg in material.ALGORITHMS:
        raced = await _race(alg, effort)
        findings.figures += raced.figures
        findings.notes += [note for note in raced.notes if note not in findings.notes]
    return findings


async def _race(alg: str, effort: Effort) -> Findings:
    tokens = material.tokens(alg, effort.tokens)
    makers = {least.LEAST: least.verifier, **VERIFIERS}
    contestants, absent = await entered(makers, lambda verify: accept(verify, tokens[0]), material.jwks(), alg)
    lanes = [_cold(name, alg, verify, tokens) for name, verify in contestants.items()]
    lanes += _with_memory(alg, tokens, effort)
    findings = await race(material.raw_lane(_row(alg), alg, tokens), lanes, effort)
    findings.notes += absent
    return findings


async def accept(verify: Verify, token: str) -> None:
    """Raises if it refuses a good token."""
    if await maybe_await(verify(token)) is None:
        raise ValueError("refused")


def _cold(name: str, alg: str, verify: Verify, tokens: Sequence[str]) -> Lane:
    return Lane(_row(alg), name, verify, tokens, COLD[alg] if name == US else None)


def _with_memory(alg: str, tokens: Sequence[str], effort: Effort) -> list[Lane]:
    missing, seen = f"{_row(alg)}, memory on", f"{alg}, seen before"
    least_of_all = least.verifier(material.jwks(), alg)
    few = tokens[: effort.batch]
    return [
        Lane(missing, least.LEAST, least.remembering(least_of_all, effort.memory), tokens),
        Lane(missing, US, material.guard(remember=effort.memory).validate, tokens, MISSING[alg]),
        Lane(seen, least.LEAST, least.remembering(least_of_all, effort.memory), few),
        Lane(seen, US, material.guard().validate, few, SEEN.get(alg)),
    ]


def _row(alg: str) -> str:
    return f"{alg}, cold"
