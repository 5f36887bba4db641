"""05  A WebSocket. The differences from 01 are the endpoint, and where a browser's script can put the token.

Run it: `python examples/05_websocket.py`. In a page: `new WebSocket(url, ["bearer", token])`.
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from bearer_guard import BearerGuard, BearerGuardMiddleware, JWTValidator, WebSocketProtocol, require_scopes
from bearer_guard.testing import FakeIssuer

issuer = FakeIssuer()
guard = BearerGuard(JWTValidator(issuer.server, audience="api"), sources=[WebSocketProtocol()])


@require_scopes("chat")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(f"hello {websocket.user.identity}")
    await websocket.close()


app = Starlette(routes=[WebSocketRoute("/chat", chat)], middleware=[Middleware(BearerGuardMiddleware, guard=guard)])

if __name__ == "__main__":
    for scope in ("chat", "profile"):
        try:
            with TestClient(app).websocket_connect("/chat", ["bearer", issuer.token(scope=scope)]) as websocket:
                print(websocket.accepted_subprotocol, websocket.receive_text())
        except WebSocketDenialResponse as refused:
            print(refused.status_code, refused.headers["www-authenticate"])
