"""What FakeIssuer answers, as an ASGI application: documents, introspection and userinfo."""

import base64
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote_plus, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]


class Answering(Protocol):
    """The issuer behind the endpoints."""

    is_online: bool
    requests: list[str]
    client_id: str
    client_secret: str

    def introspection(self, token: str) -> dict[str, Any]:
        """What it says about a token."""

    def userinfo(self, token: str) -> dict[str, Any] | None:
        """What it says about a token's user."""


def application(
    issuer: Answering, documents: Mapping[str, Callable[[], Any]], *, introspection: str, userinfo: str
) -> Starlette:
    """An application that answers at these URLs."""
    answers = {url: _document(make) for url, make in documents.items()}
    routes = [_route(issuer, url, answer, "GET") for url, answer in answers.items()]
    routes.append(_route(issuer, introspection, _introspection(issuer), "POST"))
    routes.append(_route(issuer, userinfo, _userinfo(issuer), "GET"))
    return Starlette(routes=routes)


def _route(issuer: Answering, url: str, answer: Endpoint, method: str) -> Route:
    async def endpoint(request: Request) -> Response:
        issuer.requests.append(request.url.path)
        return await answer(request) if issuer.is_online else Response(status_code=503)

    return Route(urlsplit(url).path, endpoint, methods=[method])


def _document(make: Callable[[], Any]) -> Endpoint:
    async def document(_: Request) -> Response:
        return JSONResponse(make())

    return document


def _introspection(issuer: Answering) -> Endpoint:
    async def introspection(request: Request) -> Response:
        # RFC 7662 section 2.1: not for strangers.
        if not _is_client(request.headers.get("authorization", ""), issuer):
            return JSONResponse({"error": "invalid_client"}, 401, {"www-authenticate": "Basic"})
        form = parse_qs((await request.body()).decode())
        return JSONResponse(issuer.introspection(form.get("token", [""])[0]))

    return introspection


def _userinfo(issuer: Answering) -> Endpoint:
    async def userinfo(request: Request) -> Response:
        claims = issuer.userinfo(request.headers.get("authorization", "").removeprefix("Bearer "))
        return Response(status_code=httpx.codes.UNAUTHORIZED) if claims is None else JSONResponse(claims)

    return userinfo


def _is_client(authorization: str, issuer: Answering) -> bool:
    scheme, _, credentials = authorization.partition(" ")
    try:
        pair = base64.b64decode(credentials).decode() if scheme == "Basic" else ""
    except ValueError:
        return False
    client_id, _, secret = map(unquote_plus, pair.partition(":"))
    return client_id == issuer.client_id and secrets.compare_digest(secret.encode(), issuer.client_secret.encode())
