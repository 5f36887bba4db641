"""Private keys of ours: what loads, what does not, and that nothing of them is told."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat

from bearer_guard.jose import ALGORITHMS, load_verification_key, sign_compact
from bearer_guard.jose.signing import load_private_key
from bearer_guard.testing import SigningKey


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    made: bytes = key.private_bytes(Encoding.PEM, form, lock)
    return made


def jwk(key: Any, algorithm: str) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key))
    return written


FORMS: dict[str, Callable[[Any, str], Any]] = {
    "PEM": lambda key, _: pem(key),
    "PEM as text": lambda key, _: pem(key).decode(),
    "JWK": jwk,
    "JWK with its names": lambda key, algorithm: {**jwk(key, algorithm), "kid": "a", "alg": algorithm, "use": "sig"},
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_a_private_key_signs_what_its_public_half_verifies(
    signing_keys: dict[str, SigningKey], algorithm: str, write: Callable[[Any, str], Any]
) -> None:
    ours = signing_keys[algorithm]
    key = load_private_key(write(ours.private_key, algorithm), algorithm)
    token = sign_compact(b'{"alg":"%s"}' % algorithm.encode(), b"{}", algorithm=algorithm, private_key=key)
    jwt.decode(token, ours.private_key.public_key(), algorithms=[algorithm])
    assert load_verification_key(ours.public_jwk()).key_id == ours.key_id


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_older_forms_of_pem_are_read_too(signing_keys: dict[str, SigningKey], algorithm: str) -> None:
    key = signing_keys[algorithm].private_key
    loaded = load_private_key(pem(key, PrivateFormat.TraditionalOpenSSL), algorithm)
    assert loaded.private_numbers() == key.private_numbers()


P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)

UNUSABLE: dict[str, tuple[Any, str]] = {
    "nothing": ("", "ES256"),
    "no PEM": ("s3cret", "RS256"),
    "half a PEM": ("-----BEGIN PRIVATE KEY-----\ns3cret\n", "RS256"),
    "PEM of garbage": (b"-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n", "ES256"),
    "None": (None, "ES256"),
    "a number": (7, "ES256"),
    "a list": ([jwk(P256, "ES256")], "ES256"),
    "a locked PEM": (pem(P256, password=b"s3cret"), "ES256"),
    "a public PEM": (
        P256.public_key().public_bytes(Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "ES256",
    ),
    "an empty JWK": ({}, "ES256"),
    "a JWK set": ({"keys": [jwk(P256, "ES256")]}, "ES256"),
    "a public JWK": ({name: value for name, value in jwk(P256, "ES256").items() if name != "d"}, "ES256"),
    "a public RSA JWK": (jwk(RSA.public_key(), "RS256"), "RS256"),
    "a symmetric JWK": ({"kty": "oct", "k": "czNjcmV0"}, "RS256"),
    "a JWK whose d is no base64": ({**jwk(P256, "ES256"), "d": "s3cret!"}, "ES256"),
    "RSA for ES256": (pem(RSA), "ES256"),
    "an RSA JWK for ES256": (jwk(RSA, "RS256"), "ES256"),
    "an RSA JWK for EdDSA": (jwk(RSA, "RS256"), "EdDSA"),
    "EC for RS256": (pem(P256), "RS256"),
    "EC for EdDSA": (pem(P256), "EdDSA"),
    "X25519": (pem(x25519.X25519PrivateKey.generate()), "EdDSA"),
    "an unknown algorithm": (pem(P256), "HS256"),
}


@pytest.mark.parametrize(("key", "algorithm"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_is_no_private_key_for_the_algorithm_is_refused_without_a_word_of_it(key: Any, algorithm: str) -> None:
    with pytest.raises(ValueError, match=f"^not a private key for {algorithm}$") as caught:
        load_private_key(key, algorithm)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(P256, "ES384"), (P256, "ES512"), (ec.generate_private_key(ec.SECP256K1()), "ES256")],
    ids=["P-256 for ES384", "P-256 for ES512", "secp256k1 for ES256"],
)
def test_a_key_of_another_curve_is_refused(key: Any, algorithm: str) -> None:
    with pytest.raises(ValueError, match="not a private key"):
        load_private_key(pem(key), algorithm)


def test_ed448_is_refused() -> None:
    with pytest.raises(ValueError, match="not a private key"):
        load_private_key(pem(ed448.Ed448PrivateKey.generate()), "EdDSA")
