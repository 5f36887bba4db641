"""Guarded class endpoints: Starlette's `HTTPEndpoint` and `WebSocketEndpoint`."""

import re
from typing import Any

import pytest
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from bearer_guard import AccessToken, BearerGuard, ConfigurationError, Groups, require, require_scopes
from bearer_guard.inventory import routes_of
from bearer_guard.testing import FakeIssuer
from tests.decorators import behind, challenge, scope_in


async def served(self: Any, request: Request) -> Response:
    return PlainTextResponse("served")


@require_scopes("class")
class Orders(HTTPEndpoint):
    get = served

    @require_scopes("method")
    async def post(self, request: Request) -> Response:
        return PlainTextResponse("served")

    @require_scopes("method")
    def put(self, request: Request) -> Response:
        return PlainTextResponse("served")


class Subclass(Orders):
    delete = served


@require_scopes("twice")
@require_scopes("once")
class Twice(HTTPEndpoint):
    get = served


@require_scopes("sub")
class GuardedSubclass(Orders):
    get = served


class Bare(HTTPEndpoint):
    get = served


@pytest.fixture
def client(guard: BearerGuard) -> TestClient:
    return behind(
        guard,
        Route("/orders", Orders),
        Route("/subclass", Subclass),
        Route("/twice", Twice),
        Route("/guarded-subclass", GuardedSubclass),
        Route("/bare", Bare),
        optional=True,  # so that it is the class that asks for a token
    )


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/orders", "class"),
        ("POST", "/orders", "class method"),
        ("PUT", "/orders", "class method"),
        ("GET", "/subclass", "class"),
        ("POST", "/subclass", "class method"),
        ("DELETE", "/subclass", "class"),
        ("GET", "/twice", "twice once"),
        ("GET", "/guarded-subclass", "sub class"),
        ("POST", "/guarded-subclass", "sub class method"),
    ],
)
def test_one_challenge_names_what_class_and_method_need(
    method: str, path: str, needed: str, client: TestClient, issuer: FakeIssuer
) -> None:
    assert scope_in(client.request(method, path)) == needed
    refused = client.request(method, path, headers=issuer.bearer(scope="other"))
    assert (refused.status_code, scope_in(refused)) == (403, needed)
    assert client.request(method, path, headers=issuer.bearer(scope=needed)).text == "served"
    for name in needed.split():
        rest = needed.replace(name, "")
        assert client.request(method, path, headers=issuer.bearer(scope=rest)).status_code == 403


def test_head_needs_what_get_needs(client: TestClient, issuer: FakeIssuer) -> None:
    # Starlette answers HEAD with the GET of a class that has no head().
    assert client.head("/orders").status_code == 401
    assert client.head("/orders", headers=issuer.bearer(scope="method")).status_code == 403
    assert client.head("/orders", headers=issuer.bearer(scope="class")).status_code == 200


class GuardedGet(HTTPEndpoint):
    @require_scopes("get")
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("served")


def test_head_needs_what_the_method_get_needs(guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = behind(guard, Route("/orders", GuardedGet))
    refused = client.head("/orders", headers=issuer.bearer())
    assert (refused.status_code, scope_in(refused)) == (403, "get")
    assert client.head("/orders", headers=issuer.bearer(scope="get")).status_code == 200


def test_one_challenge_names_what_class_and_get_need_for_head(guard: BearerGuard) -> None:
    endpoint = require_scopes("class")(type("Endpoint", (GuardedGet,), {}))
    assert scope_in(behind(guard, Route("/orders", endpoint), optional=True).head("/orders")) == "class get"


def test_a_method_that_the_class_does_not_have_is_405_for_those_who_may_ask(
    client: TestClient, issuer: FakeIssuer
) -> None:
    assert client.delete("/orders").status_code == 401
    assert client.delete("/orders", headers=issuer.bearer(scope="class")).status_code == 405


@pytest.mark.parametrize("method", ["DISPATCH", "SCOPE", "__CLASS__", "__INIT__", "METHOD_NOT_ALLOWED", "WEBSOCKET"])
def test_a_method_named_like_something_else_of_the_class_opens_nothing(
    method: str, client: TestClient, issuer: FakeIssuer
) -> None:
    assert client.request(method, "/orders", headers=issuer.bearer(scope="other")).status_code == 403
    assert client.request(method, "/orders", headers=issuer.bearer(scope="class")).status_code == 405


def test_its_base_class_is_not_guarded_by_it(client: TestClient, issuer: FakeIssuer) -> None:
    @require_scopes("special")
    class Special(Bare):
        pass

    assert client.get("/bare", headers=issuer.bearer()).text == "served"
    assert "__bearer_guard__" not in vars(Bare)
    assert HTTPEndpoint.dispatch is not Special.dispatch


def test_where_no_guard_ran_it_is_500_and_never_the_route() -> None:
    app = Route("/orders", Orders)
    answer = TestClient(app).get("/orders")
    assert (answer.status_code, answer.json()) == (500, {"error": "server_error"})


# --- several classes --------------------------------------------------------------------------------------------------


@require_scopes("staff")
class ForStaff(HTTPEndpoint):
    pass


class GuardedTwiceByInheritance(Orders, ForStaff):
    pass


def test_a_class_with_two_guarded_base_classes_needs_what_both_need(guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = behind(guard, Route("/orders", GuardedTwiceByInheritance))
    assert client.get("/orders", headers=issuer.bearer(scope="class")).status_code == 403
    assert client.get("/orders", headers=issuer.bearer(scope="class staff")).status_code == 200


class OwnDispatch(Orders):
    async def dispatch(self) -> None:
        await PlainTextResponse("served")(self.scope, self.receive, self.send)


def test_a_subclass_that_dispatches_by_itself_is_not_said_to_be_guarded_unless_it_is(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    client = behind(guard, Route("/orders", OwnDispatch))
    is_open = client.get("/orders", headers=issuer.bearer()).status_code == 200
    assert is_open is all(entry.mark is None for entry in routes_of(client.app))


# --- checks -----------------------------------------------------------------------------------------------------------


class Counting:
    """A check that says yes, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def __call__(self, token: AccessToken, connection: HTTPConnection) -> bool:
        self.asked.append(token.subject)
        return True


@pytest.mark.parametrize("where", ["on the class", "on both classes", "on the method"])
def test_a_check_is_asked_once_for_each_request(
    where: str, guard: BearerGuard, issuer: FakeIssuer, request: pytest.FixtureRequest
) -> None:
    check = Counting()
    endpoint: Any = type("Endpoint", (HTTPEndpoint,), {"get": require(check)(served) if "method" in where else served})
    endpoint = require_scopes("a")(endpoint) if "method" in where else require(check)(endpoint)
    if "both" in where:
        endpoint = require_scopes("a")(type("Sub", (endpoint,), {}))
    answer = behind(guard, Route("/orders", endpoint)).get("/orders", headers=issuer.bearer(scope="a"))
    assert (answer.status_code, check.asked) == (200, ["alice"])


# --- WebSockets -------------------------------------------------------------------------------------------------------


@require(Groups("staff"))
@require_scopes("chat")
class Chat(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        await websocket.send_text(f"{websocket.user.identity}: {data}")


class QuietChat(Chat):
    pass


@pytest.mark.parametrize("endpoint", [Chat, QuietChat])
def test_a_websocket_of_those_who_may_is_accepted(endpoint: Any, guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = behind(guard, WebSocketRoute("/chat", endpoint))
    with client.websocket_connect("/chat", headers=issuer.bearer(scope="chat", groups=["staff"])) as websocket:
        websocket.send_text("hello")
        assert websocket.receive_text() == "alice: hello"


@pytest.mark.parametrize("endpoint", [Chat, QuietChat])
@pytest.mark.parametrize(
    ("claims", "scope"),
    [({"groups": ["staff"]}, "chat"), ({"scope": "chat"}, "")],
    ids=["without the scope", "without the group"],
)
def test_a_websocket_of_others_is_denied_before_it_is_accepted(
    claims: dict[str, Any], scope: str, endpoint: Any, guard: BearerGuard, issuer: FakeIssuer
) -> None:
    client = behind(guard, WebSocketRoute("/chat", endpoint))
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/chat", headers=issuer.bearer(**claims)),
    ):
        pytest.fail("it was accepted")
    assert denied.value.status_code == 403
    assert challenge(denied.value).startswith('Bearer error="insufficient_scope"')
    assert scope_in(denied.value) == scope


# --- what is no class endpoint ----------------------------------------------------------------------------------------


class Mixin:
    get = served


@pytest.mark.parametrize("endpoint", [Mixin, object, Response, Exception], ids=lambda endpoint: endpoint.__name__)
def test_another_class_is_refused_with_advice(endpoint: type) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("decorate its methods instead")):
        require_scopes("read")(endpoint)
