"""Real server processes on loopback: started, awaited, read and ended by their own process id."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

START_TIMEOUT = 60.0
STOP_TIMEOUT = 10.0


def unavailable(sentence: str) -> NoReturn:
    """Skips a test that needs what this machine has not; where INTEROP_REQUIRED is set, as in CI, that is a failure."""
    if os.environ.get("INTEROP_REQUIRED") == "1":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def started(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, and end it with the block; what it prints goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, env={**os.environ, **env}, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        stop(process)


@contextmanager
def running(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path, health: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; the block begins once it is healthy."""
    with started(command, cwd=cwd, env=env, log=log) as process:
        _wait_until_healthy(process, health, log)
        yield process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End this process and no other: politely, then not."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_healthy(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not _is_healthy(health):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended at once with {process.returncode}:\n{log.read_text()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the server was not healthy after {START_TIMEOUT} s:\n{log.read_text()}")
        time.sleep(0.05)


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False
