"""What the tests of the stores have in common: keys to seal with, and tokens as they are after validation."""

import secrets
from typing import Any

from bearer_guard import AccessToken, Claims
from bearer_guard.testing import MovableClock

ISSUER = "https://id.example.com"
NOW = 1_800_000_000
KEYS = {"2026-11": secrets.token_bytes(32)}


class StillClock(MovableClock):
    """A clock that stands at a moment between two whole seconds, until it is moved."""

    now = NOW + 0.75

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now - 1_700_000_000

    def advance(self, seconds: float) -> None:
        self.now += seconds


def validated(
    *,
    issuer: str = ISSUER,
    expires_at: Any = 2_000_000_000,
    leeway: Any = 0,
    user_id: Any = None,
    **claims: Any,
) -> AccessToken:
    """A validated token. It names nobody and nothing, but for the claims that are given."""
    claims = {"iss": issuer, **claims}
    return AccessToken(
        issuer=issuer,
        subject=claims.get("sub"),
        audience=("api",),
        client_id=None,
        scopes=frozenset(),
        groups=frozenset(),
        roles=frozenset(),
        user_id=user_id,
        expires_at=expires_at,
        claims=Claims(claims),
        leeway=leeway,
    )
