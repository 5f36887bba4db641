"""Okta's two kinds of authorization server. The tokens of one of them only look like JWTs."""

from collections.abc import Collection
from urllib.parse import urlsplit

from bearer_guard.errors import ConfigurationError

_DOMAINS = (".okta.com", ".oktapreview.com", ".okta-emea.com", ".okta-gov.com", ".okta.mil")


def is_org_server(issuer: str) -> bool:
    """Whether an issuer is Okta's *org* authorization server: an Okta host without `/oauth2/...`.

    A bare domain alone says nothing: other providers' issuers are bare. Domains of one's own cannot be told either.
    """
    try:
        parts = urlsplit(issuer)
    except ValueError:
        return False
    return (parts.hostname or "").endswith(_DOMAINS) and not parts.path.strip("/").startswith("oauth2/")


def refuse_org_server(issuer: str) -> None:
    """Raises `ConfigurationError` where its tokens would be validated locally: they are for Okta's own APIs."""
    if is_org_server(issuer):
        raise ConfigurationError(
            f"{issuer!r} is Okta's org authorization server, whose access tokens are opaque to you although they look"
            f" like JWTs; write the issuer of a custom one, such as '{issuer.rstrip('/')}/oauth2/default', or ask about"
            " them: IntrospectionValidator(AuthorizationServer(...), audience=..., client_ids={...})"
        )


def check_org_server(issuer: str, client_ids: Collection[str] | None) -> None:
    """Raises `ConfigurationError` where its tokens would be accepted from all clients of the organisation."""
    if is_org_server(issuer) and client_ids is None:
        raise ConfigurationError(
            f"the audience of tokens of {issuer!r} is your whole organisation, so any of its applications' tokens would"
            " open your API; write client_ids={'0oa...'}, the clients that may call it"
        )
