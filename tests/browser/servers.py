"""Real server processes on loopback that start side by side; each is ended by its own process id."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import START_TIMEOUT, started

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    """A command that listens on a port."""

    command: Sequence[str]
    log: Path
    port: int
    env: Mapping[str, str] = field(default_factory=dict)


def uvicorn(app: str, log: Path, *options: str, port: int, env: Mapping[str, str] | None = None) -> Server:
    """An application of this folder behind uvicorn."""
    command = [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    return Server([*command, *options], log, port, env or {})


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Run servers until the block ends."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(started(server.command, cwd=ROOT, env=server.env, log=server.log)) for server in servers
        ]
        for server, process in zip(servers, processes, strict=True):
            _wait_until_listening(server, process)
        yield


def _wait_until_listening(server: Server, process: subprocess.Popen[bytes]) -> None:
    # A connection and no request: some of them speak https, with a certificate that a client has no reason to trust.
    deadline = time.monotonic() + START_TIMEOUT
    while not _is_listening(server.port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{server.command} did not start:\n{server.log.read_text()}")
        time.sleep(0.02)


def _is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
