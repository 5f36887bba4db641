"""An opaque token that was introspected a moment ago: a hit in the cache of `IntrospectionValidator`, in microseconds.

They count as if the raw signature check (RS256) took 20 microseconds here: a slow or busy machine slows both.
"""

from contextlib import aclosing

from bearer_guard import AuthorizationServer, ClientSecretBasic, IntrospectionValidator
from tests.benchmarks import material
from tests.benchmarks.findings import US, Findings, Target
from tests.benchmarks.racing import Effort, Lane, race

ROW = "cache hit in the validator"
TARGET = Target(1.5)
RAW_MICROSECONDS = 20
CACHE_TTL = 60


async def measure(effort: Effort) -> Findings:
    """A race of hits against raw signature checks; nothing but the first look-up asks the authorization server."""
    validator = IntrospectionValidator(_server(), audience=material.AUDIENCE, cache_ttl=CACHE_TTL)
    opaque = [_opaque_token() for _ in range(effort.batch)]
    raw = material.raw_lane("raw signature check", "RS256", material.tokens("RS256", effort.tokens))
    async with aclosing(validator):
        findings = await race(raw, [Lane(ROW, US, validator.validate, opaque, TARGET)], effort, times=RAW_MICROSECONDS)
    findings.unit = f"microseconds, where the raw signature check takes {RAW_MICROSECONDS}"
    return findings


def _server() -> AuthorizationServer:
    issuer = material.issuer()
    client_auth = ClientSecretBasic(issuer.client_id, issuer.client_secret)
    return AuthorizationServer(issuer.issuer, client_auth=client_auth, http_client=issuer.http_client)


def _opaque_token() -> str:
    return material.issuer().opaque_token(exp=material.LIFETIME, scope="orders:read orders:write", groups=["staff"])
