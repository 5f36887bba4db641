"""FakeIssuer: an authorization server for tests. Real keys, tokens and documents; no network and no server.

Only the network is left out: what it signs is verified by the same code as in production.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.authorization_server.metadata import metadata_urls
from bearer_guard.errors import ConfigurationError
from bearer_guard.guard import BearerGuard
from bearer_guard.jose import ALGORITHMS, sign_compact
from bearer_guard.profiles import OAUTH2, Profile
from bearer_guard.testing.clock import MovableClock
from bearer_guard.testing.dialect import in_dialect
from bearer_guard.testing.keys import SigningKey, new_keys
from bearer_guard.urls import is_loopback
from bearer_guard.validators import JWTValidator

# What one would write, and the claim that one means.
_SLIPS = {"audience": "aud", "scopes": "scope", "subject": "sub", "issuer": "iss", "expires_in": "exp"}


class FakeIssuer:
    """An authorization server that answers in memory, with a clock that you can move.

        issuer = FakeIssuer()
        guard = BearerGuard(JWTValidator(issuer.server, audience="api"))
        client.get("/orders", headers=issuer.bearer(scope="orders:read", aud="api"))

    For an application whose guard is made at import: `with FakeIssuer.in_place_of(guard) as issuer: ...`

    `issuer`: its name, the `iss` of its tokens. `audience`: the `aud` of its tokens, unless told otherwise.
    `profile`: the dialect in which its tokens carry `scope`, `groups`, `roles` and `client_id`. A validator's
    `client_ids=` and `algorithms=` it does not know: pass `client_id=` and `alg=` to `token()`.
    `server`: the `AuthorizationServer` to give to a validator. `clock`: the time of its tokens and of the validators.
    `requests`: the paths that were asked of it, in order.
    """

    def __init__(
        self, issuer: str = "https://issuer.test", *, audience: str = "api", profile: Profile = OAUTH2
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.profile = profile
        self.clock = MovableClock()
        self.requests: list[str] = []
        self._keys: dict[str, SigningKey] = {}
        self.is_online = True
        self.server = AuthorizationServer(
            issuer,
            jwks_uri=None if self._can_be_discovered else self._jwks_uri,
            http_client=self.http_client,
            clock=self.clock,
        )

    @classmethod
    @contextmanager
    def in_place_of(cls, guard: BearerGuard) -> Iterator[Self]:
        """Stands in for the issuer of a guard until the block ends: same name, audience and profile, its own keys.

        The guard validates as before, with a memory of its own; only keys and time come from here. All is restored at
        the end, also after an exception; tests in other threads that do the same wait for it.
        """
        validator = guard.validator
        if not isinstance(validator, JWTValidator):
            raise ConfigurationError(f"{type(validator).__name__} cannot be stood in for; make the guard in a function")
        issuer = cls(validator.server.issuer, audience=min(validator.audience), profile=validator.profile)
        with guard.validating_with(validator.with_server(issuer.server)):
            yield issuer

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

        `claims`: claims to set (`sub` is alice, `client_id` is test-client, there is no `scope`); None leaves one out.
        `exp`, `nbf` and `iat` are in seconds from now: `exp=-60` expired a minute ago. `header`: header parameters to
        set, None leaves one out. `key`: another key to sign with.
        """
        for name in sorted(claims.keys() & _SLIPS.keys()):
            raise TypeError(f"{name}= would be a claim of that name; write {_SLIPS[name]}=")
        key = key or self.signing_key(alg)
        parameters = {"alg": key.algorithm, "kid": key.key_id, "typ": _typ_of(self.profile), **(header or {})}
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
            self._keys = new_keys()
        return self._keys[alg]

    def rotate_keys(self) -> None:
        """New keys for all algorithms; the old ones are no longer published.

        As with a real issuer, validators look for an unknown key at most once per cooldown: `clock.advance(31)`
        between two rotations.
        """
        self._keys = new_keys()

    def _claims(self, claims: dict[str, Any]) -> dict[str, Any]:
        now = int(self.clock.time())
        moments: dict[str, Any] = {"iat": 0, "exp": 300, **claims}
        return {
            "iss": self.issuer,
            "sub": "alice",
            "aud": self.audience,
            "jti": secrets.token_hex(8),
            **in_dialect(self.profile, {"client_id": "test-client", **claims}),
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
        return {"issuer": self.issuer, "jwks_uri": self._jwks_uri, "response_types_supported": ["code"]}

    @property
    def _can_be_discovered(self) -> bool:
        # An issuer is a name first: some are no URL, and some are one that must not be asked.
        return self.issuer.startswith("https://") or is_loopback(self.issuer)

    @property
    def _jwks_uri(self) -> str:
        return f"{self.issuer.rstrip('/')}/jwks" if self._can_be_discovered else "https://issuer.test/jwks"

    def jwks(self) -> dict[str, Any]:
        """Its published key set (RFC 7517 section 5)."""
        self.signing_key()
        return {"keys": [key.public_jwk() for key in self._keys.values()]}

    def http_client(self) -> httpx.AsyncClient:
        """A client whose requests all reach this issuer, in memory."""
        return httpx.AsyncClient(transport=_InMemory(self))

    @property
    def app(self) -> Starlette:
        """The issuer as an ASGI application, for tests that want a real server.

        Give the issuer the URL under which it is served: `FakeIssuer("http://127.0.0.1:9000")`.
        """
        documents = dict.fromkeys(metadata_urls(self.issuer), self.metadata) if self._can_be_discovered else {}
        documents[self._jwks_uri] = self.jwks
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


def _typ_of(profile: Profile) -> str | None:
    if "at+jwt" in profile.typ:  # RFC 9068 section 2.1
        return "at+jwt"
    return next((typ for typ in profile.typ if typ is not None), None)


def _from_now(now: int, moment: Any) -> Any:
    is_number = isinstance(moment, int | float) and not isinstance(moment, bool)
    return now + moment if is_number else moment


def _compact_json(members: dict[str, Any]) -> bytes:
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps(present, separators=(",", ":")).encode()
