"""11  A readiness probe that knows how the keys stand. The differences from 01 are warm_up() and keys_status().

Stale keys that are kept through an outage count as ready. Run it: `python examples/11_readiness.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, JWTValidator
from bearer_guard.testing import FakeIssuer

issuer = FakeIssuer()
guard = BearerGuard(JWTValidator(issuer.server, audience="api"))


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    await issuer.server.warm_up()  # it raises nothing: the application starts without its authorization server, too
    yield


async def ready(request: Request) -> JSONResponse:
    await issuer.server.warm_up()  # it asks nobody while there are keys; without them, nobody else would
    keys = issuer.server.keys_status()
    return JSONResponse({"keys": keys.size, "error": keys.last_error}, status_code=200 if keys.is_usable else 503)


guarded = [Middleware(BearerGuardMiddleware, guard=guard, public={"/ready"})]
app = Starlette(routes=[Route("/ready", ready)], middleware=guarded, lifespan=lifespan)

if __name__ == "__main__":
    print(TestClient(app).get("/ready").text)
