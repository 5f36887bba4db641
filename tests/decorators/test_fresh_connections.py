"""fresh= on FastAPI's path functions and dependencies, and on WebSockets."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.endpoints import WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from bearer_guard import AccessToken, BearerGuard, BearerGuardMiddleware, Scopes, access_token, require
from bearer_guard.testing import FakeIssuer
from tests.decorators import behind
from tests.decorators.fresh import BOTH_FORMS, asking_guard, bearer, calls, facts, regrant

# --- FastAPI ----------------------------------------------------------------------------------------------------------

Token = Annotated[AccessToken, Depends(access_token)]


@require(Scopes("write"), fresh=0)
async def confirmed(request: Request) -> list[str]:
    return sorted(access_token(request).groups)


def fastapi(guard: BearerGuard) -> TestClient:
    app = FastAPI(middleware=[Middleware(BearerGuardMiddleware, guard=guard)])

    @app.get("/usual")
    async def usual(token: Token) -> str | None:
        return token.subject

    @app.get("/orders/{number}")
    @require(Scopes("write"), fresh=0)
    async def order(number: int) -> int:
        return number

    @app.get("/sync/{number}")
    @require(Scopes("write"), fresh=0)
    def in_a_thread(number: int, request: Request) -> list[str]:
        return sorted(access_token(request).groups)

    @app.get("/dependency")
    async def dependent(groups: Annotated[list[str], Depends(confirmed)], request: Request) -> list[str]:
        assert groups == sorted(access_token(request).groups)
        return groups

    @app.get("/injected")
    @require(fresh=0)
    async def injected(token: Token) -> list[str]:
        return sorted(token.groups)

    @app.websocket("/chat")
    @require(Scopes("write"), fresh=0)
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(sorted(access_token(websocket).groups))
        await websocket.close()

    return TestClient(app)


@BOTH_FORMS
@pytest.mark.parametrize("path", ["/orders/7", "/sync/7", "/dependency"])
def test_path_functions_and_dependencies_of_fastapi_ask(path: str, form: str, issuer: FakeIssuer) -> None:
    client = fastapi(asking_guard(issuer))
    token, headers = bearer(issuer, form, scope="write", groups=["staff"])
    client.get("/usual", headers=headers)
    assert client.get(path, headers=bearer(issuer, "jwt")[1]).status_code == 403
    calls(issuer)
    assert client.get(path, headers=headers).status_code == 200
    assert calls(issuer) == 1
    issuer.revoke(token)
    assert client.get(path, headers=headers).status_code == 401
    issuer.go_offline()
    assert client.get(path, headers=headers).status_code == (503 if form == "jwt" else 401)


@pytest.mark.parametrize("path", ["/sync/7", "/dependency"])
def test_path_functions_of_fastapi_see_the_token_of_this_moment(path: str, issuer: FakeIssuer) -> None:
    client = fastapi(asking_guard(issuer))
    token, headers = bearer(issuer, "opaque", scope="write", groups=["staff"])
    client.get("/usual", headers=headers)
    regrant(issuer, token, groups=["ops"])
    assert client.get(path, headers=headers).json() == ["ops"]


def test_a_token_that_fastapi_fills_in_is_the_one_of_this_moment(issuer: FakeIssuer) -> None:
    client = fastapi(asking_guard(issuer))
    token, headers = bearer(issuer, "opaque", groups=["staff"])
    client.get("/usual", headers=headers)
    regrant(issuer, token, groups=["ops"])
    assert client.get("/injected", headers=headers).json() == ["ops"]


# --- WebSockets -------------------------------------------------------------------------------------------------------


@require(Scopes("write"), fresh=0)
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(sorted(access_token(websocket).groups))
    await websocket.close()


@require(Scopes("write"))
class Chat(WebSocketEndpoint):
    encoding = "text"

    @require(fresh=0)
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(sorted(access_token(websocket).groups))

    @require(fresh=30)
    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_text(data)


def websockets(issuer: FakeIssuer) -> TestClient:
    return behind(
        asking_guard(issuer), Route("/usual", facts), WebSocketRoute("/function", chat), WebSocketRoute("/class", Chat)
    )


@BOTH_FORMS
@pytest.mark.parametrize("client_of", [fastapi, None], ids=["fastapi", "starlette"])
def test_a_websocket_asks_before_it_is_accepted(form: str, client_of: Any, issuer: FakeIssuer) -> None:
    client = websockets(issuer) if client_of is None else client_of(asking_guard(issuer))
    paths = ("/chat",) if client_of else ("/function", "/class")
    for path in paths:
        token, headers = bearer(issuer, form, scope="write", groups=["staff"])
        client.get("/usual", headers=headers)
        regrant(issuer, token, groups=["ops"])
        calls(issuer)
        with client.websocket_connect(path, headers=headers) as websocket:
            assert websocket.receive_json() == (["ops"] if form == "opaque" else ["staff"])
        assert calls(issuer) == 1
        issuer.revoke(token)
        with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(path, headers=headers):
            pytest.fail("it was accepted")
        assert denied.value.status_code == 401


@BOTH_FORMS
def test_a_class_of_websockets_and_its_method_ask_once_for_one_handshake(form: str, issuer: FakeIssuer) -> None:
    client = websockets(issuer)
    _, headers = bearer(issuer, form, scope="write")
    client.get("/usual", headers=headers)
    calls(issuer)
    with client.websocket_connect("/class", headers=headers) as websocket:
        websocket.receive_json()
    assert calls(issuer) == 1


@BOTH_FORMS
def test_an_answer_grows_old_during_a_long_connection(form: str, issuer: FakeIssuer) -> None:
    client = websockets(issuer)
    token, headers = bearer(issuer, form, scope="write")
    with client.websocket_connect("/class", headers=headers) as websocket:
        websocket.receive_json()
        websocket.send_text("hello")
        assert websocket.receive_text() == "hello"
        issuer.revoke(token)
        issuer.clock.advance(31)
        websocket.send_text("are you there?")
        assert websocket.receive()["type"] == "websocket.close"
