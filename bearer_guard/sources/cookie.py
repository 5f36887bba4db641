"""The token in a cookie: a browser sends it by itself, so the request must show where it comes from."""

import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

from bearer_guard.errors import ConfigurationError, InvalidRequest, Reason
from bearer_guard.sources.reading import checked_name, checked_token, the_only
from bearer_guard.tokens import Credentials
from bearer_guard.urls import is_loopback, is_web_url

_ORIGIN = r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1


class Cookie:
    """The token stands in a cookie that your site has set, with `HttpOnly; Secure; SameSite`.

    Let its name begin with `__Host-`: then no other host of your domain can set it, and it proves that the page in
    front of every proxy was loaded over https.

    A browser sends a cookie with every request, also with those that a page of somebody else makes. So on unsafe
    methods, and on every WebSocket handshake, the request must show that it comes from a page of ours: by
    `Sec-Fetch-Site: same-origin` (which browsers send with HTTP requests to trustworthy origins), or by an `Origin`
    that is the request's own or one of `allowed_origins`. What shows neither is refused; so is a form of yours under
    `Referrer-Policy: no-referrer` where the browser sends `Origin: null` and no `Sec-Fetch-Site`. The cookie is ignored
    where a token is presented elsewhere.

    `name`: the name of the cookie. `allowed_origins`: such as `{"https://app.example.com"}`; needed, too, for your own
    origin if a proxy in front of you ends TLS or changes the `Host`.
    """

    is_ambient = True
    """The browser adds it by itself: explicit credentials win over it."""

    def __init__(self, name: str, *, allowed_origins: Collection[str] = ()) -> None:
        self.name = checked_name(name, "Cookie('__Host-access_token')")
        if isinstance(allowed_origins, str):
            raise ConfigurationError(f"allowed_origins= is one string; write allowed_origins={{{allowed_origins!r}}}")
        self._allowed_origins = frozenset(_checked_origin(origin) for origin in allowed_origins)
        self._prefix = f"{name}=".encode()

    def __repr__(self) -> str:
        return f"Cookie({self.name!r}, allowed_origins={sorted(self._allowed_origins)!r})"

    def find(self, scope: Any) -> Credentials | None:
        """The token in the cookie, or None. Raises `InvalidRequest` if somebody else's page may have sent it."""
        token = the_only(self._values(scope))
        if not token:
            return None
        if self._is_forgeable(scope) and not self._is_from_us(scope):
            raise InvalidRequest(Reason.CROSS_SITE_COOKIE)
        return Credentials(checked_token(token, Reason.MALFORMED_COOKIE))

    def _values(self, scope: Any) -> Iterator[bytes]:
        for header in _headers(scope, b"cookie"):
            for pair in header.split(b";"):  # RFC 6265 section 4.2.1
                stripped = pair.strip(b" \t")
                if stripped.startswith(self._prefix):
                    yield stripped[len(self._prefix) :]

    def _is_forgeable(self, scope: Any) -> bool:
        # No browser asks CORS before a WebSocket handshake, and the answer can be read.
        return scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS

    def _is_from_us(self, scope: Any) -> bool:
        origins, sites = _headers(scope, b"origin"), _headers(scope, b"sec-fetch-site")
        if len(origins) == 1 and origins[0] in self._allowed_origins:
            return True
        if sites:  # the browser has compared origins itself, and it knows the scheme in front of every proxy
            return sites == [b"same-origin"]
        return len(origins) == 1 and origins[0] == self._own_origin(scope)

    def _own_origin(self, scope: Any) -> bytes | None:
        hosts = _headers(scope, b"host")
        if len(hosts) != 1 or not hosts[0]:
            return None
        host = hosts[0].decode("latin-1").lower()
        is_https = scope.get("scheme") in ("https", "wss")
        # Browsers set cookies of these names over https only (and on loopback), whatever a proxy has told us.
        if self.name.startswith(("__Host-", "__Secure-")) and not is_loopback(f"http://{host}"):
            is_https = True
        return f"{'https' if is_https else 'http'}://{host}".encode("latin-1")


def _headers(scope: Any, wanted: bytes) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == wanted]


def _checked_origin(origin: str) -> bytes:
    # RFC 6454 section 6.2, as browsers write it: in lower case, without the port that the scheme implies.
    is_written_so = isinstance(origin, str) and re.fullmatch(_ORIGIN, origin) and is_web_url(origin)
    if not is_written_so or (urlsplit(origin).scheme, urlsplit(origin).port) in (("https", 443), ("http", 80)):
        raise ConfigurationError(f"{origin!r} is not an origin; write one like 'https://app.example.com'")
    return origin.encode()
