"""09  JWTs and opaque tokens of one server. The differences from 01 are ByFormat, and a route that asks the server now.

Run it: `python examples/09_jwt_or_opaque.py`.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, ByFormat, IntrospectionValidator, JWTValidator, require
from bearer_guard.testing import FakeIssuer

issuer = FakeIssuer()
jwt = JWTValidator(issuer.server, audience="api")
guard = BearerGuard(ByFormat(jwt=jwt, opaque=IntrospectionValidator(issuer.server, audience="api")))


async def orders(request: Request) -> JSONResponse:
    return JSONResponse({"orders": [17, 42]})


@require(fresh=0)  # whatever is remembered: is this token still good, now?
async def pay(request: Request) -> JSONResponse:
    return JSONResponse({"paid": True})


routes = [Route("/orders", orders), Route("/pay", pay, methods=["POST"])]
app = BearerGuardMiddleware(Starlette(routes=routes), guard)

if __name__ == "__main__":
    client, headers = TestClient(app), issuer.bearer()
    print("opaque", client.get("/orders", headers=issuer.opaque_bearer()).status_code)
    for moment in ("JWT", "revoked"):
        print(
            moment, client.get("/orders", headers=headers).status_code, client.post("/pay", headers=headers).status_code
        )
        issuer.revoke(headers["Authorization"].removeprefix("Bearer "))
