"""django-oauth-toolkit as the tests speak to it: asking for tokens, logging in, revoking, letting time pass."""

import hashlib
import os
import sqlite3
import subprocess
import venv
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx

from tests.interop.credentials import KeyAndCertificate
from tests.processes import free_port, running, stop

HOME = Path(__file__).parent / "django_oauth_toolkit"
ENVIRONMENT = HOME / ".venv"
REQUIREMENTS = HOME / "requirements.txt"
CALLBACK = "http://127.0.0.1:9/callback"
INSTALL_TIMEOUT = 300


class NotInstalled(Exception):
    """The server's own virtual environment cannot be made here."""


@dataclass(frozen=True)
class DjangoOAuthToolkit:
    """One running site. It knows reference tokens only, and says little about them."""

    issuer: str
    process: subprocess.Popen[bytes]
    http: httpx.Client
    database: Path

    def token(self, *, scope: str = "read", resource: str | None = None) -> str:
        """An access token for a machine; it has an audience only if a resource was asked for (RFC 8707)."""
        grant = {"grant_type": "client_credentials", "scope": scope, **_resource(resource)}
        access_token: str = self._token_response("machine", grant)["access_token"]
        return access_token

    def login(self, user: str, *, resource: str | None = None) -> dict[str, str]:
        """The token response of a person who logged in: access_token, refresh_token and id_token."""
        verifier = token_urlsafe(48)
        grant = {"grant_type": "authorization_code", "code": self._code(user, verifier, resource)}
        return self._token_response(
            "web", {**grant, "code_verifier": verifier, "redirect_uri": CALLBACK, **_resource(resource)}
        )

    def introspection(self, token: str) -> dict[str, Any]:
        """What the site says about a token, and an API builds upon."""
        form = {"token": token, "token_type_hint": "access_token"}
        answer: dict[str, Any] = (
            self.http.post("/o/introspect/", data=form, auth=("api", "secret")).raise_for_status().json()
        )
        return answer

    def revoke(self, token: str, client_id: str = "machine") -> None:
        """End a token before its time (RFC 7009); only the client that got it may."""
        self.http.post("/o/revoke_token/", data={"token": token}, auth=(client_id, "secret")).raise_for_status()

    def expire(self, token: str) -> None:
        """Let the life of a token be over."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            changed = connection.execute(
                "UPDATE oauth2_provider_accesstoken SET expires = '2020-01-01 00:00:00' WHERE token = ?", (token,)
            )
            assert changed.rowcount == 1

    def go_offline(self) -> None:
        """End the process: from here on nobody answers at the issuer's address."""
        stop(self.process)

    def _token_response(self, client_id: str, grant: dict[str, str]) -> dict[str, Any]:
        answer = self.http.post("/o/token/", data=grant, auth=(client_id, "secret"))
        response: dict[str, Any] = answer.raise_for_status().json()
        return response

    def _code(self, user: str, verifier: str, resource: str | None) -> str:
        # RFC 7636 section 4.2: S256
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        request = {
            "response_type": "code",
            "client_id": "web",
            "redirect_uri": CALLBACK,
            "scope": "openid groups read",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **_resource(resource),
        }
        with self._logged_in(user) as browser:
            redirect = browser.get("/o/authorize/", params=request)
        assert redirect.is_redirect, redirect.text
        return httpx.URL(redirect.headers["Location"]).params["code"]

    @contextmanager
    def _logged_in(self, user: str) -> Iterator[httpx.Client]:
        # The login form guards itself against forged requests: its cookie and its field must agree.
        csrf = "c" * 32
        with httpx.Client(base_url=self.http.base_url, cookies={"csrftoken": csrf}, trust_env=False) as browser:
            fields = {"username": user, "password": "any", "csrfmiddlewaretoken": csrf, "next": "/o/authorize/"}
            entered = browser.post("/login/", data=fields)
            assert entered.is_redirect, entered.text
            yield browser


def _resource(resource: str | None) -> dict[str, str]:
    return {"resource": resource} if resource else {}


def install() -> None:
    """Makes the server's virtual environment, once. Raises `NotInstalled`."""
    done = ENVIRONMENT / REQUIREMENTS.name
    if done.exists() and done.read_text() == REQUIREMENTS.read_text():
        return
    try:
        venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=True)
        command = [_program("python"), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)]
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_TIMEOUT)
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = getattr(error, "stderr", None) or getattr(error, "output", None) or b""
        raise NotInstalled(f"{error}: {said.decode(errors='replace').strip()}") from error
    done.write_text(REQUIREMENTS.read_text())


def _program(name: str) -> str:
    return str(ENVIRONMENT / "bin" / name)


@contextmanager
def running_dot(directory: Path, *, users_by_name: bool = False) -> Iterator[DjangoOAuthToolkit]:
    """Start the site with a new database; its log goes into `directory`.

    `users_by_name`: the `sub` of userinfo is the username, and not the key of a row.
    """
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    key = KeyAndCertificate.written(directory, "signing").key_file
    env = {
        "DJANGO_SETTINGS_MODULE": "settings",
        "DOT_STATE": str(directory),
        "DOT_ISSUER": f"{origin}/o",
        "DOT_SIGNING_KEY": str(key),
        "DOT_VALIDATOR": f"validator.{'UsersByName' if users_by_name else 'GroupsAtUserinfo'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    _provision(env)
    with (
        running(
            [
                *(_program("gunicorn"), "--bind", f"127.0.0.1:{port}", "--workers", "2", "--no-control-socket"),
                "django.core.wsgi:get_wsgi_application()",
            ],
            cwd=HOME,
            env=env,
            log=directory / "gunicorn.log",
            health=f"{origin}/o/.well-known/openid-configuration",
        ) as process,
        httpx.Client(base_url=origin, trust_env=False) as http,
    ):
        yield DjangoOAuthToolkit(f"{origin}/o", process, http, directory / "db.sqlite3")


def _provision(env: dict[str, str]) -> None:
    done = subprocess.run(
        [_program("python"), "provision.py"], cwd=HOME, env={**os.environ, **env}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
