"""08  Opaque tokens: the authorization server is asked about each. The difference from 01 is the validator.

Run it: `python examples/08_introspection.py`. A FakeIssuer stands in for the authorization server; a real one is
AuthorizationServer("https://id.example.com", client_auth=ClientSecretBasic("orders-api", secret)).
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, IntrospectionValidator, access_token
from bearer_guard.testing import FakeIssuer

issuer = FakeIssuer()
guard = BearerGuard(IntrospectionValidator(issuer.server, audience="api"))  # cache_ttl=60: asked once a minute at most


async def me(request: Request) -> JSONResponse:
    return JSONResponse({"subject": access_token(request).subject})


app = Starlette(routes=[Route("/me", me)], middleware=[Middleware(BearerGuardMiddleware, guard=guard)])

if __name__ == "__main__":
    client, headers = TestClient(app), issuer.opaque_bearer()
    print(client.get("/me", headers=headers).text)
    issuer.revoke(headers["Authorization"].removeprefix("Bearer "))
    print(client.get("/me", headers=headers).headers["www-authenticate"])
    issuer.go_offline()
    print(client.get("/me", headers=issuer.opaque_bearer()).status_code, "and not 401: nobody knows")
