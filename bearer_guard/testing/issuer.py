"""FakeIssuer: an authorization server for tests. Real keys, tokens and documents; no network and no server.

Only the network is left out: what it signs is verified by the same code as in production.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

import httpx
from starlette.applications import Starlette

from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.authorization_server.client_auth import ClientSecretBasic
from bearer_guard.authorization_server.metadata import metadata_urls
from bearer_guard.errors import ConfigurationError
from bearer_guard.guard import BearerGuard
from bearer_guard.jose import ALGORITHMS, sign_compact
from bearer_guard.profiles import OAUTH2, Profile
from bearer_guard.testing.clock import MovableClock
from bearer_guard.testing.dialect import from_now, in_dialect, refuse_slips, typ_of
from bearer_guard.testing.endpoints import application
from bearer_guard.testing.keys import SigningKey, new_keys
from bearer_guard.tokens import Claims
from bearer_guard.urls import is_loopback
from bearer_guard.userinfo import UserInfo
from bearer_guard.validators.introspection import IntrospectionValidator
from bearer_guard.validators.jwt import JWTValidator
from bearer_guard.validators.routing import ByFormat


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
    `users`: what userinfo says of each user, beside `sub`: `issuer.users["alice"] = {"groups": ["staff"]}`.
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
        self.users: dict[str, dict[str, Any]] = {}
        self.client_id, self.client_secret = "test-api", secrets.token_urlsafe(16)
        self.is_online = True
        self._keys: dict[str, SigningKey] = {}
        self._active: dict[str, dict[str, Any]] = {}
        self.server = AuthorizationServer(
            issuer,
            jwks_uri=None if self._can_be_discovered else self._url("jwks"),
            client_auth=ClientSecretBasic(self.client_id, self.client_secret),
            introspection_endpoint=None if self._can_be_discovered else self._url("introspect"),
            userinfo_endpoint=None if self._can_be_discovered else self._url("userinfo"),
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
        if not isinstance(validator, JWTValidator | IntrospectionValidator | ByFormat):
            raise ConfigurationError(f"{type(validator).__name__} cannot be stood in for; make the guard in a function")
        of_tokens = validator.jwt if isinstance(validator, ByFormat) else validator
        issuer = cls(of_tokens.server.issuer, audience=min(of_tokens.audience), profile=of_tokens.profile)
        userinfo = guard.userinfo
        if isinstance(userinfo, UserInfo):
            userinfo = userinfo.with_server(issuer.server)
        with guard.validating_with(validator.with_server(issuer.server), userinfo):
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
        refuse_slips(claims)
        key = key or self.signing_key(alg)
        parameters = {"alg": key.algorithm, "kid": key.key_id, "typ": typ_of(self.profile), **(header or {})}
        written = self._claims(self.profile, claims)
        token = sign_compact(
            _compact_json(parameters), _compact_json(written), algorithm=key.algorithm, private_key=key.private_key
        )
        if key in self._keys.values():  # else a forger signed it
            self._active[token] = written
        return token

    def opaque_token(self, **claims: Any) -> str:
        """An access token that says nothing: the issuer has to be asked about it. The claims are as for `token()`."""
        refuse_slips(claims)
        token = secrets.token_urlsafe(24)
        # RFC 7662 section 2.2: what it answers has names of its own for scope and client.
        as_answered = replace(self.profile, scope=("scope",), client_id=("client_id",))
        self._active[token] = self._claims(as_answered, claims)
        return token

    def revoke(self, token: str) -> None:
        """Takes a token back: whoever asks about it is told that it is not active. A JWT's signature stays good."""
        self._active.pop(token, None)

    def bearer(self, **options: Any) -> dict[str, str]:
        """The headers of a request with a token; the options are those of `token()`."""
        return {"Authorization": f"Bearer {self.token(**options)}"}

    def opaque_bearer(self, **claims: Any) -> dict[str, str]:
        """The headers of a request with an opaque token; the claims are as for `token()`."""
        return {"Authorization": f"Bearer {self.opaque_token(**claims)}"}

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

    def _claims(self, profile: Profile, claims: dict[str, Any]) -> dict[str, Any]:
        now = int(self.clock.time())
        moments: dict[str, Any] = {"iat": 0, "exp": 300, **claims}
        return {
            "iss": self.issuer,
            "sub": "alice",
            "aud": self.audience,
            "jti": secrets.token_hex(8),
            **in_dialect(profile, {"client_id": "test-client", "user_id": claims.get("sub", "alice"), **claims}),
            **{name: from_now(now, moments[name]) for name in ("iat", "exp", "nbf") if name in moments},
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
        return {
            "issuer": self.issuer,
            "jwks_uri": self._url("jwks"),
            "introspection_endpoint": self._url("introspect"),
            "userinfo_endpoint": self._url("userinfo"),
            "response_types_supported": ["code"],
        }

    @property
    def _can_be_discovered(self) -> bool:
        # An issuer is a name first: some are no URL, and some are one that must not be asked.
        return self.issuer.startswith("https://") or is_loopback(self.issuer)

    def _url(self, name: str) -> str:
        base = self.issuer.rstrip("/") if self._can_be_discovered else "https://issuer.test"
        return f"{base}/{name}"

    def jwks(self) -> dict[str, Any]:
        """Its published key set (RFC 7517 section 5)."""
        self.signing_key()
        return {"keys": [key.public_jwk() for key in self._keys.values()]}

    def introspection(self, token: str) -> dict[str, Any]:
        """What it answers about a token (RFC 7662 section 2.2)."""
        claims = self._active.get(token)
        expiry = None if claims is None else claims.get("exp")
        if claims is None or (isinstance(expiry, int | float) and self.clock.time() >= expiry):
            return {"active": False}
        return {"active": True, **{name: value for name, value in claims.items() if value is not None}}

    def userinfo(self, token: str) -> dict[str, Any] | None:
        """What it answers about a token's user (OpenID Connect Core section 5.3.2); None: the token will not do."""
        claims = self.introspection(token)
        user_id = self.profile.user_id_claim(Claims(claims))
        return None if user_id is None else {"sub": user_id, **self.users.get(user_id, {})}

    def http_client(self) -> httpx.AsyncClient:
        """A client whose requests all reach this issuer, in memory."""
        return httpx.AsyncClient(transport=_InMemory(self))

    @property
    def app(self) -> Starlette:
        """The issuer as an ASGI application, for tests that want a real server.

        Give the issuer the URL under which it is served: `FakeIssuer("http://127.0.0.1:9000")`.
        """
        documents = dict.fromkeys(metadata_urls(self.issuer), self.metadata) if self._can_be_discovered else {}
        return application(
            self,
            {**documents, self._url("jwks"): self.jwks},
            introspection=self._url("introspect"),
            userinfo=self._url("userinfo"),
        )


class _InMemory(httpx.AsyncBaseTransport):
    def __init__(self, issuer: FakeIssuer) -> None:
        self._issuer = issuer
        self._application = httpx.ASGITransport(app=issuer.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._issuer.is_online:
            raise httpx.ConnectError("the issuer is offline", request=request)
        return await self._application.handle_async_request(request)


def _compact_json(members: dict[str, Any]) -> bytes:
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps(present, separators=(",", ":")).encode()
