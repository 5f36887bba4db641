"""Passing the presented token on to a service that is the same audience."""

from collections.abc import Collection, Generator
from typing import NoReturn

import httpx
from starlette.requests import HTTPConnection

from bearer_guard.authorization_server.http import check_url
from bearer_guard.errors import ConfigurationError
from bearer_guard.web import access_token, guarded_request


class Forward(httpx.Auth):
    """Sends the token of the current request along: `client.get(url, auth=Forward(request, to={...}))`.

    `connection`: the request (or WebSocket) whose token it is.
    `to`: the origins that may see it, such as `{"https://stock.internal"}`. Other origins are called without it, and a
    redirect to another origin loses it.

    Forward a token only to services that are *the same audience*: parts of one API, which the token was issued for.
    They could use it in its subject's name wherever it is accepted, so a service that is an API of its own must get a
    token of its own: exchange it at the authorization server (RFC 8693), which is not done here. MCP servers must not
    forward tokens at all.

    Raises the 401 if the request carries no token, and `ConfigurationError` for origins that are none or plain http.
    """

    def __init__(self, connection: HTTPConnection, *, to: Collection[str]) -> None:
        access_token(connection)  # a request without a token has nothing to forward
        credentials = guarded_request(connection).credentials
        assert credentials is not None  # noqa: S101  it came with the token
        self._credentials = credentials
        if isinstance(to, str) or not isinstance(to, Collection) or not to:
            raise ConfigurationError("Forward() takes the origins that may see the token; write to={'https://...'}")
        self._origins = frozenset(_checked_origin(origin) for origin in to)

    def __repr__(self) -> str:
        return f"Forward(to={sorted(map(str, self._origins))!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Forward holds a secret and is not to be pickled")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the token to a request, if it goes where the token may go."""
        if _origin(request.url) in self._origins:
            request.headers["Authorization"] = f"{self._credentials.scheme} {self._credentials.token}"
        yield request


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _checked_origin(origin: str) -> tuple[str, str, int | None]:
    check_url(origin, "to", allow_insecure_http=False)
    url = httpx.URL(origin)
    if url.path not in ("", "/") or url.query:
        raise ConfigurationError(f"{origin!r} is more than an origin; write one like 'https://stock.internal'")
    return _origin(url)
