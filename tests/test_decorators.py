"""What a route requires, written above it: on functions and methods, sync and async, HTTP and WebSocket."""

import asyncio
import contextlib
import contextvars
import functools
import json
import logging
import threading
from collections.abc import Callable, Generator
from typing import Annotated, Any

import pytest
from fastapi import Body, Depends, FastAPI
from fastapi import Request as FastAPIRequest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Message
from starlette.websockets import WebSocket

from bearer_guard import (
    AccessToken,
    AllOf,
    BearerGuard,
    BearerGuardMiddleware,
    Claim,
    ConfigurationError,
    Groups,
    InsufficientScope,
    Reason,
    Requirement,
    Roles,
    Scopes,
    access_token,
    require,
    require_claims,
    require_groups,
    require_roles,
    require_scopes,
)
from bearer_guard.inventory import mark_of
from bearer_guard.testing import FakeIssuer
from bearer_guard.web import NotGuarded
from tests.conftest import MakeClient
from tests.test_middleware import CONNECT, drive, websocket_scope


def challenge(response: Any) -> str:
    header: str = response.headers["www-authenticate"]
    return header


# --- functions, methods, callables ------------------------------------------------------------------------------------

tenant = contextvars.ContextVar("tenant", default="nobody")


@require_scopes("read")
async def asynchronous(request: Request) -> JSONResponse:
    return JSONResponse({"subject": access_token(request).subject, "thread": threading.get_ident()})


@require_scopes("read")
def synchronous(request: Request) -> JSONResponse:
    return JSONResponse({"subject": access_token(request).subject, "thread": threading.get_ident()})


class Orders(HTTPEndpoint):
    @require_scopes("read")
    async def get(self, request: Request) -> JSONResponse:
        return JSONResponse({"subject": access_token(request).subject})

    @require_scopes("read")
    def post(self, request: Request) -> JSONResponse:
        return JSONResponse({"subject": access_token(request).subject})

    async def put(self, request: Request) -> Response:
        return Response(status_code=204)


class Greeter:
    """An endpoint with a state of its own."""

    def __init__(self, *, greeting: str) -> None:
        self.greeting = greeting

    async def __call__(self, request: Request) -> JSONResponse:
        return JSONResponse({"subject": access_token(request).subject, "greeting": self.greeting})

    def method(self, request: Request) -> JSONResponse:
        return JSONResponse({"subject": access_token(request).subject, "greeting": self.greeting})


async def greet(request: Request, greeting: str) -> JSONResponse:
    return JSONResponse({"subject": access_token(request).subject, "greeting": greeting})


def greet_in_a_thread(greeting: str, request: Request) -> JSONResponse:
    return JSONResponse({"subject": access_token(request).subject, "greeting": greeting})


class Static:
    @staticmethod
    @require_scopes("read")
    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse({"subject": access_token(request).subject})


guarded = require_scopes("read")
ENDPOINTS: dict[str, Any] = {
    "async function": asynchronous,
    "sync function": synchronous,
    "class endpoint": Orders,
    "bound method": guarded(Greeter(greeting="hi").method),
    "callable object": guarded(Greeter(greeting="hi")),
    "partial of async": guarded(functools.partial(greet, greeting="hi")),
    "partial of sync": guarded(functools.partial(greet_in_a_thread, "hi")),
    "partial of partial": guarded(functools.partial(functools.partial(greet), greeting="hi")),
    "partial of a callable object": guarded(functools.partial(Greeter(greeting="hi"))),
    "partial around a guarded one": functools.partial(guarded(greet), greeting="hi"),
    "static method": Static.endpoint,
    "lambda": guarded(lambda request: JSONResponse({"subject": access_token(request).subject})),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_every_kind_of_endpoint_can_be_guarded(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient, endpoint: Any
) -> None:
    client = make_client(guard, routes=[Route("/orders", endpoint)], optional=True)
    allowed = client.get("/orders", headers=issuer.bearer(scope="read"))
    assert (allowed.status_code, allowed.json()["subject"]) == (200, "alice")
    assert allowed.json().get("greeting", "hi") == "hi"
    missing = client.get("/orders")
    assert (missing.status_code, challenge(missing)) == (401, 'Bearer scope="read"')
    refused = client.get("/orders", headers=issuer.bearer(scope="write"))
    assert (refused.status_code, challenge(refused).rpartition(", ")[2]) == (403, 'scope="read"')
    assert refused.json()["error"] == "insufficient_scope"


def test_each_method_of_a_class_endpoint_has_its_own_requirement(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(guard, routes=[Route("/orders", Orders)])
    assert client.post("/orders", headers=issuer.bearer(scope="read")).status_code == 200
    assert client.post("/orders", headers=issuer.bearer()).status_code == 403
    assert client.put("/orders", headers=issuer.bearer()).status_code == 204


def test_a_sync_function_runs_in_a_thread_of_its_own_and_an_async_one_in_the_event_loop(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    async def unguarded(request: Request) -> JSONResponse:
        return JSONResponse(threading.get_ident())

    routes = [Route("/a", asynchronous), Route("/s", synchronous), Route("/loop", unguarded)]
    with make_client(guard, routes=routes) as client:
        headers = issuer.bearer(scope="read")
        loop = client.get("/loop", headers=headers).json()
        assert client.get("/a", headers=headers).json()["thread"] == loop
        assert client.get("/s", headers=headers).json()["thread"] != loop


def test_context_variables_are_seen_in_the_thread(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    def whose(request: Request) -> PlainTextResponse:
        return PlainTextResponse(tenant.get())

    async def sets(request: Request) -> Any:
        tenant.set("acme")
        guarded_whose: Any = require_scopes("read")(whose)
        return await guarded_whose(request)

    client = make_client(guard, routes=[Route("/", sets)])
    assert client.get("/", headers=issuer.bearer(scope="read")).text == "acme"


def test_a_refused_request_does_not_run_the_function(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    ran: list[str] = []

    @require_scopes("read")
    def endpoint(request: Request) -> Response:
        ran.append("it ran")
        return Response()

    client = make_client(guard, routes=[Route("/", endpoint)], optional=True)
    client.get("/")
    client.get("/", headers=issuer.bearer())
    assert ran == []
    client.get("/", headers=issuer.bearer(scope="read"))
    assert ran == ["it ran"]


def test_a_guarded_function_gets_all_that_its_caller_gives_it(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    @require_scopes("read")
    async def helper(request: Request, *more: str, **named: str) -> JSONResponse:
        return JSONResponse([*more, named])

    async def endpoint(request: Request) -> JSONResponse:
        answers = [await helper(request), await helper(request, "a"), await helper(request, b="c")]
        return JSONResponse([json.loads(bytes(answer.body)) for answer in answers])

    answered = make_client(guard, routes=[Route("/", endpoint)]).get("/", headers=issuer.bearer(scope="read"))
    assert answered.json() == [[{}], ["a", {}], [{"b": "c"}]]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_the_function_raises_passes(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient, kind: str
) -> None:
    @require_scopes("read")
    def synchronous(request: Request) -> Response:
        raise LookupError("a defect")

    @require_scopes("read")
    async def asynchronous(request: Request) -> Response:
        raise LookupError("a defect")

    client = make_client(guard, routes=[Route("/sync", synchronous), Route("/async", asynchronous)])
    with pytest.raises(LookupError, match="a defect"):
        client.get(f"/{kind}", headers=issuer.bearer(scope="read"))


def test_the_function_keeps_its_name_and_its_documentation() -> None:
    @require_groups("ops")
    async def orders(request: Request, page: int = 1) -> Response:
        """Lists orders."""
        raise AssertionError

    assert (orders.__name__, orders.__doc__, orders.__module__) == ("orders", "Lists orders.", __name__)
    assert list(orders.__annotations__) == ["request", "page", "return"]


# --- what is required -------------------------------------------------------------------------------------------------


async def endpoint(request: Request) -> PlainTextResponse:
    return PlainTextResponse("in")


MARKS: dict[str, tuple[Any, Requirement]] = {
    "require_scopes": (require_scopes("a", "b"), Scopes("a", "b")),
    "require_groups": (require_groups("a", "b"), Groups("a", "b")),
    "require_roles": (require_roles("a"), Roles("a")),
    "require_claims": (require_claims(tenant="acme", level=1), Claim("tenant", "acme") & Claim("level", 1)),
    "require_claims of one": (require_claims(tenant="acme"), Claim("tenant", "acme")),
    "require_claims deep": (require_claims(**{"org.id": "1"}), Claim("org.id", "1")),
    "require": (require(Scopes("a") | Groups("b")), Scopes("a") | Groups("b")),
    "require several": (require(Scopes("a"), Groups("b")), Scopes("a") & Groups("b")),
}


@pytest.mark.parametrize(("decorate", "requirement"), MARKS.values(), ids=MARKS)
def test_a_decorator_leaves_its_requirement_for_an_inventory(decorate: Any, requirement: Requirement) -> None:
    left = mark_of(decorate(endpoint))
    assert left is not None
    assert left.requirement == requirement


@pytest.mark.parametrize("unguarded", [endpoint, functools.partial(endpoint), Orders, None, "orders"], ids=repr)
def test_what_no_decorator_made_has_no_requirement(unguarded: object) -> None:
    assert mark_of(unguarded) is None


@pytest.mark.parametrize(
    ("decorate", "granted"),
    [
        (require_groups("a", "b"), {"groups": ["a", "b"]}),
        (require_roles("a"), {"roles": ["a"]}),
        (require_claims(tenant="acme", verified=True), {"tenant": "acme", "verified": True}),
        (require_claims(level=lambda level: level > 2), {"level": 3}),
        (require(Scopes("x") | (Groups("staff") & Claim("region", "eu"))), {"groups": ["staff"], "region": ["eu"]}),
    ],
    ids=["groups", "roles", "claims", "predicate", "combination"],
)
def test_a_token_that_meets_it_gets_in_and_one_that_does_not_is_403(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient, decorate: Any, granted: dict[str, Any]
) -> None:
    client = make_client(guard, routes=[Route("/", decorate(endpoint))])
    assert client.get("/", headers=issuer.bearer(**granted)).text == "in"
    assert client.get("/", headers=issuer.bearer()).status_code == 403


# --- stacked decorators -----------------------------------------------------------------------------------------------


def test_stacked_decorators_merge_into_one_challenge_with_all_scopes(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    stacked = require_scopes("a", "b")(require(Scopes("b") | Groups("g"))(require_scopes("c")(endpoint)))
    client = make_client(guard, routes=[Route("/", stacked)], optional=True)
    assert challenge(client.get("/")) == 'Bearer scope="a b c"'
    assert challenge(client.get("/", headers=issuer.bearer(scope="a"))).endswith('scope="a b c"')
    assert client.get("/", headers=issuer.bearer(scope="a b c")).text == "in"


def test_stacked_decorators_with_a_group_that_is_missing_promise_nothing(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    stacked = require_groups("staff")(require_scopes("a")(endpoint))
    client = make_client(guard, routes=[Route("/", stacked)])
    assert "scope=" not in challenge(client.get("/", headers=issuer.bearer()))
    assert challenge(client.get("/", headers=issuer.bearer(groups=["staff"]))).endswith('scope="a"')


def test_stacking_leaves_the_inner_endpoint_as_it_was() -> None:
    inner = require_scopes("a")(endpoint)
    outer = require_groups("g")(inner)
    left_inner, left_outer = mark_of(inner), mark_of(outer)
    assert left_inner is not None
    assert left_inner.requirement == Scopes("a")
    assert left_outer is not None
    assert left_outer.requirement == AllOf(Groups("g"), Scopes("a"))


def logged(events: list[str], *, copies: bool) -> Callable[[Any], Any]:
    """A decorator of an application's own; most copy all attributes of what they wrap."""

    def decorate(function: Any) -> Any:
        async def wrapper(request: Request) -> Any:
            events.append("before")
            answer = await function(request)
            events.append(f"after {answer.status_code}")
            return answer

        return functools.wraps(function)(wrapper) if copies else wrapper

    return decorate


@pytest.mark.parametrize("copies", [True, False], ids=["functools.wraps", "bare"])
def test_a_decorator_in_between_is_kept_and_so_is_what_stands_below_it(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient, *, copies: bool
) -> None:
    events: list[str] = []
    stacked = require_scopes("outer")(logged(events, copies=copies)(require_scopes("inner")(endpoint)))
    client = make_client(guard, routes=[Route("/", stacked)])

    refused = client.get("/", headers=issuer.bearer(scope="inner"))
    assert (refused.status_code, events) == (403, [])
    refused = client.get("/", headers=issuer.bearer(scope="outer"))
    # Where the one in between hides what it wraps, nobody can tell that the answer is returned: so it is raised.
    assert (refused.status_code, events) == (403, ["before", "after 403"] if copies else ["before"])
    assert challenge(refused).endswith('scope="inner"')
    events.clear()
    assert client.get("/", headers=issuer.bearer(scope="outer inner")).text == "in"
    assert events == ["before", "after 200"]


@pytest.mark.parametrize("copies", [True, False], ids=["functools.wraps", "bare"])
def test_a_decorator_on_top_is_not_taken_for_one_of_ours(*, copies: bool) -> None:
    assert mark_of(logged([], copies=copies)(require_scopes("a")(endpoint))) is None


# --- WebSockets -------------------------------------------------------------------------------------------------------


@require_scopes("chat")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(access_token(websocket).subject or "")
    await websocket.close()


class Chat(WebSocketEndpoint):
    encoding = "text"

    @require_scopes("chat")
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("alice")

    @require_scopes("say")
    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        await websocket.send_text(f"said {data}")


def websocket_app(guard: BearerGuard) -> Starlette:
    routes = [WebSocketRoute("/chat", chat), WebSocketRoute("/endpoint", Chat)]
    return Starlette(routes=routes, middleware=[Middleware(BearerGuardMiddleware, guard=guard, optional=True)])


@pytest.mark.parametrize("path", ["/chat", "/endpoint"], ids=["function", "class endpoint"])
def test_a_websocket_needs_the_scope_before_it_is_accepted(guard: BearerGuard, issuer: FakeIssuer, path: str) -> None:
    client = TestClient(websocket_app(guard))
    with client.websocket_connect(path, headers=issuer.bearer(scope="chat")) as websocket:
        assert websocket.receive_text() == "alice"
    for headers, status in (({}, 401), (issuer.bearer(scope="other"), 403)):
        with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(path, headers=headers):
            raise AssertionError("it must not be accepted")
        assert denied.value.status_code == status
        assert denied.value.headers["www-authenticate"].endswith('scope="chat"')


async def test_a_websocket_that_the_server_cannot_deny_is_closed_before_it_is_accepted(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    scope = websocket_scope(issuer.bearer(), path="/chat")
    sent = await drive(websocket_app(guard), scope, CONNECT)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


TEXT: Message = {"type": "websocket.receive", "text": "hello"}
GONE: Message = {"type": "websocket.disconnect", "code": 1000}


async def test_a_message_that_may_be_said_is_heard(guard: BearerGuard, issuer: FakeIssuer) -> None:
    scope = websocket_scope(issuer.bearer(scope="chat say"), path="/endpoint")
    sent = await drive(websocket_app(guard), scope, CONNECT, TEXT, GONE)
    assert sent[-1] == {"type": "websocket.send", "text": "said hello"}


async def test_a_websocket_that_is_accepted_already_is_closed(guard: BearerGuard, issuer: FakeIssuer) -> None:
    scope = websocket_scope(issuer.bearer(scope="chat"), path="/endpoint")
    sent = await drive(websocket_app(guard), scope, CONNECT, TEXT, TEXT, GONE)
    assert not any(message.get("text") == "said hello" for message in sent)
    assert sent[2:] == [{"type": "websocket.close", "code": 1008, "reason": ""}]


# --- FastAPI ----------------------------------------------------------------------------------------------------------


def page(size: int = 10) -> int:
    return size


PageSize = Annotated[int, Depends(page)]


def fastapi_app(guard: BearerGuard, decorate: Callable[[Any], Any]) -> FastAPI:
    app = FastAPI()
    app.add_middleware(BearerGuardMiddleware, guard=guard, public={"/openapi.json"})

    @app.get("/async/{number}")
    @decorate
    async def asynchronous(request: FastAPIRequest, number: int, size: PageSize, q: str = "-") -> list[Any]:
        return [access_token(request).subject, number, q, size]

    @app.get("/sync/{number}")
    @decorate
    def synchronous(number: int, request: FastAPIRequest, size: PageSize, q: str = "-") -> list[Any]:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return [access_token(request).subject, number, q, size]

    @app.post("/connection")
    @decorate
    async def with_a_body(connection: HTTPConnection, names: Annotated[list[str], Body()]) -> dict[str, list[str]]:
        return {"names": names}

    return app


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_path_function_of_fastapi_keeps_its_parameters(guard: BearerGuard, issuer: FakeIssuer, kind: str) -> None:
    client = TestClient(fastapi_app(guard, require_scopes("read")))
    headers = issuer.bearer(scope="read")
    assert client.get(f"/{kind}/7?q=x&size=5", headers=headers).json() == ["alice", 7, "x", 5]
    assert client.get(f"/{kind}/seven", headers=headers).status_code == 422
    refused = client.get(f"/{kind}/7", headers=issuer.bearer())
    assert refused.status_code == 403
    assert refused.json()["error"] == "insufficient_scope"
    assert challenge(refused).endswith('scope="read"')


def test_a_path_function_may_take_a_connection_and_a_body(guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = TestClient(fastapi_app(guard, require_scopes("read")))
    posted = client.post("/connection", headers=issuer.bearer(scope="read"), json=["a", "b"])
    assert posted.json() == {"names": ["a", "b"]}
    assert client.post("/connection", headers=issuer.bearer(), json=["a"]).status_code == 403


def test_openapi_is_the_same_with_and_without_the_decorator(guard: BearerGuard) -> None:
    decorated = fastapi_app(guard, require_scopes("read")).openapi()
    assert decorated == fastapi_app(guard, lambda function: function).openapi()
    assert decorated["paths"]["/async/{number}"]["get"]["responses"].keys() == {"200", "422"}


def test_annotations_as_strings_are_understood(guard: BearerGuard, issuer: FakeIssuer) -> None:
    # `from __future__ import annotations` makes all of them strings; they mean what they mean where they stand.
    async def orders(request: FastAPIRequest, number: int) -> int:
        return number

    orders.__annotations__ = {"request": "FastAPIRequest", "number": "int", "return": "int"}
    app = FastAPI()
    app.add_middleware(BearerGuardMiddleware, guard=guard)
    app.get("/orders")(require_scopes("read")(orders))
    assert TestClient(app).get("/orders?number=3", headers=issuer.bearer(scope="read")).json() == 3


def dependent_app(guard: BearerGuard, ran: list[str]) -> FastAPI:
    app = FastAPI()
    app.add_middleware(BearerGuardMiddleware, guard=guard)

    @require_scopes("admin")
    async def admins_only(connection: HTTPConnection) -> None: ...

    @app.get("/", dependencies=[Depends(admins_only)])
    async def admin() -> str:
        ran.append("http")
        return "secret"

    @app.websocket("/", dependencies=[Depends(admins_only)])
    async def admin_socket(websocket: WebSocket) -> None:
        ran.append("websocket")
        await websocket.accept()
        await websocket.close()

    return app


def test_a_guarded_dependency_lets_those_in_who_may(guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = TestClient(dependent_app(guard, []))
    assert client.get("/", headers=issuer.bearer(scope="admin")).json() == "secret"


def test_a_guarded_dependency_refuses_the_request(guard: BearerGuard, issuer: FakeIssuer) -> None:
    ran: list[str] = []
    refused = TestClient(dependent_app(guard, ran)).get("/", headers=issuer.bearer(scope="read"))
    assert ran == []
    assert refused.status_code == 403
    assert challenge(refused).endswith('scope="admin"')


async def test_a_guarded_dependency_refuses_the_websocket(guard: BearerGuard, issuer: FakeIssuer) -> None:
    ran: list[str] = []
    scope = websocket_scope(issuer.bearer(scope="read"), path="/", denial=True)
    with contextlib.suppress(Exception):  # what the function meets on a connection that was refused under its feet
        await drive(dependent_app(guard, ran), scope, CONNECT)
    assert ran == []


def test_a_guarded_helper_ends_the_request_of_its_caller(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    @require_scopes("admin")
    async def check(request: Request) -> None: ...

    async def admin(request: Request) -> PlainTextResponse:
        await check(request)
        return PlainTextResponse("secret")

    client = make_client(guard, routes=[Route("/", admin)])
    assert client.get("/", headers=issuer.bearer(scope="admin")).text == "secret"
    assert client.get("/", headers=issuer.bearer(scope="read")).status_code == 403


class Later:
    """What a sync decorator around an async function returns: something to await."""

    def __await__(self) -> Generator[None, None, PlainTextResponse]:
        yield from ()
        return PlainTextResponse("in")


def test_what_a_sync_function_returns_to_be_awaited_is_awaited(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    def around_an_async_function(request: Request) -> Later:
        return Later()

    client = make_client(guard, routes=[Route("/", require_scopes("read")(around_an_async_function))])
    assert client.get("/", headers=issuer.bearer(scope="read")).text == "in"


# --- nothing is guarded by accident, and nothing is open by accident --------------------------------------------------


def log_of(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)


@pytest.mark.parametrize("guarded_endpoint", [asynchronous, synchronous, Orders], ids=["async", "sync", "class"])
def test_without_a_guard_the_answer_is_500_and_never_the_route(
    caplog: pytest.LogCaptureFixture, guarded_endpoint: Any
) -> None:
    answer = TestClient(Starlette(routes=[Route("/", guarded_endpoint)])).get("/")
    assert (answer.status_code, answer.json()) == (500, {"error": "server_error"})
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "no BearerGuard has seen this request; add Middleware(BearerGuardMiddleware" in log_of(caplog)


async def test_without_a_guard_a_websocket_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    app = Starlette(routes=[WebSocketRoute("/chat", chat)])
    assert (await drive(app, websocket_scope(path="/chat"), CONNECT))[0]["code"] == 1008
    denied = await drive(app, websocket_scope(path="/chat", denial=True), CONNECT)
    assert denied[0]["status"] == 500
    assert "no BearerGuard has seen this request" in log_of(caplog)


async def test_a_function_that_does_not_take_its_request_is_given_it_by_fastapi_and_by_nobody_else(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    app = FastAPI()
    app.add_middleware(BearerGuardMiddleware, guard=guard)

    @app.get("/")
    @require_scopes("read")
    async def blind() -> str:
        return "seen"

    assert TestClient(app).get("/", headers=issuer.bearer(scope="read")).json() == "seen"
    with pytest.raises(NotGuarded, match="called without its request; give it a parameter for the request"):
        await blind()


def test_a_guarded_route_under_a_public_path_is_a_contradiction(guard: BearerGuard, make_client: MakeClient) -> None:
    client = make_client(guard, routes=[Route("/docs/orders", asynchronous)], public={"/docs"})
    with pytest.raises(ConfigurationError, match="/docs/orders: it is decorated and public"):
        client.get("/docs/orders")


@require_scopes("read")
def some_function(request: Request) -> None:
    raise AssertionError("nobody calls it")


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "a class": (lambda: require_scopes("a")(dict), r"<class 'dict'> is no HTTPEndpoint or WebSocketEndpoint; decorate"),
    "a route": (lambda: require_scopes("a")(Route("/", endpoint).path), r"'/' is no endpoint"),  # type: ignore[type-var]
    "None": (lambda: require_scopes("a")(None), r"None is no endpoint"),  # type: ignore[type-var]
    "@require": (lambda: require(some_function), r"takes requirements, not <function .*; write require\(Scopes\('re"),  # type: ignore[arg-type]
    "@require_scopes": (lambda: require_scopes(some_function), r"Scopes\(\) takes names, not <function some_function"),  # type: ignore[arg-type]
    "@require_groups": (lambda: require_groups(some_function), r"Groups\(\) takes names, not <function some_func"),  # type: ignore[arg-type]
    "@require_roles": (lambda: require_roles(some_function), r"Roles\(\) takes names, not <function some_func"),  # type: ignore[arg-type]
    "require()": (require, r"the decorator requires nothing; write require\(Scopes\('read'\)\)"),
    "require_claims()": (require_claims, r"the decorator requires nothing"),
    "require_scopes()": (require_scopes, r"Scopes\(\) requires nothing; name at least one"),
    "require('read')": (lambda: require("read"), r"require\(\) takes requirements, not 'read'; write require"),  # type: ignore[arg-type]
    "require_scopes('a b')": (lambda: require_scopes("a b"), r"'a b' is not one scope .*; write Scopes\('a', 'b'\)"),
    "require_claims(None)": (lambda: require_claims(tenant=None), r"Claim\('tenant', ...\) compares with .*, not None"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("construct", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_use_is_told_what_to_write_instead(construct: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        construct()


def test_require_claims_without_parentheses_is_told_what_to_write_instead() -> None:
    with pytest.raises(ConfigurationError):
        require_claims(some_function)


def test_a_requirement_of_ones_own_that_refuses_by_itself_is_a_refusal(guard: BearerGuard, issuer: FakeIssuer) -> None:
    class Never(Requirement):
        def is_met_by(self, token: AccessToken) -> bool:
            raise InsufficientScope(Reason.UNMET_REQUIREMENT, requirement=self)

    @require(Never())
    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("reached")

    app = Starlette(routes=[Route("/", endpoint)], middleware=[Middleware(BearerGuardMiddleware, guard=guard)])
    answer = TestClient(app).get("/", headers=issuer.bearer())
    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["www-authenticate"]
