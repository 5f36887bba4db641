"""What the tests of your application need: an authorization server in memory, and a clock that you can move."""

from bearer_guard.testing.clock import MovableClock
from bearer_guard.testing.issuer import FakeIssuer
from bearer_guard.testing.keys import SigningKey

__all__ = ["FakeIssuer", "MovableClock", "SigningKey"]
