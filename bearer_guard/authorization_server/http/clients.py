"""The clients that calls go through: short-lived ones for keys and metadata, kept ones for what is asked all day."""

import asyncio
import functools
import importlib
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Self

import httpx

from bearer_guard.authorization_server.shared_calls import SharedCalls
from bearer_guard.urls import is_loopback

DEADLINE = 5.0
"""Seconds for one call as a whole: a server that drips one byte at a time gets no more."""
MOST_CALLS = 16
"""Calls under way at once in one event loop. A cold pool under a thousand of them stalls the loop, and fails."""
_KEPT_ALIVE = 2.0
"""Seconds that an idle connection is kept: shorter than servers do, so that we do not speak into one that closes."""

HTTPClient = Any
"""A client with the interface of `httpx.AsyncClient` (httpx2's as well), or a function that makes one."""


@functools.cache
def ssl_context() -> ssl.SSLContext:
    """The trusted certificates. Loading them takes longer than most calls: once a process."""
    return httpx.create_ssl_context()


def with_certificate(show: Callable[[ssl.SSLContext], None]) -> ssl.SSLContext:
    """The same, with a certificate of our own. `show`: loads it into the context."""
    context = httpx.create_ssl_context()
    show(context)
    return context


def _load() -> None:
    for name in ("h11", "httpcore", "anyio._backends._asyncio"):
        with suppress(ImportError):
            importlib.import_module(name)
    ssl_context()  # last: by this it is known that all is there


_loading: SharedCalls[None] = SharedCalls()


async def loaded() -> None:
    """Loads what the first call of a process needs, without standing in the event loop's way for tens of ms.

    Once, for all who wait for it: a thread for each of them would stand in the way, too.
    """
    if not ssl_context.cache_info().currsize:
        await _loading.result("all", lambda: asyncio.to_thread(_load))


def short_lived(http_client: HTTPClient, url: str) -> AbstractAsyncContextManager[Any]:
    """A client for one call: it does not survive the event loop that it is used in, nor need it."""
    if http_client is not None:
        return _users(http_client)
    # Its own timeouts come first: they close the connection that a deadline would leave to the collector.
    return httpx.AsyncClient(verify=ssl_context(), timeout=0.9 * DEADLINE, trust_env=not is_loopback(url))


class Line:
    """A kept client with a bounded number of calls at once. It belongs to one event loop, and is closed with it.

    `tls`: makes the context that shows a certificate of our own (RFC 8705); None: there is none to show.
    """

    def __init__(self, http_client: HTTPClient, tls: Callable[[], ssl.SSLContext] | None, *, trust_env: bool) -> None:
        users = None if http_client is None else _users(http_client)
        self._is_ours = http_client is None or callable(http_client)
        self._context = users or _kept(tls or ssl_context, trust_env=trust_env)
        self.turns = asyncio.Semaphore(MOST_CALLS)
        self.taken = 0

    async def __aenter__(self) -> Self:
        self.client = await self._context.__aenter__()
        if self._is_ours:
            # No cookies: the session of one user's call must not go along with the next one's.
            with suppress(AttributeError):
                self.client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._context.__aexit__(None, None, None)


def _kept(tls: Callable[[], ssl.SSLContext], *, trust_env: bool) -> httpx.AsyncClient:
    limits = httpx.Limits(
        max_connections=MOST_CALLS, max_keepalive_connections=MOST_CALLS, keepalive_expiry=_KEPT_ALIVE
    )
    return httpx.AsyncClient(verify=tls(), timeout=0.9 * DEADLINE, limits=limits, trust_env=trust_env)


def _users(http_client: HTTPClient) -> AbstractAsyncContextManager[Any]:
    if callable(http_client):
        made: AbstractAsyncContextManager[Any] = http_client()
        return made
    return nullcontext(http_client)  # its owner closes it
