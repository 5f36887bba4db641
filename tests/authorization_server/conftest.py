"""A real HTTP server on loopback that can be told to misbehave, and the law that no test leaves a task behind."""

import asyncio
import json
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from bearer_guard.authorization_server.key_set import KeySet
from bearer_guard.authorization_server.keys import RemoteKeys
from bearer_guard.errors import AuthorizationServerUnavailable, Reason
from bearer_guard.jose import Header
from bearer_guard.testing import FakeIssuer, MovableClock, SigningKey

DAY = 24 * 3600
TLS = httpx.create_ssl_context()  # once: loading the certificates is slow
TLS_HANDSHAKE = b"\x16"  # RFC 8446 section 5.1


class Wire:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.sent = 0

    async def head(self, status: int = 200, **headers: object) -> None:
        """The status line and the headers; `_` in their names stands for `-`."""
        fields = {"content_type": "application/json", "connection": "close", **headers}
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


def document(content: Any) -> Answer:
    """A JSON document."""
    return reply(json.dumps(content).encode())


async def silence(wire: Wire) -> None:
    """Not a byte, until the client gives up."""
    await wire.until_hung_up()


class LoopbackServer:
    """`answers`: what each path says (404 where nothing is set; `TLS`: to a handshake).

    `hits`, `sent`, `headers`: what went over the wire.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.answers: dict[str, Answer] = {}
        self.hits: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self._calls: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)  # so that `sent` tells what left
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listener, ssl=self._tls)

    async def stop(self) -> None:
        """Nobody listens at the port any more."""
        if self._server is not None:
            self._server.close()
            for connection in self._calls.values():
                connection.transport.abort()
            await asyncio.gather(*self._calls)
            await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls[call] = writer
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # one of the two hung up
                await self._answer(reader, Wire(reader, writer))
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            del self._calls[call]

    async def _answer(self, reader: asyncio.StreamReader, wire: Wire) -> None:
        path = await self._asked(reader)
        self.hits[path] += 1
        try:
            await self.answers.get(path, reply(status=404))(wire)
        finally:
            self.sent[path] += wire.sent

    async def _asked(self, reader: asyncio.StreamReader) -> str:
        first = await reader.readexactly(1)
        if first == TLS_HANDSHAKE:
            return "TLS"
        lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        path = lines[0].split(" ")[1]
        self.headers[path] = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        return path


@pytest.fixture(autouse=True)
async def _no_task_is_left_behind() -> AsyncIterator[None]:
    yield
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left


@pytest.fixture
async def web(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopbackServer]:
    """The server, running."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)  # a developer's proxy would stand between us and loopback
    server = LoopbackServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that belongs to us and at which nobody listens: every connection is refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


class WireIssuer(FakeIssuer):
    """A FakeIssuer behind real HTTP; its counts are those of the server."""

    def __init__(self, web: LoopbackServer, keys: dict[str, SigningKey]) -> None:
        super().__init__(web.url)
        self._keys = dict(keys)
        self.web = web
        self.publish()

    def publish(self) -> None:
        """Puts up the documents as they are now."""
        self.web.answers["/.well-known/oauth-authorization-server"] = document(self.metadata())
        self.web.answers["/jwks"] = document(self.jwks())


@pytest.fixture
async def wire_issuer(web: LoopbackServer, signing_keys: dict[str, SigningKey]) -> WireIssuer:
    return WireIssuer(web, signing_keys)


# --- RemoteKeys without a network ---


def asks_for(key_id: str | None, algorithm: str = "ES256") -> Header:
    return Header(algorithm, key_id, None)


def jwks(*keys: SigningKey) -> dict[str, Any]:
    return {"keys": [key.public_jwk() for key in keys]}


class Publisher:
    """The socket below `RemoteKeys`: brings a key set, counts how often, and fails or hesitates when told to."""

    def __init__(self) -> None:
        self.key = SigningKey("ES256")
        self.document: Any = jwks(self.key)
        self.max_age: float | None = None
        self.failure: BaseException | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fetches = 0

    async def __call__(self) -> KeySet:
        self.fetches += 1
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return KeySet(self.document, max_age=self.max_age)

    def rotate(self) -> SigningKey:
        self.key = SigningKey("ES256")
        self.document = jwks(self.key)
        return self.key

    def go_away(self) -> None:
        self.failure = OSError("nobody is there")

    def come_back(self) -> None:
        self.failure = None


class Remote(RemoteKeys):
    """`RemoteKeys` of a publisher, with a clock that can be moved."""

    def __init__(self, *, fresh_for: float = 600, kept_for: float = DAY, cooldown: float = 30) -> None:
        self.publisher = Publisher()
        self.clock = MovableClock()
        super().__init__(self.publisher, clock=self.clock, fresh_for=fresh_for, kept_for=kept_for, cooldown=cooldown)

    async def can_serve(self, key: SigningKey | None = None) -> bool:
        """Whether the current key, or another one, is found."""
        return bool(await self.keys_for(asks_for((key or self.publisher.key).key_id)))

    async def refusal(self, key_id: str | None = "unknown") -> AuthorizationServerUnavailable:
        with pytest.raises(AuthorizationServerUnavailable) as caught:
            await self.keys_for(asks_for(key_id))
        assert caught.value.reason is Reason.KEYS_UNAVAILABLE
        return caught.value

    async def landed(self) -> None:
        """Waits for what runs in the background."""
        await until(lambda: not self._flight.is_under_way)

    async def stay_out_for(self, seconds: int, *, step: int) -> None:
        """An outage, with a request every `step` seconds that is served from memory."""
        self.publisher.go_away()
        for _ in range(seconds // step):
            self.clock.advance(step)
            assert await self.can_serve()
            await self.landed()


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    keys = Remote()
    yield keys
    await keys.aclose()
