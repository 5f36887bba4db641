"""What the files of this folder share: tokens byte by byte, and what a guard or an application says to them."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.testclient import TestClient

from bearer_guard import AuthorizationServer, BearerGuard, InvalidToken, JWTValidator, Reason, StaticKeys
from bearer_guard.jose import encode_base64url, sign_compact
from bearer_guard.testing import FakeIssuer

ACCEPTED = None
"""The verdict on a good token: no reason against it."""


async def verdict(guard: BearerGuard, token: str) -> Reason | None:
    """Why the guard refuses a token, or `ACCEPTED`."""
    try:
        await guard.validate(token)
    except InvalidToken as refusal:
        return refusal.reason
    return ACCEPTED


class Answer(NamedTuple):
    """What stands on the wire for a client of the protected application."""

    status: int
    challenges: list[str]


def ask(client: TestClient, headers: Any = None, path: str = "/me") -> Answer:
    """A GET of a protected path."""
    response = client.get(path, headers=headers)
    return Answer(response.status_code, response.headers.get_list("www-authenticate"))


def authorization(value: str | bytes) -> dict[str, Any]:
    """Headers with exactly this Authorization field."""
    return {"Authorization": value}


def refused_as_invalid(sentence: str) -> Answer:
    """The answer to a token that is no good, byte for byte (RFC 6750 section 3.1)."""
    return Answer(401, [f'Bearer error="invalid_token", error_description="{sentence}"'])


# --- tokens, byte by byte ---------------------------------------------------------------------------------------------


def good_claims(issuer: FakeIssuer, **changed: Any) -> dict[str, Any]:
    """The claims of a good token of this moment."""
    now = int(issuer.clock.time())
    return {"iss": issuer.issuer, "aud": "api", "sub": "alice", "iat": now, "exp": now + 300, **changed}


def as_bytes(value: Any) -> bytes:
    """JSON, or the bytes that were given."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def signed(issuer: FakeIssuer, *, header: Any = None, payload: Any = None) -> str:
    """A genuinely signed token over exactly this header and payload: JSON objects, or bytes as they are."""
    key = issuer.signing_key()
    return sign_compact(
        as_bytes({"alg": "RS256", "kid": key.key_id} if header is None else header),
        as_bytes(good_claims(issuer) if payload is None else payload),
        algorithm="RS256",
        private_key=key.private_key,
    )


def header_with(issuer: FakeIssuer, **parameters: Any) -> dict[str, Any]:
    """The header of a good token with more parameters, or others."""
    return {"alg": "RS256", "kid": issuer.signing_key().key_id, **parameters}


def raw_object(members: Mapping[str, Any], *raw: str) -> bytes:
    """A JSON object with further members, written as they are: `'"exp": 1'` makes a second `exp`."""
    return ("{" + ", ".join((json.dumps(dict(members))[1:-1], *raw)) + "}").encode()


def segment(value: Any) -> str:
    """JSON (or bytes) as one part of the compact form."""
    return encode_base64url(as_bytes(value)).decode()


# --- guards -----------------------------------------------------------------------------------------------------------


def guard_with(issuer: FakeIssuer, **options: Any) -> BearerGuard:
    """A guard whose validator has other options than those of the fixture."""
    return BearerGuard(JWTValidator(issuer.server, **{"audience": "api", **options}))


def guard_with_keys(issuer: FakeIssuer, jwks: Mapping[str, Any]) -> BearerGuard:
    """A guard that knows exactly these keys."""
    server = AuthorizationServer(issuer.issuer, keys=StaticKeys(jwks), clock=issuer.clock)
    return BearerGuard(JWTValidator(server, audience="api"))
