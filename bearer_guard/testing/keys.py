"""Real signing keys, made for tests."""

import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bearer_guard.jose import ALGORITHMS, public_jwk


class SigningKey:
    """A private key with its name, made for one algorithm."""

    def __init__(self, algorithm: str, private_key: Any = None) -> None:
        self.algorithm = algorithm
        self.key_id = f"{algorithm.lower()}-{secrets.token_hex(4)}"
        self.private_key = private_key or _new_private_key(algorithm)

    def public_jwk(self) -> dict[str, Any]:
        """The public half, as an issuer publishes it (RFC 7517)."""
        return public_jwk(self.private_key, algorithm=self.algorithm, key_id=self.key_id)


def _new_private_key(algorithm: str) -> Any:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def new_keys() -> dict[str, SigningKey]:
    """A key for each algorithm."""
    # An RSA key takes long to make, so the six RSA algorithms share one, each under a name of its own.
    rsa_key = _new_private_key("RS256")
    return {alg: SigningKey(alg, rsa_key if alg[:2] in ("RS", "PS") else None) for alg in ALGORITHMS}
