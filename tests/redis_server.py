"""A real redis-server on loopback: started, hung, killed and started again, and looked into."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from tests.processes import START_TIMEOUT, free_port, started, unavailable

SOCKET, LOG = "redis.sock", "redis.log"


class RedisServer:
    """One server. Each start is a new process at the same port, with nothing in it."""

    def __init__(self, directory: Path, options: tuple[str, ...] = (), password: str | None = None) -> None:
        self.port = free_port()
        self.socket = directory / SOCKET
        self._directory = directory
        self._password = password
        self._options = (*options, *(("--requirepass", password) if password else ()))
        self._life = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{f':{self._password}@' if self._password else ''}127.0.0.1:{self.port}/0"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def unix_url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def start(self) -> None:
        """Begins to listen; returns once it answers."""
        address = ("--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", SOCKET)
        command = ["redis-server", *address, "--save", "", "--appendonly", "no", *self._options]
        log = self._directory / LOG
        self._process = self._life.enter_context(started(command, cwd=self._directory, env={}, log=log))
        self.wait_until(self._answers)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Returns once it is so. Raises `RuntimeError` where it does not come."""
        deadline = time.monotonic() + START_TIMEOUT
        while not condition():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"redis-server is not there:\n{(self._directory / LOG).read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Ends the process, also one that hangs."""
        self.resume()
        self._life.close()
        self._process = None

    def kill(self) -> None:
        """It is gone from one moment to the next, as with a lost machine."""
        self._signal(signal.SIGKILL)
        self.stop()

    def hang(self) -> None:
        """It accepts connections and says nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def fill(self) -> None:
        """No room for another value; what is there stays, and can be read."""
        self.ask("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1")

    def empty(self) -> None:
        """Room again."""
        self.ask("CONFIG", "SET", "maxmemory", "0")

    def ask(self, *command: Any) -> Any:
        """What it answers to one command, on a connection of its own."""
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            return client.execute_command(*command)

    def names(self) -> list[bytes]:
        """All that it holds a value for."""
        return sorted(self.ask("KEYS", "*"))

    def content(self) -> dict[bytes, bytes]:
        """All names and values."""
        return {name: self.ask("GET", name) for name in self.names()}

    def milliseconds_left(self) -> list[int]:
        """How long each value will be kept; -1 is for ever."""
        return [self.ask("PTTL", name) for name in self.names()]

    def _answers(self) -> bool:
        try:
            return bool(self.ask("PING"))
        except redis.ConnectionError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


@contextmanager
def running_redis(directory: Path, *options: str, password: str | None = None) -> Iterator[RedisServer]:
    """Runs a server until the block ends. `options`: of its command line."""
    if shutil.which("redis-server") is None:
        unavailable("The tests of the stores need `redis-server`: install Redis 7 or later (Debian: redis-server).")
    server = RedisServer(directory, options, password)
    server.start()
    try:
        yield server
    finally:
        server.stop()
