"""Fixtures for the tests of your application: `pytest_plugins = ["bearer_guard.testing.plugin"]`."""

import pytest

from bearer_guard.testing.issuer import FakeIssuer


@pytest.fixture
def issuer() -> FakeIssuer:
    """An authorization server in memory, with keys and a clock of its own."""
    return FakeIssuer()
