"""What the tests of this room share."""

from bearer_guard.jose import CompactJWS, Stated, VerificationKey, decode_base64url, stated_in
from bearer_guard.tokens import Claims


def is_genuine(key: VerificationKey, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Whether a key made a signature; a key that does not serve the algorithm made none."""
    verify = key.verifier(algorithm)
    return verify is not None and verify(signing_input, signature)


def made(key: VerificationKey, jws: CompactJWS, algorithm: str | None = None) -> bool:
    """Whether a key made the signature of a token, with the algorithm that its header names or with another one."""
    return is_genuine(key, algorithm or jws.header().algorithm, jws.signing_input, decode_base64url(jws.signature))


def put_together(stated: Stated) -> Claims:
    """The object that was taken apart."""
    shape, values = stated
    assert list(map(type, values)) == list(shape.kinds)
    return Claims(zip(shape.names, values, strict=True))


def read_as_verified(content: bytes) -> Claims:
    """A JSON object, as it is read under a genuine signature."""
    return put_together(stated_in(content))
