"""A thousand requests at once with opaque tokens: `python -m tests.benchmarks.opaque_storm`.

The authorization server runs in another process, on loopback, and each run has a process of its own: what is loaded
with the first call counts. It prints how many requests failed, how many calls the server got, and the longest stall of
the event loop. Of three runs the best stall counts: the others tell about the machine.
"""

import asyncio
import logging
import multiprocessing
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bearer_guard import AuthorizationServer, BearerError, BearerGuard, ClientSecretBasic, IntrospectionValidator
from tests.benchmarks.stalls import REQUESTS, RUNS, Probe

SITUATIONS = {"one token": 1, "distinct tokens": REQUESTS}


class Outcome(NamedTuple):
    failures: int
    calls: int
    stall: float
    """Milliseconds."""


# --- the authorization server, in a process of its own ---


def _serve(listener: socket.socket) -> None:
    tokens: list[str] = []

    async def introspect(request: Request) -> JSONResponse:
        tokens.append(parse_qs((await request.body()).decode())["token"][0])
        claims = {"sub": "alice", "aud": "api", "scope": "read", "exp": int(time.time()) + 300}
        return JSONResponse({"active": True, **claims})

    async def calls(_: Request) -> JSONResponse:
        return JSONResponse(len(tokens))

    app = Starlette(routes=[Route("/introspect", introspect, methods=["POST"]), Route("/calls", calls)])
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])


@contextmanager
def _running_server() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(listener,))
    process.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    try:
        while True:
            try:
                httpx.get(f"{url}/calls", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.join()


# --- the storm ---


async def _storm(url: str, distinct: int) -> tuple[int, float]:
    server = AuthorizationServer(
        "https://issuer.test",
        client_auth=ClientSecretBasic("api", "secret"),
        introspection_endpoint=f"{url}/introspect",
    )
    tokens = [f"token-{number % distinct}" for number in range(REQUESTS)]
    probe = Probe()
    async with BearerGuard(IntrospectionValidator(server, audience="api")) as guard, probe.watching():
        answers: list[Any] = await asyncio.gather(*map(guard.validate, tokens), return_exceptions=True)
    return sum(isinstance(answer, BearerError) for answer in answers), probe.longest


def outcome(distinct: int) -> Outcome:
    """One run in this process."""
    logging.disable()
    with _running_server() as url:
        failures, stall = asyncio.run(_storm(url, distinct))
        calls = httpx.get(f"{url}/calls", trust_env=False).json()
    return Outcome(failures, calls, 1000 * stall)


def main() -> None:
    """Prints a line for each situation."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:
        for name, distinct in SITUATIONS.items():
            runs = [processes.submit(outcome, distinct).result() for _ in range(RUNS)]
            failures, calls, stall = max(run.failures for run in runs), runs[0].calls, min(run.stall for run in runs)
            print(f"{REQUESTS} requests, {name}: {failures} failures, {calls} calls, longest stall {stall:.1f} ms")  # noqa: T201  that is its use


if __name__ == "__main__":
    main()
