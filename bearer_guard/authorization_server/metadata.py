"""The metadata document of an authorization server: RFC 8414, and OpenID Connect Discovery 1.0."""

from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from bearer_guard.authorization_server.http import Door, NoAnswer
from bearer_guard.tokens import Claims
from bearer_guard.urls import is_web_url


class Metadata(NamedTuple):
    """What an authorization server says about itself. `document` is the whole of it."""

    issuer: str
    jwks_uri: str | None
    document: Claims
    introspection_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    mtls_introspection_endpoint: str | None = None
    """Where clients with a certificate ask (RFC 8705 section 5)."""

    def __repr__(self) -> str:
        return f"Metadata({self.issuer!r})"


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Where an issuer's metadata may stand, in the order in which they are asked."""
    scheme, netloc, path, _, _ = urlsplit(issuer)
    path = path.rstrip("/")
    return (
        # RFC 8414 section 3.1: the well-known name is inserted between host and path.
        urlunsplit((scheme, netloc, f"/.well-known/oauth-authorization-server{path}", "", "")),
        # OpenID Connect Discovery 1.0 section 4: it is appended to the path.
        urlunsplit((scheme, netloc, f"{path}/.well-known/openid-configuration", "", "")),
    )


async def discover(door: Door, issuer: str, metadata_url: str | None = None, wanted: str = "jwks_uri") -> Metadata:
    """The metadata of an issuer. Raises `NoAnswer`, naming each URL that had none.

    `wanted`: the name of what is looked for. Where two documents tell of different things, the one counts that has it.
    """
    failures: list[str] = []
    without: Metadata | None = None
    for url in (metadata_url,) if metadata_url is not None else metadata_urls(issuer):
        try:
            metadata = _read(await door.get_json(url), issuer, url)
        except NoAnswer as failure:
            if not failure.reached:  # the server is away: it would be away for the next URL, too
                raise
            failures.append(str(failure))
            continue
        if getattr(metadata, wanted) is not None:
            return metadata
        without = without or metadata
    if without is not None:
        return without
    raise NoAnswer(issuer, "no metadata found (" + "; ".join(failures) + ")", reached=True)


def _read(document: Claims, issuer: str, url: str) -> Metadata:
    named = document.get("issuer")
    if named != issuer:
        # RFC 8414 section 3.3: identical, or one issuer could speak for another.
        raise NoAnswer(url, f"its issuer is {named!r:.200}, not {issuer!r}: configure the one you trust", reached=True)
    aliases = document.get("mtls_endpoint_aliases")
    return Metadata(
        issuer,
        _url(document, "jwks_uri", issuer),
        document,
        introspection_endpoint=_url(document, "introspection_endpoint", issuer),
        userinfo_endpoint=_url(document, "userinfo_endpoint", issuer),
        mtls_introspection_endpoint=(
            _url(aliases, "introspection_endpoint", issuer) if isinstance(aliases, Claims) else None
        ),
    )


def _url(document: Claims, name: str, issuer: str) -> str | None:
    url = document.get(name)
    if not isinstance(url, str) or not is_web_url(url):
        return None
    falls_back = urlsplit(issuer).scheme == "https" and urlsplit(url).scheme != "https"
    return None if falls_back else url  # an https issuer has no endpoint that anybody on the way could answer for
