"""The guard of a deployment, from its environment variables."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from bearer_guard import profiles
from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.authorization_server.client_auth import ClientSecretBasic, PublicClient
from bearer_guard.errors import ConfigurationError
from bearer_guard.guard import BearerGuard
from bearer_guard.jose import ALGORITHMS
from bearer_guard.profiles import Profile
from bearer_guard.protocols import ClientAuthentication, TokenValidator
from bearer_guard.validators.introspection import IntrospectionValidator
from bearer_guard.validators.jwt import JWTValidator
from bearer_guard.validators.okta import is_org_server
from bearer_guard.validators.routing import ByFormat

PREFIX = "BEARER_GUARD_"

PROFILES: Mapping[str, Profile] = {
    profile.name: profile for profile in (profiles.OAUTH2, profiles.RFC_9068, profiles.OKTA)
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a deployment sets, each from the variable `BEARER_GUARD_` and its name; `guard()` makes a guard of it.

    `issuer` and `audience` are required. Lists are comma-separated, `leeway` is in seconds, `remember` is a number of
    tokens, `profile` is one of `oauth2`, `rfc9068` and `okta`, `allow_insecure_http` is `true` or `false`.

    With `client_id` (and `client_secret`, unless the client is public) the authorization server is asked about opaque
    tokens, and JWTs are validated locally. `tokens` says otherwise: `jwt` or `opaque` for all of them.
    """

    issuer: str
    audience: tuple[str, ...]
    client_ids: tuple[str, ...] | None = None
    jwks_uri: str | None = None
    metadata_url: str | None = None
    algorithms: tuple[str, ...] = ALGORITHMS
    profile: Profile = profiles.OAUTH2
    leeway: float = 30
    realm: str | None = None
    missing_token: str = "challenge"
    remember: int = 1024
    allow_insecure_http: bool = False
    tokens: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    introspection_endpoint: str | None = None
    cache_ttl: float | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Reads the environment (or `environ`). Raises one `ConfigurationError` that lists all that is wrong."""
        environ = os.environ if environ is None else environ  # not as a default: help() would print it
        values, problems = _read(environ)
        problems += [*_missing(environ), *_misfits(values), *_unknown(environ)]
        if problems:
            raise ConfigurationError("the environment does not make a guard:\n" + "\n".join(f"- {p}" for p in problems))
        return cls(**values)

    def guard(self) -> BearerGuard:
        """The guard that these settings describe. Raises `ConfigurationError`."""
        server = AuthorizationServer(
            self.issuer,
            jwks_uri=self.jwks_uri,
            metadata_url=self.metadata_url,
            client_auth=self._client_auth(),
            introspection_endpoint=self.introspection_endpoint,
            allow_insecure_http=self.allow_insecure_http,
        )
        return BearerGuard(
            self._validator(server), realm=self.realm, missing_token=self.missing_token, remember=self.remember
        )

    def _client_auth(self) -> ClientAuthentication | None:
        if self.client_id is None:
            if self.client_secret is not None:
                raise ConfigurationError("the secret of which client? write client_id, too")
            return None
        if self.client_secret is None:
            return PublicClient(self.client_id)
        return ClientSecretBasic(self.client_id, self.client_secret)

    def _validator(self, server: AuthorizationServer) -> TokenValidator:
        if self.tokens not in (None, *_TOKENS):
            raise ConfigurationError(f"tokens={self.tokens!r} is not known; write jwt or opaque, or leave it out")
        asks = self.client_id is not None or self.introspection_endpoint is not None
        tokens = self.tokens or ("both" if asks else "jwt")
        if tokens == "jwt":
            if self.cache_ttl is not None:
                raise ConfigurationError(
                    "cache_ttl is for answers about opaque tokens, and none are asked for; leave it out"
                )
            return self._of_jwts(server)
        if self.client_id is None:
            raise ConfigurationError(
                "who asks about opaque tokens? write client_id, and client_secret unless the client is public"
            )
        if tokens == "opaque":
            return self._of_opaque_tokens(server)
        if is_org_server(self.issuer):
            raise ConfigurationError(
                "all tokens of Okta's org authorization server are opaque to you; write tokens=opaque"
            )
        return ByFormat(jwt=self._of_jwts(server), opaque=self._of_opaque_tokens(server))

    def _of_jwts(self, server: AuthorizationServer) -> JWTValidator:
        return JWTValidator(
            server,
            audience=self.audience,
            client_ids=self.client_ids,
            algorithms=self.algorithms,
            leeway=self.leeway,
            profile=self.profile,
        )

    def _of_opaque_tokens(self, server: AuthorizationServer) -> IntrospectionValidator:
        return IntrospectionValidator(
            server,
            audience=self.audience,
            client_ids=self.client_ids,
            leeway=self.leeway,
            profile=self.profile,
            cache_ttl=self.cache_ttl,
        )


_REQUIRED = ("issuer", "audience")
_HARMLESS = {"issuer": "https://issuer.invalid", "audience": ("audience",)}
# Options that are judged together. One group is tried at a time, so that one mistake hides no other.
_OF_THE_SERVER = ("issuer", "jwks_uri", "metadata_url", "allow_insecure_http")
_OF_OPAQUE_TOKENS = ("tokens", "client_id", "client_secret", "introspection_endpoint", "client_ids", "cache_ttl")
_GROUPS = (
    _OF_THE_SERVER + _OF_OPAQUE_TOKENS,
    ("algorithms",),
    ("leeway",),
    ("realm",),
    ("missing_token",),
    ("remember",),
)


def _missing(environ: Mapping[str, str]) -> list[str]:
    names = [PREFIX + name.upper() for name in _REQUIRED]
    missing = [f"{name} is not set" for name in names if not environ.get(name, "").strip()]
    secret = environ.get(PREFIX + "CLIENT_SECRET")
    if secret is not None and not secret.strip() and environ.get(PREFIX + "CLIENT_ID", "").strip():
        # Empty variables count as not set; but a secret that got lost on its way must not make us a public client.
        missing.append(f"{PREFIX}CLIENT_SECRET is empty; write the secret, or unset it for a public client")
    return missing


def _misfits(values: Mapping[str, Any]) -> Iterator[str]:
    for group in _GROUPS:
        given = {name: values[name] for name in group if name in values}
        try:
            Settings(**{**_HARMLESS, **given}).guard()
        except ConfigurationError as error:
            yield f"{', '.join(PREFIX + name.upper() for name in given)}: {error}"


def _listed(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError("is a list without a name in it; write a,b")
    return names


_SWITCH = {"true": True, "1": True, "false": False, "0": False}


def _as(parse: Callable[[str], Any], advice: str) -> Callable[[str], Any]:
    """A reader of one value, which says what to write instead of what it cannot parse."""

    def read(text: str) -> Any:
        try:
            return parse(text)
        except (KeyError, ValueError):
            raise ValueError(f"is {text!r}; write {advice}") from None

    return read


_TOKENS = {"jwt": "jwt", "opaque": "opaque"}

_READERS: Mapping[str, Callable[[str], Any]] = {
    "issuer": str,
    "audience": _listed,
    "client_ids": _listed,
    "jwks_uri": str,
    "metadata_url": str,
    "algorithms": _listed,
    "profile": _as(lambda text: PROFILES[text.lower()], f"one of {', '.join(PROFILES)}"),
    "leeway": _as(float, "seconds, such as 30"),
    "realm": str,
    "missing_token": str,
    "remember": _as(int, "a whole number"),
    "allow_insecure_http": _as(lambda text: _SWITCH[text.lower()], "true or false"),
    "tokens": _as(lambda text: _TOKENS[text.lower()], "jwt or opaque, or leave it out for both"),
    "client_id": str,
    "client_secret": str,
    "introspection_endpoint": str,
    "cache_ttl": _as(float, "seconds, such as 60"),
}


def _read(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, reader in _READERS.items():
        text = environ.get(PREFIX + name.upper(), "").strip()
        if not text:  # deployment tools write empty variables for what is not set
            continue
        try:
            values[name] = reader(text)
        except ValueError as error:
            problems.append(f"{PREFIX}{name.upper()} {error}")
    return values, problems


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {PREFIX + name.upper() for name in _READERS}
    strangers = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return [f"{name} is not known; known are {', '.join(sorted(known))}" for name in strangers]
