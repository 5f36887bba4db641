"""Every route of an application, with what stands before it."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from bearer_guard import BearerGuard, BearerGuardMiddleware, Scopes, require, require_scopes
from bearer_guard.inventory import chain, routes_of
from bearer_guard.testing import FakeIssuer
from tests.inventory import access_of, bare, guarded, listed


@require_scopes("class")
class Orders(HTTPEndpoint):
    async def get(self, request: Request) -> None: ...

    @require_scopes("method")
    async def post(self, request: Request) -> None: ...


class Chat(WebSocketEndpoint):
    pass


@pytest.fixture
def before(guard: BearerGuard) -> Callable[..., Middleware]:
    """The middleware, with these options."""
    return lambda **options: Middleware(BearerGuardMiddleware, guard=guard, **options)


Before = Callable[..., Middleware]


# --- where the guard may stand ----------------------------------------------------------------------------------------


def in_the_list(routes: list[Any], guard: BearerGuard, **options: Any) -> Any:
    return Starlette(routes=routes, middleware=[Middleware(BearerGuardMiddleware, guard=guard, **options)])


def with_a_positional_guard(routes: list[Any], guard: BearerGuard, **options: Any) -> Any:
    return Starlette(routes=routes, middleware=[Middleware(BearerGuardMiddleware, guard, **options)])


def added(routes: list[Any], guard: BearerGuard, **options: Any) -> Any:
    app = Starlette(routes=routes)
    app.add_middleware(BearerGuardMiddleware, guard=guard, **options)
    return app


def among_others(routes: list[Any], guard: BearerGuard, **options: Any) -> Any:
    app = Starlette(routes=routes, middleware=[Middleware(BearerGuardMiddleware, guard=guard, **options)])
    app.add_middleware(BaseHTTPMiddleware, dispatch=cast("Any", bare))
    app.add_middleware(GZipMiddleware)
    return app


def by_hand(routes: list[Any], guard: BearerGuard, **options: Any) -> Any:
    return BearerGuardMiddleware(Starlette(routes=routes), guard=guard, **options)


def by_hand_within_others(routes: list[Any], guard: BearerGuard, **options: Any) -> Any:
    return GZipMiddleware(BearerGuardMiddleware(GZipMiddleware(Router(routes)), guard=guard, **options))


def of_a_mount(routes: list[Any], guard: BearerGuard, **options: Any) -> Any:
    return Router([Mount("", routes=routes, middleware=[Middleware(BearerGuardMiddleware, guard=guard, **options)])])


WAYS = [in_the_list, with_a_positional_guard, added, among_others, by_hand, by_hand_within_others, of_a_mount]


@pytest.mark.parametrize("way", WAYS)
def test_the_guard_is_seen_wherever_it_stands(way: Callable[..., Any], guard: BearerGuard) -> None:
    routes = [Route("/any", bare), Route("/some", guarded), Route("/health", bare), WebSocketRoute("/chat", bare)]
    assert listed(way(routes, guard, public={"/health"})) == [
        ("GET,HEAD /any", "any token", "None"),
        ("GET,HEAD /some", "requirement", "Scopes('read')"),
        ("GET,HEAD /health", "public", "None"),
        ("WEBSOCKET /chat", "any token", "None"),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_what_every_request_must_meet_is_required_on_each_route(way: Callable[..., Any], guard: BearerGuard) -> None:
    app = way([Route("/any", bare), Route("/some", guarded)], guard, requirement=Scopes("orders"))
    assert listed(app) == [
        ("GET,HEAD /any", "requirement", "Scopes('orders')"),
        ("GET,HEAD /some", "requirement", "(Scopes('orders') & Scopes('read'))"),
    ]


def test_without_a_guard_all_is_unguarded_decorated_or_not() -> None:
    app = Starlette(routes=[Route("/any", bare), Route("/some", guarded), WebSocketRoute("/chat", Chat)])
    assert set(access_of(app).values()) == {"unguarded"}


def test_where_no_token_is_needed_a_decorated_route_still_requires_one(guard: BearerGuard) -> None:
    app = in_the_list([Route("/any", bare), Route("/some", guarded)], guard, optional=True)
    assert access_of(app) == {"GET,HEAD /any": "optional", "GET,HEAD /some": "requirement"}


def test_one_closed_guard_among_optional_ones_closes(before: Before) -> None:
    inner = Starlette(routes=[Route("/x", bare)], middleware=[before(optional=True)])
    assert access_of(Starlette(routes=[Mount("/a", inner)], middleware=[before()])) == {"GET,HEAD /a/x": "any token"}
    assert access_of(Starlette(routes=[Mount("/a", inner)], middleware=[before(optional=True)])) == {
        "GET,HEAD /a/x": "optional"
    }


def test_a_guard_of_one_route_guards_this_route_alone(before: Before) -> None:
    app = Router([Route("/x", bare, middleware=[before()]), Route("/y", bare)])
    assert access_of(app) == {"GET,HEAD /x": "any token", "GET,HEAD /y": "unguarded"}


def test_a_guard_of_one_route_sees_the_whole_path(before: Before) -> None:
    app = Router([Route("/x", bare, middleware=[before(public={"/x"})])])
    assert TestClient(app).get("/x").status_code == 200
    assert access_of(app) == {"GET,HEAD /x": "public"}


def test_a_guard_of_a_websocket_route_guards_it(before: Before) -> None:
    app = Router([WebSocketRoute("/chat", bare, middleware=[before(requirement=Scopes("chat"))])])
    assert listed(app) == [("WEBSOCKET /chat", "requirement", "Scopes('chat')")]


def test_a_guard_of_a_router_is_seen(before: Before, issuer: FakeIssuer) -> None:
    app = Router([Route("/x", bare)], middleware=[before()])
    assert TestClient(app).get("/x").status_code == 401
    assert access_of(app) == {"GET,HEAD /x": "any token"}


# --- public paths -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("public", "access"),
    [
        pytest.param({"/a"}, {"GET,HEAD": "public", "POST": "public", "WEBSOCKET": "public"}, id="every method"),
        pytest.param({"GET /a"}, {"GET,HEAD": "public", "POST": "any token", "WEBSOCKET": "any token"}, id="GET"),
        pytest.param({"POST /a"}, {"GET,HEAD": "any token", "POST": "public", "WEBSOCKET": "any token"}, id="POST"),
    ],
)
def test_a_route_is_public_by_path_and_method(public: set[str], access: dict[str, str], before: Before) -> None:
    routes = [Route("/a", bare), Route("/a", bare, methods=["POST"]), WebSocketRoute("/a", bare)]
    app = Starlette(routes=routes, middleware=[before(public=public)])
    assert access_of(app) == {f"{methods} /a": how for methods, how in access.items()}


@pytest.mark.parametrize("path", ["/a/b", "/a/{id}", "/a/{rest:path}"])
def test_what_lies_below_a_public_path_is_public(path: str, before: Before) -> None:
    app = Starlette(routes=[Mount("/a", routes=[Route(path[2:], bare)])], middleware=[before(public={"/a"})])
    assert access_of(app) == {f"GET,HEAD {path}": "public"}


def test_a_guard_inside_sees_the_path_below_its_mount(before: Before, guard: BearerGuard) -> None:
    inner = Starlette(routes=[Route("/x", bare), Route("/y", bare)], middleware=[before(public={"/x"})])
    app = Starlette(routes=[Mount("/a", inner)])
    assert access_of(app) == {"GET,HEAD /a/x": "public", "GET,HEAD /a/y": "any token"}
    assert TestClient(app).get("/a/x").status_code == 200


def test_a_path_is_public_only_where_each_guard_says_so(before: Before) -> None:
    inner = Starlette(routes=[Route("/x", bare), Route("/y", bare)], middleware=[before(public={"/x"})])
    app = Starlette(routes=[Mount("/a", inner)], middleware=[before(public={"/a/x", "/a/y"})])
    assert access_of(app) == {"GET,HEAD /a/x": "public", "GET,HEAD /a/y": "any token"}


def test_what_a_guard_requires_it_does_not_require_on_its_public_paths(before: Before, issuer: FakeIssuer) -> None:
    inner = Starlette(routes=[Route("/x", bare)], middleware=[before()])
    app = Starlette(routes=[Mount("/a", inner)], middleware=[before(public={"/a"}, requirement=Scopes("orders"))])
    assert TestClient(app).get("/a/x", headers=issuer.bearer()).status_code == 200
    assert listed(app) == [("GET,HEAD /a/x", "any token", "None")]


# --- kinds of routes --------------------------------------------------------------------------------------------------


def test_a_class_endpoint_is_listed_by_its_methods(before: Before) -> None:
    app = Starlette(routes=[Route("/orders", Orders), WebSocketRoute("/chat", Chat)], middleware=[before()])
    assert listed(app) == [
        ("GET /orders", "requirement", "Scopes('class')"),
        ("POST /orders", "requirement", "(Scopes('class') & Scopes('method'))"),
        ("WEBSOCKET /chat", "any token", "None"),
    ]


def test_methods_of_a_class_without_a_requirement_stand_beside_those_with_one(before: Before) -> None:
    class Mixed(HTTPEndpoint):
        async def get(self, request: Request) -> None: ...

        @require_scopes("write")
        async def post(self, request: Request) -> None: ...

    app = Starlette(routes=[Route("/orders", Mixed)], middleware=[before()])
    assert access_of(app) == {"GET /orders": "any token", "POST /orders": "requirement"}


def test_a_class_endpoint_that_is_registered_for_some_methods_is_listed_by_these(before: Before) -> None:
    app = Starlette(routes=[Route("/orders", Orders, methods=["POST"])], middleware=[before()])
    assert listed(app) == [("POST /orders", "requirement", "Scopes('class')")]


def test_an_asgi_application_as_a_route_answers_any_method(before: Before) -> None:
    class Raw:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    app = Starlette(routes=[Route("/raw", Raw())], middleware=[before()])
    assert access_of(app) == {"* /raw": "any token"}


def test_mounts_are_walked_with_their_prefix(before: Before) -> None:
    inner = Mount("/b", routes=[Route("/x", guarded), Mount("/c", app=Starlette(routes=[Route("/", bare)]))])
    app = Starlette(routes=[Mount("/a", routes=[inner])], middleware=[before()])
    assert access_of(app) == {"GET,HEAD /a/b/x": "requirement", "GET,HEAD /a/b/c/": "any token"}


def test_hosts_are_walked(before: Before) -> None:
    app = Starlette(
        routes=[Host("api.example.com", Router([Route("/x", bare)])), Mount("/y", Starlette(middleware=[before()]))],
    )
    assert access_of(app) == {"GET,HEAD /x": "unguarded"}


@pytest.mark.parametrize("wrap", [lambda files: files, GZipMiddleware], ids=["alone", "within another"])
def test_a_mounted_application_of_another_kind_is_one_entry(
    wrap: Callable[[ASGIApp], ASGIApp], before: Before, tmp_path: Path
) -> None:
    app = Starlette(routes=[Mount("/static", wrap(StaticFiles(directory=tmp_path)))], middleware=[before()])
    assert access_of(app) == {"* /static/{path}": "any token"}


def test_a_mounted_application_may_be_public(before: Before, tmp_path: Path) -> None:
    app = Starlette(routes=[Mount("/static", StaticFiles(directory=tmp_path))], middleware=[before(public={"/static"})])
    assert access_of(app) == {"* /static/{path}": "public"}


def test_a_mounted_application_with_a_guard_of_its_own_keeps_it(before: Before) -> None:
    inner = Starlette(routes=[Route("/x", bare)], middleware=[before(requirement=Scopes("inner"))])
    app = Starlette(routes=[Mount("/a", inner), Mount("/b", routes=[Route("/y", bare)])])
    assert listed(app) == [
        ("GET,HEAD /a/x", "requirement", "Scopes('inner')"),
        ("GET,HEAD /b/y", "unguarded", "None"),
    ]


def test_an_application_without_routes_has_none(before: Before) -> None:
    assert routes_of(Starlette(middleware=[before()])) == ()


# --- FastAPI ----------------------------------------------------------------------------------------------------------


def test_routes_of_fastapi_are_listed_with_their_docs(before: Before) -> None:
    app = FastAPI(middleware=[before(public={"/docs"})])
    app.get("/orders/{order_id}")(guarded)
    app.post("/orders")(bare)

    @app.websocket("/chat")
    @require_scopes("chat")
    async def chat(websocket: WebSocket) -> None: ...

    assert access_of(app) == {
        "GET,HEAD /openapi.json": "any token",
        "GET,HEAD /docs": "public",
        "GET,HEAD /docs/oauth2-redirect": "public",
        "GET,HEAD /redoc": "any token",
        "GET /orders/{order_id}": "requirement",
        "POST /orders": "any token",
        "WEBSOCKET /chat": "requirement",
    }


def test_included_routers_are_walked_with_their_prefixes(before: Before) -> None:
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/outer")
    inner.get("/x")(guarded)
    inner.websocket("/chat")(bare)
    outer.get("/y")(bare)
    outer.include_router(inner, prefix="/more")
    app = FastAPI(middleware=[before()], openapi_url=None)
    app.include_router(outer, prefix="/v1")
    app.include_router(inner)
    assert access_of(app) == {
        "GET /v1/outer/y": "any token",
        "GET /v1/outer/more/inner/x": "requirement",
        "WEBSOCKET /v1/outer/more/inner/chat": "any token",
        "GET /inner/x": "requirement",
        "WEBSOCKET /inner/chat": "any token",
    }


def test_a_public_prefix_of_an_included_router_is_public(before: Before) -> None:
    router = APIRouter()
    router.get("/x")(bare)
    app = FastAPI(middleware=[before(public={"/open"})], openapi_url=None)
    app.include_router(router, prefix="/open")
    app.include_router(router, prefix="/closed")
    assert access_of(app) == {"GET /open/x": "public", "GET /closed/x": "any token"}


def test_a_mounted_fastapi_is_walked(before: Before) -> None:
    inner = FastAPI(openapi_url=None, middleware=[before()])
    inner.get("/x")(guarded)
    app = FastAPI(openapi_url=None)
    app.mount("/sub", inner)
    app.get("/y")(bare)
    assert access_of(app) == {"GET /sub/x": "requirement", "GET /y": "unguarded"}


# --- whatever an application may be -----------------------------------------------------------------------------------


async def plain_asgi(scope: Any, receive: Any, send: Any) -> None: ...


class LikeDjango:
    """Its attributes have our names and other meanings."""

    app = None
    routes = {"/": "a view"}  # noqa: RUF012  a stranger
    middleware = ("django.middleware.security.SecurityMiddleware",)


class Cyclic:
    def __init__(self) -> None:
        self.app = self


class RoutesOfStrangers:
    routes = ("a", 5, None, object())


@pytest.mark.parametrize(
    ("app", "number"),
    [
        pytest.param(plain_asgi, 1, id="function"),
        pytest.param(LikeDjango(), 1, id="routes that are no list"),
        pytest.param(Cyclic(), 1, id="an application that wraps itself"),
        pytest.param(RoutesOfStrangers(), 4, id="routes that are none"),
        pytest.param(None, 1, id="nothing"),
    ],
)
def test_an_application_of_an_unknown_kind_is_listed_as_far_as_it_is_understood(app: Any, number: int) -> None:
    entries = routes_of(app)
    assert [(str(entry), entry.access) for entry in entries] == [("* /{path}", "unguarded")] * number


def test_it_may_stand_behind_a_guard_all_the_same(guard: BearerGuard) -> None:
    assert access_of(BearerGuardMiddleware(plain_asgi, guard=guard)) == {"* /{path}": "any token"}


class Endless:
    """Each of them wraps another one, as the attributes of a mock do."""

    def __init__(self, depth: int = 0) -> None:
        self.depth = depth

    @functools.cached_property
    def app(self) -> "Endless":
        assert self.depth < 100_000, "nobody wraps that often"
        return Endless(self.depth + 1)


class Raising:
    @property
    def app(self) -> Any:
        raise RuntimeError("not yet")


class OddMiddleware:
    user_middleware = ("django.middleware.security.SecurityMiddleware",)


class NoMiddleware:
    user_middleware = None


class OddPath:
    class Odd:
        path = 5

    routes = (Odd(),)


class Circle:
    def __init__(self) -> None:
        self.routes = [self]


STRANGE: dict[str, Callable[[], Any]] = {
    "an endless chain": Endless,
    "attributes that raise": Raising,
    "a list of middleware that is another thing": OddMiddleware,
    "no list of middleware": NoMiddleware,
    "a path that is no text": OddPath,
    "routes in a circle": Circle,
}


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_no_stranger_makes_the_inventory_crash_or_run_for_ever(make: Callable[[], Any], guard: BearerGuard) -> None:
    app = BearerGuardMiddleware(make(), guard=guard)
    assert {entry.access for entry in routes_of(app)} <= {"any token"}


def test_what_answers_to_every_name_is_not_taken_for_a_guard() -> None:
    class Obliging:
        app = None

        def __getattr__(self, name: str) -> Any:
            return Mock()

    assert [entry.access for entry in routes_of(Obliging())] == ["unguarded"]


def test_the_chain_is_the_application_and_what_it_wraps() -> None:
    outer = GZipMiddleware(plain_asgi)
    assert list(chain(outer)) == [outer, plain_asgi]
    assert list(chain(None)) == []


# --- an entry ---------------------------------------------------------------------------------------------------------


def test_an_entry_knows_its_checks(before: Before) -> None:
    def during_office_hours(token: object, connection: object) -> bool:
        return True

    app = Starlette(routes=[Route("/x", require(during_office_hours)(bare))], middleware=[before()])
    [entry] = routes_of(app)
    assert (entry.access, entry.requirement) == ("requirement", None)
    assert entry.mark is not None
    assert entry.mark.checks == (during_office_hours,)


def test_a_requirement_of_the_guard_keeps_the_checks_of_the_route(before: Before) -> None:
    def check(token: object, connection: object) -> bool:
        return True

    app = Starlette(routes=[Route("/x", require(check)(bare))], middleware=[before(requirement=Scopes("a"))])
    [entry] = routes_of(app)
    assert entry.mark is not None
    assert (entry.requirement, entry.mark.checks) == (Scopes("a"), (check,))
