"""A target for each test."""

import pytest

from bearer_guard.testing import FakeIssuer, SigningKey
from tests.conftest import MakeClient
from tests.security.target import Target


@pytest.fixture
def target(issuer: FakeIssuer, make_client: MakeClient) -> Target:
    """A guarded application that has its keys."""
    return Target(issuer).serve(make_client)


@pytest.fixture
def key(issuer: FakeIssuer) -> SigningKey:
    """A key of the issuer's; of all kinds it signs fastest."""
    return issuer.signing_key("ES256")
