"""Two uvicorn workers behind one port, and a client that speaks to the one or the other."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.processes import free_port, running

ROOT = Path(__file__).parents[2]
WORKERS = 2
TIMEOUT = 30.0


@dataclass(frozen=True)
class Worker:
    """One of the processes, over a connection that is kept."""

    pid: str
    http: httpx.Client

    def ask(self, token: str, path: str, method: str = "GET") -> httpx.Response:
        answer = self.http.request(method, path, headers={"Authorization": f"Bearer {token}"})
        assert answer.headers["worker"] == self.pid, "the connection was not kept"
        return answer

    def says(self, token: str, path: str, method: str = "GET") -> tuple[int, str | None]:
        """Status and error code."""
        answer = self.ask(token, path, method)
        return answer.status_code, answer.json().get("error") if answer.is_error else None


@dataclass(frozen=True)
class Deployment:
    """The running application."""

    workers: tuple[Worker, ...]
    log_file: Path

    def log(self) -> str:
        return self.log_file.read_text()


@contextmanager
def running_workers(directory: Path, env: dict[str, str]) -> Iterator[Deployment]:
    """Runs the application until the block ends."""
    port, log = free_port(), directory / "uvicorn.log"
    command = [sys.executable, "-m", "uvicorn", "tests.stores.app:app", "--host", "127.0.0.1", "--port", str(port)]
    options = ["--workers", str(WORKERS), "--timeout-keep-alive", "120", "--no-access-log"]
    url = f"http://127.0.0.1:{port}"
    env = {**env, "NO_PROXY": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1"}
    with (
        running([*command, *options], cwd=ROOT, env=env, log=log, health=f"{url}/health"),
        ExitStack() as connections,
    ):
        yield Deployment(tuple(_all_workers(url, connections)), log)


def _all_workers(url: str, connections: ExitStack) -> list[Worker]:
    # Which worker takes a new connection is up to the kernel, so new ones are opened until each has one.
    deadline = time.monotonic() + TIMEOUT
    found: dict[str, Worker] = {}
    while len(found) < WORKERS:
        assert time.monotonic() < deadline, f"only {len(found)} workers answer"
        limits = httpx.Limits(keepalive_expiry=None)
        http = connections.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=TIMEOUT, limits=limits))
        pid = http.get("/health").headers["worker"]
        found.setdefault(pid, Worker(pid, http))
    return list(found.values())
