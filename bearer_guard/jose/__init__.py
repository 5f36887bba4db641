"""The one door to PyJWT: compact form, header, keys, verify, sign.

RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 and RFC 8037 (algorithms), RFC 8725 (best current practice).
Who only validates has no private key: `signing` is imported from its own file.
"""

from bearer_guard.jose.algorithms import ALGORITHMS
from bearer_guard.jose.compact import (
    CompactJWS,
    Header,
    has_jwt_form,
    json_in,
    sign_compact,
)
from bearer_guard.jose.encoding import decode_base64url, encode_base64url, parse_json_object
from bearer_guard.jose.keys import VerificationKey, load_verification_key, public_jwk
from bearer_guard.jose.shapes import LONGEST_NAMES, Shape, Stated, stated_by, stated_in
from bearer_guard.jose.weak_keys import UnusableKey

__all__ = [
    "ALGORITHMS",
    "LONGEST_NAMES",
    "CompactJWS",
    "Header",
    "Shape",
    "Stated",
    "UnusableKey",
    "VerificationKey",
    "decode_base64url",
    "encode_base64url",
    "has_jwt_form",
    "json_in",
    "load_verification_key",
    "parse_json_object",
    "public_jwk",
    "sign_compact",
    "stated_by",
    "stated_in",
]
