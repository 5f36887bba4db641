"""The protected API as the tests speak to it: real HTTP to a real uvicorn, and a look at its log."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.interop.options import Options
from tests.interop.provider import API
from tests.processes import free_port, running

ROOT = Path(__file__).parents[2]
LOG_TIMEOUT = 2.0


class Refusal(NamedTuple):
    """How a request was refused: two things that the client sees, and one that only the log says."""

    status: int
    challenge: str
    reason: str


class Outage(NamedTuple):
    """How a request was answered that could not be decided: what the client sees, and what the operator reads."""

    status: int
    retry_after: int
    challenges: list[str]
    record: str


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

    def outage(self, path: str, token: str) -> Outage:
        """The same for a request that is expected to find the authorization server of no help."""
        already_logged = len(self.log())
        response = self.get(path, token)
        assert response.is_server_error, response.text
        return Outage(
            response.status_code,
            int(response.headers["Retry-After"]),
            response.headers.get_list("WWW-Authenticate"),
            self._record_after(already_logged),
        )

    def log(self) -> str:
        """All that the process has printed so far."""
        return self.log_file.read_text()

    def _reason_after(self, position: int) -> str:
        reason = re.search(r"\breason=(\w+)", self._record_after(position))
        assert reason
        return reason[1]

    def _record_after(self, position: int) -> str:
        # The record may be written a moment after the answer.
        deadline = time.monotonic() + LOG_TIMEOUT
        while time.monotonic() < deadline:
            if records := re.findall(r"^.*\breason=\w.*\n", self.log()[position:], re.MULTILINE):
                [record] = records
                return str(record)
            time.sleep(0.01)
        raise AssertionError(f"the refusal was not logged:\n{self.log()[position:]}")


AskingAPI = Callable[[Options], ProtectedAPI]
"""Starts an API that introspects, at most one for each configuration."""


def assert_invalid(api: ProtectedAPI, token: str, reason: str) -> None:
    """The API refuses this token, for this reason, in the words of RFC 6750 section 3.1."""
    refusal = api.refusal("/me", token)
    assert (refusal.status, refusal.reason) == (401, reason)
    assert refusal.challenge.startswith('Bearer error="invalid_token", error_description="')


def assert_undecided(api: ProtectedAPI, token: str, *, because: str) -> str:
    """The API answers that it cannot tell, which is no verdict on the token; the log record that says why."""
    outage = api.outage("/me", token)
    assert (outage.status, outage.challenges) == (503, [])
    assert outage.retry_after > 0
    assert f"reason={because}" in outage.record
    return outage.record


@contextmanager
def running_api(issuer: str, directory: Path, *, leeway: int = 30, profile: str = "OAUTH2") -> Iterator[ProtectedAPI]:
    """Start the API, as lenient as by default, for one issuer; its log goes into `directory`."""
    env = {
        "INTEROP_ISSUER": issuer,
        "INTEROP_AUDIENCE": API,
        "INTEROP_LEEWAY": str(leeway),
        "INTEROP_PROFILE": profile,
    }
    with _running("tests.interop.app:app", directory, env) as api:
        yield api


@contextmanager
def running_introspecting_api(
    options: Options, directory: Path, *, trusted_certificate: Path | None = None
) -> Iterator[ProtectedAPI]:
    """Start an API that asks the server about its tokens; its log goes into `directory`."""
    env = {"INTEROP_OPTIONS": json.dumps(asdict(options))}
    if trusted_certificate is not None:
        env["SSL_CERT_FILE"] = str(trusted_certificate)
    with _running("tests.interop.introspecting_app:app", directory, env) as api:
        yield api


@contextmanager
def _running(app: str, directory: Path, env: Mapping[str, str]) -> Iterator[ProtectedAPI]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = directory / "api.log"
    with (
        running(
            [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port), "--no-access-log"],
            cwd=ROOT,
            env={"NO_PROXY": "127.0.0.1", **env},
            log=log,
            health=f"{url}/health",
        ),
        httpx.Client(base_url=url, trust_env=False) as http,
    ):
        yield ProtectedAPI(http, log)
