"""A refusal as an answer where we hold the connection, and as an exception where we do not."""

import asyncio
import functools
from contextlib import suppress
from typing import Any

from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from bearer_guard.challenges import Refusal
from bearer_guard.errors import BearerError
from bearer_guard.guard import BearerGuard

POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1


def response(refusal: Refusal) -> Response:
    """A refusal as a Starlette response."""
    answer = Response(refusal.body, refusal.status)
    answer.raw_headers = list(refusal.raw_headers)
    return answer


async def answer(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Sends a refusal on a connection that nothing was sent on yet."""
    if scope["type"] == "websocket":
        await _deny(refusal, scope, receive, send)
    else:
        await _send(refusal, send, _AS_RESPONSE)


async def _deny(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    if message["type"] != "websocket.connect":  # the client has gone already
        return
    with suppress(OSError, RuntimeError):  # how servers say that the client hung up meanwhile: nobody is left to refuse
        if _offers_denial_response(scope):
            await _send(refusal, send, _AS_DENIAL)
        else:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})
    # Without a turn of the loop uvicorn's websockets-sansio thinks that we gave no answer (Kludex/uvicorn 3138).
    await asyncio.sleep(0)


def _offers_denial_response(scope: Scope) -> bool:
    return "websocket.http.response" in (scope.get("extensions") or {})


_AS_RESPONSE = ("http.response.start", "http.response.body")
_AS_DENIAL = ("websocket.http.response.start", "websocket.http.response.body")


async def _send(refusal: Refusal, send: Send, events: tuple[str, str]) -> None:
    start, body = events
    await send({"type": start, "status": refusal.status, "headers": list(refusal.raw_headers)})
    await send({"type": body, "body": refusal.body})


# --- as an exception --------------------------------------------------------------------------------------------------


def as_exception(error: BearerError, guard: BearerGuard, connection: HTTPConnection) -> BearerError:
    """The same error, being an exception of Starlette's as well, so that an application's own handlers apply.

    An `HTTPException` with the challenge; a `WebSocketException` where no HTTP answer can be given any more.
    """
    refusal = guard.refusal(error)
    error_type: Any = type(error)
    raised: Any
    if _takes_http_answer(connection):
        raised = _both_types(error_type, HTTPException)(refusal.status, error.description, _sendable(refusal))
    else:
        raised = _both_types(error_type, WebSocketException)(POLICY_VIOLATION, error.description)
    raised.__dict__.update(error.__dict__)
    raised.args = error.args
    raised.__cause__ = error.__cause__
    return raised  # type: ignore[no-any-return]


def _takes_http_answer(connection: HTTPConnection) -> bool:
    if not isinstance(connection, WebSocket):
        return bool(connection.scope["type"] == "http")
    return connection.application_state is WebSocketState.CONNECTING and _offers_denial_response(connection.scope)


def _sendable(refusal: Refusal) -> dict[str, str]:
    # The handler writes its own body.
    return {name: value for name, value in refusal.headers if name not in ("content-type", "content-length")}


@functools.cache
def _both_types(error_type: Any, starlette_type: Any) -> Any:
    members = {"__init__": starlette_type.__init__, "__str__": error_type.__str__}
    return type(error_type.__name__, (error_type, starlette_type), members)
