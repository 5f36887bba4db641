"""Private keys: ours, for what we sign ourselves (RFC 7523), and those of tests."""

from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey

from bearer_guard.jose.algorithms import IMPLEMENTATIONS


def load_private_key(key: str | bytes | Mapping[str, Any], algorithm: str) -> Any:
    """A private key, from PEM or from a JWK, for one algorithm. Raises ValueError, which tells nothing of the key."""
    try:
        if isinstance(key, Mapping):
            loaded = jwt.PyJWK(dict(key), algorithm=algorithm).key
        else:
            loaded = IMPLEMENTATIONS[algorithm].prepare_key(key)
    except Exception:  # noqa: BLE001  cryptography and PyJWT raise many kinds, and quote what they could not read
        loaded = None
    if not hasattr(loaded, "private_bytes") or isinstance(loaded, Ed448PrivateKey):  # which we verify nowhere
        raise ValueError(f"not a private key for {algorithm}")
    return loaded
