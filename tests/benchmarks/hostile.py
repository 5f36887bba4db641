"""The tokens of the section `sanity`: a sentence for each, and how it is made."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bearer_guard.jose import encode_base64url, sign_compact
from bearer_guard.testing import SigningKey
from tests.benchmarks import material

GOOD = frozenset({"a good token"})
"""Those that may be accepted."""

_MINUTE = 60


def presented_tokens() -> Mapping[str, str]:
    """All of them, as of now."""
    return {"a good token": _signed({}), **_of_claims(), **_of_kinds(), **_of_forms(), **_of_keys()}


def _of_claims() -> dict[str, str]:
    now = int(time.time())
    changes: dict[str, dict[str, Any]] = {
        "expired two minutes ago": {"exp": now - 2 * _MINUTE},
        "exp missing": {"exp": None},
        "exp a string": {"exp": str(now + _MINUTE)},
        "exp true": {"exp": True},
        "nbf in two minutes": {"nbf": now + 2 * _MINUTE},
        "iat in two minutes": {"iat": now + 2 * _MINUTE},
        "another audience": {"aud": "https://another.example.com"},
        "aud missing": {"aud": None},
        "another issuer": {"iss": "https://evil.example.com"},
        "iss with a slash behind it": {"iss": material.issuer().issuer + "/"},
        "iss missing": {"iss": None},
        "bound to a key, without its proof (cnf)": {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
    }
    made = {name: _signed(change) for name, change in changes.items()}
    infinite = json.dumps(_claims({"exp": "EXP"})).replace('"EXP"', "1e400").encode()
    return {**made, "exp 1e400 (infinite)": _signed(infinite)}


def _of_kinds() -> dict[str, str]:
    return {
        "an ID token (nonce, at_hash)": _signed({"nonce": "n-0S6_WzA2Mj", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}),
        "a logout token (typ logout+jwt)": _signed({}, {"typ": "logout+jwt"}),
        "a DPoP proof (typ dpop+jwt)": _signed({}, {"typ": "dpop+jwt"}),
        "a refresh token of Keycloak (typ claim)": _signed({"typ": "Refresh"}),
        "a request object (typ oauth-authz-req+jwt)": _signed({}, {"typ": "oauth-authz-req+jwt"}),
    }


def _of_forms() -> dict[str, str]:
    payload = json.dumps(_claims({}))
    twice = payload.removesuffix("}") + ', "sub": "somebody-else"}'
    good = _signed({})
    head, body, signature = good.split(".")
    return {
        "crit with an unknown extension": _signed({}, {"crit": ["exp2"], "exp2": 1}),
        "crit empty": _signed({}, {"crit": []}),
        "a claim twice": _signed(twice.encode()),
        "a header parameter twice": _signed({}, header_text='{"alg":"none","alg":"RS256","kid":KID}'),
        "base64 with other unused bits": f"{head}.{body}.{_other_unused_bits(signature)}",
        "base64 with padding": f"{head}.{body}.{signature}==",
        "base64 with characters of no alphabet": f"{head}.{body}.{signature[:40]}!\n{signature[40:]}",
        "JSON in UTF-16": _signed(payload.encode("utf-16")),
        "JSON with a byte order mark": _signed(payload.encode("utf-8-sig")),
        "JSON with NaN": _signed(json.dumps(_claims({"amount": float("nan")})).encode()),
    }


def _of_keys() -> dict[str, str]:
    issuer = material.issuer()
    rsa, stranger = issuer.signing_key("RS256"), SigningKey("RS256")
    stranger.key_id = rsa.key_id
    pem = rsa.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    good = _signed({})
    return {
        "signed by another key": _signed({}, key=stranger),
        "a kid that is not published": _signed({}, {"kid": "unknown"}),
        "another signature": material.tampered(good),
        "no signature": good.rpartition(".")[0] + ".",
        "alg none": _unsigned({"alg": "none", "kid": rsa.key_id}) + ".",
        "HS256 with the public key as secret": _with_hmac(pem, {"alg": "HS256", "kid": rsa.key_id}),
        "PS256 with the RS256 key": _signed({}, {"alg": "PS256"}, algorithm="PS256"),
    }


def _claims(changes: Mapping[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": material.issuer().issuer,
        "aud": material.AUDIENCE,
        "sub": "alice",
        "client_id": "orders-app",
        "scope": "orders:read",
        "iat": now,
        "exp": now + 10 * _MINUTE,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _signed(
    payload: Mapping[str, Any] | bytes,
    header: Mapping[str, Any] | None = None,
    *,
    key: SigningKey | None = None,
    algorithm: str = "RS256",
    header_text: str = "",
) -> str:
    key = key or material.issuer().signing_key("RS256")
    text = header_text.replace("KID", json.dumps(key.key_id)) or json.dumps(
        {"alg": "RS256", "typ": "at+jwt", "kid": key.key_id, **(header or {})}
    )
    content = payload if isinstance(payload, bytes) else json.dumps(_claims(payload)).encode()
    return sign_compact(text.encode(), content, algorithm=algorithm, private_key=key.private_key)


def _unsigned(header: Mapping[str, Any]) -> str:
    parts = (json.dumps(header).encode(), json.dumps(_claims({})).encode())
    return ".".join(encode_base64url(part).decode() for part in parts)


def _with_hmac(secret: bytes, header: Mapping[str, Any]) -> str:
    signing_input = _unsigned(header)
    digest = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{encode_base64url(digest).decode()}"


def _other_unused_bits(segment: str) -> str:
    # 256 bytes are 342 characters: four bits of the last one mean nothing, and must be zero (RFC 4648 section 3.5).
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]
