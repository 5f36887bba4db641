"""A request to an application in this process: what a server would call, without the server."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import ASGIApp, Message

from tests.benchmarks.contestants.applications import PATH

Headers = list[tuple[bytes, bytes]]

# What curl or httpx sends, and what uvicorn makes of it.
_USUAL: Headers = [
    (b"host", b"api.example.com"),
    (b"user-agent", b"python-httpx/0.28"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
]


def headers(authorization: str | None) -> Headers:
    """The headers of a request, with this `Authorization`."""
    return _USUAL if authorization is None else [*_USUAL, (b"authorization", authorization.encode())]


def bearer(token: str) -> Headers:
    """The headers of a request with a bearer token."""
    return headers(f"Bearer {token}")


def asker(app: ASGIApp) -> Callable[[Headers], Awaitable[None]]:
    """What makes a request with these headers. Like a server it makes a new scope for each."""

    async def ask(headers: Headers) -> None:
        await app(_scope(headers), _receive, _send)

    return ask


async def status_of(app: ASGIApp, headers: Headers) -> int:
    """What the application answers."""
    answers: list[Message] = []

    async def send(message: Message) -> None:
        answers.append(message)

    await app(_scope(headers), _receive, send)
    return int(answers[0]["status"])


def _scope(headers: Headers) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "https",
        "method": "GET",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    pass
