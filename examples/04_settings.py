"""04  The guard of a deployment, from its environment. The difference from 01 is where the guard comes from.

Run it: `python examples/04_settings.py`. A FakeIssuer stands in for the issuer that the environment names.
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuardMiddleware, ConfigurationError, Settings, access_token
from bearer_guard.testing import FakeIssuer

ENVIRONMENT = {
    "BEARER_GUARD_ISSUER": "https://id.example.com",
    "BEARER_GUARD_AUDIENCE": "https://api.example.com",
    "BEARER_GUARD_REALM": "orders",
}
guard = Settings.from_env(ENVIRONMENT).guard()  # in production: Settings.from_env().guard()


async def me(request: Request) -> JSONResponse:
    return JSONResponse({"subject": access_token(request).subject})


app = Starlette(routes=[Route("/me", me)], middleware=[Middleware(BearerGuardMiddleware, guard=guard)])

if __name__ == "__main__":
    with FakeIssuer.in_place_of(guard) as issuer:
        for headers in ({}, issuer.bearer()):
            answer = TestClient(app).get("/me", headers=headers)
            print(answer.status_code, answer.headers.get("www-authenticate", answer.text))
    try:
        Settings.from_env({"BEARER_GUARD_ISSUER": "http://id.example.com", "BEARER_GUARD_LEEWAY": "soon"})
    except ConfigurationError as error:
        print(error)
