"""CORS: scripts of other origins, their preflights, and where the middlewares stand."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient, WebSocketDenialResponse

from bearer_guard import BearerGuard, BearerGuardMiddleware, cors, require_scopes
from bearer_guard.testing import FakeIssuer

APP = "https://app.example.com"
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
ALLOWED: dict[str, Any] = {"allow_origins": [APP], "allow_methods": ["POST"], "allow_headers": ["Authorization"]}


async def orders(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} served")


ROUTES = [
    Route("/orders", orders, methods=["GET", "POST", "OPTIONS"]),
    Route("/guarded", require_scopes("read")(orders), methods=["OPTIONS"]),
]


def client_of(*middleware: Middleware) -> TestClient:
    return TestClient(Starlette(routes=ROUTES, middleware=list(middleware)))


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.message for record in caplog.records if record.levelno == logging.WARNING and "CORS" in record.message
    ]


# --- outside, as it should be -----------------------------------------------------------------------------------------


@pytest.fixture
def outside(guard: BearerGuard) -> TestClient:
    return client_of(cors(**ALLOWED), Middleware(BearerGuardMiddleware, guard=guard))


def test_a_preflight_is_answered_before_it_reaches_the_guard(outside: TestClient) -> None:
    answer = outside.options("/orders", headers=PREFLIGHT)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, APP)


@pytest.mark.parametrize("token", [None, "nonsense"])
def test_a_script_can_read_why_it_was_refused(token: str | None, outside: TestClient) -> None:
    headers = {"Origin": APP} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    answer = outside.post("/orders", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-expose-headers"] == "WWW-Authenticate"


def test_what_else_is_to_be_exposed_stands_beside_it(guard: BearerGuard, issuer: FakeIssuer) -> None:
    helper = cors(expose_headers={"X-Request-Id"}, allow_origins=["*"])
    client = client_of(helper, Middleware(BearerGuardMiddleware, guard=guard))
    answer = client.get("/orders", headers={"Origin": APP, **issuer.bearer()})
    assert (answer.status_code, answer.headers["access-control-expose-headers"]) == (
        200,
        "X-Request-Id, WWW-Authenticate",
    )


def test_the_helper_is_a_middleware_for_the_list() -> None:
    helper = cors(allow_origins=[APP])
    assert isinstance(helper, Middleware)
    assert helper.kwargs == {
        "allow_headers": ["Authorization"],
        "expose_headers": ["WWW-Authenticate"],
        "allow_origins": [APP],
    }


def test_one_exposed_header_as_a_string_is_not_taken_letter_by_letter() -> None:
    with pytest.raises(Exception, match="expose_headers"):
        cors(expose_headers="X-Request-Id")


def test_outside_there_is_nothing_to_warn_of(outside: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with outside:
        assert outside.get("/orders").status_code == 401
    assert warnings_in(caplog) == []


# --- inside -----------------------------------------------------------------------------------------------------------


def in_the_list(guard: BearerGuard) -> Any:
    middleware = [Middleware(BearerGuardMiddleware, guard=guard), Middleware(CORSMiddleware, **ALLOWED)]
    return Starlette(routes=ROUTES, middleware=middleware)


def behind_another(guard: BearerGuard) -> Any:
    middleware = [
        Middleware(BearerGuardMiddleware, guard=guard),
        Middleware(GZipMiddleware),
        Middleware(CORSMiddleware, **ALLOWED),
    ]
    return Starlette(routes=ROUTES, middleware=middleware)


def added_in_the_wrong_order(guard: BearerGuard) -> Any:
    app = Starlette(routes=ROUTES)
    app.add_middleware(CORSMiddleware, **ALLOWED)
    app.add_middleware(BearerGuardMiddleware, guard=guard)
    return app


def by_hand(guard: BearerGuard) -> Any:
    return BearerGuardMiddleware(CORSMiddleware(Starlette(routes=ROUTES), **ALLOWED), guard)


def by_hand_around_an_application_that_has_it(guard: BearerGuard) -> Any:
    return BearerGuardMiddleware(Starlette(routes=ROUTES, middleware=[Middleware(CORSMiddleware, **ALLOWED)]), guard)


INSIDE = [
    in_the_list,
    behind_another,
    added_in_the_wrong_order,
    by_hand,
    by_hand_around_an_application_that_has_it,
]


@pytest.mark.parametrize("make", INSIDE)
def test_a_preflight_passes_to_the_one_who_answers_it(make: Callable[[BearerGuard], Any], guard: BearerGuard) -> None:
    client = TestClient(make(guard))
    answer = client.options("/orders", headers=PREFLIGHT)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, APP)
    assert client.options("/orders", headers={**PREFLIGHT, "Origin": "https://evil.example"}).status_code == 400
    assert client.post("/orders", headers=PREFLIGHT).status_code == 401


@pytest.mark.parametrize("make", INSIDE)
def test_the_log_warns_once_when_the_application_starts(
    make: Callable[[BearerGuard], Any], guard: BearerGuard, caplog: pytest.LogCaptureFixture
) -> None:
    with TestClient(make(guard)) as client:
        assert len(warnings_in(caplog)) == 1
        client.options("/orders", headers=PREFLIGHT)
        client.get("/orders")
    assert len(warnings_in(caplog)) == 1
    assert "put it first" in warnings_in(caplog)[0]


def test_the_log_warns_once_where_there_is_no_lifespan(guard: BearerGuard, caplog: pytest.LogCaptureFixture) -> None:
    client = TestClient(in_the_list(guard))
    for _ in range(3):
        client.get("/orders")
    assert len(warnings_in(caplog)) == 1


NO_PREFLIGHTS: dict[str, tuple[str, dict[str, str]]] = {
    "without an origin": ("OPTIONS", {"Access-Control-Request-Method": "POST"}),
    "without the method that it asks for": ("OPTIONS", {"Origin": APP}),
    "neither": ("OPTIONS", {}),
    "of another method": ("GET", PREFLIGHT),
    "of a method in lower case": ("options", PREFLIGHT),
    "with headers that only look alike": ("OPTIONS", {"X-Origin": APP, "Access-Control-Request-Methods": "POST"}),
}


@pytest.mark.parametrize(("method", "headers"), NO_PREFLIGHTS.values(), ids=NO_PREFLIGHTS)
@pytest.mark.parametrize("is_cors_inside", [True, False], ids=["CORSMiddleware inside", "cors_preflight=True"])
async def test_what_only_looks_like_a_preflight_needs_a_token(
    method: str, headers: dict[str, str], guard: BearerGuard, *, is_cors_inside: bool
) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pytest.fail("it was let through")

    async def send(message: Any) -> None:
        sent.append(message)

    inner: Any = CORSMiddleware(app, **ALLOWED) if is_cors_inside else app
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": "/orders", "headers": raw}
    await BearerGuardMiddleware(inner, guard, cors_preflight=not is_cors_inside)(scope, None, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 401


# --- neither ----------------------------------------------------------------------------------------------------------


def test_without_cors_a_preflight_needs_a_token_like_any_request(guard: BearerGuard) -> None:
    answer = client_of(Middleware(BearerGuardMiddleware, guard=guard)).options("/orders", headers=PREFLIGHT)
    assert answer.status_code == 401


@pytest.fixture
def passing(guard: BearerGuard) -> TestClient:
    """For applications that answer preflights in a way of their own."""
    return client_of(Middleware(BearerGuardMiddleware, guard=guard, cors_preflight=True))


def test_preflights_are_let_through_where_that_was_asked_for(
    passing: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with passing:
        assert passing.options("/orders", headers=PREFLIGHT).text == "OPTIONS served"
        assert passing.post("/orders", headers=PREFLIGHT).status_code == 401
    assert warnings_in(caplog) == []


def test_a_preflight_is_anonymous_so_a_decorated_route_does_not_answer_it(
    passing: TestClient, issuer: FakeIssuer
) -> None:
    # Anybody can send these three headers.
    assert passing.options("/guarded", headers=PREFLIGHT).status_code == 401
    assert passing.options("/guarded", headers={**PREFLIGHT, **issuer.bearer(scope="read")}).status_code == 401


def test_a_websocket_is_no_preflight(guard: BearerGuard) -> None:
    client = client_of(Middleware(BearerGuardMiddleware, guard=guard, cors_preflight=True))
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/orders", headers=PREFLIGHT),
    ):
        pytest.fail("it was accepted")
    assert denied.value.status_code == 401
