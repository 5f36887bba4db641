"""The OpenID provider as the tests speak to it: asking for tokens, logging in, revoking, rotating keys."""

import hashlib
import json
import re
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx

from tests.interop.credentials import KeyAndCertificate
from tests.processes import free_port, running, stop

HOME = Path(__file__).parent / "oidc_provider"
API = "https://api.example.com"
OTHER_API = "https://other.example.com"
OPAQUE_API = "urn:api:opaque"
OTHER_OPAQUE_API = "urn:api:other-opaque"


@dataclass(frozen=True)
class OIDCProvider:
    """One running provider process."""

    issuer: str
    process: subprocess.Popen[bytes]
    http: httpx.Client
    tls_origin: str
    tls_certificate: Path
    api_credentials: KeyAndCertificate = field(repr=False)

    def token(self, client_id: str = "RS256", *, scope: str = "read", resource: str | None = API) -> str:
        """An access token for a machine; clients are named after the algorithm they get."""
        grant = {"grant_type": "client_credentials", "scope": scope, **_resource(resource)}
        access_token: str = self._token_response(client_id, grant)["access_token"]
        return access_token

    def opaque_token(self, client_id: str = "RS256", *, scope: str = "read", resource: str | None = OPAQUE_API) -> str:
        """An access token that only the provider understands; without a resource it has no audience."""
        return self.token(client_id, scope=scope, resource=resource)

    def login(
        self, user: str, *, client_id: str = "web", nonce: str | None = "n-1", resource: str | None = API
    ) -> dict[str, str]:
        """The token response of a person who logged in: access_token, refresh_token and id_token.

        Without a resource the access token is opaque, has no audience, and is good for the userinfo endpoint.
        """
        verifier = token_urlsafe(48)
        request = self._authorization_request(client_id, verifier, resource)
        code = self._authorization_code(user, {**request, "nonce": nonce} if nonce else request)
        grant = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        return self._token_response(client_id, {**grant, "redirect_uri": self._callback, **_resource(resource)})

    def revoke(self, token: str, client_id: str = "RS256") -> None:
        """End a token before its time (RFC 7009); only the client that got it may."""
        form = {"client_id": client_id, "client_secret": "secret", "token": token}
        self.http.post("/token/revocation", data=form).raise_for_status()

    def introspection(self, token: str) -> dict[str, Any]:
        """What the provider says about a token, and an API builds upon."""
        form = {"client_id": "none", "token": token, "token_type_hint": "access_token"}
        answer: dict[str, Any] = self.http.post("/token/introspection", data=form).raise_for_status().json()
        return answer

    def introspection_hits(self) -> int:
        """How often the introspection endpoint has been asked since the start."""
        hits: int = self.http.get("/control/introspection-hits").raise_for_status().json()
        return hits

    @contextmanager
    def unwell(self, fault: str) -> Iterator[None]:
        """While the block lasts, introspection answers 500 (`fault="500"`) or with a web page (`fault="html"`)."""
        self.http.post("/control/introspection", params={"fault": fault}).raise_for_status()
        try:
            yield
        finally:
            self.http.post("/control/introspection").raise_for_status()

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

    def _authorization_request(self, client_id: str, verifier: str, resource: str | None) -> dict[str, str]:
        # RFC 7636 section 4.2: S256
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self._callback,
            "scope": "openid read" if resource else "openid groups read",
            **_resource(resource),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }


def _resource(resource: str | None) -> dict[str, str]:
    return {"resource": resource} if resource else {}


@contextmanager
def running_provider(directory: Path) -> Iterator[OIDCProvider]:
    """Start the provider with fresh keys; its log goes into `directory`."""
    port, tls_port = free_port(), free_port()
    issuer, tls_origin = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}"
    door = KeyAndCertificate.written(directory, "provider")
    api = KeyAndCertificate.written(directory, "introspecting-api")
    with (
        running(
            ["node", "server.mjs"],
            cwd=HOME,
            env={
                "PORT": str(port),
                "TLS_PORT": str(tls_port),
                "TLS_KEY": str(door.key_file),
                "TLS_CERTIFICATE": str(door.certificate_file),
                "API_JWKS": json.dumps({"keys": [api.jwk]}),
            },
            log=directory / "oidc-provider.log",
            health=f"{issuer}/.well-known/openid-configuration",
        ) as process,
        httpx.Client(base_url=issuer, trust_env=False) as http,
    ):
        yield OIDCProvider(issuer, process, http, tls_origin, door.certificate_file, api)
