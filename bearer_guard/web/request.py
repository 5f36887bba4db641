"""The state of one guarded request, where applications find it, and what handlers ask about it."""

import functools
import inspect
from typing import Any, Literal

from starlette.authentication import AuthCredentials, BaseUser, UnauthenticatedUser
from starlette.requests import HTTPConnection
from starlette.types import Message, Scope, Send

from bearer_guard.errors import BearerError, ConfigurationError, MissingToken
from bearer_guard.guard import BearerGuard
from bearer_guard.requirements import Requirement, is_requirement
from bearer_guard.tokens import AccessToken, Credentials, unfilled
from bearer_guard.web.refusing import as_exception

Mode = Literal["required", "optional", "public"]


class GuardedRequest:
    """What a guard found out about one request; it stands in `scope["bearer_guard"]`.

    `token`: None where a request without one is let in (`mode` is `"optional"` or `"public"`).
    `principal`: what the middleware's `principal=` made of the token; it becomes `request.user`.
    `max_age`: how old, in seconds, the authorization server's word about the token was at most; None: as configured.
    `requirement`: the middleware's.
    """

    __slots__ = ("credentials", "guard", "max_age", "mode", "principal", "requirement", "token")

    def __init__(
        self,
        guard: BearerGuard,
        credentials: Credentials | None,
        token: AccessToken | None,
        mode: Mode,
        *,
        principal: Any = None,
        max_age: float | None = None,
        requirement: Requirement | None = None,
    ) -> None:
        self.guard = guard
        self.credentials = credentials
        self.token = token
        self.mode: Mode = mode
        self.principal = principal
        self.max_age = max_age
        self.requirement = requirement

    @staticmethod
    def presenting(
        credentials: Credentials, guard: BearerGuard, mode: Mode, requirement: Requirement | None
    ) -> "GuardedRequest":
        """A request whose token nobody has looked at yet: what `__init__` makes of these, sooner."""
        made = _UnfilledRequest()
        made.guard = guard
        made.credentials = credentials
        made.token = made.principal = made.max_age = None
        made.mode = mode
        made.requirement = requirement
        return made

    def __repr__(self) -> str:
        return f"GuardedRequest({self.guard!r}, mode={self.mode!r}, token={self.token!r})"

    def allows(self, requirement: Requirement | None) -> bool:
        """Whether its token may do this: what `guard.authorize` lets pass."""
        token = self.token
        try:
            return token is not None and (requirement is None or requirement.is_met_by(token))
        except BearerError:  # a requirement of one's own
            return False

    def enter(self, scope: Scope) -> None:
        """Puts itself where applications look: `scope["bearer_guard"]`, `request.auth` and `request.user`."""
        scope["bearer_guard"] = self
        if self.token is None:
            scope["auth"], scope["user"] = AuthCredentials(), UnauthenticatedUser()
        else:
            scope["auth"] = self.token
            scope["user"] = _user(self.token) if self.principal is None else self.principal


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


_UnfilledRequest, _UnfilledUser = unfilled(GuardedRequest), unfilled(User)


def _user(token: AccessToken) -> User:
    made = _UnfilledUser()
    made._token = token  # noqa: SLF001  what __init__ does
    return made


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


# --- what handlers ask ------------------------------------------------------------------------------------------------


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
        guarded.guard,
        guarded.credentials,
        token,
        guarded.mode,
        principal=guarded.principal,
        max_age=max_age,
        requirement=guarded.requirement,
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


def is_async(function: Any) -> bool:
    """Whether calling a function, a partial application or an object with `__call__` gives something to await."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
