"""Guarded class endpoints: Starlette's `HTTPEndpoint` and `WebSocketEndpoint`."""

import functools
from typing import Any

from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket

from bearer_guard.decorators.asking import answered, methods_asked, obstacle_for
from bearer_guard.errors import ConfigurationError
from bearer_guard.inventory import ASKS, Mark, add_mark, is_asking, mark_of, marks_in


def guard_class(endpoint: Any, mark: Mark) -> Any:
    """The same class; its instances ask the guard before they dispatch, and so do those of its subclasses."""
    if not issubclass(endpoint, HTTPEndpoint | WebSocketEndpoint):
        raise ConfigurationError(f"{endpoint!r} is no HTTPEndpoint or WebSocketEndpoint; decorate its methods instead")
    if not is_asking(endpoint):
        endpoint.dispatch = _guarded(endpoint.dispatch)
    add_mark(endpoint, mark)
    return endpoint


def _guarded(dispatch: Any) -> Any:
    @functools.wraps(dispatch)
    async def guarded(self: Any) -> None:
        connection = _connection_of(self)
        obstacle = await obstacle_for(connection, _mark_for(self))
        if obstacle is None:
            await dispatch(self)
            return
        response = await answered(obstacle, connection)
        if response is not None:
            await response(self.scope, self.receive, self.send)

    setattr(guarded, ASKS, True)
    return guarded


def _connection_of(instance: Any) -> HTTPConnection:
    is_websocket = instance.scope["type"] == "websocket"
    return (WebSocket if is_websocket else Request)(instance.scope, instance.receive, instance.send)


def _mark_for(instance: Any) -> Mark:
    mark = marks_in(type(instance))
    assert mark is not None  # noqa: S101  only marked classes, and their subclasses, dispatch through us
    asked = methods_asked(instance, instance.scope)
    method = mark_of(getattr(instance, asked[0])) if asked else None
    if method is None:
        return mark
    # One challenge names what the class and its method need; the method's own checks it asks itself. So does it ask the
    # server on a WebSocket, where each call asks anew; in a request the two of them ask once.
    both = (mark & method)._replace(checks=mark.checks)
    return both._replace(fresh=mark.fresh) if instance.scope["type"] == "websocket" else both
