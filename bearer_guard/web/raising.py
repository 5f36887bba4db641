"""A refusal as an exception, where we do not hold the connection."""

import functools
from typing import Any

from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketState

from bearer_guard.challenges import Refusal
from bearer_guard.errors import BearerError
from bearer_guard.guard import BearerGuard
from bearer_guard.web.answering import POLICY_VIOLATION, offers_denial_response


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
    return connection.application_state is WebSocketState.CONNECTING and offers_denial_response(connection.scope)


def _sendable(refusal: Refusal) -> dict[str, str]:
    # The handler writes its own body.
    return {name: value for name, value in refusal.headers if name not in ("content-type", "content-length")}


@functools.cache
def _both_types(error_type: Any, starlette_type: Any) -> Any:
    members = {"__init__": starlette_type.__init__, "__str__": error_type.__str__}
    return type(error_type.__name__, (error_type, starlette_type), members)
