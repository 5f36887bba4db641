"""01  A Starlette application that lets nobody in without a valid access token.

Run it: `python examples/01_starlette.py`. It needs no network: a FakeIssuer stands in for the authorization server.
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, JWTValidator, access_token
from bearer_guard.testing import FakeIssuer

issuer = FakeIssuer()
# In production: JWTValidator("https://id.example.com", audience="https://api.example.com")
guard = BearerGuard(JWTValidator(issuer.server, audience="api"))


async def me(request: Request) -> JSONResponse:
    return JSONResponse({"subject": access_token(request).subject})


app = Starlette(routes=[Route("/me", me)], middleware=[Middleware(BearerGuardMiddleware, guard=guard)])

if __name__ == "__main__":
    client = TestClient(app)
    for headers in ({}, issuer.bearer(), issuer.bearer(exp=-60), issuer.bearer(aud="another-api")):
        answer = client.get("/me", headers=headers)
        print(answer.status_code, answer.headers.get("www-authenticate", answer.text))
