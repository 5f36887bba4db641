"""The protected application that each real server serves: every kind of WebSocket and HTTP endpoint once."""

import asyncio
import json
import logging
import os
import posixpath
import re
from collections.abc import AsyncIterator
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from bearer_guard import (
    AccessToken,
    AuthorizationHeader,
    AuthorizationServer,
    BearerGuard,
    BearerGuardMiddleware,
    Cookie,
    JWTValidator,
    Scopes,
    StaticKeys,
    WebSocketProtocol,
    access_token,
    authorize,
    cors,
    require,
    require_scopes,
)
from tests.servers.words import GONE, LOOKED_UP, LOOKING, PAGE, SECRET

logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("app")

guard = BearerGuard(
    JWTValidator(
        AuthorizationServer(os.environ["SERVERS_ISSUER"], keys=StaticKeys(json.loads(os.environ["SERVERS_JWKS"]))),
        audience="api",
    ),
    sources=[AuthorizationHeader(), WebSocketProtocol(), Cookie("session")],
)


# --- WebSockets -------------------------------------------------------------------------------------------------------


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        log.warning(GONE)


class Echo(WebSocketEndpoint):
    encoding = "text"

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        await websocket.send_text(data)


@require_scopes("talk")
async def talk(websocket: WebSocket) -> None:
    await echo(websocket)


@require_scopes("talk")
class Talk(Echo):
    pass


async def ask(websocket: WebSocket) -> None:
    """It asks in the handler."""
    authorize(websocket, Scopes("talk"))
    await echo(websocket)


async def ask_later(websocket: WebSocket) -> None:
    """It asks when the handshake is over."""
    await websocket.accept()
    authorize(websocket, Scopes("talk"))


async def chat(websocket: WebSocket) -> None:
    """It speaks a subprotocol of its own, and tells which ones it has seen."""
    await websocket.accept(subprotocol="chat")
    headers = [value.decode() for name, value in websocket.headers.raw if name == b"sec-websocket-protocol"]
    await websocket.send_json({"scope": websocket.scope["subprotocols"], "headers": headers})
    await websocket.close()


async def _takes_its_time(token: AccessToken, connection: HTTPConnection) -> bool:
    log.warning(LOOKING)
    await asyncio.sleep(0.5)  # a database
    log.warning(LOOKED_UP)
    return connection.query_params.get("known") == "yes"


@require(_takes_its_time)
async def late(websocket: WebSocket) -> None:
    """Its handshake is decided when the client may have gone."""
    await echo(websocket)


class WithoutDenialResponse:
    """For `?denial=unknown` the server is one that does not know of the denial response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("query_string") == b"denial=unknown":
            scope = {**scope, "extensions": {}}
        await self.app(scope, receive, send)


# --- HTTP -------------------------------------------------------------------------------------------------------------


async def health(request: Request) -> Response:
    return PlainTextResponse("healthy")


async def secret(request: Request) -> Response:
    return PlainTextResponse(SECRET)


async def me(request: Request) -> Response:
    return JSONResponse({"subject": access_token(request).subject})


async def upload(request: Request) -> Response:
    return JSONResponse({"received": len(await request.body())})


async def broken(request: Request) -> Response:
    """It fails when its response has begun."""

    async def chunks() -> AsyncIterator[str]:
        yield "begun"
        raise RuntimeError("in the middle")

    return StreamingResponse(chunks())


@require_scopes("talk")
async def endless(request: Request) -> Response:
    async def chunks() -> AsyncIterator[str]:
        try:
            while True:
                yield "more"
                await asyncio.sleep(0.01)
        finally:
            log.warning(GONE)

    return StreamingResponse(chunks())


async def generous(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads paths as generously as any proxy, file server or framework behind a guard ever has.

    Starlette's own router takes paths as they are, so it could not show that the guard has let through too much.
    """
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    response = PlainTextResponse(SECRET) if _generously_read(scope) == "/secret" else PlainTextResponse("", 404)
    await response(scope, receive, send)


def _generously_read(scope: Scope) -> str:
    path, decoded = scope["path"], ""
    while path != decoded:  # one decodes, and so does what is behind it
        path, decoded = unquote(path), path
    path = re.sub(r"^\w+:/+[^/]*", "", path.replace("\\", "/").lower())  # RFC 9112 section 3.2.2: absolute-form
    path = re.sub(r";[^/]*|[#?\0\t].*", "", path)
    return posixpath.normpath("/" + path.lstrip("/"))


# --- put together -----------------------------------------------------------------------------------------------------

_guarded = Middleware(BearerGuardMiddleware, guard=guard, public={"/health", "/docs", "GET /catalog"})

app = Starlette(
    routes=[
        WebSocketRoute("/ws/echo", echo),
        WebSocketRoute("/ws/talk", talk),
        WebSocketRoute("/ws/ask", ask),
        WebSocketRoute("/ws/ask-later", ask_later),
        WebSocketRoute("/ws/chat", chat),
        WebSocketRoute("/ws/late", late),
        WebSocketRoute("/ws/class/echo", Echo),
        WebSocketRoute("/ws/class/talk", Talk),
        WebSocketRoute("/health/ws", echo),
        Route("/health", health),
        Route("/health/live", health),
        Route("/docs", health),
        Route("/catalog", health, methods=["GET", "POST"]),
        Route("/secret", secret),
        Route("/api/health", secret),
        Route("/me", me),
        Route("/upload", upload, methods=["POST"]),
        Route("/broken", broken),
        Route("/endless", endless),
    ],
    middleware=[Middleware(WithoutDenialResponse), _guarded],
)
app.router.default = generous


async def own_preflight(request: Request) -> Response:
    return Response(status_code=204, headers={"Access-Control-Allow-Origin": PAGE})


def _with(*middleware: Middleware) -> Starlette:
    return Starlette(
        routes=[Route("/secret", secret), Route("/own", own_preflight, methods=["OPTIONS"])], middleware=middleware
    )


def _guard(*, cors_preflight: bool = False) -> Middleware:
    return Middleware(BearerGuardMiddleware, guard=guard, cors_preflight=cors_preflight)


_cors = cors(allow_origins=[PAGE], allow_headers=["Authorization"])

mounted = Starlette(
    routes=[
        Mount("/shop", app=app),
        Mount("/cors/outside", app=_with(_cors, _guard())),
        Mount("/cors/inside", app=_with(_guard(), _cors)),
        Mount("/cors/let-through", app=_with(_guard(cors_preflight=True))),
        Mount("/cors/none", app=_with(_guard())),
    ]
)
