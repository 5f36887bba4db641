"""A validated token in a handler, and a refusal as an answer or as an exception."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, UnauthenticatedUser, requires
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from bearer_guard import (
    AccessToken,
    AuthorizationServerUnavailable,
    BearerError,
    BearerGuard,
    BearerGuardMiddleware,
    Claim,
    ConfigurationError,
    Credentials,
    Groups,
    GuardedRequest,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    JWTValidator,
    MissingToken,
    Reason,
    Refusal,
    Requirement,
    Scopes,
    access_token,
    authorize,
)
from bearer_guard.testing import FakeIssuer
from bearer_guard.web import NotGuarded, User, answer, as_exception, response
from tests.conftest import MakeClient
from tests.test_middleware import CONNECT, Recorder, drive, http_scope, websocket_scope
from tests.test_tokens import token_with

NEEDS_WRITE = (
    'Bearer error="insufficient_scope", error_description="The token lacks a scope that this resource requires.",'
    ' scope="orders:write"'
)


PLAIN = HTTPConnection(http_scope())


def guarded_by(guard: BearerGuard, **options: Any) -> list[Middleware]:
    return [Middleware(BearerGuardMiddleware, guard=guard, **options)]


# --- the token in a handler -------------------------------------------------------------------------------------------


async def who(request: Request) -> JSONResponse:
    token = access_token(request)
    assert token is request.auth
    assert token is request.scope["bearer_guard"].token
    user = request.user
    return JSONResponse([user.is_authenticated, user.identity, user.display_name])


def test_a_handler_has_the_token_and_its_user(guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient) -> None:
    client = make_client(guard, routes=[Route("/who", who)])
    assert client.get("/who", headers=issuer.bearer(sub="bob")).json() == [True, "bob", "bob"]


@pytest.mark.parametrize(
    ("members", "identity"),
    [
        ({"subject": "alice", "client_id": "app"}, "alice"),
        ({"subject": None, "client_id": "app"}, ""),  # a client could be called like a user
        ({"subject": None, "client_id": None}, ""),
    ],
    ids=["subject", "client", "nobody"],
)
def test_a_token_that_names_no_subject_stands_for_nobody(members: dict[str, Any], identity: str) -> None:
    user = User(token_with(**members))
    assert (user.identity, user.display_name, user.is_authenticated) == (identity, identity, True)


@requires("orders:read")
async def starlette_requires(request: Request) -> PlainTextResponse:
    return PlainTextResponse("in")


def test_the_requires_of_starlette_works(guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient) -> None:
    client = make_client(guard, routes=[Route("/orders", starlette_requires)], optional=True)
    assert client.get("/orders", headers=issuer.bearer(scope="orders:read other")).text == "in"
    assert client.get("/orders", headers=issuer.bearer(scope="other")).status_code == 403
    assert client.get("/orders").status_code == 403


@pytest.mark.parametrize("options", [{"optional": True}, {"public": {"/me"}}], ids=["optional", "public"])
async def test_where_nobody_need_be_anybody_the_request_is_anonymous(
    guard: BearerGuard, options: dict[str, Any]
) -> None:
    app = Recorder()
    await drive(BearerGuardMiddleware(app, guard, **options), http_scope())
    connection = HTTPConnection(app.scopes[0])
    assert type(connection.auth) is AuthCredentials
    assert connection.auth.scopes == []
    assert type(connection.user) is UnauthenticatedUser
    with pytest.raises(MissingToken):
        access_token(connection)


def test_asking_for_a_token_that_is_not_there_is_a_401(guard: BearerGuard, make_client: MakeClient) -> None:
    refused = make_client(guard, public={"/me"}).get("/me")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


class Anybody(Requirement):
    """What everybody meets, and nobody at all would meet as well."""

    def holds(self, token: AccessToken) -> bool:
        return True


@pytest.mark.parametrize(
    ("token", "requirement", "is_allowed"),
    [
        (token_with(), None, True),
        (token_with(), Anybody(), True),
        (token_with(), Scopes("read"), False),
        (token_with(scopes=frozenset({"read"})), Scopes("read"), True),
        (None, None, False),
        (None, Anybody(), False),
        (None, Scopes("read"), False),
    ],
)
def test_a_guarded_request_allows_what_its_guard_would_let_pass(
    guard: BearerGuard, token: AccessToken | None, requirement: Requirement | None, *, is_allowed: bool
) -> None:
    assert GuardedRequest(guard, None, token, "optional").allows(requirement) is is_allowed
    if is_allowed:
        guard.authorize(token, requirement)
    else:
        with pytest.raises(MissingToken if token is None else InsufficientScope):
            guard.authorize(token, requirement)


def test_a_guarded_request_shows_no_credentials(guard: BearerGuard) -> None:
    guarded = GuardedRequest(guard, Credentials("secret-token"), token_with(), "required")
    assert "secret-token" not in repr(guarded)


@pytest.mark.parametrize("left_there", [None, "token", {"token": token_with()}], ids=repr)
@pytest.mark.parametrize("ask", [access_token, lambda request: authorize(request, Scopes("a"))], ids=["token", "may"])
def test_where_no_guard_ran_there_is_no_answer(ask: Callable[[HTTPConnection], AccessToken], left_there: Any) -> None:
    request = Request({**http_scope(), "bearer_guard": left_there})
    with pytest.raises(NotGuarded, match=r"no BearerGuard has seen this request; add Middleware\(BearerGuardMiddlew"):
        ask(request)


def test_a_handler_without_a_guard_is_a_500() -> None:
    client = TestClient(Starlette(routes=[Route("/who", who)]), raise_server_exceptions=False)
    assert client.get("/who").status_code == 500


# --- authorize() in a handler -----------------------------------------------------------------------------------------


async def write(request: Request) -> JSONResponse:
    token = authorize(request, Scopes("orders:write") | Groups(request.path_params["team"]))
    assert token is request.auth
    return JSONResponse(token.subject)


WRITE = Route("/teams/{team}", write)


def test_a_requirement_may_depend_on_the_request(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(guard, routes=[WRITE])
    assert client.get("/teams/blue", headers=issuer.bearer(groups=["blue"])).json() == "alice"
    assert client.get("/teams/blue", headers=issuer.bearer(scope="orders:write")).json() == "alice"
    assert client.get("/teams/red", headers=issuer.bearer(groups=["blue"])).status_code == 403


def test_starlette_answers_a_refusal_with_its_status_its_sentence_and_the_challenge(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    refused = make_client(guard, routes=[WRITE]).get("/teams/red", headers=issuer.bearer())
    assert (refused.status_code, refused.text) == (403, "The token lacks a scope that this resource requires.")
    assert refused.headers["www-authenticate"] == NEEDS_WRITE
    assert refused.headers["content-type"].startswith("text/plain")
    assert refused.headers.get_list("content-length") == [str(len(refused.content))]


def test_without_a_token_authorize_names_the_scopes_that_would_do(guard: BearerGuard, make_client: MakeClient) -> None:
    refused = make_client(guard, routes=[WRITE], optional=True).get("/teams/red")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer scope="orders:write"')


def fastapi_app(guard: BearerGuard) -> FastAPI:
    app = FastAPI()
    app.add_middleware(BearerGuardMiddleware, guard=guard)

    @app.get("/async")
    async def asynchronous(request: FastAPIRequest) -> str | None:
        return authorize(request, Scopes("orders:write")).subject

    @app.get("/sync")
    def synchronous(request: FastAPIRequest) -> str | None:
        return authorize(request, Scopes("orders:write")).subject

    return app


@pytest.mark.parametrize("path", ["/async", "/sync"])
def test_fastapi_answers_a_refusal_in_its_own_form(guard: BearerGuard, issuer: FakeIssuer, path: str) -> None:
    client = TestClient(fastapi_app(guard))
    assert client.get(path, headers=issuer.bearer(scope="orders:write")).json() == "alice"
    refused = client.get(path, headers=issuer.bearer())
    assert refused.status_code == 403
    assert refused.json() == {"detail": "The token lacks a scope that this resource requires."}
    assert refused.headers["www-authenticate"] == NEEDS_WRITE


async def handled(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    assert isinstance(error, BearerError)
    return JSONResponse({"mine": error.reason}, error.status_code, error.headers)


@pytest.mark.parametrize("handler_of", [HTTPException, InsufficientScope, BearerError, Exception, 403], ids=str)
def test_an_applications_own_handlers_apply(guard: BearerGuard, issuer: FakeIssuer, handler_of: Any) -> None:
    handlers = {handler_of: handled}
    app = Starlette(routes=[WRITE], middleware=guarded_by(guard), exception_handlers=handlers)
    refused = TestClient(app).get("/teams/red", headers=issuer.bearer())
    if handler_of is Exception:  # Starlette's own handler of HTTPException stands before it
        assert refused.text == Reason.INSUFFICIENT_SCOPE.description
    else:
        assert refused.json() == {"mine": "insufficient_scope"}
    assert (refused.status_code, refused.headers["www-authenticate"]) == (403, NEEDS_WRITE)


def test_the_handler_of_our_error_goes_before_that_of_starlettes(guard: BearerGuard, issuer: FakeIssuer) -> None:
    async def general(_: Request, error: Exception) -> PlainTextResponse:
        raise AssertionError("the special one is there")

    handlers: dict[Any, Any] = {HTTPException: general, InsufficientScope: handled}
    app = Starlette(routes=[WRITE], middleware=guarded_by(guard), exception_handlers=handlers)
    assert TestClient(app).get("/teams/red", headers=issuer.bearer()).json() == {"mine": "insufficient_scope"}


# --- a refusal as an exception ----------------------------------------------------------------------------------------

ERRORS: list[BearerError] = [
    MissingToken(("read",)),
    InvalidRequest(Reason.SEVERAL_TOKENS),
    InvalidToken(Reason.EXPIRED, claim="exp"),
    InsufficientScope(Reason.INSUFFICIENT_SCOPE, scopes=("read",), requirement=Scopes("read")),
    AuthorizationServerUnavailable(Reason.KEYS_UNAVAILABLE, retry_after=9),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_exception_is_both_and_knows_all_that_the_error_knew(guard: BearerGuard, error: BearerError) -> None:
    error.__cause__ = cause = ValueError("why")
    raised: Any = as_exception(error, guard, PLAIN)
    assert isinstance(raised, type(error))
    assert isinstance(raised, HTTPException)
    assert (raised.status_code, raised.detail) == (error.status, error.description)
    assert {name: vars(raised)[name] for name in vars(error)} == vars(error)
    assert str(raised) == str(error)
    assert raised.args == error.args
    assert raised.__cause__ is cause
    assert type(raised).__name__ == type(error).__name__


def test_its_headers_are_those_of_the_refusal_but_for_the_body(guard: BearerGuard) -> None:
    missing: Any = as_exception(MissingToken(), guard, PLAIN)
    assert missing.headers == {"cache-control": "no-store", "www-authenticate": "Bearer"}
    unavailable: Any = as_exception(ERRORS[-1], guard, PLAIN)
    assert unavailable.headers == {"cache-control": "no-store", "retry-after": "9"}


def test_the_exception_keeps_the_conventions_of_the_guard(issuer: FakeIssuer) -> None:
    validator = JWTValidator(issuer.server, audience="api")
    by_convention: Any = as_exception(MissingToken(), BearerGuard(validator, missing_token="invalid_request"), PLAIN)
    assert by_convention.status_code == 400
    teapot = BearerGuard(validator, on_error=lambda _, refusal: replace(refusal, status=418))
    reworded: Any = as_exception(MissingToken(), teapot, PLAIN)
    assert reworded.status_code == 418


# --- a refusal as an answer -------------------------------------------------------------------------------------------

REFUSAL = Refusal(401, (("content-type", "application/json"), ("www-authenticate", "Bearer"), ("x", "\xfc")), b"{}")
RAW = [(name.encode(), value.encode("latin-1")) for name, value in REFUSAL.headers] + [(b"content-length", b"2")]


async def test_an_http_answer_is_the_refusal_byte_by_byte() -> None:
    assert await drive(lambda *asgi: answer(REFUSAL, *asgi), http_scope()) == [
        {"type": "http.response.start", "status": 401, "headers": RAW},
        {"type": "http.response.body", "body": b"{}"},
    ]


def test_a_response_is_the_refusal_and_nothing_else() -> None:
    returned = response(REFUSAL)
    assert (returned.status_code, returned.raw_headers, returned.body) == (401, RAW, b"{}")


async def test_a_websocket_is_denied_with_the_refusal_where_the_server_can() -> None:
    scope = websocket_scope(denial=True)
    assert await drive(lambda *asgi: answer(REFUSAL, *asgi), scope, CONNECT) == [
        {"type": "websocket.http.response.start", "status": 401, "headers": RAW},
        {"type": "websocket.http.response.body", "body": b"{}"},
    ]


@pytest.mark.parametrize("members", [{}, {"extensions": None}, {"extensions": {"tls": {}}}], ids=str)
async def test_a_websocket_is_closed_before_it_is_accepted_where_the_server_cannot(members: dict[str, Any]) -> None:
    # RFC 6455 section 7.4.1: 1008 is a violation of policy.
    scope = {**websocket_scope(), **members}
    sent = await drive(lambda *asgi: answer(REFUSAL, *asgi), scope, CONNECT)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


@pytest.mark.parametrize("denial", [True, False])
async def test_a_client_that_has_gone_is_told_nothing(denial: bool) -> None:  # noqa: FBT001  a table
    gone = {"type": "websocket.disconnect", "code": 1006}
    assert await drive(lambda *asgi: answer(REFUSAL, *asgi), websocket_scope(denial=denial), gone) == []


def test_the_length_that_is_sent_is_that_of_the_body_that_is_sent(issuer: FakeIssuer) -> None:
    reworded = BearerGuard(
        JWTValidator(issuer.server, audience="api"),
        on_error=lambda _, refusal: replace(refusal, body=b'{"error": "in words of our own"}'),
    )
    returned = response(reworded.refusal(MissingToken()))
    assert returned.headers["content-length"] == str(len(returned.body))


async def test_a_header_that_cannot_be_sent_does_not_cost_the_client_its_answer(issuer: FakeIssuer) -> None:
    reworded = BearerGuard(
        JWTValidator(issuer.server, audience="api"),
        on_error=lambda _, refusal: replace(refusal, headers=(*refusal.headers, ("x-hint", "\u2026 log in first"))),
    )
    start, _ = await drive(BearerGuardMiddleware(Recorder(), reworded), http_scope())
    assert start["status"] == 401


# --- authorize() on a WebSocket ---------------------------------------------------------------------------------------


async def before_accept(websocket: WebSocket) -> None:
    authorize(websocket, Claim("tenant", "acme"))
    await websocket.accept()
    await websocket.send_text(access_token(websocket).subject or "")
    await websocket.close()


async def after_accept(websocket: WebSocket) -> None:
    await websocket.accept()
    authorize(websocket, Claim("tenant", "acme"))


def chat(guard: BearerGuard) -> Starlette:
    routes = [WebSocketRoute("/before", before_accept), WebSocketRoute("/after", after_accept)]
    return Starlette(routes=routes, middleware=guarded_by(guard))


def test_a_websocket_handler_may_ask_before_it_accepts(guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = TestClient(chat(guard))
    with client.websocket_connect("/before", headers=issuer.bearer(tenant="acme")) as websocket:
        assert websocket.receive_text() == "alice"
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/before", headers=issuer.bearer(tenant="evil")),
    ):
        raise AssertionError("it must not be accepted")
    assert denied.value.status_code == 403
    assert 'error="insufficient_scope"' in denied.value.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("path", "denial"),
    [("/before", False), ("/after", True), ("/after", False)],
    ids=["the server cannot deny", "it is accepted already", "accepted, and the server cannot deny"],
)
async def test_a_websocket_that_cannot_be_denied_is_closed(
    guard: BearerGuard, issuer: FakeIssuer, path: str, *, denial: bool
) -> None:
    scope = websocket_scope(issuer.bearer(), path=path, denial=denial)
    sent = await drive(chat(guard), scope, CONNECT)
    assert sent[-1]["type"] == "websocket.close"
    assert sent[-1]["code"] == 1008


def test_to_authorize_without_a_requirement_is_a_mistake_and_no_yes() -> None:
    requirement: Any = {"GET": Groups("staff")}.get("POST")
    with pytest.raises(ConfigurationError, match="takes a requirement, not None"):
        authorize(PLAIN, requirement)
