"""The one door to httpx: https only, a deadline, a size cap while reading, no redirects, JSON objects only."""

import asyncio
import functools
import importlib
import re
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx

from bearer_guard.errors import ConfigurationError
from bearer_guard.jose import parse_json_object
from bearer_guard.tokens import Claims
from bearer_guard.urls import is_loopback, is_web_url, shown

DEADLINE = 5.0
"""Seconds for one call as a whole: a server that drips one byte at a time gets no more."""
LARGEST_ANSWER = 512 * 1024
"""Bytes. Key sets and metadata of real servers have 1 to 40 KiB."""

HTTPClient = Any
"""A client with the interface of `httpx.AsyncClient` (httpx2's as well), or a function that makes one."""


class NoAnswer(Exception):
    """A call brought no usable answer; the message says which call and why.

    `reached`: whether a server answered at all, so that asking it for something else makes sense.
    """

    def __init__(self, url: str, why: str, *, reached: bool) -> None:
        super().__init__(f"GET {shown(url)}: {why}")
        self.reached = reached


def _said(error: Exception) -> str:
    # The sentences of clients quote URLs as they were asked for.
    text = re.sub(r"\?[^\s'\"]*", "?...", re.sub(r"//[^\s'\"/@]*@", "//", str(error)))
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def check_url(url: str, option: str, *, allow_insecure_http: bool) -> None:
    """Raises `ConfigurationError` for a URL that must not be asked: keys that come over plain http prove nothing."""
    if not isinstance(url, str) or not is_web_url(url):
        where = shown(url) if isinstance(url, str) else url
        raise ConfigurationError(f"{option} {where!r} is not a URL; write one that begins with https://")
    parts = urlsplit(url)
    if parts.fragment or parts.username is not None:
        raise ConfigurationError(f"{option} {shown(url)!r} must have neither a user nor a fragment; leave them out")
    if parts.scheme == "http" and not is_loopback(url) and not allow_insecure_http:
        raise ConfigurationError(
            f"{option} {shown(url)!r} is plain http, so anybody on the way could put in keys of their own; write"
            " https://, or allow_insecure_http=True for a network that you trust"
        )


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # loading the certificates takes longer than most calls: once a process


def _load() -> None:
    """What the first call of a process loads: tens of milliseconds, during which an event loop would stand still."""
    _ssl_context()
    with suppress(ImportError):
        importlib.import_module("h11")


def _short_lived_client(url: str) -> httpx.AsyncClient:
    # One client a call: a client does not survive the event loop that it was first used in.
    # Loopback is trusted over plain http because nobody stands in between: so no proxy of the environment may, either.
    # Its own timeouts come first: they close the connection that a deadline would leave to the collector.
    return httpx.AsyncClient(verify=_ssl_context(), timeout=0.9 * DEADLINE, trust_env=not is_loopback(url))


class Door:
    """Asks for JSON objects. `http_client`: a client to use as it is, or a function that makes one for each call."""

    def __init__(self, http_client: HTTPClient = None, *, allow_insecure_http: bool = False) -> None:
        self._http_client = http_client
        self._allow_insecure_http = allow_insecure_http

    async def get_json(self, url: str) -> Claims:
        """The JSON object at a URL. Raises `NoAnswer` for every failure."""
        document, _ = await self.get_json_and_age(url)
        return document

    async def get_json_and_age(self, url: str) -> tuple[Claims, float | None]:
        """The same, with the seconds for which the answer is fresh; None: the server does not say."""
        try:
            check_url(url, "the URL", allow_insecure_http=self._allow_insecure_http)
        except ConfigurationError as error:
            raise NoAnswer(url, str(error), reached=True) from None
        body, headers = await self._get(url)
        try:
            return parse_json_object(body), max_age_of(headers)
        except ValueError:
            raise NoAnswer(url, "the answer is not a JSON object", reached=True) from None

    async def _get(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        if self._http_client is None and not _ssl_context.cache_info().currsize:
            await asyncio.to_thread(_load)
        try:
            async with asyncio.timeout(DEADLINE), self._client(url) as client:
                return await _read(client, url)
        except NoAnswer:
            raise
        except TimeoutError:
            raise NoAnswer(url, f"no complete answer within {DEADLINE:.0f} s", reached=False) from None
        except Exception as error:
            # By place and not by type: the exceptions of httpx, httpx2 and a user's own client have no common root.
            raise NoAnswer(url, _said(error), reached=False) from error

    def _client(self, url: str) -> AbstractAsyncContextManager[Any]:
        if self._http_client is None:
            return _short_lived_client(url)
        if callable(self._http_client):
            made: AbstractAsyncContextManager[Any] = self._http_client()
            return made
        return nullcontext(self._http_client)  # its owner closes it


async def _read(client: Any, url: str) -> tuple[bytes, Mapping[str, str]]:
    # No compression: a few bytes on the wire must not become a hundred megabytes behind the cap.
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    async with client.stream("GET", url, headers=headers, follow_redirects=False) as response:
        if response.status_code != httpx.codes.OK:
            raise NoAnswer(url, f"answered {response.status_code}", reached=True)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise NoAnswer(url, "answered with compressed content that was not asked for", reached=True)
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise NoAnswer(url, f"the answer is longer than {LARGEST_ANSWER} bytes", reached=True)
        return bytes(body), response.headers


def max_age_of(headers: Mapping[str, str]) -> float | None:
    """For how many seconds an answer stays fresh (RFC 9111 section 4.2); None: it does not say."""
    directives = [part.strip().lower() for part in headers.get("cache-control", "").split(",")]
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    for directive in directives:
        name, _, seconds = directive.partition("=")
        if name == "max-age" and seconds.strip('"').isdecimal():
            age = headers.get("age", "0")
            return float(seconds.strip('"')[:10]) - (float(age[:10]) if age.isdecimal() else 0.0)
    return None
