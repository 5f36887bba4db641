"""Whole applications with one protected route, each as the users of a library write it; and the same route bare.

The route wants a token with the scope `orders:read`. To add one: a function below, and its name in `APPLICATIONS`.
"""

import importlib
from typing import Any

from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser, requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Route, request_response
from starlette.types import ASGIApp

from bearer_guard import BearerGuardMiddleware, require_scopes
from tests.benchmarks import material
from tests.benchmarks.contestants import least
from tests.benchmarks.contestants.verifiers import Verify, fastmcp_verifier, pyjwt
from tests.benchmarks.findings import US

PATH = "/orders"
SCOPE = "orders:read"
ALGORITHM = "RS256"
BARE = "bare route"


async def orders(request: Request) -> JSONResponse:
    """The same endpoint everywhere."""
    return JSONResponse({"orders": 3})


def bare() -> ASGIApp:
    """Nobody guards it."""
    return Starlette(routes=[Route(PATH, orders)])


def least_in_python(remember: int = 1024) -> ASGIApp:
    """A yardstick, which takes part where nothing is refused."""
    validate = least.remembering(least.verifier(material.jwks(), ALGORITHM), remember)
    return least.application(orders, PATH, SCOPE, validate)


def bearer_guard(remember: int = 1024) -> ASGIApp:
    """The middleware, and a decorator on the route."""
    middleware = [Middleware(BearerGuardMiddleware, guard=material.guard(remember=remember))]
    return Starlette(routes=[Route(PATH, require_scopes(SCOPE)(orders))], middleware=middleware)


def pyjwt_by_hand() -> ASGIApp:
    """Starlette's own authentication over `PyJWKClient` and `jwt.decode`."""
    middleware = [Middleware(AuthenticationMiddleware, backend=_Backend(_pyjwt()), on_error=_unauthorized)]
    return Starlette(routes=[Route(PATH, requires(SCOPE)(orders))], middleware=middleware)


class _Backend(AuthenticationBackend):
    def __init__(self, verify: Verify) -> None:
        self._verify = verify

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        scheme, _, token = conn.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationError("no token")
        try:
            claims = self._verify(token)
        except Exception as error:
            raise AuthenticationError("bad token") from error
        return AuthCredentials(claims["scope"].split()), SimpleUser(claims["sub"])


def _unauthorized(conn: HTTPConnection, error: Exception) -> JSONResponse:
    challenge = {"www-authenticate": 'Bearer error="invalid_token"'}
    return JSONResponse({"error": "invalid_token"}, status_code=401, headers=challenge)


def mcp_sdk() -> ASGIApp:
    """The MCP SDK's bearer middleware. It brings no verifier of JWTs; its users write one: here over PyJWT."""
    provider: Any = importlib.import_module("mcp.server.auth.provider")
    verify = _pyjwt()

    class Verifier:
        async def verify_token(self, token: str) -> Any:
            try:
                claims = verify(token)
            except Exception:  # noqa: BLE001  None is how it says no
                return None
            return provider.AccessToken(
                token=token,
                client_id=claims["client_id"],
                scopes=claims["scope"].split(),
                expires_at=claims["exp"],
                subject=claims["sub"],
            )

    return _behind_mcp_middleware(Verifier())


def fastmcp() -> ASGIApp:
    """FastMCP's `JWTVerifier` behind the middleware of the MCP SDK, which it uses."""
    return _behind_mcp_middleware(fastmcp_verifier(ALGORITHM))


def _behind_mcp_middleware(verifier: Any) -> ASGIApp:
    bearer: Any = importlib.import_module("mcp.server.auth.middleware.bearer_auth")
    context: Any = importlib.import_module("mcp.server.auth.middleware.auth_context")
    middleware = [
        Middleware(AuthenticationMiddleware, backend=bearer.BearerAuthBackend(verifier)),
        Middleware(context.AuthContextMiddleware),
    ]
    guarded = bearer.RequireAuthMiddleware(request_response(orders), required_scopes=[SCOPE])
    return Starlette(routes=[Route(PATH, guarded)], middleware=middleware)


def _pyjwt() -> Verify:
    return pyjwt(material.jwks(), ALGORITHM)


APPLICATIONS = {
    US: bearer_guard,
    "PyJWT by hand": pyjwt_by_hand,
    "MCP SDK": mcp_sdk,
    "FastMCP": fastmcp,
}
