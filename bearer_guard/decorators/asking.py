"""What all guarded endpoints do first: ask the guard that has seen the request."""

import inspect
import logging
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketState

from bearer_guard.challenges import Refusal
from bearer_guard.errors import BearerError, ConfigurationError, InsufficientScope, Reason
from bearer_guard.inventory import Mark
from bearer_guard.tokens import AccessToken
from bearer_guard.web import (
    POLICY_VIOLATION,
    NotGuarded,
    access_token,
    answer,
    confirmed_anew,
    guarded_request,
    response,
)

log = logging.getLogger("bearer_guard")

Obstacle = BearerError | NotGuarded

_DEFECT = Refusal(500, (("content-type", "application/json"),), b'{"error":"server_error"}')


async def obstacle_for(connection: HTTPConnection | None, mark: Mark) -> Obstacle | None:
    """Why the request may not pass; None if it may."""
    if connection is None:
        return NotGuarded("a guarded function was called without its request; give it a parameter for the request")
    try:
        guarded = guarded_request(connection)
        guarded.guard.authorize(guarded.token, mark.requirement)
        if mark.fresh is not None:
            guarded = await confirmed_anew(connection, mark.fresh)
            guarded.guard.authorize(guarded.token, mark.requirement)
        if mark.checks:
            await _run_checks(mark, access_token(connection), connection)
    except (BearerError, NotGuarded) as obstacle:
        return obstacle
    except ConfigurationError as defect:
        return NotGuarded(str(defect))
    return None


async def _run_checks(mark: Mark, token: AccessToken, connection: HTTPConnection) -> None:
    for check in mark.checks:
        verdict = check(token, connection)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        if verdict is not True:
            raise InsufficientScope(Reason.UNMET_REQUIREMENT, requirement=check)


async def answered(obstacle: Obstacle, connection: HTTPConnection | None) -> Response | None:
    """The refusal as what an endpoint gives back: a response; on a WebSocket it is sent instead."""
    refusal = _refusal(obstacle, connection)
    if not isinstance(connection, WebSocket):
        return response(refusal)
    if connection.application_state is WebSocketState.CONNECTING:
        await answer(refusal, connection.scope, connection.receive, connection.send)
    elif connection.application_state is WebSocketState.CONNECTED:
        await connection.close(POLICY_VIOLATION)
    return None


def _refusal(obstacle: Obstacle, connection: HTTPConnection | None) -> Refusal:
    if connection is None or isinstance(obstacle, NotGuarded):
        log.error("%s", obstacle)
        return _DEFECT
    return guarded_request(connection).guard.refusal(obstacle)


def is_endpoint(function: Any, connection: HTTPConnection | None) -> bool:
    """Whether the server's answer is what this function returns: whether it is the endpoint that the router chose."""
    scope = {} if connection is None else connection.scope
    chosen = scope.get("endpoint")
    if isinstance(chosen, type):
        return any(inspect.getattr_static(chosen, name) is function for name in methods_asked(chosen, scope))
    while chosen is not None and chosen is not function:
        # Through partial applications, bound methods, and the decorators of others.
        inner = (getattr(chosen, name, None) for name in ("func", "__func__", "__wrapped__"))
        chosen = next((one for one in inner if one is not None), None)
    return chosen is function


def methods_asked(endpoint: Any, scope: Any) -> tuple[str, ...]:
    """The methods of a class endpoint that answer a connection."""
    names = ("on_connect", "on_receive") if scope["type"] == "websocket" else (scope["method"].lower(),)
    if names == ("head",) and not hasattr(endpoint, "head"):
        names = ("get",)  # as Starlette does
    return tuple(name for name in names if hasattr(endpoint, name))
