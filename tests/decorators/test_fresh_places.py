"""fresh= on classes and helpers, where a token is optional, and behind guards inside of guards."""

import logging

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from bearer_guard import (
    BearerGuard,
    BearerGuardMiddleware,
    GuardedRequest,
    JWTValidator,
    Scopes,
    require,
)
from bearer_guard.testing import FakeIssuer
from tests.decorators import behind
from tests.decorators.fresh import BOTH_FORMS, asking_guard, bearer, calls, facts
from tests.test_tokens import token_with

# --- class endpoints --------------------------------------------------------------------------------------------------


@require(fresh=30)
class Orders(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return await facts(request)

    @require(Scopes("write"), fresh=0)
    async def post(self, request: Request) -> Response:
        return await facts(request)

    @require(fresh=60)
    def put(self, request: Request) -> Response:
        return PlainTextResponse("put")


@BOTH_FORMS
def test_class_and_method_have_the_server_asked_once(form: str, issuer: FakeIssuer) -> None:
    client = behind(asking_guard(issuer), Route("/orders", Orders), Route("/usual", facts))
    token, headers = bearer(issuer, form, scope="write")
    client.get("/usual", headers=headers)
    calls(issuer)
    for method in ("POST", "POST"):
        assert client.request(method, "/orders", headers=headers).status_code == 200
        assert calls(issuer) == 1
    for method in ("GET", "HEAD", "PUT"):  # with what POST was told
        assert client.request(method, "/orders", headers=headers).status_code == 200
        assert calls(issuer) == 0
    issuer.clock.advance(31)
    assert client.put("/orders", headers=headers).status_code == 200  # the smaller age of the two
    assert calls(issuer) == 1
    issuer.revoke(token)
    assert client.post("/orders", headers=headers).status_code == 401
    assert client.post("/orders", headers=bearer(issuer, form)[1]).status_code == 403


# --- helpers and dependencies -----------------------------------------------------------------------------------------


@BOTH_FORMS
def test_two_helpers_have_the_server_asked_once_for_one_request(form: str, issuer: FakeIssuer) -> None:
    async def both(request: Request) -> Response:
        await require(fresh=0)(facts)(request)
        await require(fresh=30)(facts)(request)
        return await facts(request)

    client = behind(asking_guard(issuer), Route("/x", require(Scopes("a"), fresh=0)(both)))
    token, headers = bearer(issuer, form, scope="a")
    client.get("/x", headers=headers)
    calls(issuer)
    assert client.get("/x", headers=headers).status_code == 200
    assert calls(issuer) == 1
    issuer.revoke(token)
    assert client.get("/x", headers=headers).status_code == 401


@BOTH_FORMS
def test_an_older_answer_that_one_helper_took_does_not_do_for_a_stricter_one(form: str, issuer: FakeIssuer) -> None:
    async def both(request: Request) -> Response:
        await require(fresh=30)(facts)(request)
        return await require(fresh=0)(facts)(request)

    client = behind(asking_guard(issuer), Route("/x", both))
    token, headers = bearer(issuer, form)
    assert client.get("/x", headers=headers).status_code == 200
    calls(issuer)
    issuer.clock.advance(10)
    assert client.get("/x", headers=headers).status_code == 200
    assert calls(issuer) == 1
    issuer.revoke(token)
    assert client.get("/x", headers=headers).status_code == 401


def test_a_helper_that_asks_refuses_for_the_whole_route(issuer: FakeIssuer) -> None:
    async def route(request: Request) -> Response:
        await require(fresh=0)(facts)(request)
        pytest.fail("it went on")

    client = behind(asking_guard(issuer), Route("/x", route))
    token, headers = bearer(issuer, "jwt")
    issuer.revoke(token)
    refused = client.get("/x", headers=headers)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (
        401,
        'Bearer error="invalid_token", error_description="The token is not active."',
    )


def test_where_the_token_is_not_at_hand_nobody_can_be_asked_and_the_route_is_not_served(
    issuer: FakeIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    # Such as behind a middleware of the application's own that has put in a token from elsewhere.
    guard = asking_guard(issuer)

    async def replaced(request: Request) -> Response:
        GuardedRequest(guard, None, token_with(), "required").enter(request.scope)
        return await require(fresh=0)(facts)(request)

    client = TestClient(
        Starlette(
            routes=[Route("/x", replaced)], middleware=[Middleware(BearerGuardMiddleware, guard=guard, optional=True)]
        ),
        raise_server_exceptions=False,
    )
    with caplog.at_level(logging.ERROR):
        assert client.get("/x").status_code == 500
    assert calls(issuer) == 0


# --- routes that take requests without a token ------------------------------------------------------------------------


@BOTH_FORMS
def test_where_a_token_is_optional_the_fresh_routes_need_one(form: str, issuer: FakeIssuer) -> None:
    async def open_to_all(request: Request) -> Response:
        return PlainTextResponse(request.user.display_name)

    routes = (Route("/open", open_to_all), Route("/fresh", require(fresh=0)(facts)))
    client = behind(asking_guard(issuer), *routes, optional=True)
    token, headers = bearer(issuer, form)
    assert client.get("/open").status_code == 200
    assert client.get("/fresh").status_code == 401
    assert calls(issuer) == 0
    assert client.get("/fresh", headers=headers).status_code == 200
    issuer.revoke(token)
    assert client.get("/fresh", headers=headers).status_code == 401


# --- guards inside of guards ------------------------------------------------------------------------------------------


def nested(outer: BearerGuard, inner: BearerGuard) -> TestClient:
    behind_both = Starlette(
        routes=[Route("/usual", facts), Route("/fresh", require(fresh=0)(facts))],
        middleware=[Middleware(BearerGuardMiddleware, guard=inner)],
    )
    return behind(outer, Mount("/inner", behind_both))


@BOTH_FORMS
def test_of_two_guards_the_inner_one_asks(form: str, issuer: FakeIssuer) -> None:
    outer = asking_guard(issuer) if form == "opaque" else BearerGuard(JWTValidator(issuer.server, audience="api"))
    client = nested(outer, asking_guard(issuer))
    token, headers = bearer(issuer, form)
    assert client.get("/inner/usual", headers=headers).status_code == 200
    calls(issuer)
    assert client.get("/inner/fresh", headers=headers).status_code == 200
    assert calls(issuer) == 1
    issuer.revoke(token)
    assert client.get("/inner/fresh", headers=headers).status_code == 401


@BOTH_FORMS
def test_one_guard_that_stands_there_twice_asks_once(form: str, issuer: FakeIssuer) -> None:
    guard = asking_guard(issuer)
    client = nested(guard, guard)
    _, headers = bearer(issuer, form)
    client.get("/inner/usual", headers=headers)
    calls(issuer)
    assert client.get("/inner/fresh", headers=headers).status_code == 200
    assert calls(issuer) == 1
