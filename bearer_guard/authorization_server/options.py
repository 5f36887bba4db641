"""The options of an authorization server, checked once, at construction."""

import inspect
from typing import TYPE_CHECKING, TypeGuard
from urllib.parse import urlsplit

from bearer_guard.authorization_server.http import check_url
from bearer_guard.errors import ConfigurationError
from bearer_guard.protocols import KeySource
from bearer_guard.urls import shown

if TYPE_CHECKING:
    from bearer_guard.authorization_server.client_auth import TLSClientAuth


def check_endpoints(
    introspection_endpoint: str | None, userinfo_endpoint: str | None, *, allow_insecure_http: bool
) -> None:
    """Raises `ConfigurationError` for endpoints that must not be asked."""
    for option, url in (("introspection_endpoint", introspection_endpoint), ("userinfo_endpoint", userinfo_endpoint)):
        if url is not None:
            check_url(url, option, allow_insecure_http=allow_insecure_http)


def is_tls_client_auth(client_auth: object) -> "TypeGuard[TLSClientAuth]":
    """Whether we say who we are with a certificate. The class itself is not loaded where nobody uses it."""
    return callable(getattr(client_auth, "show_certificate", None))


def check_client_auth(client_auth: object, http_client: object) -> None:
    """Raises `ConfigurationError` for what is no client authentication, or a certificate that nobody would show."""
    if client_auth is None:
        return
    if isinstance(client_auth, type) or not callable(getattr(client_auth, "authenticate", None)):
        raise ConfigurationError(
            "client_auth= takes a way to authenticate; write client_auth=ClientSecretBasic('orders-api', secret)"
        )
    if is_tls_client_auth(client_auth) and client_auth.has_certificate == (http_client is not None):
        raise ConfigurationError(
            "a client certificate is shown either by ours or by your own http_client=: give its files to"
            " TLSClientAuth(id, certificate, key), or make the http_client= with it and write TLSClientAuth(id)"
        )


def check_places(
    issuer: str,
    jwks_uri: str | None,
    metadata_url: str | None,
    keys: KeySource | None,
    introspection_endpoint: str | None,
    *,
    allow_insecure_http: bool,
) -> None:
    """Raises `ConfigurationError` where nobody can be asked, or two places say where the keys are."""
    if not isinstance(issuer, str) or not issuer or issuer != issuer.strip():
        raise ConfigurationError(f"issuer {issuer!r} is no issuer; write the iss of the tokens, as a string")
    places = (("jwks_uri", jwks_uri), ("metadata_url", metadata_url), ("keys", keys))
    given = [name for name, value in places if value is not None]
    if len(given) > 1:
        raise ConfigurationError(f"{' and '.join(given)} both say where the keys are; give one of them")
    if jwks_uri is not None:
        check_url(jwks_uri, "jwks_uri", allow_insecure_http=allow_insecure_http)
    elif metadata_url is not None:
        check_url(metadata_url, "metadata_url", allow_insecure_http=allow_insecure_http)
    elif keys is None and introspection_endpoint is None:
        check_issuer_can_be_asked(issuer, allow_insecure_http=allow_insecure_http)


def check_issuer_can_be_asked(issuer: str, *, allow_insecure_http: bool, instead: str = "jwks_uri") -> None:
    """Raises `ConfigurationError` where metadata cannot be searched for. `instead`: what makes it needless."""
    if "://" not in issuer:
        raise ConfigurationError(
            f"issuer {issuer!r} is not a URL, so nothing can be searched for there; give {instead}="
        )
    check_url(issuer, "issuer", allow_insecure_http=allow_insecure_http)
    if "/.well-known/" in issuer:
        before, _, behind = issuer.partition("/.well-known/")
        name = shown(before + behind[len(behind.partition("/")[0]) :])  # RFC 8414 section 3.1: the path stands behind
        raise ConfigurationError(
            f"issuer {shown(issuer)!r} is its metadata document; write the issuer itself: {name!r}"
        )
    if urlsplit(issuer).query:
        raise ConfigurationError(f"issuer {shown(issuer)!r} has a query (RFC 8414 section 2 allows none); leave it out")


def check_parts(keys: object, http_client: object, clock: object, allow_insecure_http: object) -> None:
    """Raises `ConfigurationError` for what is not of the expected kind."""
    if not isinstance(allow_insecure_http, bool):
        raise ConfigurationError(f"allow_insecure_http={allow_insecure_http!r} is neither True nor False; write one")
    if keys is not None and not callable(getattr(keys, "keys_for", None)):
        raise ConfigurationError(f"keys= takes a key source, not {type(keys).__name__}; write keys=StaticKeys(jwks)")
    is_client = callable(http_client) or inspect.iscoroutinefunction(getattr(http_client, "aclose", None))
    if http_client is not None and not is_client:
        raise ConfigurationError("http_client= takes a client like httpx.AsyncClient(), or a function that makes one")
    if not callable(getattr(clock, "time", None)) or not callable(getattr(clock, "monotonic", None)):
        raise ConfigurationError(f"clock={clock!r} tells no time; leave it out, or give an object like the time module")


def check_times(fresh_for: float, kept_for: float, cooldown: float) -> None:
    """Raises `ConfigurationError` for times that do not fit together."""
    for seconds in (fresh_for, kept_for, cooldown):
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ConfigurationError(f"{seconds!r} is no time; write seconds, as a number")
    if not 0 < fresh_for <= kept_for:
        raise ConfigurationError(
            f"keys_fresh_for={fresh_for!r} and keys_kept_for={kept_for!r} do not fit; write 0 < fresh <= kept (seconds)"
        )
    if not cooldown >= 1:
        raise ConfigurationError(f"refetch_cooldown={cooldown!r} would let strangers cause calls; write at least 1 s")
