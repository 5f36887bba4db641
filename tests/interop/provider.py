"""The OpenID provider as the tests speak to it: asking for tokens, logging in, rotating keys."""

import hashlib
import re
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx

from tests.processes import free_port, running, stop

HOME = Path(__file__).parent / "oidc_provider"
API = "https://api.example.com"
OTHER_API = "https://other.example.com"


@dataclass(frozen=True)
class OIDCProvider:
    """One running provider process."""

    issuer: str
    process: subprocess.Popen[bytes]
    http: httpx.Client

    def token(self, client_id: str = "RS256", *, scope: str = "read", resource: str = API) -> str:
        """An access token for a machine; clients are named after the algorithm they get."""
        grant = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
        access_token: str = self._token_response(client_id, grant)["access_token"]
        return access_token

    def login(self, user: str, *, client_id: str = "web", nonce: str | None = "n-1") -> dict[str, str]:
        """The token response of a person who logged in: access_token and id_token."""
        verifier = token_urlsafe(48)
        request = self._authorization_request(client_id, verifier)
        code = self._authorization_code(user, {**request, "nonce": nonce} if nonce else request)
        grant = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        return self._token_response(client_id, {**grant, "redirect_uri": self._callback, "resource": API})

    def rotate_keys(self, *, drop_old: bool = False) -> None:
        """Sign with new keys from now on; the old ones stay published unless dropped."""
        self.http.post("/control/rotate", params={"drop": "1"} if drop_old else {}).raise_for_status()

    def jwks_hits(self) -> int:
        """How often the key set has been fetched since the start."""
        hits: int = self.http.get("/control/jwks-hits").raise_for_status().json()
        return hits

    def go_offline(self) -> None:
        """End the process: from here on nobody answers at the issuer's address."""
        stop(self.process)

    @property
    def _callback(self) -> str:
        return f"{self.issuer}/control/callback"

    def _token_response(self, client_id: str, grant: dict[str, str]) -> dict[str, Any]:
        form = {"client_id": client_id, "client_secret": "secret", **grant}
        response: dict[str, Any] = self.http.post("/token", data=form).raise_for_status().json()
        return response

    def _authorization_code(self, user: str, request: dict[str, str]) -> str:
        with httpx.Client(base_url=self.issuer, follow_redirects=True, trust_env=False) as browser:
            page = browser.get("/auth", params=request)
            action = re.search(r'<form[^>]* action="([^"]+)"', page.raise_for_status().text)
            assert action, page.text
            # The provider's own development login: any password will do.
            fields = {"prompt": "login", "login": user, "password": "any"}
            return browser.post(action[1], data=fields).raise_for_status().url.params["code"]

    def _authorization_request(self, client_id: str, verifier: str) -> dict[str, str]:
        # RFC 7636 section 4.2: S256
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self._callback,
            "scope": "openid read",
            "resource": API,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }


@contextmanager
def running_provider(directory: Path) -> Iterator[OIDCProvider]:
    """Start the provider with fresh keys; its log goes into `directory`."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    with (
        running(
            ["node", "server.mjs"],
            cwd=HOME,
            env={"PORT": str(port)},
            log=directory / "oidc-provider.log",
            health=f"{issuer}/.well-known/openid-configuration",
        ) as process,
        httpx.Client(base_url=issuer, trust_env=False) as http,
    ):
        yield OIDCProvider(issuer, process, http)
