"""What is raced with: an issuer with real keys, its tokens, and the bare signature check."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.hashes import SHA256

from bearer_guard import AuthorizationServer, BearerGuard, JWTValidator
from bearer_guard.jose import decode_base64url
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.benchmarks.racing import Lane

AUDIENCE = "https://api.example.com"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
SIZE = 1000
"""Bytes of an ordinary token."""
LIFETIME = 3600
RAW = "raw cryptography"

_CLAIMS: Mapping[str, Any] = {
    # About what Okta, Auth0 and Keycloak write. FakeIssuer adds iss, aud, iat, exp, jti and client_id.
    "scope": "openid profile orders:read orders:write",
    "groups": ["staff", "ops"],
    "tenant": "acme",
    "auth_time": 1_700_000_000,
    "acr": "urn:example:gold",
}


@cache
def issuer() -> FakeIssuer:
    """The one issuer of a run, with a key for each algorithm that is raced."""
    made = FakeIssuer(audience=AUDIENCE)
    made._keys = {alg: SigningKey(alg) for alg in ALGORITHMS}
    return made


def jwks() -> dict[str, Any]:
    """Its published keys."""
    return issuer().jwks()


def server(made: FakeIssuer | None = None) -> AuthorizationServer:
    """Our side of it, as in production but for the network: keys are fetched from memory."""
    made = made or issuer()
    return AuthorizationServer(made.issuer, http_client=made.http_client)


def validator() -> JWTValidator:
    """All checks on, defaults as shipped."""
    return JWTValidator(server(), audience=AUDIENCE)


def guard(*, remember: int = 1024) -> BearerGuard:
    """The same, with the memory of validated tokens."""
    return BearerGuard(validator(), remember=remember)


def token(alg: str = "RS256", *, size: int = SIZE, by: FakeIssuer | None = None, **options: Any) -> str:
    """A token of about this many bytes, unlike any other. `options`: those of `FakeIssuer.token`."""
    [made] = different_tokens(1, alg, size=size, by=by, **options)
    return made


def different_tokens(
    count: int, alg: str, *, size: int = SIZE, by: FakeIssuer | None = None, **options: Any
) -> Sequence[str]:
    """That many of them, each for another user."""
    make, fixed = (by or issuer()).token, {"alg": alg, "exp": LIFETIME, **_CLAIMS, **options}
    bare = make(sub=_user(), note="", **fixed)
    missing = max(0, size - len(bare)) * 3 // 4  # base64 makes four characters of three bytes
    return [make(sub=_user(), note=secrets.token_hex(missing)[:missing], **fixed) for _ in range(count)]


def _user() -> str:
    return f"user-{secrets.token_hex(8)}"


@cache
def tokens(alg: str, count: int, size: int = SIZE) -> Sequence[str]:
    """The same ones for all who ask: making many takes long."""
    return tuple(different_tokens(count, alg, size=size))


def tampered(good: str) -> str:
    """The same with a signature that is none: its first character is another one."""
    head, _, signature = good.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


# --- the baseline ---


def raw_lane(row: str, alg: str, presented: Sequence[str], key: SigningKey | None = None) -> Lane:
    """The bare signature check of `cryptography`; its tokens are taken apart before the clock starts."""
    return Lane(row, RAW, _raw_check(alg, key), [_taken_apart(alg, each) for each in presented])


def _raw_check(alg: str, key: SigningKey | None) -> Callable[[tuple[bytes, bytes]], None]:
    public_key = (key or issuer().signing_key(alg)).private_key.public_key()
    return _CHECKS[alg](public_key.verify)


def _with(verify: Any, *parameters: Any) -> Callable[[tuple[bytes, bytes]], None]:
    def check(item: tuple[bytes, bytes]) -> None:
        verify(item[0], item[1], *parameters)

    return check


_CHECKS: dict[str, Callable[[Any], Callable[[tuple[bytes, bytes]], None]]] = {
    "RS256": lambda verify: _with(verify, padding.PKCS1v15(), SHA256()),
    "PS256": lambda verify: _with(verify, padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size), SHA256()),
    "ES256": lambda verify: _with(verify, ec.ECDSA(SHA256())),
    "EdDSA": _with,
}


def _taken_apart(alg: str, presented: str) -> tuple[bytes, bytes]:
    signing_input, _, encoded = presented.rpartition(".")
    signature = decode_base64url(encoded.encode())
    if alg.startswith("ES"):  # RFC 7518 section 3.4: two numbers side by side, which cryptography wants in DER
        half = len(signature) // 2
        numbers = (int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
        signature = utils.encode_dss_signature(*numbers)
    return signature, signing_input.encode()
