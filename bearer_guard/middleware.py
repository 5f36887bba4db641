"""BearerGuardMiddleware: ASGI in, ASGI out."""

import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bearer_guard.errors import (
    AuthorizationServerUnavailable,
    BearerError,
    ConfigurationError,
    InsufficientScope,
    Reason,
)
from bearer_guard.guard import BearerGuard, missing_token
from bearer_guard.inventory import chain, check_routes, middleware_of
from bearer_guard.paths import PublicPaths
from bearer_guard.requirements import Requirement, is_requirement
from bearer_guard.tokens import AccessToken
from bearer_guard.web import GuardedRequest, Mode, answer, as_presented, is_async, without_offered_token

log = logging.getLogger("bearer_guard")

Principal = Callable[[AccessToken], Awaitable[Any]]


class BearerGuardMiddleware:
    """Lets requests with a valid access token in, and refuses all others.

    `guard`: the `BearerGuard` that decides.
    `public`: paths that need no token, such as `{"/health", "GET /catalog"}`. Each opens what lies below it, by whole
    segments: `/health` opens `/health/live` and not `/healthz`. `"/"` opens the root page alone. GET includes HEAD.
    `optional`: let requests without a token in, too; a bad token is refused all the same.
    `requirement`: what every request must meet, such as `Scopes("orders")`.
    `principal`: an async function that makes of a validated token what becomes `request.user`, such as a row of your
    database. None means that the user is not known here: 403. If it raises, the answer is 503.
    `cors_preflight`: let CORS preflights through to the application. They are let through without it if a
    `CORSMiddleware` stands inside and answers them. Anybody can send what looks like one.

    It guards HTTP and WebSocket connections, and closes the guard when the application shuts down. An application with
    a decorator that guards nothing is not served: `ConfigurationError`, at startup or with the first request.
    """

    bearer_guard_protection = True
    """By this the inventory knows it."""

    def __init__(
        self,
        app: ASGIApp,
        guard: BearerGuard,
        *,
        public: Collection[str] = (),
        optional: bool = False,
        requirement: Requirement | None = None,
        principal: Principal | None = None,
        cors_preflight: bool = False,
    ) -> None:
        if not isinstance(guard, BearerGuard):
            raise ConfigurationError(f"guard={guard!r} is no BearerGuard; write guard=BearerGuard(JWTValidator(...))")
        if requirement is not None and not is_requirement(requirement):
            raise ConfigurationError(f"requirement={requirement!r} is none; write requirement=Scopes('orders')")
        if requirement is not None and optional:
            raise ConfigurationError("requirement= asks for a token and optional=True does not; leave one of them out")
        for option, switch in (("optional", optional), ("cors_preflight", cors_preflight)):
            if not isinstance(switch, bool):
                raise ConfigurationError(f"{option}={switch!r} is neither True nor False; write one of them")
        if principal is not None and not is_async(principal):
            raise ConfigurationError(
                f"principal={principal!r} is no async function; write an async one that takes the token"
            )
        self.app = app
        self.guard = guard
        self.public = PublicPaths(public)
        self.optional = optional
        self._mode: Mode = "optional" if optional else "required"
        self.requirement = requirement
        self._principal = principal
        self._has_cors_inside = any(_answers_preflights(layer) for layer in chain(app))
        self._passes_preflights = cors_preflight or self._has_cors_inside
        self._has_openings = bool(self.public) or self._passes_preflights
        self._is_checked = self._has_warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection (ASGI)."""
        if scope["type"] not in ("http", "websocket"):
            await self._other(scope, receive, send)
            return
        if not self._is_checked:
            self._check()
        try:
            guarded = self._presented(scope)
            if guarded.credentials is not None:
                token = guarded.token or self.guard.accepted(guarded.credentials)
                if not isinstance(token, AccessToken):
                    token = await token
                guarded.token = token
                if self.requirement is not None:
                    self.guard.authorize(token, self.requirement)
                if self._principal is not None:
                    guarded.principal = await _known_as(self._principal, token)
        except BearerError as error:
            await answer(self.guard.refusal(error), scope, receive, send)
            return
        guarded.enter(scope)
        if scope["type"] == "websocket" and guarded.credentials is not None and guarded.credentials.subprotocol:
            send = without_offered_token(guarded.credentials, scope, send)
        await self.app(scope, receive, send)

    # --- one request ---

    def _presented(self, scope: Scope) -> GuardedRequest:
        """The request, with the credentials that it presents; without any where they are not needed."""
        if self._has_openings and self._is_open(scope):
            return GuardedRequest(self.guard, None, None, "public")
        seen = scope.get("bearer_guard")
        credentials = self.guard.find(scope if seen is None else as_presented(scope))
        if credentials is None:
            return self._anonymous()
        guarded = GuardedRequest.presenting(credentials, self.guard, self._mode, self.requirement)
        if isinstance(seen, GuardedRequest) and seen.guard is self.guard and seen.credentials == credentials:
            # One validation per request, however often we stand in its way.
            guarded.token, guarded.principal = seen.token, seen.principal
        return guarded

    def _is_open(self, scope: Scope) -> bool:
        return self.public.contain(scope) or (self._passes_preflights and _is_preflight(scope))

    def _anonymous(self) -> GuardedRequest:
        if not self.optional:
            raise missing_token(self.requirement)
        return GuardedRequest(self.guard, None, None, "optional")

    # --- the application's life ---

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            raise RuntimeError(f"a connection of type {scope['type']!r} is not served: nothing is known to guard it")
        await self._lifespan(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check()
        except ConfigurationError as error:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        self._is_checked = False  # the application may add routes while it starts: the first request looks again
        closed = False

        async def send_and_close(message: Message) -> None:
            nonlocal closed
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                closed = True
                await self._close()
            await send(message)

        try:
            await self.app(scope, receive, send_and_close)
        finally:
            if not closed:  # an application that ends without a word
                await self._close()

    def _check(self) -> None:
        check_routes(self)
        if self._has_cors_inside and not self._has_warned:
            self._has_warned = True
            log.warning(
                "CORSMiddleware stands inside BearerGuardMiddleware, so browsers cannot read refusals; put it first in"
                " the list of middleware (with app.add_middleware(): add it last)"
            )
        self._is_checked = True

    async def _close(self) -> None:
        try:
            await self.guard.aclose()
        except Exception:
            log.exception("the guard could not be closed; the application shuts down all the same")


async def _known_as(principal: Principal, token: AccessToken) -> Any:
    try:
        user = await principal(token)
    except BearerError:
        raise
    except Exception as error:
        log.exception("principal= failed: nobody is let in without it")
        raise AuthorizationServerUnavailable(Reason.PRINCIPAL_UNAVAILABLE) from error
    if user is None:
        raise InsufficientScope(Reason.UNKNOWN_PRINCIPAL)
    return user


def _answers_preflights(layer: Any) -> bool:
    kinds = (type(layer), *(middleware.cls for middleware in middleware_of(layer)))
    # A subclass that answers in its own way may not answer at all: for those there is cors_preflight=True.
    return any(getattr(kind, "__call__", None) is CORSMiddleware.__call__ for kind in kinds)  # noqa: B004  which one


def cors(*, allow_headers: Collection[str] = (), expose_headers: Collection[str] = (), **options: Any) -> Middleware:
    """Starlette's `CORSMiddleware`, such that the scripts of a page can send tokens and read why they were refused.

    It takes the options of `CORSMiddleware`, allows `Authorization` and exposes `WWW-Authenticate` as well. Put it
    first in the list of middleware, so that refusals pass through it.
    """
    for option, names in (("expose_headers", expose_headers), ("allow_headers", allow_headers)):
        if isinstance(names, str):
            raise ConfigurationError(f"{option}= is one string; write {option}=[{names!r}]")
    return Middleware(
        CORSMiddleware,
        allow_headers=[*allow_headers, "Authorization"],
        expose_headers=[*expose_headers, "WWW-Authenticate"],
        **options,
    )


def _is_preflight(scope: Scope) -> bool:
    # Fetch standard, section 4.8: the three that make a preflight.
    names = {name for name, _ in scope["headers"]}
    return scope.get("method") == "OPTIONS" and {b"origin", b"access-control-request-method"} <= names
