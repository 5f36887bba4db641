"""02  Scopes and groups decide on routes. The difference from 01 are the decorators."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, Groups, JWTValidator, Scopes, require, require_scopes
from bearer_guard.testing import FakeIssuer

issuer = FakeIssuer()
guard = BearerGuard(JWTValidator(issuer.server, audience="api"))


@require_scopes("orders:read")
async def orders(request: Request) -> JSONResponse:
    return JSONResponse(["order 1", "order 2"])


@require(Scopes("orders:admin") | (Scopes("orders:read") & Groups("staff")))
def reports(request: Request) -> JSONResponse:  # not async: it runs in the thread pool
    return JSONResponse(["report 1"])


app = Starlette(
    routes=[Route("/orders", orders), Route("/reports", reports)],
    middleware=[Middleware(BearerGuardMiddleware, guard=guard)],
)

if __name__ == "__main__":
    client = TestClient(app)
    for headers in (issuer.bearer(scope="orders:read"), issuer.bearer(scope="orders:read", groups=["staff"])):
        for path in ("/orders", "/reports"):
            answer = client.get(path, headers=headers)
            print(path, answer.status_code, answer.headers.get("www-authenticate", answer.text))
