"""The guard of a deployment, from its environment variables."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from bearer_guard import profiles
from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.errors import ConfigurationError
from bearer_guard.guard import BearerGuard
from bearer_guard.profiles import Profile
from bearer_guard.validators import JWTValidator

PREFIX = "BEARER_GUARD_"

PROFILES: Mapping[str, Profile] = {
    profile.name: profile for profile in (profiles.OAUTH2, profiles.RFC_9068, profiles.OKTA)
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a deployment sets, each from the variable `BEARER_GUARD_` and its name; `guard()` makes a guard of it.

    `issuer` and `audience` (comma-separated) are required; `jwks_uri`, `algorithms` (comma-separated), `profile`
    (`oauth2`, `rfc9068`, `okta`), `realm`, `leeway` (seconds) and `allow_insecure_http` (`true` or `false`) are not.
    """

    issuer: str
    audience: tuple[str, ...]
    jwks_uri: str | None = None
    algorithms: tuple[str, ...] | None = None
    profile: Profile = profiles.OAUTH2
    realm: str | None = None
    leeway: float = 30
    allow_insecure_http: bool = False

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Reads the environment. Raises one `ConfigurationError` that lists all that is wrong."""
        values, problems = _read(environ)
        problems += [f"{PREFIX}{name.upper()} is not set" for name in ("issuer", "audience") if name not in values]
        problems += _unknown(environ)
        if not problems:
            settings = cls(**values)
            problems = settings._problems()
        if problems:
            raise ConfigurationError("the environment does not make a guard:\n" + "\n".join(f"- {p}" for p in problems))
        return settings

    def guard(self) -> BearerGuard:
        """The guard that these settings describe. Raises `ConfigurationError`."""
        server = AuthorizationServer(self.issuer, jwks_uri=self.jwks_uri, allow_insecure_http=self.allow_insecure_http)
        options: dict[str, Any] = {} if self.algorithms is None else {"algorithms": self.algorithms}
        validator = JWTValidator(server, audience=self.audience, leeway=self.leeway, profile=self.profile, **options)
        return BearerGuard(validator, realm=self.realm)

    def _problems(self) -> list[str]:
        # Each option is tried alone, with harmless values for the others, so that one mistake hides no other.
        blank: dict[str, Any] = {"issuer": "https://issuer.invalid", "audience": ("audience",)}
        problems = []
        for options in self._tried_together():
            try:
                Settings(**{**blank, **options}).guard()
            except ConfigurationError as error:
                problems.append(str(error))
        return problems

    def _tried_together(self) -> list[dict[str, Any]]:
        insecure = {"allow_insecure_http": self.allow_insecure_http}
        place: dict[str, Any] = {"issuer": self.issuer, "jwks_uri": self.jwks_uri, **insecure}
        alone = ("algorithms", "realm", "leeway")
        return [place, *({name: getattr(self, name)} for name in alone)]


def _listed(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError("is a list without a name in it; write a,b")
    return names


def _profile(text: str) -> Profile:
    try:
        return PROFILES[text.lower()]
    except KeyError:
        raise ValueError(f"is {text!r}; write one of {', '.join(PROFILES)}") from None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"is {text!r}; write seconds, such as 30") from None


def _switch(text: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise ValueError(f"is {text!r}; write true or false") from None


_READERS: Mapping[str, Callable[[str], Any]] = {
    "issuer": str,
    "audience": _listed,
    "jwks_uri": str,
    "algorithms": _listed,
    "profile": _profile,
    "realm": str,
    "leeway": _seconds,
    "allow_insecure_http": _switch,
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
