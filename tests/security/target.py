"""What is attacked: an application behind a guard, on real keys, asked over HTTP; and the tools of an attacker."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from bearer_guard import (
    AuthorizationServer,
    BearerGuard,
    BearerGuardMiddleware,
    InvalidToken,
    JWTValidator,
    Profile,
    profiles,
)
from bearer_guard.challenges import Refusal
from bearer_guard.errors import BearerError, Reason
from bearer_guard.jose import encode_base64url, sign_compact
from bearer_guard.testing import FakeIssuer, SigningKey

FAR_FUTURE = 32_503_680_000  # the year 3000


@dataclass
class Target:
    """A guarded application. `asked`: every URL that its guard has asked for. `errors`: every refusal."""

    issuer: FakeIssuer
    asked: list[str] = field(default_factory=list)
    errors: list[BearerError] = field(default_factory=list)
    profile: Profile = profiles.OAUTH2
    client: TestClient = field(init=False)
    guard: BearerGuard = field(init=False)

    def __post_init__(self) -> None:
        server = AuthorizationServer(self.issuer.issuer, http_client=self._watched, clock=self.issuer.clock)
        validator = JWTValidator(server, audience="api", profile=self.profile)
        self.guard = BearerGuard(validator, on_error=self._noted)

    def serve(self, make_client: Callable[..., TestClient]) -> "Target":
        """Opens for business. A good token is let in, so what is refused afterwards is refused for a reason."""
        self.client = make_client(self.guard)
        assert self.status(self.issuer.token(alg="ES256")) == 200
        self.asked.clear()
        return self

    def status(self, token: str) -> int:
        return int(self.client.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code)

    def refuses(self, token: str, reason: Reason, claim: str | None = None) -> None:
        """Asserts that a token is refused, over HTTP, with this reason, in the exact words of the challenge."""
        self.errors.clear()
        response = self.client.get("/me", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401
        assert response.headers.get_list("www-authenticate") == [challenge_of(reason)]
        assert response.json() == {"error": "invalid_token", "error_description": reason.description}
        [error] = self.errors
        assert isinstance(error, InvalidToken)
        assert (error.reason, error.claim) == (reason, claim)

    def refuses_directly(self, token: str, reason: Reason, claim: str | None = None) -> None:
        """The same for a token that no header could carry: it is too long, or of other characters."""
        error = error_of(self.guard, token)
        assert (error.reason, error.claim) == (reason, claim)

    def _watched(self) -> httpx.AsyncClient:
        client = self.issuer.http_client()
        client.event_hooks["request"] = [self._note_request]
        return client

    async def _note_request(self, request: httpx.Request) -> None:
        self.asked.append(str(request.url))

    def _noted(self, error: BearerError, refusal: Refusal) -> Refusal:
        self.errors.append(error)
        return refusal


def challenge_of(reason: Reason) -> str:
    return f'Bearer error="invalid_token", error_description="{reason.description}"'


def error_of(guard: BearerGuard, token: str) -> InvalidToken:
    """The error with which a guard refuses a token."""
    try:
        asyncio.run(guard.validate(token))
    except InvalidToken as error:
        return error
    raise AssertionError("the token was accepted")


# --- headers as bytes -------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """What came back on the wire."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def challenge(self) -> bytes:
        """The only `WWW-Authenticate` header."""
        [value] = [value for name, value in self.headers if name == b"www-authenticate"]
        return value


async def _welcome(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("welcome")(scope, receive, send)


def sent(guard: BearerGuard, *values: bytes) -> Answer:
    """The answer to a request with these `Authorization` headers: any bytes, as no client would send them."""
    return sent_with(guard, [(b"authorization", value) for value in values])


def sent_with(guard: BearerGuard, headers: list[tuple[bytes, bytes]]) -> Answer:
    """The answer to a request with these headers."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": headers}
    asyncio.run(BearerGuardMiddleware(_welcome, guard)(scope, receive, send))
    start, body = messages
    return Answer(start["status"], start["headers"], body["body"])


# --- the tools --------------------------------------------------------------------------------------------------------


def as_bytes(content: Any) -> bytes:
    """JSON of a value; bytes as they are."""
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def claims_of(issuer: FakeIssuer, **claims: Any) -> dict[str, Any]:
    """Claims that are good but for these. Unlike those of `FakeIssuer.token`, a None is a null."""
    return {"iss": issuer.issuer, "sub": "alice", "aud": "api", "exp": FAR_FUTURE, **claims}


def signed(key: SigningKey, header: Any = None, payload: Any = b"{}") -> str:
    """A token with a real signature over any header and payload. `header`: added to the usual one, or bytes."""
    usual = {"alg": key.algorithm, "kid": key.key_id}
    content = header if isinstance(header, bytes) else as_bytes({**usual, **(header or {})})
    return sign_compact(content, as_bytes(payload), algorithm=key.algorithm, private_key=key.private_key)


def unsigned(header: Any, payload: Any, signature: bytes = b"") -> str:
    """A token with any signature, or none."""
    return b".".join(map(encode_base64url, (as_bytes(header), as_bytes(payload), signature))).decode()


def signed_with_secret(algorithm: str, secret: bytes, header: dict[str, Any], payload: Any) -> str:
    """A token with an HMAC (RFC 7518 section 3.2)."""
    signing_input = unsigned({**header, "alg": algorithm}, payload).removesuffix(".")
    digest = hmac.new(secret, signing_input.encode(), getattr(hashlib, f"sha{algorithm[2:]}")).digest()
    return f"{signing_input}.{encode_base64url(digest).decode()}"


def named(key: SigningKey, key_id: str) -> SigningKey:
    """The same private key under another name."""
    twin = SigningKey(key.algorithm, key.private_key)
    twin.key_id = key_id
    return twin
