"""FastAPI's path functions: they take what they ask for, with and without the request.

The functions stand in `path_functions`, whose annotations are strings. The same source is run without the line that
makes them so, and without our decorator.
"""

import inspect
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.middleware import Middleware
from starlette.testclient import TestClient, WebSocketDenialResponse

from bearer_guard import BearerGuard, BearerGuardMiddleware, ConfigurationError, access_token, require_scopes
from bearer_guard.testing import FakeIssuer
from tests.decorators import path_functions, scope_in, typed_functions

STRINGS, DECORATOR = "from __future__ import annotations\n", '@require_scopes("read")\n'


def router_without(*lines: str) -> Any:
    """The router of `path_functions`, had its source been written without these lines."""
    source = inspect.getsource(path_functions)
    for line in lines:
        assert line in source
        source = source.replace(line, "")
    names: dict[str, Any] = {"__name__": path_functions.__name__}
    exec(compile(source, path_functions.__name__, "exec", dont_inherit=True), names)  # noqa: S102  our own source
    return names["router"]


def application(router: Any, guard: BearerGuard) -> FastAPI:
    app = FastAPI(middleware=[Middleware(BearerGuardMiddleware, guard=guard)])
    app.include_router(router)
    return app


@pytest.fixture(params=[(), (STRINGS,)], ids=["annotations are strings", "annotations are types"])
def app(request: pytest.FixtureRequest, guard: BearerGuard) -> FastAPI:
    return application(router_without(*request.param), guard)


CALLS: dict[str, tuple[dict[str, Any], int, Any]] = {
    "async, without a request": ({"url": "/plain/7?verbose=1"}, 200, {"order_id": 7, "verbose": True}),
    "sync": ({"url": "/sync/7?limit=3"}, 200, {"order_id": 7, "limit": 3}),
    "a default": ({"url": "/sync/7"}, 200, {"order_id": 7, "limit": 5}),
    "with a request": ({"url": "/with-request/7"}, 200, {"order_id": 7, "path": "/with-request/7"}),
    "a body": (
        {"method": "POST", "url": "/body", "json": {"order": {"item": "tea"}, "note": "hot"}},
        201,
        {"item": "tea", "number": 1},
    ),
    "the token as a dependency": ({"url": "/token"}, 200, {"subject": "alice"}),
}


@pytest.mark.parametrize(("call", "status", "result"), CALLS.values(), ids=CALLS)
def test_a_path_function_gets_what_it_asks_for_if_the_token_will_do(
    call: dict[str, Any], status: int, result: Any, app: FastAPI, issuer: FakeIssuer
) -> None:
    client = TestClient(app)
    call = {"method": "GET", **call}
    answer = client.request(**call, headers=issuer.bearer(scope="read"))
    assert (answer.status_code, answer.json()) == (status, result)
    refused = client.request(**call, headers=issuer.bearer(scope="write"))
    assert (refused.status_code, scope_in(refused)) == (403, "read")


@pytest.mark.parametrize("url", ["/plain/x", "/sync/0", "/sync/7?limit=11"])
def test_what_cannot_be_read_is_422_as_ever(url: str, app: FastAPI, issuer: FakeIssuer) -> None:
    assert TestClient(app).get(url, headers=issuer.bearer(scope="read")).status_code == 422


def test_a_client_cannot_hand_over_the_connection(app: FastAPI, issuer: FakeIssuer) -> None:
    url = "/plain/7?bearer_guard_connection=mine"
    assert TestClient(app).get(url, headers=issuer.bearer()).status_code == 403


def test_a_websocket_gets_what_it_asks_for_if_the_token_will_do(app: FastAPI, issuer: FakeIssuer) -> None:
    client = TestClient(app)
    with client.websocket_connect("/chat?room=a", headers=issuer.bearer(scope="read")) as websocket:
        assert websocket.receive_text() == "a"
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/chat?room=a", headers=issuer.bearer()),
    ):
        pytest.fail("it was accepted")
    assert (denied.value.status_code, scope_in(denied.value)) == (403, "read")


def test_openapi_does_not_know_of_the_decorator(app: FastAPI, guard: BearerGuard) -> None:
    bare = application(router_without(DECORATOR), guard)
    assert app.openapi() == bare.openapi()
    assert app.openapi()["paths"]["/plain/{order_id}"]["get"]["description"] == "Reads an order."


def test_dependency_overrides_replace_the_token_but_not_the_guard(app: FastAPI, issuer: FakeIssuer) -> None:
    class Impostor:
        subject = "mallory"

    app.dependency_overrides[access_token] = Impostor
    client = TestClient(app)
    assert client.get("/token", headers=issuer.bearer(scope="read")).json() == {"subject": "mallory"}
    assert client.get("/token", headers=issuer.bearer(scope="write")).status_code == 403
    assert client.get("/token").status_code == 401


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("/with-request/7", {"order_id": 7, "path": "/with-request/7"}),
        ("/without/7?limit=3", {"order_id": 7, "limit": 3}),
    ],
)
def test_annotations_that_only_type_checkers_can_resolve_do_no_harm(
    path: str, result: object, guard: BearerGuard, issuer: FakeIssuer
) -> None:
    client = TestClient(application(typed_functions.router, guard))
    assert client.get(path, headers=issuer.bearer(scope="read")).json() == result
    assert client.get(path, headers=issuer.bearer()).status_code == 403


def test_nor_do_they_on_a_websocket(guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = TestClient(application(typed_functions.router, guard))
    with client.websocket_connect("/chat", headers=issuer.bearer(scope="read")) as websocket:
        assert websocket.receive_text() == "hello"
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/chat", headers=issuer.bearer()):
        pytest.fail("it was accepted")


async def events() -> Any:
    yield "event"


def lines() -> Any:
    yield "line"


@pytest.mark.parametrize("generator", [events, lines])
def test_a_generator_is_refused_with_advice(generator: Any) -> None:
    # It is only called when the answer has begun: too late to say no.
    with pytest.raises(ConfigurationError, match="return a StreamingResponse from a function instead"):
        require_scopes("read")(generator)


def test_a_name_that_only_type_checkers_know_spoils_no_other_annotation() -> None:
    # Some versions of FastAPI would resolve what is left over among the names of our module: Depends() was lost so.
    parameters = inspect.signature(typed_functions.with_request).parameters
    assert parameters["order_id"].annotation is int
    assert parameters["request"].annotation is Request


def test_a_request_that_only_type_checkers_know_is_recognised_by_its_name() -> None:
    async def endpoint(request: Any) -> None: ...

    endpoint.__annotations__ = {"request": "nowhere.Request", "return": None}
    assert list(inspect.signature(require_scopes("read")(endpoint)).parameters) == ["request"]


def test_a_function_may_use_a_name_that_gets_its_value_later() -> None:
    @require_scopes("read")
    async def endpoint(request: Request) -> str:
        return later()

    def later() -> str:
        return "served"

    assert list(inspect.signature(endpoint).parameters) == ["request"]


def test_a_guarded_bound_method_keeps_its_object_below_another_decorator(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    class Orders:
        served = "served"

        @require_scopes("read")
        async def list(self, request: Request) -> str:
            return self.served

    app = application(APIRouter(), guard)
    app.add_api_route("/orders", require_scopes("write")(Orders().list))
    client = TestClient(app)
    assert client.get("/orders", headers=issuer.bearer(scope="read write")).json() == "served"
    for scope in ("read", "write"):
        assert client.get("/orders", headers=issuer.bearer(scope=scope)).status_code == 403
