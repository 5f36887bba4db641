"""What the tests of the stores have in common: keys to seal with, and tokens as they are after validation."""

import secrets
from typing import Any

from bearer_guard import AccessToken, Claims

ISSUER = "https://id.example.com"
KEYS = {"2026-11": secrets.token_bytes(32)}


def validated(*, issuer: str = ISSUER, accepted_until: Any = 2_000_000_000, **claims: Any) -> AccessToken:
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
        expires_at=accepted_until,
        claims=Claims(claims),
        accepted_until=accepted_until,
    )
