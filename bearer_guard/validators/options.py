"""What validators take in common, checked once, at construction."""

from collections.abc import Collection
from typing import Any

from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.checks import Expectations
from bearer_guard.errors import ConfigurationError
from bearer_guard.profiles import Profile

LONGEST_LEEWAY = 120
"""Seconds. Clocks that differ by more want mending, not tolerating."""


def checked_server(server: AuthorizationServer | str) -> AuthorizationServer:
    """The server, also where only its issuer is given."""
    return server if isinstance(server, AuthorizationServer) else AuthorizationServer(server)


def expectations(
    validator: str,
    issuer: str,
    *,
    audience: str | Collection[str] | None,
    client_ids: Collection[str] | None,
    leeway: float,
    profile: Profile,
    may_lack: frozenset[str] = frozenset(),
) -> Expectations:
    """What tokens must look like. Raises `ConfigurationError`, in the name of a validator."""
    return Expectations(
        issuer=issuer,
        audiences=_audiences(validator, audience),
        client_ids=None if client_ids is None else names(client_ids, "client_ids"),
        leeway=_leeway(leeway),
        profile=checked_profile(profile),
        may_lack=may_lack,
    )


def names(given: object, option: str) -> frozenset[str]:
    """Names, at least one, in any collection but a string. Raises `ConfigurationError`."""
    listed = list(given) if isinstance(given, Collection) and not isinstance(given, str | bytes) else []
    if not listed or not all(isinstance(name, str) and name for name in listed):
        raise ConfigurationError(f"{option}={given!r} must be names; write {option}={{'a', 'b'}}")
    return frozenset(listed)


def another_issuer(ours: AuthorizationServer, theirs: AuthorizationServer) -> ConfigurationError:
    """The error for a server that cannot stand in for ours."""
    return ConfigurationError(f"{theirs!r} is another issuer than {ours!r}; make a validator for it")


def _audiences(validator: str, audience: Any) -> frozenset[str]:
    if not audience:
        raise ConfigurationError(
            f"{validator} needs the audience that names your API, or it would accept tokens meant for other services;"
            " write audience='https://api.example.com'"
        )
    return names([audience] if isinstance(audience, str) else audience, "audience")


def _leeway(leeway: float) -> float:
    if isinstance(leeway, bool) or not isinstance(leeway, int | float) or not 0 <= leeway <= LONGEST_LEEWAY:
        raise ConfigurationError(f"leeway={leeway!r} is out of range; write seconds from 0 to {LONGEST_LEEWAY}")
    return leeway


def checked_profile(profile: Profile) -> Profile:
    """The issuer's dialect. Raises `ConfigurationError` for what is none."""
    # Not a subclass: what it overrides would count in some places, and in others not.
    if type(profile) is not Profile:
        raise ConfigurationError(
            f"profile={profile!r} is none; write profile=profiles.OKTA, or dataclasses.replace(profiles.OKTA, ...)"
        )
    return profile
