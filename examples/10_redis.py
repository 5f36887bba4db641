"""10  Several workers, one memory. The differences from 08 are the cache and the revocations, both in Redis or Valkey.

Run it: `REDIS_URL=redis://localhost:6379/0 python examples/10_redis.py`. It needs the extra `redis`.
"""

import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, IntrospectionValidator, access_token
from bearer_guard.stores.redis import RedisCache, RedisRevocations, SealedRedis
from bearer_guard.testing import FakeIssuer

issuer = FakeIssuer()
key = os.environ.get("BEARER_GUARD_KEY", "00" * 32)  # python -c "import secrets; print(secrets.token_hex(32))"
redis = SealedRedis(os.environ.get("REDIS_URL", "redis://localhost:6379/0"), keys={"2026-11": key})
revocations = RedisRevocations(redis)
validator = IntrospectionValidator(issuer.server, audience="api", cache=RedisCache(redis), cache_ttl=60)
guard = BearerGuard(validator, revocations=[revocations])


async def log_out(request: Request) -> JSONResponse:
    await revocations.revoke(access_token(request))  # every worker refuses it from now on
    return JSONResponse({"bye": access_token(request).subject})


app = Starlette(routes=[Route("/logout", log_out)], middleware=[Middleware(BearerGuardMiddleware, guard=guard)])

if __name__ == "__main__":
    client, headers = TestClient(app), issuer.opaque_bearer()
    print(client.get("/logout", headers=headers).text)
    print(client.get("/logout", headers=headers).headers["www-authenticate"], issuer.requests.count("/introspect"))
