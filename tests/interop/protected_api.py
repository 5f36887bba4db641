"""The protected API as the tests speak to it: real HTTP to a real uvicorn, and a look at its log."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.interop.provider import API
from tests.processes import free_port, running

ROOT = Path(__file__).parents[2]
LOG_TIMEOUT = 2.0


class Refusal(NamedTuple):
    """How a request was refused: two things that the client sees, and one that only the log says."""

    status: int
    challenge: str
    reason: str


@dataclass(frozen=True)
class ProtectedAPI:
    """One running API process."""

    http: httpx.Client
    log_file: Path

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        """Ask for a path, with a bearer token if there is one."""
        return self.http.get(path, headers={"Authorization": f"Bearer {token}"} if token else {})

    def refusal(self, path: str, token: str | None = None) -> Refusal:
        """The same for a request that is expected to be refused."""
        already_logged = len(self.log())
        response = self.get(path, token)
        assert response.is_error, response.text
        [challenge] = response.headers.get_list("WWW-Authenticate")
        return Refusal(response.status_code, challenge, self._reason_after(already_logged))

    def log(self) -> str:
        """All that the process has printed so far."""
        return self.log_file.read_text()

    def _reason_after(self, position: int) -> str:
        # The record may be written a moment after the answer.
        deadline = time.monotonic() + LOG_TIMEOUT
        while time.monotonic() < deadline:
            if reasons := re.findall(r"\breason=(\w+)", self.log()[position:]):
                [reason] = reasons
                return str(reason)
            time.sleep(0.01)
        raise AssertionError(f"the refusal was not logged:\n{self.log()[position:]}")


@contextmanager
def running_api(issuer: str, directory: Path, *, leeway: int = 30, profile: str = "OAUTH2") -> Iterator[ProtectedAPI]:
    """Start the API, as lenient as by default, for one issuer; its log goes into `directory`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = directory / "api.log"
    command = [sys.executable, "-m", "uvicorn", "tests.interop.app:app", "--host", "127.0.0.1"]
    with (
        running(
            [*command, "--port", str(port), "--no-access-log"],
            cwd=ROOT,
            env={
                "INTEROP_ISSUER": issuer,
                "INTEROP_AUDIENCE": API,
                "INTEROP_LEEWAY": str(leeway),
                "INTEROP_PROFILE": profile,
                "NO_PROXY": "127.0.0.1",
            },
            log=log,
            health=f"{url}/health",
        ),
        httpx.Client(base_url=url, trust_env=False) as http,
    ):
        yield ProtectedAPI(http, log)
