"""The API of the demo: what a program that uses this library looks like, and nothing more."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bearer_guard import (
    AuthorizationServer,
    BearerGuard,
    BearerGuardMiddleware,
    ByFormat,
    ClientSecretBasic,
    IntrospectionValidator,
    JWTValidator,
    access_token,
    require_groups,
    require_scopes,
)

AUDIENCE = "orders-api"


@require_scopes("orders:read")
async def _list_orders(request: Request) -> JSONResponse:
    return JSONResponse({"orders": [17, 42], "for": access_token(request).subject})


@require_scopes("orders:write")
async def _create_order(_: Request) -> JSONResponse:
    return JSONResponse({"order": 43}, status_code=201)


@require_groups("staff")
async def _reports(_: Request) -> JSONResponse:
    return JSONResponse({"reports": ["2024", "2025"]})


def demo_api(issuer: str, client_auth: ClientSecretBasic) -> Starlette:
    """The API, for tokens of this issuer: metadata, keys and answers come over HTTP, as in production."""
    server = AuthorizationServer(issuer, client_auth=client_auth)
    jwt = JWTValidator(server, audience=AUDIENCE)
    opaque = IntrospectionValidator(server, audience=AUDIENCE)
    guard = BearerGuard(ByFormat(jwt=jwt, opaque=opaque))
    routes = [
        Route("/orders", _list_orders),
        Route("/orders", _create_order, methods=["POST"]),
        Route("/reports", _reports),
    ]
    return Starlette(routes=routes, middleware=[Middleware(BearerGuardMiddleware, guard=guard)])
