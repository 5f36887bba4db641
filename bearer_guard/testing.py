"""FakeIssuer: an authorization server for tests. Real keys, tokens and documents; no network and no server.

Only validation against the real thing is left out: what it signs is verified by the same code as in production.
"""

import json
import secrets
import time
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.authorization_server.metadata import metadata_urls
from bearer_guard.jose import ALGORITHMS, public_jwk, sign_compact


class MovableClock:
    """A clock that stands on the real time and can be moved: `clock.advance(seconds)`."""

    def __init__(self) -> None:
        self._offset = 0.0

    def time(self) -> float:
        """Seconds since 1970, moved."""
        return time.time() + self._offset

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment, moved."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Moves the time on. Negative seconds move it back."""
        self._offset += seconds


class SigningKey:
    """A private key with its name, made for one algorithm."""

    def __init__(self, algorithm: str, private_key: Any = None) -> None:
        self.algorithm = algorithm
        self.key_id = f"{algorithm.lower()}-{secrets.token_hex(4)}"
        self.private_key = private_key or _new_private_key(algorithm)

    def public_jwk(self) -> dict[str, Any]:
        """The public half, as an issuer publishes it (RFC 7517)."""
        return public_jwk(self.private_key, algorithm=self.algorithm, key_id=self.key_id)


def _new_private_key(algorithm: str) -> Any:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _new_keys() -> dict[str, SigningKey]:
    # An RSA key takes long to make, so the six RSA algorithms share one, each under a name of its own.
    rsa_key = _new_private_key("RS256")
    return {alg: SigningKey(alg, rsa_key if alg[:2] in ("RS", "PS") else None) for alg in ALGORITHMS}


class FakeIssuer:
    """An authorization server that answers in memory, with a clock that you can move.

        issuer = FakeIssuer()
        guard = BearerGuard(JWTValidator(issuer.server, audience="api"))
        client.get("/orders", headers=issuer.bearer(scope="orders:read", aud="api"))

    `issuer`: its name, the `iss` of its tokens. `audience`: the `aud` of its tokens, unless told otherwise.
    `server`: the `AuthorizationServer` to give to a validator. `clock`: the time of its tokens and of the validators.
    `requests`: the paths that were asked of it, in order.
    """

    def __init__(self, issuer: str = "https://issuer.test", *, audience: str = "api") -> None:
        self.issuer = issuer
        self.audience = audience
        self.clock = MovableClock()
        self.requests: list[str] = []
        self._keys: dict[str, SigningKey] = {}
        self.is_online = True
        self.server = AuthorizationServer(issuer, http_client=self.http_client, clock=self.clock)

    # --- tokens ---

    def token(
        self,
        *,
        alg: str = "RS256",
        header: dict[str, Any] | None = None,
        key: SigningKey | None = None,
        **claims: Any,
    ) -> str:
        """A signed access token. It is valid for five minutes, unless the arguments say otherwise.

        `claims`: claims to set; None leaves one out. `exp`, `nbf` and `iat` are in seconds from now: `exp=-60`
        expired a minute ago. `header`: header parameters to set, None leaves one out. `key`: another key to sign with.
        """
        key = key or self.signing_key(alg)
        parameters = {"alg": key.algorithm, "kid": key.key_id, "typ": "at+jwt", **(header or {})}
        return sign_compact(
            _compact_json(parameters),
            _compact_json(self._claims(claims)),
            algorithm=key.algorithm,
            private_key=key.private_key,
        )

    def bearer(self, **options: Any) -> dict[str, str]:
        """The headers of a request with a token; the options are those of `token()`."""
        return {"Authorization": f"Bearer {self.token(**options)}"}

    def signing_key(self, alg: str = "RS256") -> SigningKey:
        """The current key for an algorithm."""
        if alg not in ALGORITHMS:
            raise ValueError(f"alg={alg!r} is not known; write one of {', '.join(ALGORITHMS)}")
        if not self._keys:
            self._keys = _new_keys()
        return self._keys[alg]

    def rotate_keys(self) -> None:
        """New keys for all algorithms; the old ones are no longer published.

        As with a real issuer, validators look for an unknown key at most once per cooldown: `clock.advance(31)`
        between two rotations.
        """
        self._keys = _new_keys()

    def _claims(self, claims: dict[str, Any]) -> dict[str, Any]:
        now = int(self.clock.time())
        moments: dict[str, Any] = {"iat": 0, "exp": 300, **claims}
        return {
            "iss": self.issuer,
            "sub": "alice",
            "aud": self.audience,
            "client_id": "test-client",
            "jti": secrets.token_hex(8),
            **claims,
            **{name: _from_now(now, moments[name]) for name in ("iat", "exp", "nbf") if name in moments},
        }

    # --- what it answers ---

    def go_offline(self) -> None:
        """From now on nobody can reach it."""
        self.is_online = False

    def come_back(self) -> None:
        """It can be reached again."""
        self.is_online = True

    def metadata(self) -> dict[str, Any]:
        """Its metadata document (RFC 8414 section 2)."""
        base = self.issuer.rstrip("/")
        return {"issuer": self.issuer, "jwks_uri": f"{base}/jwks", "response_types_supported": ["code"]}

    def jwks(self) -> dict[str, Any]:
        """Its published key set (RFC 7517 section 5)."""
        self.signing_key()
        return {"keys": [key.public_jwk() for key in self._keys.values()]}

    def http_client(self) -> httpx.AsyncClient:
        """A client whose requests all reach this issuer, in memory."""
        return httpx.AsyncClient(transport=_InMemory(self))

    @property
    def app(self) -> Starlette:
        """The issuer as an ASGI application, for tests that want a real server."""
        documents = dict.fromkeys(metadata_urls(self.issuer), self.metadata)
        documents[self.metadata()["jwks_uri"]] = self.jwks
        return Starlette(routes=[Route(httpx.URL(url).path, _document(self, make)) for url, make in documents.items()])


class _InMemory(httpx.AsyncBaseTransport):
    def __init__(self, issuer: FakeIssuer) -> None:
        self._issuer = issuer
        self._application = httpx.ASGITransport(app=issuer.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._issuer.is_online:
            raise httpx.ConnectError("the issuer is offline", request=request)
        return await self._application.handle_async_request(request)


def _document(issuer: FakeIssuer, make: Any) -> Any:
    async def endpoint(request: Request) -> Response:
        issuer.requests.append(request.url.path)
        return JSONResponse(make()) if issuer.is_online else Response(status_code=503)

    return endpoint


def _from_now(now: int, moment: Any) -> Any:
    is_number = isinstance(moment, int | float) and not isinstance(moment, bool)
    return now + moment if is_number else moment


def _compact_json(members: dict[str, Any]) -> bytes:
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps(present, separators=(",", ":")).encode()
