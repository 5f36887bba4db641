"""About the least that a resource server in Python can do: a yardstick for the machine, and no library.

In as few functions as may be: those checks that no token may go without, once each, and the claims as the parser leaves
them. There is no reason for a refusal, no rotation of keys, no list of audiences, nothing immutable, and no look at
members given twice. How far this is from the raw check is hardly for a library in Python to change; how far a library
is from this it spends on its users.

Where bearer_guard does one thing and nothing else it serves here, too: the alphabet of a token, its digest, base64url,
the signature check.
"""

import json
import time
from collections.abc import Awaitable, Callable
from json.scanner import make_scanner
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bearer_guard.errors import Reason
from bearer_guard.jose import decode_base64url, load_verification_key
from bearer_guard.sources.reading import checked_token
from bearer_guard.tokens import digest_of
from tests.benchmarks import material

LEAST = "least in Python"
_LEEWAY = 30

Claims = dict[str, Any]
Validate = Callable[[str | bytes], Awaitable[Claims]]


class Refused(Exception):
    """All that it says."""


def verifier(jwks: dict[str, Any], alg: str) -> Validate:
    """One token: as a string, or as the bytes that a request brings."""
    keys = {key["kid"]: load_verification_key(key) for key in jwks["keys"]}
    scan: Any = make_scanner(json.JSONDecoder())  # type: ignore[arg-type]  # it takes a decoder
    known: dict[bytes, Any] = {}
    issuer = material.issuer().issuer

    def introduced(header: bytes) -> Any:
        known[header] = keys[json.loads(decode_base64url(header))["kid"]].verifier(alg)
        return known[header]

    async def validate(token: str | bytes) -> Claims:
        content = token.encode("ascii") if isinstance(token, str) else token
        signing_input, _, signature = content.rpartition(b".")
        header, _, payload = signing_input.partition(b".")
        is_genuine = known.get(header) or introduced(header)
        if not is_genuine(signing_input, decode_base64url(signature)):
            raise Refused
        text = decode_base64url(payload).decode()
        claims, end = scan(text, 0)
        is_ours = claims["iss"] == issuer and claims["aud"] == material.AUDIENCE
        if not is_ours or time.time() >= claims["exp"] + _LEEWAY or end != len(text):
            raise Refused
        return claims  # type: ignore[no-any-return]

    return validate


def remembering(validate: Validate, size: int) -> Validate:
    """The same with a memory: a digest, a dict, and a look at `exp`."""
    remembered: dict[bytes, Claims] = {}

    async def with_memory(token: str | bytes) -> Claims:
        content = token.encode("ascii") if isinstance(token, str) else token
        digest = digest_of(content)
        claims = remembered.get(digest)
        if claims is None:
            claims = await validate(content)
            if len(remembered) >= size:
                remembered.clear()
            remembered[digest] = claims
        elif time.time() >= claims["exp"] + _LEEWAY:
            raise Refused
        return claims

    return with_memory


class _Middleware:
    def __init__(self, app: ASGIApp, validate: Validate) -> None:
        self.app = app
        self.validate = validate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        value = b""
        for name, content in scope["headers"]:
            if name == b"authorization":
                if value:
                    raise Refused
                value = content
        if value[:7].lower() != b"bearer ":
            raise Refused
        scope["auth"] = await self.validate(checked_token(value[7:], Reason.MALFORMED_AUTHORIZATION))
        await self.app(scope, receive, send)


def application(
    endpoint: Callable[[Request], Awaitable[Response]], path: str, scope: str, validate: Validate
) -> ASGIApp:
    """A route that wants a scope, behind a middleware with a memory."""

    async def guarded(request: Request) -> Response:
        if scope not in request.scope["auth"]["scope"]:
            raise Refused
        return await endpoint(request)

    return Starlette(routes=[Route(path, guarded)], middleware=[Middleware(_Middleware, validate=validate)])
