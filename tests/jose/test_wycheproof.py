"""The public test vectors of C2SP/wycheproof, where they stand beside the repository: data of others, read as it is."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bearer_guard import ConfigurationError, StaticKeys
from bearer_guard.errors import InvalidToken
from bearer_guard.jose import (
    CompactJWS,
    UnusableKey,
    VerificationKey,
    encode_base64url,
    load_verification_key,
)
from tests.jose import is_genuine, made

VECTORS = Path(__file__).parents[2].parent / "shared" / "wycheproof"

if not VECTORS.is_dir():
    pytest.skip("the vectors of Wycheproof do not stand beside the repository", allow_module_level=True)

Vector = dict[str, Any]


def groups_of(name: str) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = json.loads((VECTORS / f"{name}_test.json").read_text("utf-8"))["testGroups"]
    return groups


# --- raw signatures, through VerificationKey.verify -------------------------------------------------------------------

SIGNATURES = {
    "ecdsa_secp256r1_sha256_p1363": "ES256",
    "ecdsa_secp384r1_sha384_p1363": "ES384",
    "ecdsa_secp521r1_sha512_p1363": "ES512",
    "ed25519": "EdDSA",
    "rsa_signature_2048_sha256": "RS256",
    "rsa_signature_3072_sha384": "RS384",
    "rsa_signature_4096_sha512": "RS512",
    "rsa_pss_2048_sha256_mgf1_32": "PS256",
    "rsa_pss_2048_sha384_mgf1_48": "PS384",
    "rsa_pss_4096_sha512_mgf1_64": "PS512",
}
COORDINATES = {"ES256": ("P-256", 32), "ES384": ("P-384", 48), "ES512": ("P-521", 66)}


def key_of(group: dict[str, Any], algorithm: str) -> VerificationKey:
    """The key of a group. Some elliptic curve groups have it as numbers only."""
    jwk = group.get("publicKeyJwk") or group.get("keyJwk")
    return load_verification_key(jwk or elliptic_curve_jwk(group["publicKey"], algorithm))


def elliptic_curve_jwk(numbers: dict[str, str], algorithm: str) -> dict[str, str]:
    curve, size = COORDINATES[algorithm]
    x, y = (encode_base64url(int(numbers[name], 16).to_bytes(size, "big")).decode() for name in ("wx", "wy"))
    return {"kty": "EC", "crv": curve, "x": x, "y": y}


def is_verified(key: VerificationKey, algorithm: str, vector: Vector) -> bool:
    message, signature = bytes.fromhex(vector["msg"]), bytes.fromhex(vector["sig"])
    return is_genuine(key, algorithm, message, signature)


@pytest.mark.parametrize(("name", "algorithm"), SIGNATURES.items(), ids=SIGNATURES)
def test_exactly_the_valid_signatures_are_verified(name: str, algorithm: str) -> None:
    surprises, count = [], 0
    for group in groups_of(name):
        key = key_of(group, algorithm)
        for vector in group["tests"]:
            count += 1
            # "acceptable" is what a verifier may take or leave.
            wanted = {"valid": {True}, "invalid": {False}, "acceptable": {True, False}}[vector["result"]]
            if is_verified(key, algorithm, vector) not in wanted:
                surprises.append((vector["tcId"], vector["result"], vector["comment"]))
    assert count > 100
    assert surprises == []


def test_keys_for_ed448_are_refused_all_of_them() -> None:
    groups = groups_of("ed448")  # RFC 8037 has it, this house does not
    assert groups
    for group in groups:
        with pytest.raises(UnusableKey, match="Ed448"):
            load_verification_key(group["publicKeyJwk"])


# --- whole tokens, through a key set ----------------------------------------------------------------------------------

LABEL = "RFC 7517 section 4.4: the key is labelled for another algorithm, and the label binds"
REFUSED_ON_PURPOSE = {
    # Valid by JOSE, and refused by this house on purpose.
    ("json_web_signature", 346): f"PS384 with a key labelled PS256. {LABEL}",
    ("json_web_signature", 347): f"ES512 with a key labelled ES521, which is no algorithm. {LABEL}",
    ("json_web_signature", 350): f"PS384 with a key labelled PS256. {LABEL}",
    ("json_web_signature", 351): f"ES512 with a key labelled ES521, which is no algorithm. {LABEL}",
}
ROCA = ("json_web_key", 7)
"""A key of the kind that CVE-2017-15361 breaks. Its signature is good, and we look for no such fingerprint."""


def token_vectors(name: str) -> Iterator[tuple[tuple[str, int], Mapping[str, Any], Vector]]:
    """Each vector by its name, with the published set: the public keys, or the shared secret where there is none."""
    for group in groups_of(name):
        published = group.get("public") or group["private"]
        jwks = published if "keys" in published else {"keys": [published]}
        for vector in group["tests"]:
            yield (name, vector["tcId"]), jwks, vector


def is_symmetric(jwks: Mapping[str, Any]) -> bool:
    return any(key["kty"] == "oct" for key in jwks["keys"])


def is_accepted(jwks: Mapping[str, Any], token: str) -> bool:
    try:
        jws = CompactJWS(token)
        return any(made(key, jws) for key in StaticKeys(jwks).held(jws.header()))
    except (InvalidToken, ConfigurationError):  # no token; no usable key
        return False


@pytest.mark.parametrize("name", ["json_web_signature", "json_web_key"])
def test_exactly_the_valid_tokens_are_accepted(name: str) -> None:
    surprises, count = [], 0
    for case, jwks, vector in token_vectors(name):
        if case == ROCA or case in REFUSED_ON_PURPOSE:
            continue
        count += 1
        # RFC 8725 section 2.1: a shared secret serves no key set, so nothing that one has signed is accepted.
        expected = vector["result"] == "valid" and not is_symmetric(jwks)
        if is_accepted(jwks, vector["jws"]) != expected:
            surprises.append((case, vector["result"], vector["comment"]))
    assert count > 20
    assert surprises == []


def vector_of(wanted: tuple[str, int]) -> tuple[Mapping[str, Any], Vector]:
    return next((jwks, vector) for case, jwks, vector in token_vectors(wanted[0]) if case == wanted)


@pytest.mark.parametrize(
    ("case", "why"), REFUSED_ON_PURPOSE.items(), ids=[f"{name}-{number}" for name, number in REFUSED_ON_PURPOSE]
)
def test_what_is_refused_on_purpose_is_valid_but_for_one_thing(case: tuple[str, int], why: str) -> None:
    jwks, vector = vector_of(case)
    assert vector["result"] == "valid"
    assert not is_accepted(jwks, vector["jws"]), why
    unlabelled = {"keys": [{name: value for name, value in key.items() if name != "alg"} for key in jwks["keys"]]}
    assert is_accepted(unlabelled, vector["jws"])


def test_a_key_that_a_broken_chip_has_made_is_refused() -> None:
    jwks, vector = vector_of(ROCA)
    assert not is_accepted(jwks, vector["jws"])
