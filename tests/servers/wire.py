"""HTTP/1.1 byte by byte: no client library tidies up what the tests send, or smooths over what comes back."""

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

TIMEOUT = 10.0


@dataclass(frozen=True)
class Answer:
    """One response. `headers` are pairs with names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for header, value in self.headers if header == name]

    @property
    def challenges(self) -> list[str]:
        return self.all("www-authenticate")


class Wire:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._reader: BinaryIO = connection.makefile("rb")

    def send(self, data: bytes) -> bool:
        """Whether the server still took it."""
        try:
            self._socket.sendall(data)
        except ConnectionError:
            return False
        return True

    def answer(self, method: str = "GET") -> Answer | None:
        """The next answer; None if the server has closed the connection."""
        try:
            line = self._reader.readline()
            return self._answer(line, method) if line else None
        except ConnectionResetError:
            return None

    def _answer(self, line: bytes, method: str) -> Answer:
        match = re.match(rb"HTTP/1\.[01] (\d{3})", line)
        assert match is not None, f"no answer begins like this: {line!r}"
        status, headers = int(match[1]), tuple(self._headers())
        # RFC 9112 section 6.3: these have none, whatever the headers say.
        has_body = method != "HEAD" and status >= 200 and status not in (204, 304)
        return Answer(status, headers, self._body(dict(headers)) if has_body else b"")

    def first_chunk(self) -> bytes:
        """The first chunk of a chunked answer, as soon as it is there."""
        self._reader.readline()
        assert dict(self._headers())["transfer-encoding"] == "chunked"
        return next(self._chunks())

    def rest(self) -> bytes:
        """All that comes until the server hangs up."""
        return self._reader.read()

    def reset(self) -> None:
        """Hang up without a word: what is on its way is thrown away."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self._reader.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            yield name.lower(), value.strip()

    def _body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return self._reader.read(int(headers["content-length"]))
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(self._chunks())
        return self._reader.read()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._reader.readline() or b"0", 16):
            yield self._reader.read(size)
            self._reader.readline()
        self._reader.readline()


@contextmanager
def connected(port: int) -> Iterator[Wire]:
    """A connection to a server on loopback, until the block ends."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        wire = Wire(connection)
        yield wire
        wire._reader.close()


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    """A request, its target as it is."""
    lines = (f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *headers, "", "")
    return "\r\n".join(lines).encode("latin-1") + body


def handshake(target: str, *headers: str) -> bytes:
    """The opening handshake of a WebSocket (RFC 6455 section 4.1)."""
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    return request("GET", target, *upgrade, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers)
