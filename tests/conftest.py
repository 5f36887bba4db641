"""What all tests share: an issuer whose keys are made once a session, and an application behind a guard."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, JWTValidator, access_token
from bearer_guard.testing import FakeIssuer, SigningKey

MakeClient = Callable[..., TestClient]


@pytest.fixture(scope="session")
def signing_keys() -> dict[str, SigningKey]:
    """Real keys of every algorithm; making an RSA key takes long."""
    issuer = FakeIssuer()
    issuer.signing_key()
    return issuer._keys


@pytest.fixture
def issuer(signing_keys: dict[str, SigningKey]) -> FakeIssuer:
    """A fresh authorization server in memory."""
    issuer = FakeIssuer()
    issuer._keys = dict(signing_keys)
    return issuer


@pytest.fixture
def guard(issuer: FakeIssuer) -> BearerGuard:
    """The plainest guard."""
    return BearerGuard(JWTValidator(issuer.server, audience="api"))


async def me(request: Request) -> JSONResponse:
    """The token as the application sees it."""
    token = access_token(request)
    return JSONResponse({"subject": token.subject, "scopes": sorted(token.scopes), "groups": sorted(token.groups)})


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Makes a client of an application behind a guard: `make_client(guard, routes=[...], public={...})`."""
    clients: list[TestClient] = []

    def make(guard: BearerGuard, *, routes: Any = (), **options: Any) -> TestClient:
        middleware = [Middleware(BearerGuardMiddleware, guard=guard, **options)]
        app = Starlette(routes=[Route("/me", me, methods=["GET", "POST"]), *routes], middleware=middleware)
        clients.append(TestClient(app))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
