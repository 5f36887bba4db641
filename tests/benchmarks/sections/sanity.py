"""What each contestant leaves out: tokens that a resource server must refuse, given to all of them, and their answers.

All are signed by a published key (RS256) unless the row says otherwise. The contestants are set up as in the section
`validate`; what their users would have to think of is not switched on. A red word is a token let in that should not
be, or a good one refused. Speed is to be read with this table beside it: a check left out costs nothing.
"""

from tests.benchmarks import material
from tests.benchmarks.contestants import entered, least, maybe_await
from tests.benchmarks.contestants.verifiers import JWKS, VERIFIERS, Verify
from tests.benchmarks.findings import US, Findings, Verdict
from tests.benchmarks.hostile import GOOD, presented_tokens
from tests.benchmarks.racing import Effort
from tests.benchmarks.sections.validate import accept

ALGORITHM = "RS256"


async def measure(effort: Effort) -> Findings:
    """Every token to every contestant."""
    good = material.token(ALGORITHM)
    # A token bound to a key is refused by the guard, not by its validator.
    makers = {least.LEAST: least.verifier, **VERIFIERS, US: _guard}
    contestants, absent = await entered(makers, lambda verify: accept(verify, good), material.jwks(), ALGORITHM)
    verdicts = [
        Verdict(row, name, await _accepts(verify, token), row in GOOD)
        for row, token in presented_tokens().items()
        for name, verify in contestants.items()
    ]
    return Findings("accepted or refused", verdicts=verdicts, notes=absent)


def _guard(jwks: JWKS, alg: str) -> Verify:
    return material.guard(remember=0).validate


async def _accepts(verify: Verify, token: str) -> bool:
    try:
        return await maybe_await(verify(token)) is not None
    except Exception:  # noqa: BLE001  each has its own errors; any of them is a refusal
        return False
