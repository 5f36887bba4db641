"""What the protected APIs serve: every kind of rule once."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bearer_guard import access_token, require_groups, require_scopes


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


ROUTES = [Route("/me", me), Route("/orders", orders), Route("/admin", admin), Route("/health", health)]
