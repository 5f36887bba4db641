"""06  The token in a cookie, for pages of your own site. The difference from 01 is the source.

Run it: `python examples/06_cookie.py`. What changes something must show that it comes from a page of yours.
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import AuthorizationHeader, BearerGuard, BearerGuardMiddleware, Cookie, JWTValidator, access_token
from bearer_guard.testing import FakeIssuer

issuer = FakeIssuer()
cookie = Cookie("__Host-access_token", allowed_origins={"https://app.example.com"})
guard = BearerGuard(JWTValidator(issuer.server, audience="api"), sources=[AuthorizationHeader(), cookie])


async def profile(request: Request) -> JSONResponse:
    return JSONResponse({"subject": access_token(request).subject})


app = Starlette(
    routes=[Route("/profile", profile, methods=["GET", "POST"])],
    middleware=[Middleware(BearerGuardMiddleware, guard=guard)],
)

if __name__ == "__main__":
    client = TestClient(app, base_url="https://api.example.com", cookies={"__Host-access_token": issuer.token()})
    print("GET ", client.get("/profile").status_code)
    for origin in ("https://api.example.com", "https://app.example.com", "https://evil.example.org"):
        print("POST from", origin, client.post("/profile", headers={"Origin": origin}).status_code)
