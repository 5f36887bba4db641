"""03  Testing your own application with FakeIssuer: real tokens, real keys, a clock to move, and no network.

Run it: `pytest examples/03_testing.py`. The difference from 01 is that the guard comes from outside.
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, JWTValidator, require_scopes
from bearer_guard.testing import FakeIssuer


@require_scopes("orders:read")
async def orders(request: Request) -> JSONResponse:
    return JSONResponse(["order 1"])


def make_app(guard: BearerGuard) -> Starlette:
    return Starlette(routes=[Route("/orders", orders)], middleware=[Middleware(BearerGuardMiddleware, guard=guard)])


def test_orders_need_their_scope_and_a_token_that_has_not_expired() -> None:
    issuer = FakeIssuer()
    client = TestClient(make_app(BearerGuard(JWTValidator(issuer.server, audience="api"))))
    headers = issuer.bearer(scope="orders:read")
    assert client.get("/orders", headers=headers).status_code == 200
    assert client.get("/orders", headers=issuer.bearer(scope="profile")).status_code == 403
    issuer.clock.advance(3600)
    assert client.get("/orders", headers=headers).status_code == 401
