"""An application as it is deployed: several workers, one Redis, and the authorization server elsewhere.

/cached     what the authorization server said, shared by all workers
/revocable  the same, and no token that was revoked; closed while Redis is away
/open       the same, open while Redis is away
"""

import os
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from bearer_guard import (
    AuthorizationServer,
    BearerGuard,
    BearerGuardMiddleware,
    ClientSecretBasic,
    IntrospectionValidator,
    access_token,
)
from bearer_guard.stores.redis import RedisCache, RedisRevocations, SealedRedis, StoreUnreachable

ISSUER = os.environ["STORES_ISSUER"]

redis = SealedRedis(os.environ["STORES_REDIS"], keys={"test": os.environ["STORES_KEY"]})
closed = RedisRevocations(redis)
opened = RedisRevocations(redis, accept_tokens_while_unreachable=True)


def validator() -> IntrospectionValidator:
    """Each has a memory of its own."""
    server = AuthorizationServer(
        ISSUER, introspection_endpoint=f"{ISSUER}/introspect", client_auth=ClientSecretBasic("api", "secret")
    )
    return IntrospectionValidator(server, audience="api", cache=RedisCache(redis), cache_ttl=60)


async def me(request: Request) -> Response:
    return JSONResponse({"subject": access_token(request).subject})


async def log_out(request: Request) -> Response:
    """Takes the presented token back."""
    await closed.revoke(access_token(request))
    return Response(status_code=204)


async def log_out_everywhere(request: Request) -> Response:
    """Takes back all that the user has."""
    token = access_token(request)
    await closed.revoke(issuer=token.issuer, subject=token.subject)
    return Response(status_code=204)


async def not_written(request: Request, error: Exception) -> Response:
    """A revocation that Redis did not take: whoever asked for it must hear of it."""
    return Response(status_code=502)


async def health(request: Request) -> Response:
    return Response()


def guarded(**options: Any) -> Starlette:
    routes = [
        Route("/me", me),
        Route("/logout", log_out, methods=["POST"]),
        Route("/logout/everywhere", log_out_everywhere, methods=["POST"]),
    ]
    guard = BearerGuard(validator(), **options)
    middleware = [Middleware(BearerGuardMiddleware, guard=guard)]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={StoreUnreachable: not_written})


routes = Starlette(
    routes=[
        Route("/health", health),
        Mount("/cached", guarded()),
        Mount("/revocable", guarded(revocations=[closed])),
        Mount("/open", guarded(revocations=[opened])),
    ]
)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Every answer says which worker gave it."""

    async def signed(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"worker", str(os.getpid()).encode())]}
        await send(message)

    await routes(scope, receive, signed)
