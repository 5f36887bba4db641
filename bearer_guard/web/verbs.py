"""What handlers ask about their request."""

import functools
import inspect
from typing import Any

from starlette.requests import HTTPConnection

from bearer_guard.errors import BearerError, ConfigurationError, MissingToken
from bearer_guard.requirements import Requirement, is_requirement
from bearer_guard.tokens import AccessToken
from bearer_guard.web.raising import as_exception
from bearer_guard.web.request import GuardedRequest, NotGuarded, guarded_request


async def confirmed_anew(connection: HTTPConnection, max_age: float) -> GuardedRequest:
    """The same request, after the authorization server was asked about its token, once. Raises a `BearerError`."""
    guarded = guarded_request(connection)
    # Once for a request is fresh enough. A WebSocket lives on: there it is asked each time.
    is_asked = guarded.max_age is not None and guarded.max_age <= max_age
    if is_asked and connection.scope["type"] == "http":
        return guarded
    if guarded.credentials is None:
        raise NotGuarded("the token of this request is not at hand, so nobody can be asked about it")
    if getattr(guarded.guard.validator, "honours_max_age", False) is not True:
        raise ConfigurationError(f"fresh= asks the authorization server, and {guarded.guard.validator!r} cannot")
    token = await guarded.guard.confirmed(guarded.credentials, max_age=max_age)
    guarded.guard.authorize(token, guarded.requirement)
    anew = GuardedRequest(
        guarded.guard, guarded.credentials, token, guarded.mode, guarded.principal, max_age, guarded.requirement
    )
    anew.enter(connection.scope)
    return anew


def access_token(connection: HTTPConnection) -> AccessToken:
    """The validated token of a request: the same object as `request.auth`, typed.

    Where requests without a token are let in and this is one, it raises the 401, as an exception of Starlette's.
    """
    guarded = guarded_request(connection)
    if guarded.token is None:
        raise as_exception(MissingToken(), guarded.guard, connection)
    return guarded.token


def authorize(connection: HTTPConnection, requirement: Requirement) -> AccessToken:
    """Question 4 in a handler, for requirements that depend on the request. Returns the token.

    Raises `MissingToken` or `InsufficientScope`; each is a Starlette `HTTPException` with the challenge, too (where a
    WebSocket takes no HTTP answer: a `WebSocketException`).
    """
    if not is_requirement(requirement):
        raise ConfigurationError(f"authorize() takes a requirement, not {requirement!r}; write Scopes('read')")
    guarded = guarded_request(connection)
    try:
        guarded.guard.authorize(guarded.token, requirement)
    except BearerError as error:
        raise as_exception(error, guarded.guard, connection) from None
    return access_token(connection)


def is_async(function: Any) -> bool:
    """Whether calling a function, a partial application or an object with `__call__` gives something to await."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
