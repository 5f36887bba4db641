"""The protected API that the tests call: every kind of rule once, and the reasons of refusals in its log."""

import logging
import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bearer_guard import (
    BearerGuard,
    BearerGuardMiddleware,
    JWTValidator,
    access_token,
    profiles,
    require_groups,
    require_scopes,
)

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")

guard = BearerGuard(
    JWTValidator(
        os.environ["INTEROP_ISSUER"],
        audience=os.environ["INTEROP_AUDIENCE"],
        leeway=float(os.environ["INTEROP_LEEWAY"]),
        profile=getattr(profiles, os.environ["INTEROP_PROFILE"]),
    )
)


async def me(request: Request) -> JSONResponse:
    """Any valid token will do."""
    token = access_token(request)
    return JSONResponse({"subject": token.subject, "scopes": sorted(token.scopes), "groups": sorted(token.groups)})


@require_scopes("read")
async def orders(request: Request) -> JSONResponse:
    """What a scope decides."""
    return JSONResponse({"orders": []})


@require_groups("admins")
async def admin(request: Request) -> JSONResponse:
    """What a group decides."""
    return JSONResponse({"secrets": []})


async def health(request: Request) -> JSONResponse:
    """Open to everybody."""
    return JSONResponse({"status": "ok"})


app = Starlette(
    routes=[
        Route("/me", me),
        Route("/orders", orders),
        Route("/admin", admin),
        Route("/health", health),
    ],
    middleware=[Middleware(BearerGuardMiddleware, guard=guard, public={"/health"})],
)
