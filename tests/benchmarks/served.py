"""The applications that the wrk section serves, each in a process of its own, with tokens for whoever asks it."""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bearer_guard import BearerGuardMiddleware, require_scopes
from tests.benchmarks import material
from tests.benchmarks.contestants.applications import ALGORITHM, PATH, SCOPE, orders
from tests.benchmarks.racing import FULL

TOKENS_FOLDER = "BENCHMARK_TOKENS"
"""The environment variable that names the folder for the tokens."""


async def health(request: Request) -> PlainTextResponse:
    """The server is there, and its tokens are written."""
    return PlainTextResponse("well")


def bare() -> Starlette:
    """The route that nobody guards."""
    _write_tokens()
    return Starlette(routes=[Route(PATH, orders), Route("/health", health)])


def bearer_guard() -> Starlette:
    """The same behind the guard, as shipped."""
    _write_tokens()
    middleware = [Middleware(BearerGuardMiddleware, guard=material.guard(), public={"/health"})]
    routes = [Route(PATH, require_scopes(SCOPE)(orders)), Route("/health", health)]
    return Starlette(routes=routes, middleware=middleware)


def _write_tokens() -> None:
    tokens = material.tokens(ALGORITHM, FULL.tokens)
    (Path(os.environ[TOKENS_FOLDER]) / "tokens").write_text("\n".join(tokens))
