"""Decorators that guard nothing: found at startup, with the first request at the latest, and never served."""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, ConfigurationError, require, require_scopes
from bearer_guard.testing import FakeIssuer
from tests.inventory import bare, guarded

Function = TypeVar("Function", bound=Callable[..., Any])
Decorate = Callable[[FastAPI], None]

needs_read, needs_write = require_scopes("read"), require_scopes("write")


def by_others(function: Function) -> Function:
    """A decorator of somebody else's, written as one should."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def application(guard: BearerGuard, decorate: Decorate, **options: Any) -> FastAPI:
    """An application whose routes `decorate` has made."""
    app = FastAPI(middleware=[Middleware(BearerGuardMiddleware, guard=guard, **options)])
    decorate(app)
    return app


def is_served(app: Any) -> bool:
    """Whether an application serves, asked as a server asks: by its lifespan. It says the same to a request."""
    try:
        with TestClient(app):
            starts = True
    except ConfigurationError:
        starts = False
    try:
        TestClient(app).get("/orders")
        answers = True
    except ConfigurationError:
        answers = False
    assert starts is answers
    return starts


# --- above the decorator that registers -------------------------------------------------------------------------------


def above(app: FastAPI) -> None:
    @needs_read
    @app.get("/orders")
    async def orders() -> str:
        return "served"


def above_a_websocket(app: FastAPI) -> None:
    @needs_read
    @app.websocket("/orders")
    async def orders(websocket: WebSocket) -> None:
        await websocket.accept()


def two_above(app: FastAPI) -> None:
    @needs_read
    @needs_write
    @app.get("/orders")
    async def orders() -> str:
        return "served"


def one_above_and_one_below(app: FastAPI) -> None:
    @needs_read
    @app.get("/orders")
    @needs_write
    async def orders() -> str:
        return "served"


def between_two_that_register(app: FastAPI) -> None:
    @app.get("/orders")
    @needs_read
    @app.get("/orders/old")
    async def orders() -> str:
        return "served"


def above_a_check(app: FastAPI) -> None:
    @require(lambda token, connection: False)
    @app.get("/orders")
    async def orders() -> str:
        return "served"


def of_an_included_router(app: FastAPI) -> None:
    router = APIRouter(prefix="/v1")

    @needs_read
    @router.get("/orders")
    async def orders() -> str:
        return "served"

    app.include_router(router)


def of_a_mounted_application(app: FastAPI) -> None:
    inner = FastAPI()
    above(inner)
    app.mount("/inner", inner)


def behind_a_decorator_of_others(app: FastAPI) -> None:
    @needs_read
    @by_others
    @app.get("/orders")
    async def orders() -> str:
        return "served"


def registered_by_hand(app: FastAPI) -> None:
    async def orders() -> str:
        return "served"

    needs_read(orders)
    app.add_api_route("/orders", orders)


def bare_here_and_decorated_there(app: FastAPI) -> None:
    async def orders() -> str:
        return "served"

    app.get("/mine")(orders)
    app.get("/orders")(needs_read(orders))


MISPLACED: dict[str, Any] = {
    "above": above,
    "above a WebSocket": above_a_websocket,
    "two above": two_above,
    "one above and one below": one_above_and_one_below,
    "above a check": above_a_check,
    "of an included router": of_an_included_router,
    "of a mounted application": of_a_mounted_application,
    "registered by hand": registered_by_hand,
    "with a decorator of others in between": behind_a_decorator_of_others,
    "between two that register": between_two_that_register,
    # Inside a function nobody can tell it from the one before.
    "bare here and decorated there": bare_here_and_decorated_there,
}


@pytest.mark.parametrize("decorate", MISPLACED.values(), ids=MISPLACED)
def test_an_application_with_a_decorator_above_the_one_that_registers_is_not_served(
    decorate: Decorate, guard: BearerGuard
) -> None:
    assert not is_served(application(guard, decorate))


@pytest.mark.parametrize("decorate", [above, one_above_and_one_below])
def test_nobody_gets_in_however_good_the_token(decorate: Decorate, guard: BearerGuard, issuer: FakeIssuer) -> None:
    client = TestClient(application(guard, decorate), raise_server_exceptions=False)
    for _ in range(2):  # the second request is told the same
        answer = client.get("/orders", headers=issuer.bearer(scope="read write"))
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")


def test_the_sentence_names_the_route_the_function_and_what_to_do(guard: BearerGuard) -> None:
    with pytest.raises(ConfigurationError) as caught, TestClient(application(guard, above)):
        pytest.fail("it was served")
    sentence = str(caught.value)
    assert "GET /orders: " in sentence
    assert "above.<locals>.orders" in sentence
    assert "put it below @app.get(...)" in sentence


def test_all_defects_are_named_at_once(guard: BearerGuard) -> None:
    def several(app: FastAPI) -> None:
        above(app)
        above_a_websocket(app)
        app.get("/health")(guarded)

    with pytest.raises(ConfigurationError) as caught, TestClient(application(guard, several, public={"/health"})):
        pytest.fail("it was served")
    first, *defects = str(caught.value).splitlines()
    assert first == "the application is not served:"
    assert [line.split(":")[0] for line in defects] == ["- GET /orders", "- WEBSOCKET /orders", "- GET /health"]


async def test_a_server_is_told_by_the_lifespan_why_it_cannot_start(guard: BearerGuard) -> None:
    app = BearerGuardMiddleware(application(guard, above), guard=guard)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(ConfigurationError):
        await app({"type": "lifespan", "state": {}}, receive, send)
    [failed] = sent
    assert failed["type"] == "lifespan.startup.failed"
    assert "GET /orders" in failed["message"]


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda app, guard: BearerGuardMiddleware(app, guard=guard), id="by hand"),
        pytest.param(lambda app, guard: BearerGuardMiddleware(GZipMiddleware(app), guard=guard), id="around others"),
        pytest.param(lambda app, guard: GZipMiddleware(BearerGuardMiddleware(app, guard=guard)), id="within others"),
    ],
)
def test_the_guard_finds_them_wherever_it_stands(wrap: Callable[..., Any], guard: BearerGuard) -> None:
    app = FastAPI()
    above(app)
    assert not is_served(wrap(app, guard))


def test_the_guard_of_a_mounted_application_finds_them_with_the_first_request(guard: BearerGuard) -> None:
    # The lifespan of a mounted application is never run.
    app = Starlette(routes=[Mount("/inner", application(guard, above))])
    with TestClient(app) as client, pytest.raises(ConfigurationError, match="GET /orders"):
        client.get("/inner/orders")


def test_the_guard_of_a_router_finds_them(guard: BearerGuard) -> None:
    router = Router(
        [Route("/orders", guarded)], middleware=[Middleware(BearerGuardMiddleware, guard=guard, public={"/orders"})]
    )
    with pytest.raises(ConfigurationError):
        TestClient(router).get("/orders")


# --- in a module, where names can be looked up ------------------------------------------------------------------------

PLAIN = """
@needs_read
@app.get("/orders")
async def orders(): return "served"
"""
MODULES = {
    "above": PLAIN,
    "above, and the name is given to another function below": PLAIN
    + """
@app.get("/more")
async def orders(): return "served"
""",
    "above, and below a decorator of others": PLAIN.replace("@needs_read", "@by_others\n@needs_read"),
    "above, and the name is taken away": PLAIN + "del orders",
    "above, and the name is used in a loop": PLAIN + "for orders in range(3): pass",
}


@pytest.mark.parametrize("source", MODULES.values(), ids=MODULES)
def test_a_module_with_a_decorator_above_the_one_that_registers_is_not_served(
    source: str, guard: BearerGuard, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    module: Any = ModuleType("main_of_somebody")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    app = FastAPI(middleware=[Middleware(BearerGuardMiddleware, guard=guard)])
    vars(module).update(app=app, needs_read=needs_read, by_others=by_others)
    exec(source, vars(module))  # noqa: S102  a user's module
    assert not is_served(app)


# --- what is no defect ------------------------------------------------------------------------------------------------


def below(app: FastAPI) -> None:
    @app.get("/orders")
    @needs_read
    async def orders() -> str:
        return "served"


def by_others_below(app: FastAPI) -> None:
    @app.get("/orders")
    @needs_read
    @by_others
    async def orders() -> str:
        return "served"


def by_others_above(app: FastAPI) -> None:
    @app.get("/orders")
    @by_others
    @needs_read
    async def orders() -> str:
        return "served"


def registered_twice(app: FastAPI) -> None:
    @app.get("/orders")
    @app.get("/orders/all")
    @needs_read
    @needs_write
    async def orders() -> str:
        return "served"


def nothing(app: FastAPI) -> None: ...


@pytest.mark.parametrize("decorate", [nothing, below, by_others_below, by_others_above, registered_twice])
def test_what_is_no_defect_is_served(decorate: Decorate, guard: BearerGuard) -> None:
    assert is_served(application(guard, decorate))


async def shared(request: Request) -> Response:
    return PlainTextResponse("served")


shared_and_guarded = needs_read(shared)


def test_a_function_may_be_bare_in_one_application_and_decorated_in_another(guard: BearerGuard) -> None:
    middleware = [Middleware(BearerGuardMiddleware, guard=guard)]
    assert is_served(Starlette(routes=[Route("/orders", shared)], middleware=middleware))
    assert is_served(Starlette(routes=[Route("/orders", shared_and_guarded)], middleware=middleware))


# --- decorated and public ---------------------------------------------------------------------------------------------


@needs_read
class GuardedClass(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("served")


class GuardedMethod(HTTPEndpoint):
    @needs_read
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("served")


@pytest.mark.parametrize(
    "endpoint",
    [
        guarded,
        GuardedClass,
        GuardedMethod,
    ],
)
def test_a_decorated_route_under_a_public_path_is_not_served(endpoint: Any, guard: BearerGuard) -> None:
    app = Starlette(
        routes=[Mount("/open", routes=[Route("/orders", endpoint)])],
        middleware=[Middleware(BearerGuardMiddleware, guard=guard, public={"/open"})],
    )
    assert not is_served(app)


def test_the_sentence_says_which_of_both_to_take_away(guard: BearerGuard) -> None:
    app = application(guard, below, public={"GET /orders"})
    with pytest.raises(ConfigurationError, match=r"GET /orders: it is decorated and public; take .* away, or"):
        TestClient(app).get("/orders")


def test_a_decorated_method_beside_a_public_one_of_the_same_path_is_served(guard: BearerGuard) -> None:
    def both(app: FastAPI) -> None:
        app.get("/orders")(bare)
        app.post("/orders")(guarded)

    assert is_served(application(guard, both, public={"GET /orders"}))
