"""Routes that want the authorization server asked (fresh=), behind a validator that cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from bearer_guard import (
    AccessToken,
    BearerGuard,
    BearerGuardMiddleware,
    ByFormat,
    ConfigurationError,
    IntrospectionValidator,
    JWTValidator,
    Requirement,
    Scopes,
    assert_protected,
    require,
    require_scopes,
)
from bearer_guard.cli.commands import cli
from bearer_guard.inventory import routes_of
from bearer_guard.testing import FakeIssuer
from tests.inventory import bare, guarded
from tests.test_tokens import token_with


class Ours:
    """A validator of an application's own, which knows nothing of ages."""

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        return token_with()


class Promising(Ours):
    honours_max_age = True


class Hesitant(Ours):
    honours_max_age = "yes"


def by_format(issuer: FakeIssuer, other: FakeIssuer) -> ByFormat:
    return ByFormat(
        jwt=JWTValidator(issuer.server, audience="api"), opaque=IntrospectionValidator(other.server, audience="api")
    )


VALIDATORS: dict[str, tuple[Callable[[FakeIssuer], Any], bool]] = {
    "JWTValidator": (lambda issuer: JWTValidator(issuer.server, audience="api"), False),
    "IntrospectionValidator": (lambda issuer: IntrospectionValidator(issuer.server, audience="api"), True),
    "ByFormat": (lambda issuer: by_format(issuer, issuer), True),
    "ByFormat of two issuers": (lambda issuer: by_format(issuer, FakeIssuer("https://other.test")), False),
    "our own": (lambda _: Ours(), False),
    "our own that promises it": (lambda _: Promising(), True),
    "our own that says so in its own words": (lambda _: Hesitant(), False),
}


def application(validator: Any, *routes: Any, **options: Any) -> Starlette:
    middleware = [Middleware(BearerGuardMiddleware, guard=BearerGuard(validator), **options)]
    return Starlette(routes=list(routes), middleware=middleware)


def is_served(app: Any) -> bool:
    """Whether it starts, and serves its first request without having been started; both, or neither."""

    def is_started() -> bool:
        try:
            with TestClient(app):
                return True
        except ConfigurationError:
            return False

    def is_answered() -> bool:
        try:
            return TestClient(app).get("/health").status_code in (200, 401, 404)
        except ConfigurationError:
            return False

    started, answered = is_started(), is_answered()
    assert started is answered
    return started


def fresh(*requirements: Requirement) -> Any:
    """A fresh route's endpoint, each time another: nobody registers it undecorated."""

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("served")

    return require(*requirements, fresh=0)(endpoint)


health = Route("/health", bare)


@pytest.mark.parametrize(("make", "can_ask"), VALIDATORS.values(), ids=VALIDATORS)
def test_an_application_whose_validator_cannot_ask_is_not_served(
    make: Callable[[FakeIssuer], Any], can_ask: object, issuer: FakeIssuer
) -> None:
    validator = make(issuer)
    app = application(validator, Route("/write", fresh(Scopes("write")), methods=["POST"]), health, public={"/health"})
    assert is_served(app) is can_ask
    [entry, _] = routes_of(app)
    assert entry.cannot_ask is (None if can_ask else validator)
    assert is_served(application(validator, Route("/read", guarded), health, public={"/health"}))


def test_the_sentence_names_the_route_the_validator_and_what_to_use() -> None:
    with pytest.raises(ConfigurationError) as refused:
        TestClient(application(Ours(), Route("/write", fresh(Scopes("write")), methods=["POST"]))).get("/write")
    assert str(refused.value) == (
        "the application is not served:\n- POST /write: fresh= asks the authorization server, and Ours cannot; use an"
        " IntrospectionValidator, or ByFormat with one for the issuer of the JWTs"
    )


def test_assert_protected_finds_it_too(issuer: FakeIssuer) -> None:
    with pytest.raises(AssertionError, match=r"POST /write: fresh= asks the authorization server, and Ours cannot"):
        assert_protected(application(Ours(), Route("/write", fresh(Scopes("write")), methods=["POST"])))
    assert_protected(application(by_format(issuer, issuer), Route("/write", fresh(Scopes("write")), methods=["POST"])))


APP = """
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from bearer_guard import BearerGuard, BearerGuardMiddleware, JWTValidator, Scopes, require

async def bare(request): ...

guard = BearerGuard(JWTValidator("https://id.example.com", audience="api"))
routes = [Route("/write", require(Scopes("write"), fresh=0)(bare), methods=["POST"])]
app = Starlette(routes=routes, middleware=[Middleware(BearerGuardMiddleware, guard=guard)])
"""


def test_the_command_routes_shows_it_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "fresh_app_of_a_user.py").write_text(APP)
    result = CliRunner().invoke(cli, ["routes", "fresh_app_of_a_user:app"])
    assert result.exit_code == 1
    assert "not served: POST /write: fresh= asks the authorization server, and JWTValidator cannot" in result.stderr


# --- wherever it stands -----------------------------------------------------------------------------------------------


@require(fresh=30)
class Class(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("served")


class Methods(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("served")

    @require(fresh=0)
    async def post(self, request: Request) -> Response:
        return PlainTextResponse("served")


@require(fresh=0)
class Socket(WebSocketEndpoint):
    pass


class SocketMethod(WebSocketEndpoint):
    @require(fresh=0)
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()


def included(endpoint: Any) -> Any:
    router = APIRouter()
    router.get("/x")(endpoint)
    return router


PLACES: dict[str, tuple[Any, list[str]]] = {
    "a function": (Route("/x", fresh()), ["GET,HEAD /x"]),
    "below another decorator of ours": (Route("/x", require_scopes("a")(fresh())), ["GET,HEAD /x"]),
    "a class": (Route("/x", Class), ["GET /x"]),
    "one method of a class": (Route("/x", Methods), ["POST /x"]),
    "a WebSocket": (WebSocketRoute("/x", fresh()), ["WEBSOCKET /x"]),
    "a class of WebSockets": (WebSocketRoute("/x", Socket), ["WEBSOCKET /x"]),
    "a mount": (Mount("/y", routes=[Route("/x", fresh())]), ["GET,HEAD /y/x"]),
}


@pytest.mark.parametrize(("route", "found"), PLACES.values(), ids=PLACES)
def test_it_is_found_wherever_a_decorator_stands(route: Any, found: list[str]) -> None:
    app = application(Ours(), route)
    assert [str(entry) for entry in routes_of(app) if entry.cannot_ask is not None] == found
    assert not is_served(app)


def test_it_is_found_in_a_router_of_fastapi() -> None:
    app = FastAPI(middleware=[Middleware(BearerGuardMiddleware, guard=BearerGuard(Ours()))])
    app.include_router(included(fresh()), prefix="/y")
    assert [str(entry) for entry in routes_of(app) if entry.cannot_ask is not None] == ["GET /y/x"]
    assert not is_served(app)


def test_it_is_found_on_the_method_of_a_class_of_websockets() -> None:
    assert not is_served(application(Ours(), WebSocketRoute("/x", SocketMethod)))


def test_of_two_guards_it_is_the_inner_one_that_has_to_ask(issuer: FakeIssuer) -> None:
    asking = by_format(issuer, issuer)
    inner_asks = application(Ours(), Mount("/in", application(asking, Route("/x", fresh()))))
    outer_asks = application(asking, Mount("/in", application(Ours(), Route("/x", fresh()))))
    assert is_served(inner_asks)
    assert not is_served(outer_asks)


def test_without_a_guard_there_is_nobody_to_say_anything_about() -> None:
    [entry] = routes_of(Starlette(routes=[Route("/x", fresh())]))
    assert (entry.access, entry.cannot_ask) == ("unguarded", None)


# --- what it is not ---------------------------------------------------------------------------------------------------


def test_a_fresh_route_is_open_to_any_token_unless_it_requires_something_else(issuer: FakeIssuer) -> None:
    app = application(by_format(issuer, issuer), Route("/x", fresh()))
    with pytest.raises(AssertionError, match="any valid token will do"):
        assert_protected(app)
    assert_protected(app, any_token={"/x"})
