"""07  Two services of one API: the first hands the token on to the second. The difference from 01 is Forward.

Run it: `python examples/07_forwarding.py`. A service that is an API of its own needs a token of its own (RFC 8693).
"""

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, BearerGuardMiddleware, Forward, JWTValidator, access_token
from bearer_guard.testing import FakeIssuer

issuer = FakeIssuer()
guarded = [Middleware(BearerGuardMiddleware, guard=BearerGuard(JWTValidator(issuer.server, audience="api")))]


async def stock(request: Request) -> JSONResponse:
    return JSONResponse({"in stock": 7, "asked by": access_token(request).subject})


stock_service = Starlette(routes=[Route("/stock", stock)], middleware=guarded)


async def orders(request: Request) -> JSONResponse:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stock_service)) as client:
        answer = await client.get("https://stock.internal/stock", auth=Forward(request, to={"https://stock.internal"}))
    return JSONResponse({"order": 1, "stock": answer.json()})


app = Starlette(routes=[Route("/orders", orders)], middleware=guarded)

if __name__ == "__main__":
    print(TestClient(app).get("/orders", headers=issuer.bearer()).text)
