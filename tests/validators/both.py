"""Both kinds of tokens of one issuer, as the tests of routing and of fresh JWTs take them."""

from typing import Any

from bearer_guard import ByFormat, IntrospectionValidator, JWTValidator
from bearer_guard.testing import FakeIssuer


def both_of(issuer: FakeIssuer, **options: Any) -> ByFormat:
    return ByFormat(
        jwt=JWTValidator(issuer.server, audience="api"),
        opaque=IntrospectionValidator(issuer.server, audience="api", **options),
    )
