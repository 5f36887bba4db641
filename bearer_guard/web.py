"""A refusal as an HTTP or WebSocket answer, and the state of one guarded request."""

import asyncio
import functools
import inspect
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from starlette.authentication import AuthCredentials, BaseUser, UnauthenticatedUser
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from bearer_guard.challenges import Refusal
from bearer_guard.errors import BearerError, ConfigurationError, MissingToken
from bearer_guard.guard import BearerGuard
from bearer_guard.requirements import Requirement, is_requirement
from bearer_guard.tokens import AccessToken, Credentials

Mode = Literal["required", "optional", "public"]
POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1


@dataclass(slots=True)  # not frozen: each request makes one, and that would take five times as long
class GuardedRequest:
    """What a guard found out about one request; it stands in `scope["bearer_guard"]`.

    `token`: None where a request without one is let in (`mode` is `"optional"` or `"public"`).
    """

    guard: BearerGuard
    credentials: Credentials | None = field(repr=False)
    token: AccessToken | None
    mode: Mode
    principal: Any = None
    """What the middleware's `principal=` made of the token; it becomes `request.user`."""
    max_age: float | None = None
    """How old, in seconds, the authorization server's word about the token was at most; None: as configured."""
    requirement: Requirement | None = None  # the middleware's

    def enter(self, scope: Scope) -> None:
        """Puts itself where applications look: `scope["bearer_guard"]`, `request.auth` and `request.user`."""
        scope["bearer_guard"] = self
        if self.token is None:
            scope["auth"], scope["user"] = AuthCredentials(), UnauthenticatedUser()
        else:
            scope["auth"] = self.token
            scope["user"] = User(self.token) if self.principal is None else self.principal


class User(BaseUser):
    """The subject of a validated token, as Starlette's `request.user`."""

    __slots__ = ("_token",)

    def __init__(self, token: AccessToken) -> None:
        self._token = token

    @property
    def is_authenticated(self) -> bool:
        """True: the token was validated."""
        return True

    @property
    def identity(self) -> str:
        """The `sub` claim; empty where the token names nobody. Never the client: one could be called like a user."""
        return self._token.subject or ""

    @property
    def display_name(self) -> str:
        """The same as `identity`: an access token is not asked for names."""
        return self.identity


class NotGuarded(RuntimeError):
    """A guarded part of the application was reached although no guard ran: a defect, answered with 500."""

    def __init__(
        self,
        sentence: str = "no BearerGuard has seen this request; add Middleware(BearerGuardMiddleware, guard=guard)",
    ) -> None:
        super().__init__(sentence)


def guarded_request(connection: HTTPConnection) -> GuardedRequest:
    """What the guard found out about a request. Raises `NotGuarded` where none ran."""
    guarded = connection.scope.get("bearer_guard")
    if not isinstance(guarded, GuardedRequest):
        raise NotGuarded
    return guarded


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
    anew = replace(guarded, token=token, max_age=max_age)
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


# --- a refusal as an answer -------------------------------------------------------------------------------------------


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


# --- a token that came in the subprotocols of a WebSocket -------------------------------------------------------------


def as_presented(scope: Scope) -> Scope:
    """The scope as the client sent it: for a guard behind another that has taken the token out of the subprotocols."""
    seen = scope.get("bearer_guard")
    credentials = seen.credentials if isinstance(seen, GuardedRequest) else None
    if credentials is None or credentials.subprotocol is None:
        return scope
    others = [name for name in scope["subprotocols"] if name != credentials.subprotocol]
    return {**scope, "subprotocols": [credentials.subprotocol, credentials.token, *others]}


def without_offered_token(credentials: Credentials, scope: Scope, send: Send) -> Send:
    """Takes the token out of what the application sees, and sees to it that the word before it is echoed."""
    names = [name for name in scope["subprotocols"] if name != credentials.token]
    scope["subprotocols"] = names
    header = (b"sec-websocket-protocol", ", ".join(names).encode("latin-1"))
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != header[0]] + [header]

    async def send_with_subprotocol(message: Message) -> None:
        if message["type"] == "websocket.accept" and message.get("subprotocol") is None:
            # A browser that offered subprotocols gives up unless one of them is chosen.
            message = {**message, "subprotocol": credentials.subprotocol}
        await send(message)

    return send_with_subprotocol


# --- a refusal as an exception ----------------------------------------------------------------------------------------


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


def is_async(function: Any) -> bool:
    """Whether calling a function, a partial application or an object with `__call__` gives something to await."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
