"""The API that pages call: it takes the token from the header, a cookie or the subprotocols, and logs people in."""

import json
import logging
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from bearer_guard import (
    AuthorizationHeader,
    AuthorizationServer,
    BearerGuard,
    BearerGuardMiddleware,
    Cookie,
    JWTValidator,
    StaticKeys,
    WebSocketProtocol,
    access_token,
    cors,
)
from tests.browser.witness import Witness

settings = json.loads(os.environ["BROWSER_API"])
listed_origins = settings["listed_origins"]
logging.getLogger("bearer_guard").setLevel(logging.INFO)  # the everyday refusals, too

guard = BearerGuard(
    JWTValidator(AuthorizationServer(settings["issuer"], keys=StaticKeys(settings["jwks"])), audience="api"),
    sources=[
        AuthorizationHeader(),
        Cookie("__Host-access_token", allowed_origins=listed_origins),
        Cookie("access_token", allowed_origins=listed_origins),  # over plain http browsers take no other
        WebSocketProtocol(),
    ],
)


async def login(request: Request) -> Response:
    """A public page that sets the cookie that the test asks for."""
    return HTMLResponse("<!doctype html>", headers={"Set-Cookie": request.query_params["cookie"]})


async def page(request: Request) -> Response:
    """A public page, with the headers that the test asks for."""
    return HTMLResponse("<!doctype html>", headers=dict(request.query_params))


async def me(request: Request) -> Response:
    """Any valid token will do."""
    return JSONResponse({"subject": access_token(request).subject})


async def socket(websocket: WebSocket) -> None:
    """The same over a WebSocket; it knows nothing of subprotocols."""
    await websocket.accept()
    await websocket.send_json({"subject": access_token(websocket).subject})
    await websocket.close()


def guarded(outside: Middleware) -> Starlette:
    """The API behind the guard, with another middleware outside of it."""
    return Starlette(
        routes=[
            Route("/login", login),
            Route("/page", page),
            Route("/me", me, methods=["GET", "POST"]),
            WebSocketRoute("/socket", socket),
        ],
        middleware=[outside, Middleware(BearerGuardMiddleware, guard=guard, public={"/login", "/page"})],
    )


cors_options = {"allow_origins": listed_origins, "allow_credentials": True, "allow_headers": ["Authorization"]}
app = Witness(
    Starlette(
        routes=[
            Mount("/plain-cors", guarded(Middleware(CORSMiddleware, **cors_options))),
            Mount("/", guarded(cors(**cors_options))),
        ]
    ),
    record=Path(settings["record"]),
)
