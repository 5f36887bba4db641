"""How signatures are verified. Whatever does not depend on the token is chosen once, when a key is loaded.

The parameters are those of RFC 7518 sections 3.3 to 3.5 and RFC 8037 section 3.1.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bearer_guard.tokens import digest_of

Verifier = Callable[[bytes, bytes], bool]
"""From the signing input and the signature to whether they belong together."""

_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
# RFC 8017 section 9.2, note 1: what stands before the digest in a DigestInfo.
_DIGEST_INFO: Mapping[str, tuple[Any, bytes]] = {
    "256": (hashlib.sha256, bytes.fromhex("3031300d060960864801650304020105000420")),
    "384": (hashlib.sha384, bytes.fromhex("3041300d060960864801650304020205000430")),
    "512": (hashlib.sha512, bytes.fromhex("3051300d060960864801650304020305000440")),
}


def verifiers(public_key: Any, algorithms: Iterable[str]) -> dict[str, Verifier]:
    """How a key verifies, for each of the algorithms that it serves."""
    return {name: _verifier(public_key, name) for name in algorithms}


def _verifier(key: Any, algorithm: str) -> Verifier:
    if algorithm == "EdDSA":
        return _eddsa(key)
    digest = _HASHES[algorithm[2:]]
    match algorithm[:2]:
        case "ES":
            return _ecdsa(key, digest)
        case "PS":
            return _rsa_pss(key, digest)
        case _:
            return _rsa_pkcs1(key, *_DIGEST_INFO[algorithm[2:]])


def _rsa_pkcs1(key: Any, hash_function: Any, digest_info: bytes) -> Verifier:
    # RFC 8017 section 8.2.2, by comparison: what the signature holds must be, whole, what it has to hold. verify() does
    # the same, and takes a tenth longer.
    size = (key.key_size + 7) // 8
    recover, padding = key.recover_data_from_signature, PKCS1v15()

    def is_genuine(signing_input: bytes, signature: bytes) -> bool:
        if len(signature) != size:  # step 1: else a signature could lose its leading zeros
            return False
        try:
            held = recover(signature, padding, None)
        except InvalidSignature:
            return False
        genuine: bool = held == digest_info + digest_of(signing_input, hash_function)
        return genuine

    return is_genuine


def _rsa_pss(key: Any, digest: hashes.HashAlgorithm) -> Verifier:
    verify, padding = key.verify, PSS(mgf=MGF1(digest), salt_length=digest.digest_size)

    def is_genuine(signing_input: bytes, signature: bytes) -> bool:
        try:
            verify(signature, signing_input, padding, digest)
        except InvalidSignature:
            return False
        return True

    return is_genuine


def _eddsa(key: Any) -> Verifier:
    verify = key.verify

    def is_genuine(signing_input: bytes, signature: bytes) -> bool:
        try:
            verify(signature, signing_input)
        except InvalidSignature:
            return False
        return True

    return is_genuine


def _ecdsa(key: Any, digest: hashes.HashAlgorithm) -> Verifier:
    # RFC 7518 section 3.4: r and s side by side, each as long as the order of the curve. cryptography wants DER.
    size = (key.curve.key_size + 7) // 8
    verify, parameters, in_der, number = key.verify, ECDSA(digest), encode_dss_signature, int.from_bytes

    def is_genuine(signing_input: bytes, signature: bytes) -> bool:
        if len(signature) != 2 * size:
            return False
        try:
            verify(in_der(number(signature[:size]), number(signature[size:])), signing_input, parameters)
        except InvalidSignature:
            return False
        return True

    return is_genuine
