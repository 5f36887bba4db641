"""A refusal as an HTTP or WebSocket answer."""

import asyncio
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bearer_guard.challenges import Refusal

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
        if offers_denial_response(scope):
            await _send(refusal, send, _AS_DENIAL)
        else:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})
    # Without a turn of the loop uvicorn's websockets-sansio thinks that we gave no answer (Kludex/uvicorn 3138).
    await asyncio.sleep(0)


def offers_denial_response(scope: Scope) -> bool:
    """Whether the server takes an HTTP answer to a WebSocket handshake."""
    return "websocket.http.response" in (scope.get("extensions") or {})


_AS_RESPONSE = ("http.response.start", "http.response.body")
_AS_DENIAL = ("websocket.http.response.start", "websocket.http.response.body")


async def _send(refusal: Refusal, send: Send, events: tuple[str, str]) -> None:
    start, body = events
    await send({"type": start, "status": refusal.status, "headers": list(refusal.raw_headers)})
    await send({"type": body, "body": refusal.body})
