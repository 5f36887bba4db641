"""In company: other middleware on both sides, streams, background tasks, context variables, guards within guards.

No server makes a difference here, so the application is spoken to in ASGI itself.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from bearer_guard import (
    AccessToken,
    BearerGuard,
    BearerGuardMiddleware,
    JWTValidator,
    WebSocketProtocol,
    access_token,
    require_scopes,
)
from bearer_guard.testing import FakeIssuer

TIMEOUT = 5.0


@dataclass
class CountingValidator:
    """The real validator, and how often it was asked."""

    validator: JWTValidator
    asked: int = 0

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        self.asked += 1
        return await self.validator.validate(token, max_age=max_age)


@pytest.fixture
def validator(issuer: FakeIssuer) -> CountingValidator:
    return CountingValidator(JWTValidator(issuer.server, audience="api"))


@pytest.fixture
def forgetful(validator: CountingValidator) -> BearerGuard:
    """A guard that remembers nothing, so that each validation can be counted."""
    return BearerGuard(validator, remember=0)


def guarded(guard: BearerGuard, **options: Any) -> Middleware:
    return Middleware(BearerGuardMiddleware, guard=guard, **options)


def placed(place: str, other: Middleware, guard: Middleware) -> Sequence[Middleware]:
    """A middleware on one side of the guard."""
    return [other, guard] if place == "outside" else [guard, other]


async def me(request: Request) -> Response:
    return JSONResponse({"subject": access_token(request).subject})


@require_scopes("talk")
async def talk(request: Request) -> Response:
    return await me(request)


# --- one request, in ASGI ---------------------------------------------------------------------------------------------


@dataclass
class Exchange:
    """One request, spoken in ASGI: what was sent, as it is sent; and a client that can go."""

    headers: Mapping[str, str]
    path: str = "/"
    sent: list[Message] = field(default_factory=list)
    something_was_sent: asyncio.Event = field(default_factory=asyncio.Event)
    client_has_gone: asyncio.Event = field(default_factory=asyncio.Event)
    _has_asked: bool = False

    async def run(self, app: ASGIApp) -> None:
        async with asyncio.timeout(TIMEOUT):
            await app(self._scope(), self._receive, self._send)

    async def chunk(self, number: int) -> bytes:
        """The content of a chunk, as soon as it is sent."""
        async with asyncio.timeout(TIMEOUT):
            while len(self._chunks()) <= number:
                self.something_was_sent.clear()
                await self.something_was_sent.wait()
        return self._chunks()[number]

    @property
    def statuses(self) -> list[int]:
        return [message["status"] for message in self.sent if message["type"] == "http.response.start"]

    def _chunks(self) -> list[bytes]:
        bodies = (message.get("body", b"") for message in self.sent if message["type"] == "http.response.body")
        return [body for body in bodies if body]

    def _scope(self) -> Scope:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in self.headers.items()],
        }

    async def _receive(self) -> Message:
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.client_has_gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        self.something_was_sent.set()


# --- other middleware -------------------------------------------------------------------------------------------------


class Seen(BaseHTTPMiddleware):
    """Starlette's own way to write middleware, which runs what is behind it in a task of its own."""

    def __init__(self, app: ASGIApp, log: list[str], name: str) -> None:
        super().__init__(app)
        self._log = log
        self._name = name

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        self._log.append(f"{self._name} {'auth' in request.scope}")
        response = await call_next(request)
        self._log.append(f"{self._name} {response.status_code} {response.headers.get('www-authenticate', '')}".strip())
        return response


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def between(guard: BearerGuard, log: list[str]) -> TestClient:
    middleware = [Middleware(Seen, log, "outside"), guarded(guard), Middleware(Seen, log, "inside")]
    routes = [Route("/me", me), Route("/talk", talk)]
    return TestClient(Starlette(routes=routes, middleware=middleware))


def test_middleware_inside_sees_the_token_and_middleware_outside_the_answer(
    between: TestClient, issuer: FakeIssuer, log: list[str]
) -> None:
    assert between.get("/me", headers=issuer.bearer()).json() == {"subject": "alice"}
    assert log == ["outside False", "inside True", "inside 200", "outside 200"]


def test_middleware_inside_never_sees_a_refused_request(between: TestClient, log: list[str]) -> None:
    assert between.get("/me").status_code == 401
    assert log == ["outside False", "outside 401 Bearer"]


def test_a_refusal_of_a_decorator_passes_through_both(between: TestClient, issuer: FakeIssuer, log: list[str]) -> None:
    answer = between.get("/talk", headers=issuer.bearer())
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"].endswith('scope="talk"')
    assert [line.split()[1] for line in log] == ["False", "True", "403", "403"]


@pytest.mark.parametrize("place", ["outside", "inside"])
def test_gzip_on_either_side_leaves_answers_and_refusals_readable(
    guard: BearerGuard, issuer: FakeIssuer, place: str
) -> None:
    pair = placed(place, Middleware(GZipMiddleware, minimum_size=1), guarded(guard))
    routes = [Route("/me", me), Route("/talk", talk)]
    app = TestClient(Starlette(routes=routes, middleware=pair))
    answer = app.get("/me", headers=issuer.bearer())
    assert (answer.json(), answer.headers["content-encoding"]) == ({"subject": "alice"}, "gzip")
    for path, headers, error in (
        ("/me", issuer.bearer(exp=-60), "invalid_token"),
        ("/talk", issuer.bearer(), "insuff"),
    ):
        refusal = app.get(path, headers=headers)
        assert refusal.json()["error"].startswith(error)
        assert error in refusal.headers["www-authenticate"]


@pytest.mark.parametrize("place", ["outside", "inside"])
def test_a_session_is_kept_beside_the_token_and_does_not_stand_for_it(
    guard: BearerGuard, issuer: FakeIssuer, place: str
) -> None:
    async def count(request: Request) -> Response:
        request.session["visits"] = request.session.get("visits", 0) + 1
        return JSONResponse({"subject": access_token(request).subject, **request.session})

    sessions = pytest.importorskip("starlette.middleware.sessions", reason="itsdangerous is not installed")
    pair = placed(place, Middleware(sessions.SessionMiddleware, secret_key="of this test"), guarded(guard))
    app = Starlette(routes=[Route("/count", count)], middleware=pair)
    with TestClient(app) as client:
        assert client.get("/count", headers=issuer.bearer()).json() == {"subject": "alice", "visits": 1}
        assert client.get("/count").status_code == 401
        assert client.get("/count", headers=issuer.bearer()).json() == {"subject": "alice", "visits": 2}


# --- streams, and what goes on after them -----------------------------------------------------------------------------

LAYERS: dict[str, Sequence[Middleware]] = {
    "alone": (),
    "base-http-middleware": (Middleware(Seen, [], "around"),),
    "gzip": (Middleware(GZipMiddleware, minimum_size=1),),
}


def layered(guard: BearerGuard, layers: Sequence[Middleware], *routes: BaseRoute) -> Starlette:
    return Starlette(routes=routes, middleware=[*layers, guarded(guard), *layers])


def decorated(endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route("/", require_scopes("talk")(endpoint))


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
async def test_a_stream_is_not_held_back(guard: BearerGuard, issuer: FakeIssuer, layers: Sequence[Middleware]) -> None:
    first_has_arrived = asyncio.Event()

    async def stream(request: Request) -> Response:
        async def chunks() -> AsyncIterator[str]:
            yield "first"
            await first_has_arrived.wait()  # for ever, if somebody waits for the last chunk
            yield "last"

        return StreamingResponse(chunks())

    exchange = Exchange(issuer.bearer(scope="talk"))
    running = asyncio.create_task(exchange.run(layered(guard, layers, decorated(stream))))
    assert await exchange.chunk(0) == b"first"
    first_has_arrived.set()
    assert await exchange.chunk(1) == b"last"
    await running


@pytest.mark.parametrize("layers", [LAYERS["alone"], LAYERS["base-http-middleware"]], ids=["alone", "in-a-task"])
async def test_a_client_that_goes_ends_the_stream_and_nothing_is_left(
    guard: BearerGuard, issuer: FakeIssuer, layers: Sequence[Middleware]
) -> None:
    was_ended = asyncio.Event()

    async def stream(request: Request) -> Response:
        async def chunks() -> AsyncIterator[str]:
            try:
                yield "first"
                await asyncio.Event().wait()
            finally:
                was_ended.set()

        return StreamingResponse(chunks())

    tasks = asyncio.all_tasks()
    exchange = Exchange(issuer.bearer(scope="talk"))
    running = asyncio.create_task(exchange.run(layered(guard, layers, decorated(stream))))
    await exchange.chunk(0)
    exchange.client_has_gone.set()
    await running
    assert was_ended.is_set()
    assert asyncio.all_tasks() == tasks


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
async def test_an_exception_in_the_middle_of_a_response_is_the_servers_to_see(
    guard: BearerGuard, issuer: FakeIssuer, layers: Sequence[Middleware]
) -> None:
    async def stream(request: Request) -> Response:
        async def chunks() -> AsyncIterator[str]:
            yield "first"
            raise ZeroDivisionError

        return StreamingResponse(chunks())

    exchange = Exchange(issuer.bearer(scope="talk"))
    with pytest.raises(ZeroDivisionError):
        await exchange.run(layered(guard, layers, decorated(stream)))
    assert exchange.statuses == [200]
    assert await exchange.chunk(0)


async def test_a_refusal_that_comes_too_late_is_no_second_answer(guard: BearerGuard, issuer: FakeIssuer) -> None:
    async def late(request: Request) -> Response:
        async def chunks() -> AsyncIterator[str]:
            yield "first"
            await guard.validate("not a token")

        return StreamingResponse(chunks())

    exchange = Exchange(issuer.bearer(scope="talk"))
    with pytest.raises(Exception, match="not a JWT"):
        await exchange.run(layered(guard, (), decorated(late)))
    assert exchange.statuses == [200]


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
async def test_an_exception_before_the_response_is_a_500_and_no_refusal(
    guard: BearerGuard, issuer: FakeIssuer, layers: Sequence[Middleware]
) -> None:
    async def fail(request: Request) -> Response:
        raise ZeroDivisionError

    exchange = Exchange(issuer.bearer(scope="talk"))
    with pytest.raises(ZeroDivisionError):
        await exchange.run(layered(guard, layers, decorated(fail)))
    assert exchange.statuses == [500]


async def test_an_error_of_another_guard_that_the_application_lets_escape_is_not_answered_for_it(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    async def forward(request: Request) -> Response:
        await guard.validate("what another service has sent")
        return Response()

    exchange = Exchange(issuer.bearer(scope="talk"))
    with pytest.raises(Exception, match="not a JWT"):
        await exchange.run(layered(guard, (), decorated(forward)))
    assert exchange.statuses == [500]


async def test_a_background_task_runs_behind_the_answer(guard: BearerGuard, issuer: FakeIssuer) -> None:
    may_end, statuses = asyncio.Event(), []

    async def task() -> None:
        await may_end.wait()
        statuses.extend(exchange.statuses)

    async def start(request: Request) -> Response:
        return PlainTextResponse("done", background=BackgroundTask(task))

    exchange = Exchange(issuer.bearer(scope="talk"))
    running = asyncio.create_task(exchange.run(layered(guard, (), decorated(start))))
    assert await exchange.chunk(0) == b"done"
    assert not running.done()
    may_end.set()
    await running
    assert statuses == [200]


async def test_a_cancelled_request_is_cancelled_through_the_guard(guard: BearerGuard, issuer: FakeIssuer) -> None:
    is_waiting, was_cancelled = asyncio.Event(), asyncio.Event()

    async def wait(request: Request) -> Response:
        is_waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled.set()
            raise
        return Response()

    exchange = Exchange(issuer.bearer(scope="talk"))
    running = asyncio.create_task(exchange.run(layered(guard, (), decorated(wait))))
    await asyncio.wait_for(is_waiting.wait(), TIMEOUT)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert was_cancelled.is_set()
    assert exchange.sent == []


# --- context variables ------------------------------------------------------------------------------------------------

request_id: ContextVar[str] = ContextVar("request_id", default="none")


class Numbered:
    """Sets a context variable, and looks at it again when all is over."""

    def __init__(self, app: ASGIApp, left: list[str]) -> None:
        self.app = app
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id.set("from outside")
        await self.app(scope, receive, send)
        self._left.append(request_id.get())


def _read_and_set() -> Response:
    seen = request_id.get()
    request_id.set("from inside")
    return PlainTextResponse(seen)


async def reading(request: Request) -> Response:
    return _read_and_set()


class Reading(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return _read_and_set()


def reading_in_a_thread(request: Request) -> Response:
    return PlainTextResponse(request_id.get())


@pytest.mark.parametrize("endpoint", [reading, Reading], ids=["function", "class"])
async def test_context_variables_pass_in_and_out(guard: BearerGuard, issuer: FakeIssuer, endpoint: Any) -> None:
    left: list[str] = []
    app = Starlette(
        routes=[Route("/", require_scopes("talk")(endpoint))], middleware=[Middleware(Numbered, left), guarded(guard)]
    )
    exchange = Exchange(issuer.bearer(scope="talk"))
    await exchange.run(app)
    assert await exchange.chunk(0) == b"from outside"
    assert left == ["from inside"]


async def test_context_variables_pass_into_the_thread_of_a_plain_function(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    route = Route("/", require_scopes("talk")(reading_in_a_thread))
    exchange = Exchange(issuer.bearer(scope="talk"))
    await exchange.run(Starlette(routes=[route], middleware=[Middleware(Numbered, []), guarded(guard)]))
    assert await exchange.chunk(0) == b"from outside"


async def test_what_a_principal_sets_is_seen_inside(guard: BearerGuard, issuer: FakeIssuer) -> None:
    async def principal(token: AccessToken) -> str:
        request_id.set(f"of {token.subject}")
        return "a row of a database"

    app = Starlette(routes=[decorated(reading)], middleware=[guarded(guard, principal=principal)])
    exchange = Exchange(issuer.bearer(scope="talk"))
    await exchange.run(app)
    assert await exchange.chunk(0) == b"of alice"


# --- guards within guards ---------------------------------------------------------------------------------------------


@contextmanager
def nested(
    outer: BearerGuard, inner: BearerGuard, *routes: BaseRoute, public: Sequence[str] = (), **inside: Any
) -> Iterator[TestClient]:
    """An application whose part under /part has a guard of its own."""
    routes = (Route("/me", me), Route("/open", me_if_any), *routes)
    part = Starlette(routes=routes, middleware=[guarded(inner, **inside)])
    app = Starlette(routes=[Mount("/part", app=part)], middleware=[guarded(outer, public=public)])
    with TestClient(app) as client:
        yield client


async def me_if_any(request: Request) -> Response:
    return JSONResponse({"mode": request.scope["bearer_guard"].mode, "authenticated": request.user.is_authenticated})


def test_the_same_guard_twice_in_the_way_validates_once(
    forgetful: BearerGuard, validator: CountingValidator, issuer: FakeIssuer
) -> None:
    with nested(forgetful, forgetful) as client:
        assert client.get("/part/me", headers=issuer.bearer()).status_code == 200
    assert validator.asked == 1


def test_another_guard_in_the_way_validates_anew(
    forgetful: BearerGuard, validator: CountingValidator, issuer: FakeIssuer
) -> None:
    own = CountingValidator(JWTValidator(issuer.server, audience="part"))
    with nested(forgetful, BearerGuard(own, remember=0)) as client:
        assert client.get("/part/me", headers=issuer.bearer(aud=["api", "part"])).status_code == 200
        assert (validator.asked, own.asked) == (1, 1)
        refusal = client.get("/part/me", headers=issuer.bearer(aud="api"))
        assert refusal.json()["error_description"] == "The token is meant for another audience."
        assert client.get("/part/me", headers=issuer.bearer(aud="part")).status_code == 401
    assert (validator.asked, own.asked) == (3, 2)


def test_neither_guard_opens_what_the_other_has_shut(forgetful: BearerGuard, issuer: FakeIssuer) -> None:
    part = BearerGuard(JWTValidator(issuer.server, audience="part"))
    with nested(forgetful, part, public=["/part/me"]) as client:
        assert client.get("/part/me").status_code == 401
        assert client.get("/part/me", headers=issuer.bearer()).status_code == 401
        assert client.get("/part/me", headers=issuer.bearer(aud="part")).status_code == 200
    with nested(forgetful, part, optional=True) as client:
        assert client.get("/part/open").status_code == 401


def test_what_is_public_for_the_outer_guard_is_still_shut_by_the_same_guard_inside(
    forgetful: BearerGuard, validator: CountingValidator, issuer: FakeIssuer
) -> None:
    with nested(forgetful, forgetful, public=["/part"]) as client:
        assert client.get("/part/me").status_code == 401
        assert client.get("/part/me", headers=issuer.bearer()).json() == {"subject": "alice"}
    assert validator.asked == 1


def test_an_optional_guard_inside_a_public_path_looks_at_the_token(forgetful: BearerGuard, issuer: FakeIssuer) -> None:
    with nested(forgetful, forgetful, public=["/part"], optional=True) as client:
        assert client.get("/part/open").json() == {"mode": "optional", "authenticated": False}
        assert client.get("/part/open", headers=issuer.bearer()).json() == {"mode": "optional", "authenticated": True}
        assert client.get("/part/open", headers=issuer.bearer(exp=-60)).status_code == 401


@pytest.mark.parametrize("offered", [["bearer", "TOKEN"], ["bearer", "TOKEN", "chat"], ["chat", "bearer", "TOKEN"]])
@pytest.mark.parametrize(
    "inside",
    [
        "the same guard",
        "another guard",
    ],
)
def test_a_guard_inside_finds_the_token_among_the_subprotocols_too(
    issuer: FakeIssuer, inside: str, offered: list[str]
) -> None:
    async def hello(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json({"offered": websocket.scope["subprotocols"], "subject": websocket.user.identity})
        await websocket.close()

    def make() -> BearerGuard:
        return BearerGuard(JWTValidator(issuer.server, audience="api"), sources=[WebSocketProtocol()])

    outer = make()
    names = [issuer.token() if name == "TOKEN" else name for name in offered]
    with (
        nested(outer, outer if inside == "the same guard" else make(), WebSocketRoute("/hello", hello)) as client,
        client.websocket_connect("/part/hello", subprotocols=names) as websocket,
    ):
        assert websocket.accepted_subprotocol == "bearer"
        left = [name for name in offered if name != "TOKEN"]
        assert websocket.receive_json() == {"offered": left, "subject": "alice"}


# --- applications beside each other -----------------------------------------------------------------------------------


async def shared(request: Request) -> Response:
    return await me(request)


def test_a_function_may_be_decorated_for_one_application_and_plain_in_another(
    guard: BearerGuard, issuer: FakeIssuer
) -> None:
    narrow = Starlette(routes=[Route("/me", require_scopes("admin")(shared))], middleware=[guarded(guard)])
    wide = Starlette(routes=[Route("/me", shared)], middleware=[guarded(guard)])
    assert TestClient(narrow).get("/me", headers=issuer.bearer()).status_code == 403
    assert TestClient(wide).get("/me", headers=issuer.bearer()).status_code == 200


# --- the application's life -------------------------------------------------------------------------------------------


def test_what_the_lifespan_makes_is_at_hand_in_requests_and_websockets(guard: BearerGuard, issuer: FakeIssuer) -> None:
    ended: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        yield {"database": "open"}
        ended.append("closed")

    async def state(request: Request) -> Response:
        return PlainTextResponse(request.state.database)

    async def state_of_websocket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.state.database)

    routes = [decorated(state), WebSocketRoute("/ws", require_scopes("talk")(state_of_websocket))]
    headers = issuer.bearer(scope="talk")
    with TestClient(Starlette(routes=routes, middleware=[guarded(guard)], lifespan=lifespan)) as client:
        assert client.get("/", headers=headers).text == "open"
        with client.websocket_connect("/ws", headers=headers) as websocket:
            assert websocket.receive_text() == "open"
        assert ended == []
    assert ended == ["closed"]


def test_requests_do_not_see_each_others_tokens(guard: BearerGuard, issuer: FakeIssuer) -> None:
    routes = [Route("/me", me)]
    names = [f"user-{number}" for number in range(20)]

    async def ask(app: ASGIApp, name: str) -> str:
        exchange = Exchange(issuer.bearer(sub=name), path="/me")
        await exchange.run(app)
        return str(json.loads(await exchange.chunk(0))["subject"])

    async def ask_all() -> list[str]:
        app = layered(guard, LAYERS["base-http-middleware"], *routes)
        return await asyncio.gather(*(ask(app, name) for name in names))

    assert asyncio.run(ask_all()) == names


def test_a_websocket_that_the_client_leaves_ends_quietly(guard: BearerGuard, issuer: FakeIssuer) -> None:
    left: list[int] = []

    @require_scopes("talk")
    async def stay(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await websocket.receive_text()
        except WebSocketDisconnect as gone:
            left.append(gone.code)

    app = Starlette(routes=[WebSocketRoute("/ws", stay)], middleware=[guarded(guard)])
    with TestClient(app).websocket_connect("/ws", headers=issuer.bearer(scope="talk")) as websocket:
        websocket.close(4000)
    assert left == [4000]
