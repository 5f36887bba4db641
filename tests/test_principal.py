"""`principal=` on the middleware: what a user's own function makes of a validated token becomes `request.user`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.authentication import BaseUser, UnauthenticatedUser
from starlette.endpoints import WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from bearer_guard import (
    AccessToken,
    AuthorizationServerUnavailable,
    BearerError,
    BearerGuard,
    BearerGuardMiddleware,
    ConfigurationError,
    InsufficientScope,
    InvalidToken,
    Reason,
    Scopes,
    require_scopes,
)
from bearer_guard.testing import FakeIssuer
from tests.conftest import MakeClient

Principal = Callable[[AccessToken], Awaitable[Any]]


class Row(BaseUser):
    """What a user's database holds."""

    def __init__(self, subject: str | None) -> None:
        self.subject = subject

    @property
    def identity(self) -> str:
        return f"row of {self.subject}"


class Database:
    """It knows some people, and writes down who asked for whom."""

    def __init__(self, *known: str) -> None:
        self.known = known
        self.asked: list[str | None] = []

    async def principal(self, token: AccessToken) -> Row | None:
        self.asked.append(token.subject)
        return Row(token.subject) if token.subject in self.known else None


@pytest.fixture
def database() -> Database:
    return Database("alice", "bob")


async def who(request: Request) -> Response:
    is_anonymous = isinstance(request.user, UnauthenticatedUser)
    return JSONResponse({"user": "nobody" if is_anonymous else request.user.identity})


async def shown(request: Request) -> Response:
    return JSONResponse({"user": repr(request.user), "principal": repr(request.scope["bearer_guard"].principal)})


ROUTES = [
    Route("/who", who),
    Route("/shown", shown),
    Route("/orders", require_scopes("orders")(who)),
    Mount("/open", routes=[Route("/who", who)]),
]


def raising(error: BaseException) -> Principal:
    async def principal(token: AccessToken) -> Any:
        raise error

    return principal


# --- who is there -----------------------------------------------------------------------------------------------------


def test_what_it_returns_is_the_user_of_the_request(
    database: Database, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(guard, routes=ROUTES, principal=database.principal)
    assert client.get("/who", headers=issuer.bearer()).json() == {"user": "row of alice"}
    assert client.get("/who", headers=issuer.bearer(sub="bob")).json() == {"user": "row of bob"}
    assert database.asked == ["alice", "bob"]


def test_it_is_asked_on_every_request_even_where_the_token_is_remembered(
    database: Database, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    # Somebody who was put out a moment ago is out.
    client, headers = make_client(guard, routes=ROUTES, principal=database.principal), issuer.bearer()
    assert client.get("/who", headers=headers).status_code == 200
    database.known = ()
    assert client.get("/who", headers=headers).status_code == 403


@pytest.mark.parametrize("row", [0, "", [], {}, False, 0.0], ids=repr)
def test_what_counts_as_false_is_somebody_all_the_same(
    row: Any, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    async def principal(token: AccessToken) -> Any:
        return row

    answer = make_client(guard, routes=ROUTES, principal=principal).get("/shown", headers=issuer.bearer())
    assert answer.json() == {"user": repr(row), "principal": repr(row)}


def test_an_object_with_an_async_call_will_do(
    database: Database, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    class Finder:
        async def __call__(self, token: AccessToken) -> Any:
            return await database.principal(token)

    client = make_client(guard, routes=ROUTES, principal=Finder())
    assert client.get("/who", headers=issuer.bearer()).json() == {"user": "row of alice"}


def test_without_it_the_user_is_the_subject(guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient) -> None:
    assert make_client(guard, routes=ROUTES).get("/who", headers=issuer.bearer()).json() == {"user": "alice"}


def test_a_guard_inside_keeps_whom_the_guard_outside_has_found(
    database: Database, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    inner = Mount("/inner", routes=ROUTES, middleware=[Middleware(BearerGuardMiddleware, guard=guard)])
    client = make_client(guard, routes=[inner], principal=database.principal)
    assert client.get("/inner/who", headers=issuer.bearer()).json() == {"user": "row of alice"}
    assert database.asked == ["alice"]


def test_a_guard_inside_may_find_another(
    database: Database, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    async def other(token: AccessToken) -> Any:
        return Row("another table")

    inner = Mount("/inner", routes=ROUTES, middleware=[Middleware(BearerGuardMiddleware, guard=guard, principal=other)])
    client = make_client(guard, routes=[inner], principal=database.principal)
    assert client.get("/inner/who", headers=issuer.bearer()).json() == {"user": "row of another table"}


# --- who is not -------------------------------------------------------------------------------------------------------


def test_somebody_who_is_not_known_here_is_403(
    database: Database, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(guard, routes=ROUTES, principal=database.principal)
    answer = client.get("/who", headers=issuer.bearer(sub="mallory"))
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "insufficient_scope", "error_description": Reason.UNKNOWN_PRINCIPAL.description},
    )
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert "mallory" not in answer.text + str(answer.headers)


def test_the_log_says_why(
    database: Database,
    guard: BearerGuard,
    issuer: FakeIssuer,
    make_client: MakeClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "bearer_guard"):
        make_client(guard, routes=ROUTES, principal=database.principal).get("/who", headers=issuer.bearer(sub="eve"))
    assert [getattr(record, "reason", None) for record in caplog.records] == ["unknown_principal"]


@pytest.mark.parametrize(
    "error", [OSError("db.internal: down"), KeyError("alice"), ValueError(), TimeoutError()], ids=repr
)
def test_its_failure_is_a_503_and_stands_in_the_log(
    error: Exception,
    guard: BearerGuard,
    issuer: FakeIssuer,
    make_client: MakeClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = make_client(guard, routes=ROUTES, principal=raising(error))
    answer = client.get("/who", headers=issuer.bearer())
    assert (answer.status_code, answer.json()["error_description"]) == (503, Reason.PRINCIPAL_UNAVAILABLE.description)
    assert "www-authenticate" not in answer.headers
    assert "db.internal" not in answer.text
    failed = [record for record in caplog.records if record.exc_info]
    assert [record.exc_info[1] for record in failed if record.exc_info] == [error]
    assert "principal_unavailable" in {getattr(record, "reason", None) for record in caplog.records}


def test_a_function_that_is_not_async_is_refused_with_advice(guard: BearerGuard, make_client: MakeClient) -> None:
    def principal(token: AccessToken) -> Row:
        return Row("alice")

    with pytest.raises(ConfigurationError, match="async"), make_client(guard, principal=principal):
        pytest.fail("it was served")


REFUSALS: list[tuple[BearerError, int]] = [
    (InsufficientScope(Reason.MISSING_GROUP), 403),
    (InvalidToken(Reason.EXPIRED), 401),
    (AuthorizationServerUnavailable(Reason.METADATA_UNAVAILABLE), 503),
]


@pytest.mark.parametrize(("error", "status"), REFUSALS, ids=lambda value: type(value).__name__)
def test_a_refusal_of_its_own_is_the_answer(
    error: BearerError, status: int, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    answer = make_client(guard, routes=ROUTES, principal=raising(error)).get("/who", headers=issuer.bearer())
    assert (answer.status_code, answer.json()["error_description"]) == (status, error.description)


# --- who is not looked for --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "options", "headers", "status"),
    [
        pytest.param("/open/who", {"public": {"/open"}}, {}, 200, id="public"),
        pytest.param("/who", {"optional": True}, {}, 200, id="anonymous"),
        pytest.param("/who", {}, {}, 401, id="without a token"),
        pytest.param("/who", {"optional": True}, {"Authorization": "Bearer x"}, 401, id="with a bad token"),
    ],
)
def test_without_a_good_token_nobody_is_looked_for(  # noqa: PLR0917  a table
    path: str,
    options: dict[str, Any],
    headers: dict[str, str],
    status: int,
    database: Database,
    guard: BearerGuard,
    make_client: MakeClient,
) -> None:
    client = make_client(guard, routes=ROUTES, principal=database.principal, **options)
    answer = client.get(path, headers=headers)
    assert (answer.status_code, database.asked) == (status, [])
    if status == 200:
        assert answer.json() == {"user": "nobody"}


def test_a_public_path_has_no_user_even_with_a_token(
    database: Database, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(guard, routes=ROUTES, principal=database.principal, public={"/open"})
    assert client.get("/open/who", headers=issuer.bearer()).json() == {"user": "nobody"}
    assert database.asked == []


def test_the_database_is_not_asked_where_the_guards_requirement_is_not_met(
    database: Database, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(guard, routes=ROUTES, principal=database.principal, requirement=Scopes("orders"))
    assert client.get("/who", headers=issuer.bearer()).status_code == 403
    assert database.asked == []


# --- WebSockets -------------------------------------------------------------------------------------------------------


class Chat(WebSocketEndpoint):
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.user.identity)
        await websocket.close()


def test_a_websocket_has_its_user(
    database: Database, guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(guard, routes=[WebSocketRoute("/chat", Chat)], principal=database.principal)
    with client.websocket_connect("/chat", headers=issuer.bearer()) as websocket:
        assert websocket.receive_text() == "row of alice"


@pytest.mark.parametrize(("error", "status"), [(None, 403), (OSError(), 503)], ids=["unknown", "failing"])
def test_a_websocket_without_one_is_denied(
    error: Exception | None,
    status: int,
    guard: BearerGuard,
    issuer: FakeIssuer,
    make_client: MakeClient,
) -> None:
    principal = Database().principal if error is None else raising(error)
    client: TestClient = make_client(guard, routes=[WebSocketRoute("/chat", Chat)], principal=principal)
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/chat", headers=issuer.bearer()),
    ):
        pytest.fail("it was accepted")
    assert denied.value.status_code == status


# --- cancelled --------------------------------------------------------------------------------------------------------


async def test_a_request_that_is_cancelled_while_the_database_is_asked_ends_without_an_answer(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    asked, sent = asyncio.Event(), list[Any]()

    async def principal(token: AccessToken) -> Any:
        asked.set()
        await asyncio.Event().wait()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.append("the application was reached")

    async def send(message: Any) -> None:
        sent.append(message)

    header = issuer.bearer()["Authorization"].encode()
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"authorization", header)]}
    middleware = BearerGuardMiddleware(app, guard, principal=principal)
    task = asyncio.create_task(middleware(scope, None, send))  # type: ignore[arg-type]
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sent == []
    assert "bearer_guard" not in scope


@pytest.mark.parametrize("principal", ["alice", 5, {"alice": 1}], ids=repr)
def test_what_is_no_function_is_refused_with_advice(principal: Any, guard: BearerGuard) -> None:
    with pytest.raises(ConfigurationError, match="write an async one that takes the token"):
        BearerGuardMiddleware(lambda *_: None, guard, principal=principal)  # type: ignore[arg-type]
