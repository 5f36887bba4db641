"""The real servers, each a process on loopback: how it is started, and how the tests speak to it."""

import importlib.util
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import free_port, running
from tests.servers.wire import Answer, connected, request

ROOT = Path(__file__).parents[2]
LOG_TIMEOUT = 5.0

UVICORN = ("uvicorn", "--host", "127.0.0.1", "--port", "{port}")
HYPERCORN = ("hypercorn", "--bind", "127.0.0.1:{port}")
GRANIAN = ("granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}")

COMMANDS = {
    "uvicorn-h11-websockets": (*UVICORN, "--http", "h11", "--ws", "websockets"),
    "uvicorn-h11-sansio": (*UVICORN, "--http", "h11", "--ws", "websockets-sansio"),
    "uvicorn-h11-wsproto": (*UVICORN, "--http", "h11", "--ws", "wsproto"),
    "uvicorn-httptools": (*UVICORN, "--http", "httptools", "--ws", "wsproto"),
    "hypercorn": HYPERCORN,
    "granian": GRANIAN,
    "uvicorn-root-path": (*UVICORN, "--http", "h11", "--root-path", "/api"),
    "hypercorn-root-path": (*HYPERCORN, "--root-path", "/api"),
    "granian-root-path": (*GRANIAN, "--url-path-prefix", "/api"),
    "granian-root-path-slash": (*GRANIAN, "--url-path-prefix", "/api/"),
    "uvicorn-mounted": (*UVICORN, "--http", "h11", "--root-path", "/api"),
}
HEALTH = {"uvicorn-mounted": "/shop/health"}

# Each way in which a WebSocket or an HTTP request reaches the application.
WEBSOCKET_SERVERS = ("uvicorn-h11-websockets", "uvicorn-h11-sansio", "uvicorn-h11-wsproto", "hypercorn", "granian")
HTTP_SERVERS = ("uvicorn-h11-websockets", "uvicorn-httptools", "hypercorn", "granian")


@dataclass(frozen=True)
class Server:
    """One running server process."""

    name: str
    port: int
    log_file: Path

    def exchange(self, method: str, target: str, *headers: str, body: bytes = b"") -> Answer:
        """One request on a connection of its own."""
        with connected(self.port) as wire:
            wire.send(request(method, target, *headers, "Connection: close", body=body))
            answer = wire.answer(method)
        assert answer is not None, "the server hung up"
        return answer

    def get(self, target: str, *headers: str) -> Answer:
        return self.exchange("GET", target, *headers)

    def is_well(self) -> bool:
        return self.get("/health").status == 200

    def log(self) -> str:
        """All that the process has printed so far."""
        return self.log_file.read_text()

    @contextmanager
    def listening(self) -> Iterator["Listener"]:
        """What the process prints from here on."""
        yield Listener(self, len(self.log()))


@dataclass(frozen=True)
class Listener:
    """What a server has printed since a moment."""

    server: Server
    position: int

    def wait_for(self, text: str, times: int = 1) -> None:
        """Until it is printed."""
        deadline = time.monotonic() + LOG_TIMEOUT
        while self._heard().count(text) < times:
            assert time.monotonic() < deadline, f"{text!r} was not printed {times} times:\n{self._heard()}"
            time.sleep(0.01)

    def complaints(self) -> list[str]:
        """The lines with which a server says that the application misbehaves."""
        # What it has to say about earlier connections is said before it answers this one.
        assert self.server.is_well()
        return re.findall(r"^.*(?:ERROR|Traceback|ASGI callable).*$", self._heard(), re.MULTILINE)

    def _heard(self) -> str:
        return self.server.log()[self.position :]


@contextmanager
def serving(name: str, directory: Path, env: dict[str, str]) -> Iterator[Server]:
    """Start a server; its log goes into `directory`."""
    if name == "uvicorn-httptools" and importlib.util.find_spec("httptools") is None:
        pytest.skip("httptools is not installed")
    port, log = free_port(), directory / f"{name}.log"
    application = "mounted" if name == "uvicorn-mounted" else "app"
    command = [part.format(port=port) for part in COMMANDS[name]]
    with running(
        [sys.executable, "-m", *command, f"tests.servers.app:{application}"],
        cwd=ROOT,
        env=env,
        log=log,
        health=f"http://127.0.0.1:{port}{HEALTH.get(name, '/health')}",
    ):
        yield Server(name, port, log)


Serve = Callable[[str], Server]
