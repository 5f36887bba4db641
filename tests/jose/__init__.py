"""What the tests of this room share."""

from bearer_guard.jose import CompactJWS, VerificationKey, decode_base64url


def is_genuine(key: VerificationKey, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Whether a key made a signature; a key that does not serve the algorithm made none."""
    verify = key.verifier(algorithm)
    return verify is not None and verify(signing_input, signature)


def made(key: VerificationKey, jws: CompactJWS, algorithm: str | None = None) -> bool:
    """Whether a key made the signature of a token, with the algorithm that its header names or with another one."""
    return is_genuine(key, algorithm or jws.header().algorithm, jws.signing_input, decode_base64url(jws.signature))
