"""The clients that calls go through: short-lived ones for keys and metadata, kept ones for what is asked all day."""

import asyncio
import functools
import importlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

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
    ssl_context()
    with suppress(ImportError):
        importlib.import_module("h11")


async def loaded() -> None:
    """Loads what the first call of a process needs, without standing in the event loop's way for tens of ms."""
    if not ssl_context.cache_info().currsize:
        await asyncio.to_thread(_load)


def short_lived(http_client: HTTPClient, url: str) -> AbstractAsyncContextManager[Any]:
    """A client for one call: it does not survive the event loop that it is used in, nor need it."""
    if http_client is not None:
        return _users(http_client)
    # Its own timeouts come first: they close the connection that a deadline would leave to the collector.
    return httpx.AsyncClient(verify=ssl_context(), timeout=0.9 * DEADLINE, trust_env=not is_loopback(url))


@dataclass(frozen=True, slots=True)
class Line:
    """A kept client with a bounded number of calls at once. They belong to one event loop."""

    client: Any
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_CALLS))


@asynccontextmanager
async def line(
    http_client: HTTPClient, tls: Callable[[], ssl.SSLContext] | None, *, trust_env: bool
) -> AsyncIterator[Line]:
    """A line that is closed in the end. `tls`: makes the context that shows our own certificate (RFC 8705)."""
    async with _users(http_client) if http_client is not None else _kept(tls or ssl_context, trust_env=trust_env) as it:
        yield Line(it)


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
