"""Private keys: ours, for what we sign ourselves (RFC 7523), and those of tests."""

from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from bearer_guard.jose.algorithms import ALGORITHMS_OF, IMPLEMENTATIONS


def load_private_key(key: str | bytes | Mapping[str, Any], algorithm: str) -> Any:
    """A private key, from PEM or from a JWK, for one algorithm. Raises ValueError, which tells nothing of the key."""
    try:
        if isinstance(key, Mapping):
            loaded = jwt.PyJWK(dict(key), algorithm=algorithm).key
        else:
            loaded = IMPLEMENTATIONS[algorithm].prepare_key(key)
    except Exception:  # noqa: BLE001  cryptography and PyJWT raise many kinds, and quote what they could not read
        loaded = None
    if algorithm not in ALGORITHMS_OF.get(_kind_of(loaded), ()):
        raise ValueError(f"not a private key for {algorithm}")
    return loaded


_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def _kind_of(key: Any) -> tuple[str, str | None]:
    """The type and curve of a private key (RFC 7518 section 6.1); of anything else, Ed448 too, none that we know."""
    if isinstance(key, RSAPrivateKey):
        return "RSA", None
    if isinstance(key, EllipticCurvePrivateKey):
        return "EC", _CURVES.get(key.curve.name)
    return "OKP" if isinstance(key, Ed25519PrivateKey) else "", "Ed25519"
