"""BearerGuardMiddleware: ASGI in, ASGI out."""

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bearer_guard.errors import BearerError, ConfigurationError, MissingToken
from bearer_guard.guard import BearerGuard
from bearer_guard.paths import PublicPaths
from bearer_guard.requirements import Requirement, is_requirement
from bearer_guard.web import GuardedRequest, answer


class BearerGuardMiddleware:
    """Lets requests with a valid access token in, and refuses all others.

    `guard`: the `BearerGuard` that decides.
    `public`: paths that need no token, such as `{"/health", "/docs"}`. Each opens what lies below it, by whole
    segments: `/health` opens `/health/live` and not `/healthz`. `"/"` opens the root page alone.
    `optional`: let requests without a token in, too; a bad token is refused all the same.
    `requirement`: what every request must meet, such as `Scopes("orders")`.

    It guards HTTP and WebSocket connections, and closes the guard when the application shuts down.
    """

    def __init__(
        self,
        app: ASGIApp,
        guard: BearerGuard,
        *,
        public: Collection[str] = (),
        optional: bool = False,
        requirement: Requirement | None = None,
    ) -> None:
        if not isinstance(guard, BearerGuard):
            raise ConfigurationError(f"guard={guard!r} is no BearerGuard; write guard=BearerGuard(JWTValidator(...))")
        if requirement is not None and not is_requirement(requirement):
            raise ConfigurationError(f"requirement={requirement!r} is none; write requirement=Scopes('orders')")
        if requirement is not None and optional:
            raise ConfigurationError("requirement= asks for a token and optional=True does not; leave one of them out")
        self.app = app
        self.guard = guard
        self._public = PublicPaths(public)
        self._optional = optional
        self._requirement = requirement

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection (ASGI)."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, self._closing(send))
            return
        if scope["type"] not in ("http", "websocket"):
            raise RuntimeError(f"a connection of type {scope['type']!r} is not served: nothing is known to guard it")
        try:
            guarded = await self._admit(scope)
        except BearerError as error:
            await answer(self.guard.refusal(error), scope, receive, send)
            return
        guarded.enter(scope)
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope) -> GuardedRequest:
        if self._public.contain(scope):
            return GuardedRequest(self.guard, None, None, "public")
        credentials = self.guard.find(scope)
        if credentials is None:
            if self._optional:
                return GuardedRequest(self.guard, None, None, "optional")
            raise MissingToken(() if self._requirement is None else self._requirement.scopes_for(None) or ())
        token = await self.guard.confirmed(credentials)
        if self._requirement is not None:
            self.guard.authorize(token, self._requirement)
        return GuardedRequest(self.guard, credentials, token, "optional" if self._optional else "required")

    def _closing(self, send: Send) -> Send:
        async def send_and_close(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self.guard.aclose()
            await send(message)

        return send_and_close
