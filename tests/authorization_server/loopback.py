"""A real HTTP server on loopback that can be told to misbehave, and that remembers how it was asked."""

import asyncio
import json
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

TLS_HANDSHAKE = b"\x16"  # RFC 8446 section 5.1


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire. `headers`: their names in lower case, each at most once."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    certificate: str | None = None
    """The common name of the client certificate that was shown."""

    @property
    def form(self) -> dict[str, str]:
        """The fields of the form. A body that is none, or names a field twice, is an error."""
        fields = parse_qsl(self.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        assert len(dict(fields)) == len(fields)
        return dict(fields)


class Wire:
    """The server's end of one exchange. `asked`: the question."""

    def __init__(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = asked
        self._reader = reader
        self._writer = writer
        self.sent = 0
        self.stays_open = False

    async def head(self, status: int = 200, **headers: object) -> None:
        """The status line and the headers; `_` in their names stands for `-`."""
        fields = {"content_type": "application/json", "connection": "close", **headers}
        self.stays_open = fields["connection"] == "keep-alive"
        lines = [f"HTTP/1.1 {status} Told", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self._writer.drain()

    async def send(self, content: bytes) -> None:
        """A piece of the body; it counts once the transport took it."""
        self._writer.write(content)
        await self._writer.drain()
        self.sent += len(content)

    async def until_hung_up(self) -> None:
        """Waits for the client to go."""
        await self._reader.read()

    def reset(self) -> None:
        """A TCP reset in place of an orderly end."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


async def until(condition: Callable[[], object], *, within: float = 5) -> None:
    """Lets other tasks and threads run until something is so. Raises `TimeoutError` if it does not come."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  conditions of other threads and of the kernel have no event
            await asyncio.sleep(0.001)


Answer = Callable[[Wire], Awaitable[None]]


def reply(body: bytes = b"", status: int = 200, **headers: object) -> Answer:
    """An answer in one piece."""

    async def answer(wire: Wire) -> None:
        await wire.head(status, **{"content_length": len(body), **headers})
        await wire.send(body)

    return answer


def document(content: Any, status: int = 200, **headers: object) -> Answer:
    """A JSON document."""
    return reply(json.dumps(content).encode(), status, **headers)


async def silence(wire: Wire) -> None:
    """Not a byte, until the client gives up."""
    await wire.until_hung_up()


@dataclass
class _Busy:
    now: int = 0
    most: int = 0


class LoopbackServer:
    """`answers`: what each path says (404 where nothing is set; `TLS`: to a handshake).

    `hits`, `sent`, `headers`, `asked`: what went over the wire. `connections`: how many were opened.
    `most_at_once`: how many questions waited for their answers at the same time, at most.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.answers: dict[str, Answer] = {}
        self.hits: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self._busy = _Busy()
        self._calls: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def most_at_once(self) -> int:
        return self._busy.most

    async def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)  # so that `sent` tells what left
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio sees to it for its own sockets only
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listener, ssl=self._tls)

    async def stop(self) -> None:
        """Nobody listens at the port any more."""
        if self._server is not None:
            self._server.close()
            self.hang_up()
            await asyncio.gather(*self._calls)
            await self._server.wait_closed()

    def hang_up(self) -> None:
        """Ends the connections that are open."""
        for connection in self._calls.values():
            connection.transport.abort()

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._calls)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls[call] = writer
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # one of the two hung up
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            del self._calls[call]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        asked = await _question(reader, _common_name(writer))
        self.hits[asked.path] += 1
        self.headers[asked.path] = asked.headers
        self.asked.append(asked)
        wire = Wire(asked, reader, writer)
        self._busy.now += 1
        self._busy.most = max(self._busy.most, self._busy.now)
        try:
            await self.answers.get(asked.path, reply(status=404))(wire)
        finally:
            self._busy.now -= 1
            self.sent[asked.path] += wire.sent
        return wire.stays_open


async def _question(reader: asyncio.StreamReader, certificate: str | None) -> Asked:
    first = await reader.readexactly(1)
    if first == TLS_HANDSHAKE:
        return Asked("", "TLS", {}, b"")
    lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert len(headers) == len(lines) - 1
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, body, certificate)


def _common_name(writer: asyncio.StreamWriter) -> str | None:
    shown = writer.get_extra_info("peercert") or {}
    return next((name for ((kind, name),) in shown.get("subject", ()) if kind == "commonName"), None)
