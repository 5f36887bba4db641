"""BearerGuardMiddleware: who gets in, and how untouched everything else passes."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bearer_guard import (
    AccessToken,
    AuthorizationServer,
    BearerGuard,
    BearerGuardMiddleware,
    ConfigurationError,
    Groups,
    GuardedRequest,
    InsufficientScope,
    InvalidToken,
    JWTValidator,
    MissingToken,
    Reason,
    Scopes,
    WebSocketProtocol,
)
from bearer_guard.testing import FakeIssuer
from tests.conftest import MakeClient
from tests.guard import Validator


def http_scope(headers: dict[str, str] | None = None, **members: Any) -> Scope:
    """An ASGI scope as a server makes it."""
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    usual = {"type": "http", "method": "GET", "path": "/me", "raw_path": b"/me", "root_path": "", "query_string": b""}
    return {**usual, "headers": raw, **members}


def websocket_scope(headers: dict[str, str] | None = None, *, denial: bool = False, path: str = "/me") -> Scope:
    extensions: dict[str, Any] = {"extensions": {"websocket.http.response": {}}} if denial else {}
    return http_scope(headers, type="websocket", path=path, raw_path=path.encode(), subprotocols=[], **extensions)


async def drive(app: ASGIApp, scope: Scope, *incoming: Message) -> list[Message]:
    """Runs one connection by hand, with these messages of the client; the answer is what the application sent."""
    waiting = list(incoming)
    sent: list[Message] = []

    async def receive() -> Message:
        assert waiting, "asked for a message that never comes"
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


REQUEST: Message = {"type": "http.request", "body": b"", "more_body": False}
CONNECT: Message = {"type": "websocket.connect"}
OK = [
    {"type": "http.response.start", "status": 204, "headers": []},
    {"type": "http.response.body", "body": b"", "more_body": False},
]


class Recorder:
    """An application that remembers who came in."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            for message in OK:
                await send(message)

    @property
    def guarded(self) -> GuardedRequest:
        found = self.scopes[-1]["bearer_guard"]
        assert isinstance(found, GuardedRequest)
        return found


# --- who gets in ------------------------------------------------------------------------------------------------------


async def test_a_request_with_a_good_token_gets_in_and_what_was_found_out_goes_along(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    app = Recorder()
    assert await drive(BearerGuardMiddleware(app, guard), http_scope(issuer.bearer(scope="read"))) == OK
    guarded = app.guarded
    assert guarded.guard is guard
    assert guarded.mode == "required"
    assert guarded.token is app.scopes[0]["auth"]
    assert isinstance(guarded.token, AccessToken)
    assert guarded.token.scopes == {"read"}
    assert guarded.credentials is not None
    assert guarded.credentials.scheme == "Bearer"


@pytest.mark.parametrize(
    ("options", "mode"),
    [({}, "required"), ({"optional": True}, "optional"), ({"requirement": Scopes("read")}, "required")],
    ids=str,
)
async def test_of_a_remembered_token_the_same_goes_along_as_of_a_new_one(
    guard: BearerGuard, issuer: FakeIssuer, options: dict[str, Any], mode: str
) -> None:
    app, headers = Recorder(), issuer.bearer(scope="read")
    first = None
    for _ in range(2):
        await drive(BearerGuardMiddleware(app, guard, **options), http_scope(headers))
        found = app.guarded
        assert (found.guard, found.mode, found.requirement) == (guard, mode, options.get("requirement"))
        assert (found.principal, found.max_age) == (None, None)
        assert found.credentials is not None
        assert found.credentials.token == headers["Authorization"].partition(" ")[2]
        assert found.token is (first or found).token
        first = found


async def test_what_every_request_must_meet_is_asked_of_a_remembered_token_too(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    app, headers = Recorder(), issuer.bearer(scope="other")
    await drive(BearerGuardMiddleware(Recorder(), guard), http_scope(headers))  # from now on it is remembered
    for _ in range(2):
        start, _ = await drive(BearerGuardMiddleware(app, guard, requirement=Scopes("orders")), http_scope(headers))
        assert start["status"] == 403
    assert app.scopes == []


@pytest.mark.parametrize("confirmation", [{"jkt": "thumbprint"}, {}], ids=str)
async def test_a_token_that_is_bound_to_a_key_gets_in_with_no_request_however_often_it_comes(
    guard: BearerGuard, issuer: FakeIssuer, confirmation: dict[str, str]
) -> None:
    app, headers = Recorder(), issuer.bearer(cnf=confirmation)
    for _ in range(3):
        start, _ = await drive(BearerGuardMiddleware(app, guard), http_scope(headers))
        assert start["status"] == 401
    assert app.scopes == []


@pytest.mark.parametrize("public", [set(), {"/health"}], ids=["all guarded", "something public"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "TRACE", "BREW"])
async def test_without_a_token_no_method_gets_in(guard: BearerGuard, method: str, public: set[str]) -> None:
    app = Recorder()
    preflight = {"Origin": "https://app.test", "Access-Control-Request-Method": "GET"}
    start, _ = await drive(BearerGuardMiddleware(app, guard, public=public), http_scope(preflight, method=method))
    assert start["status"] == 401
    assert app.scopes == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Basic YTpi"}, 401),
        ({"Authorization": "Bearer"}, 400),
        ({"Authorization": "Bearer not-a-jwt"}, 401),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_what_is_refused_never_reaches_the_application(
    guard: BearerGuard, headers: dict[str, str], status: int, kind: str
) -> None:
    app = Recorder()
    scope = http_scope(headers) if kind == "http" else websocket_scope(headers, denial=True)
    start, body = await drive(BearerGuardMiddleware(app, guard), scope, CONNECT)
    assert start["status"] == status
    assert start["type"].startswith(kind)
    assert body["body"].startswith(b"{")
    assert app.scopes == []


async def test_a_websocket_with_a_good_token_gets_in_before_anything_is_received(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    app = Recorder()
    assert await drive(BearerGuardMiddleware(app, guard), websocket_scope(issuer.bearer())) == []
    assert app.guarded.token is not None


def test_an_outage_is_503_with_the_time_to_come_back(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    issuer.go_offline()
    answer = make_client(guard).get("/me", headers=issuer.bearer())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "www-authenticate" not in answer.headers


# --- public, optional, requirement ------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer bad"}, {"Authorization": "nonsense,"}], ids=str)
async def test_a_public_path_asks_for_nothing_and_looks_at_nothing(guard: BearerGuard, headers: dict[str, str]) -> None:
    app = Recorder()
    middleware = BearerGuardMiddleware(app, guard, public={"/me"})
    assert await drive(middleware, http_scope(headers)) == OK
    assert (app.guarded.mode, app.guarded.token, app.guarded.credentials) == ("public", None, None)
    start, _ = await drive(middleware, http_scope(headers, path="/mean", raw_path=b"/mean"))
    assert start["status"] in (400, 401)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}], ids=["none", "of another scheme"])
async def test_optional_lets_requests_without_a_token_in(guard: BearerGuard, headers: dict[str, str]) -> None:
    app = Recorder()
    assert await drive(BearerGuardMiddleware(app, guard, optional=True), http_scope(headers)) == OK
    assert (app.guarded.mode, app.guarded.token, app.guarded.credentials) == ("optional", None, None)


async def test_optional_takes_a_good_token_and_refuses_a_bad_one(guard: BearerGuard, issuer: FakeIssuer) -> None:
    app = Recorder()
    middleware = BearerGuardMiddleware(app, guard, optional=True)
    assert await drive(middleware, http_scope(issuer.bearer())) == OK
    assert app.guarded.mode == "optional"
    assert app.guarded.token is not None
    start, _ = await drive(middleware, http_scope(issuer.bearer(exp=-60)))
    assert start["status"] == 401
    assert len(app.scopes) == 1


def test_what_every_request_must_meet_is_named_in_every_challenge(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(guard, requirement=Scopes("orders"))
    assert client.get("/me", headers=issuer.bearer(scope="orders")).status_code == 200
    missing = client.get("/me")
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, 'Bearer scope="orders"')
    insufficient = client.get("/me", headers=issuer.bearer(scope="other"))
    assert insufficient.status_code == 403
    assert insufficient.headers["www-authenticate"].endswith('scope="orders"')


def test_a_requirement_that_no_scope_meets_names_none(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(guard, requirement=Groups("staff"), public={"/me"})
    assert client.get("/other").headers["www-authenticate"] == "Bearer"
    assert "scope=" not in client.get("/other", headers=issuer.bearer()).headers["www-authenticate"]


# --- two guards -------------------------------------------------------------------------------------------------------


async def whose(request: Request) -> JSONResponse:
    return JSONResponse({"issuer": request.auth.issuer})


def test_a_guard_inside_another_validates_anew_and_its_answer_counts(
    issuer: FakeIssuer, make_client: MakeClient
) -> None:
    outer, inner = (BearerGuard(JWTValidator(issuer.server, audience=name)) for name in ("api", "files"))
    files = Mount("/files", app=Starlette(routes=[Route("/", whose)]), middleware=guarded_by(inner))
    client = make_client(outer, routes=[files, Route("/whose", whose)])
    assert client.get("/files/", headers=issuer.bearer(aud=["api", "files"])).json() == {"issuer": issuer.issuer}
    assert client.get("/files/", headers=issuer.bearer(aud="api")).status_code == 401
    assert client.get("/files/", headers=issuer.bearer(aud="files")).status_code == 401
    assert client.get("/whose", headers=issuer.bearer(aud="api")).status_code == 200


def guarded_by(guard: BearerGuard, **options: Any) -> list[Middleware]:
    return [Middleware(BearerGuardMiddleware, guard=guard, **options)]


def test_a_token_that_an_outer_guard_accepted_means_nothing_to_a_guard_inside(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    strangers = BearerGuard(JWTValidator(issuer.server, audience="files"))
    app = Recorder()
    inner = BearerGuardMiddleware(app, guard, public={"/me"})
    client = TestClient(BearerGuardMiddleware(inner, strangers))
    assert client.get("/me", headers=issuer.bearer(aud="files")).status_code == 204
    assert app.guarded.guard is guard
    assert app.guarded.token is None


async def test_two_middlewares_of_one_guard_validate_a_request_once() -> None:
    asked: list[str] = []
    app, guard = Recorder(), BearerGuard(Validator(asked), remember=0)
    middleware = BearerGuardMiddleware(BearerGuardMiddleware(app, guard), guard)
    assert await drive(middleware, http_scope({"Authorization": "Bearer token"})) == OK
    assert asked == ["validator"]
    assert app.guarded.token is not None


async def test_a_middleware_inside_keeps_nobody_for_whom_another_token_stood(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    async def principal(token: AccessToken) -> str:
        return f"row of {token.subject}"

    app = Recorder()
    inner = BearerGuardMiddleware(app, guard)

    async def on_behalf_of_bob(scope: Scope, receive: Receive, send: Send) -> None:
        await inner({**scope, "headers": http_scope(issuer.bearer(sub="bob"))["headers"]}, receive, send)

    await drive(BearerGuardMiddleware(on_behalf_of_bob, guard, principal=principal), http_scope(issuer.bearer()))
    assert app.guarded.principal is None
    assert app.scopes[0]["user"].identity == "bob"


# --- a token among the subprotocols -----------------------------------------------------------------------------------


def offering(*subprotocols: str) -> Scope:
    """A handshake that offers these subprotocols."""
    headers = {"Sec-WebSocket-Protocol": ", ".join(subprotocols)}
    return {**websocket_scope(headers), "subprotocols": list(subprotocols)}


def reading_subprotocols(issuer: FakeIssuer) -> BearerGuard:
    return BearerGuard(JWTValidator(issuer.server, audience="api"), sources=[WebSocketProtocol()])


@pytest.mark.parametrize("guards", [1, 2, 3])
async def test_the_application_sees_no_token_and_each_guard_does(issuer: FakeIssuer, guards: int) -> None:
    app, token = Recorder(), issuer.token()
    inside: ASGIApp = app
    for _ in range(guards):
        inside = BearerGuardMiddleware(inside, reading_subprotocols(issuer))
    assert await drive(inside, offering("bearer", token, "chat")) == []
    assert app.guarded.token is not None
    (seen,) = app.scopes
    assert seen["subprotocols"] == ["bearer", "chat"]
    assert token not in repr(seen["headers"])


@pytest.mark.parametrize(("chosen", "sent"), [(None, "bearer"), ("chat", "chat")], ids=str)
async def test_the_word_before_the_token_is_echoed_unless_the_application_chooses_another(
    issuer: FakeIssuer, chosen: str | None, sent: str
) -> None:
    async def accepting(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": chosen})

    middleware = BearerGuardMiddleware(accepting, reading_subprotocols(issuer))
    (accepted,) = await drive(middleware, offering("bearer", issuer.token(), "chat"))
    assert accepted["subprotocol"] == sent


# --- lifespan ---------------------------------------------------------------------------------------------------------

STARTUP: Message = {"type": "lifespan.startup"}
SHUTDOWN: Message = {"type": "lifespan.shutdown"}


class ClosingValidator:
    """A validator that remembers whether it was closed."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.was_closed = 0
        self.failure = failure

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        raise InvalidToken(Reason.NOT_A_JWT)

    async def aclose(self) -> None:
        self.was_closed += 1
        if self.failure is not None:
            raise self.failure


def application(validator: ClosingValidator, seen: list[int], *, fails: bool = False) -> Starlette:
    """It notes down how often the guard was closed, when it has started and when it shuts down."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        seen.append(validator.was_closed)
        yield
        seen.append(validator.was_closed)
        if fails:
            raise RuntimeError("a defect at shutdown")

    return Starlette(lifespan=lifespan, middleware=guarded_by(BearerGuard(validator)))


async def test_the_guard_is_closed_once_the_application_has_shut_down() -> None:
    validator, seen = ClosingValidator(), list[int]()
    sent = await drive(application(validator, seen), {"type": "lifespan", "state": {}}, STARTUP, SHUTDOWN)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert seen == [0, 0], "it is open while the application needs it"
    assert validator.was_closed == 1


async def test_the_guard_is_closed_when_the_shutdown_fails_too() -> None:
    validator = ClosingValidator()
    with pytest.raises(RuntimeError, match="a defect at shutdown"):
        await drive(application(validator, [], fails=True), {"type": "lifespan", "state": {}}, STARTUP, SHUTDOWN)
    assert validator.was_closed == 1


async def test_nested_guards_are_closed_each() -> None:
    validators = ClosingValidator(), ClosingValidator()
    middleware = [entry for validator in validators for entry in guarded_by(BearerGuard(validator))]
    await drive(Starlette(middleware=middleware), {"type": "lifespan", "state": {}}, STARTUP, SHUTDOWN)
    assert [validator.was_closed for validator in validators] == [1, 1]


async def test_a_guard_that_cannot_be_closed_does_not_keep_the_server_from_shutting_down() -> None:
    app = application(ClosingValidator(RuntimeError("cannot be closed")), [])
    sent = await drive(app, {"type": "lifespan", "state": {}}, STARTUP, SHUTDOWN)
    assert sent[-1]["type"] == "lifespan.shutdown.complete"


async def test_the_guard_is_closed_when_the_application_ends_its_lifespan_without_a_word() -> None:
    async def wordless(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise RuntimeError("a defect at shutdown")

    validator = ClosingValidator()
    with pytest.raises(RuntimeError, match="a defect"):
        await drive(BearerGuardMiddleware(wordless, BearerGuard(validator)), {"type": "lifespan"}, STARTUP, SHUTDOWN)
    assert validator.was_closed == 1


async def test_the_application_starts_while_the_authorization_server_is_away(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    issuer.go_offline()
    app = Starlette(middleware=guarded_by(guard))
    sent = await drive(app, {"type": "lifespan", "state": {}}, STARTUP, SHUTDOWN)
    assert sent[0]["type"] == "lifespan.startup.complete"


@pytest.mark.parametrize("kind", ["webtransport", "", "HTTP"])
async def test_a_connection_of_a_kind_that_nobody_can_guard_is_not_served(guard: BearerGuard, kind: str) -> None:
    app = Recorder()
    with pytest.raises(RuntimeError, match=f"a connection of type '{kind}' is not served"):
        await drive(BearerGuardMiddleware(app, guard, public={"/me"}), http_scope(type=kind))
    assert app.scopes == []


# --- everything else passes untouched ---------------------------------------------------------------------------------


async def test_a_stream_is_neither_buffered_nor_changed_and_a_disconnect_arrives(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    events: list[str] = []

    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            events.append(f"received {message['body']!r}")
            await send({"type": "http.response.body", "body": message["body"].upper(), "more_body": True})
        events.append(message["type"])

    chunks: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in (b"a", b"b")]
    waiting = [*chunks, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        events.append(f"sent {message['body']!r}")

    await BearerGuardMiddleware(streaming, guard)(http_scope(issuer.bearer()), receive, send)
    assert events == ["received b'a'", "sent b'A'", "received b'b'", "sent b'B'", "http.disconnect"]


visitor = contextvars.ContextVar("visitor", default="nobody")


async def test_context_variables_pass_in_both_directions(guard: BearerGuard, issuer: FakeIssuer) -> None:
    seen: list[str] = []

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(visitor.get())
        visitor.set("set inside")

    async def outside(scope: Scope, receive: Receive, send: Send) -> None:
        visitor.set("set outside")
        await BearerGuardMiddleware(inside, guard)(scope, receive, send)
        seen.append(visitor.get())

    await drive(outside, http_scope(issuer.bearer()))
    assert seen == ["set outside", "set inside"]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a defect"),
        MissingToken(),
        InvalidToken(Reason.EXPIRED),
        InsufficientScope(Reason.MISSING_GROUP),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_the_application_raises_is_its_own_affair(
    guard: BearerGuard, issuer: FakeIssuer, error: BaseException
) -> None:
    # Also an error of ours: an application that asks another API may meet one that is not about this request's token.
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        await drive(BearerGuardMiddleware(failing, guard), http_scope(issuer.bearer()))
    assert raised.value is error


async def test_a_defect_of_a_validator_lets_nobody_in() -> None:
    class Broken(ClosingValidator):
        async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
            raise ZeroDivisionError

    app = Recorder()
    with pytest.raises(ZeroDivisionError):
        await drive(BearerGuardMiddleware(app, BearerGuard(Broken())), http_scope({"Authorization": "Bearer t"}))
    assert app.scopes == []


class Gate(httpx.AsyncBaseTransport):
    """A way to the issuer on which requests wait until it is opened."""

    def __init__(self, issuer: FakeIssuer) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self._issuer = httpx.ASGITransport(app=issuer.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.reached.set()
        await self.opened.wait()
        return await self._issuer.handle_async_request(request)


async def test_a_request_that_is_cancelled_while_keys_are_fetched_harms_nobody_else(issuer: FakeIssuer) -> None:
    gate = Gate(issuer)
    server = AuthorizationServer(issuer.issuer, http_client=lambda: httpx.AsyncClient(transport=gate))
    app = Recorder()
    async with BearerGuard(JWTValidator(server, audience="api")) as guard:
        middleware = BearerGuardMiddleware(app, guard)
        impatient = asyncio.create_task(drive(middleware, http_scope(issuer.bearer())))
        patient = asyncio.create_task(drive(middleware, http_scope(issuer.bearer())))
        await gate.reached.wait()
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        gate.opened.set()
        assert await patient == OK
        assert await drive(middleware, http_scope(issuer.bearer())) == OK
    assert len(app.scopes) == 2
    assert issuer.requests.count("/jwks") == 1


# --- construction -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"guard": None}, r"guard=None is no BearerGuard; write guard=BearerGuard\(JWTValidator"),
        ({"guard": ClosingValidator()}, r"is no BearerGuard"),
        ({"guard": BearerGuard}, r"is no BearerGuard"),
        ({"requirement": "orders"}, r"requirement='orders' is none; write requirement=Scopes\('orders'\)"),
        ({"requirement": Scopes}, r"is none; write requirement="),
        ({"requirement": Scopes("a"), "optional": True}, r"requirement= asks for a token and optional=True does not"),
        ({"public": "/health"}, r"public='/health' is one string; write public=\{'/health'\}"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_told_what_to_write_instead(
    guard: BearerGuard, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        BearerGuardMiddleware(Recorder(), **{"guard": guard, **options})


@pytest.mark.parametrize("option", ["optional", "cors_preflight"])
@pytest.mark.parametrize("value", ["false", 0, None], ids=repr)
def test_a_switch_that_is_neither_on_nor_off_is_refused(guard: BearerGuard, option: str, value: Any) -> None:
    # As os.getenv() gives it: every text is true, "false" as well.
    with pytest.raises(ConfigurationError, match=f"{option}=.* is neither True nor False"):
        BearerGuardMiddleware(Starlette(), guard, **{option: value})


def test_a_request_made_of_another_is_judged_by_the_token_that_it_carries(
    guard: BearerGuard, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    # As batch endpoints and gateways do: the scope of the request, with other headers.
    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.user.identity)

    inner = BearerGuardMiddleware(Starlette(routes=[Route("/who", who)]), guard)

    async def batch(request: Request) -> PlainTextResponse:
        headers = [(b"authorization", request.headers["x-item"].encode())]
        scope = {**request.scope, "path": "/who", "raw_path": b"/who", "headers": headers}
        sent = await drive(inner, scope)
        return PlainTextResponse(f"{sent[0]['status']} {sent[1]['body'].decode()}")

    client = make_client(guard, routes=[Route("/batch", batch)])
    root, eve = issuer.bearer(sub="root"), issuer.bearer(sub="eve")
    for item, answer in (
        (eve["Authorization"], "200 eve"),
        ("Bearer garbage", "401"),
        (root["Authorization"], "200 root"),
    ):
        assert client.get("/batch", headers={**root, "x-item": item}).text.startswith(answer)
