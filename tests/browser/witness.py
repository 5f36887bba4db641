"""What the API saw: one line for each connection, written before the browser has its answer."""

import json
import logging
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SWITCHING_PROTOCOLS = 101  # RFC 6455 section 4.2.2: the handshake was accepted


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One connection as the server saw it, and how it answered."""

    method: str
    """`"WEBSOCKET"` for a handshake."""
    origin: str | None
    site: str | None
    """What `Sec-Fetch-Site` said."""
    cookie: bool
    """Whether the browser attached the cookie with the token: where it did not, a refusal proves nothing."""
    status: int
    reason: str | None = None


class Witness:
    """Stands outside all other middleware. Requests are told apart by `case`, a parameter of their query."""

    def __init__(self, app: ASGIApp, record: Path) -> None:
        self._app = app
        self._record = record
        logging.getLogger("bearer_guard").addHandler(_KeepsTheReason())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        _reason.set(None)

        async def send_and_record(message: Message) -> None:
            if (status := _status(message)) is not None:
                self._write(scope, status)
            await send(message)

        await self._app(scope, receive, send_and_record)

    def _write(self, scope: Scope, status: int) -> None:
        headers = Headers(scope=scope)
        seen = Seen(
            method=scope.get("method", "WEBSOCKET"),
            origin=headers.get("origin"),
            site=headers.get("sec-fetch-site"),
            cookie="access_token=" in headers.get("cookie", ""),
            status=status,
            reason=_reason.get(),
        )
        [case] = parse_qs(scope["query_string"].decode()).get("case", [None])
        with self._record.open("a") as record:
            record.write(json.dumps({"case": case, "seen": asdict(seen)}) + "\n")


def seen_in(record: Path, case: str) -> list[Seen]:
    """The connections of one case, in order."""
    lines = map(json.loads, record.read_text().splitlines())
    return [Seen(**line["seen"]) for line in lines if line["case"] == case]


_reason: ContextVar[str | None] = ContextVar("reason", default=None)


class _KeepsTheReason(logging.Handler):
    # The guard logs a refusal in the task that answers it.
    def emit(self, record: logging.LogRecord) -> None:
        _reason.set(getattr(record, "reason", None))


def _status(message: Message) -> int | None:
    if message["type"] == "websocket.accept":
        return SWITCHING_PROTOCOLS
    status: int | None = message.get("status")  # of "http.response.start" and of "websocket.http.response.start"
    return status
