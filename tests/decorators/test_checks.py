"""`require(..., check)`: questions about a request that no pure requirement can answer."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from bearer_guard import (
    AccessToken,
    AuthorizationServerUnavailable,
    BearerGuard,
    ConfigurationError,
    InsufficientScope,
    InvalidToken,
    Reason,
    Scopes,
    authorize,
    require,
    require_scopes,
)
from bearer_guard.inventory import Check
from bearer_guard.testing import FakeIssuer
from tests.decorators import behind, challenge, scope_in


async def served(request: Request) -> Response:
    return PlainTextResponse("served")


def owns(token: AccessToken, connection: HTTPConnection) -> bool:
    return str(connection.path_params["owner"]) == token.subject


async def owns_async(token: AccessToken, connection: HTTPConnection) -> bool:
    return owns(token, connection)


def owns_later(token: AccessToken, connection: HTTPConnection) -> Awaitable[bool]:
    return owns_async(token, connection)


class Owns:
    def __call__(self, token: AccessToken, connection: HTTPConnection) -> bool:
        return owns(token, connection)

    async def method(self, token: AccessToken, connection: HTTPConnection) -> bool:
        return owns(token, connection)


def client_of(guard: BearerGuard, *requirements: Any) -> TestClient:
    return behind(guard, Route("/orders/{owner}", require(*requirements)(served)))


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(owns, id="function"),
        pytest.param(owns_async, id="async function"),
        pytest.param(Owns(), id="callable object"),
        pytest.param(Owns().method, id="bound async method"),
        pytest.param(functools.partial(owns_async), id="partial application"),
        pytest.param(owns_later, id="function that returns an awaitable"),
    ],
)
def test_a_check_sees_token_and_request_and_decides(check: Check, guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = client_of(guard, check)
    assert client.get("/orders/alice", headers=issuer.bearer()).text == "served"
    refused = client.get("/orders/bob", headers=issuer.bearer())
    assert refused.status_code == 403
    assert challenge(refused) == (
        'Bearer error="insufficient_scope", error_description="The token does not meet what this resource requires."'
    )
    assert client.get("/orders/alice").status_code == 401


@pytest.mark.parametrize("answer", [1, "yes", [1], object(), None, False, 0, NotImplemented], ids=repr)
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_only_true_is_a_yes(answer: Any, guard: BearerGuard, issuer: FakeIssuer, *, is_async: bool) -> None:
    def check(token: AccessToken, connection: HTTPConnection) -> Any:
        return answer

    async def check_async(token: AccessToken, connection: HTTPConnection) -> Any:
        return answer

    client = client_of(guard, check_async if is_async else check)
    assert client.get("/orders/alice", headers=issuer.bearer()).status_code == 403


def test_an_awaitable_within_an_awaitable_is_no_yes(guard: BearerGuard, issuer: FakeIssuer) -> None:
    coroutines: list[Any] = []

    async def check(token: AccessToken, connection: HTTPConnection) -> Any:
        coroutines.append(owns_async(token, connection))
        return coroutines[0]

    assert client_of(guard, check).get("/orders/alice", headers=issuer.bearer()).status_code == 403
    assert inspect.getcoroutinestate(coroutines[0]) == inspect.CORO_CREATED
    coroutines[0].close()


# --- when it is asked -------------------------------------------------------------------------------------------------


class Diary:
    """Checks that write down that they were asked."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def check(self, name: str, *, answer: bool = True) -> Check:
        def check(token: AccessToken, connection: HTTPConnection) -> bool:
            self.pages.append(name)
            return answer

        return check


@pytest.fixture
def diary() -> Diary:
    return Diary()


def test_a_check_is_not_asked_before_all_requirements_are_met(
    diary: Diary, guard: BearerGuard, issuer: FakeIssuer
) -> None:
    client = client_of(guard, diary.check("asked"), Scopes("read"))
    assert client.get("/orders/alice").status_code == 401
    refused = client.get("/orders/alice", headers=issuer.bearer(scope="write"))
    assert (refused.status_code, scope_in(refused), diary.pages) == (403, "read", [])
    assert client.get("/orders/alice", headers=issuer.bearer(scope="read")).status_code == 200
    assert diary.pages == ["asked"]


def test_requirements_below_are_met_before_a_check_above_is_asked(
    diary: Diary, guard: BearerGuard, issuer: FakeIssuer
) -> None:
    endpoint = require(diary.check("asked"))(require_scopes("read")(served))
    client = behind(guard, Route("/orders", endpoint))
    assert client.get("/orders", headers=issuer.bearer(scope="write")).status_code == 403
    assert diary.pages == []


def test_checks_are_asked_in_order_and_the_first_no_ends_it(
    diary: Diary, guard: BearerGuard, issuer: FakeIssuer
) -> None:
    checks = [diary.check("first"), diary.check("second", answer=False), diary.check("third")]
    assert client_of(guard, *checks).get("/orders/alice", headers=issuer.bearer()).status_code == 403
    assert diary.pages == ["first", "second"]


def test_stacked_checks_are_asked_once_each_the_upper_first(
    diary: Diary, guard: BearerGuard, issuer: FakeIssuer
) -> None:
    endpoint = require(diary.check("upper"))(require(diary.check("lower"))(served))
    answer = behind(guard, Route("/orders", endpoint)).get("/orders", headers=issuer.bearer())
    assert (answer.status_code, diary.pages) == (200, ["upper", "lower"])


def test_a_check_alone_needs_a_token_all_the_same(diary: Diary, guard: BearerGuard) -> None:
    endpoint = require(diary.check("asked"))(served)
    refused = behind(guard, Route("/orders", endpoint), optional=True).get("/orders")
    assert (refused.status_code, challenge(refused), diary.pages) == (401, "Bearer", [])


# --- what it raises ---------------------------------------------------------------------------------------------------


def raising(error: Exception) -> Check:
    async def check(token: AccessToken, connection: HTTPConnection) -> bool:
        raise error

    return check


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (InsufficientScope(Reason.INSUFFICIENT_SCOPE, scopes=("admin",)), 403, 'scope="admin"'),
        (InvalidToken(Reason.EXPIRED), 401, 'error="invalid_token"'),
    ],
    ids=["InsufficientScope", "InvalidToken"],
)
def test_a_refusal_that_a_check_raises_is_the_answer(
    error: Exception, status: int, said: str, guard: BearerGuard, issuer: FakeIssuer
) -> None:
    answer = client_of(guard, raising(error)).get("/orders/alice", headers=issuer.bearer())
    assert answer.status_code == status
    assert said in challenge(answer)


def test_an_outage_that_a_check_raises_is_503(guard: BearerGuard, issuer: FakeIssuer) -> None:
    check = raising(AuthorizationServerUnavailable(Reason.PRINCIPAL_UNAVAILABLE, retry_after=7))
    answer = client_of(guard, check).get("/orders/alice", headers=issuer.bearer())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


def test_a_check_may_ask_for_what_depends_on_the_request(guard: BearerGuard, issuer: FakeIssuer) -> None:
    def check(token: AccessToken, connection: HTTPConnection) -> bool:
        return authorize(connection, Scopes(f"orders:{connection.path_params['owner']}")) is token

    client = client_of(guard, check)
    refused = client.get("/orders/bob", headers=issuer.bearer(scope="orders:alice"))
    assert (refused.status_code, scope_in(refused)) == (403, "orders:bob")
    assert client.get("/orders/alice", headers=issuer.bearer(scope="orders:alice")).status_code == 200


def test_an_http_exception_is_answered_as_the_application_does(guard: BearerGuard, issuer: FakeIssuer) -> None:
    # Whoever may not see an order must not learn that it is there.
    answer = client_of(guard, raising(HTTPException(404))).get("/orders/alice", headers=issuer.bearer())
    assert answer.status_code == 404


def test_another_exception_is_the_defect_that_it_is(guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = client_of(guard, raising(KeyError("owner")))
    with pytest.raises(KeyError, match="owner"):
        client.get("/orders/alice", headers=issuer.bearer())


# --- WebSockets -------------------------------------------------------------------------------------------------------


@require(Scopes("chat"), owns_async)
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def test_a_check_decides_about_a_websocket_before_it_is_accepted(guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = behind(guard, WebSocketRoute("/chat/{owner}", chat))
    headers = issuer.bearer(scope="chat")
    with client.websocket_connect("/chat/alice", headers=headers) as websocket:
        assert websocket.receive()["type"] == "websocket.close"
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/chat/bob", headers=headers),
    ):
        pytest.fail("it was accepted")
    assert denied.value.status_code == 403


# --- what is no check -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", ["read", {"read"}, None, True, Scopes, Owns], ids=lambda wrong: getattr(wrong, "__name__", repr(wrong))
)
def test_what_is_neither_a_requirement_nor_a_check_is_refused_with_advice(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"write require\(Scopes\('read'\)\)"):
        require(Scopes("a"), wrong)


def test_a_check_stays_out_of_the_requirement(diary: Diary) -> None:
    decorate: Callable[[Any], Any] = require(diary.check("asked"), Scopes("read"))
    [requirement, checks] = (
        decorate(served).__bearer_guard__[1].requirement,
        decorate(served).__bearer_guard__[1].checks,
    )
    assert requirement == Scopes("read")
    assert len(checks) == 1
