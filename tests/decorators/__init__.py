"""What the tests of the decorators share."""

from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware


def behind(guard: BearerGuard, *routes: BaseRoute, **options: Any) -> TestClient:
    """A client of an application behind a guard."""
    return TestClient(
        Starlette(routes=list(routes), middleware=[Middleware(BearerGuardMiddleware, guard=guard, **options)])
    )


def challenge(answer: Any) -> str:
    header: str = answer.headers["www-authenticate"]
    return header


def scope_in(answer: Any) -> str:
    """The scope that a challenge names; empty if none."""
    return challenge(answer).partition('scope="')[2].partition('"')[0]
