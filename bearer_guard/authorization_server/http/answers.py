"""What came back from a call, and what may be said about it when it is of no use."""

import re
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from bearer_guard.jose import parse_json_object
from bearer_guard.tokens import Claims
from bearer_guard.urls import shown

LARGEST_ANSWER = 512 * 1024
"""Bytes. Key sets and metadata of real servers have 1 to 40 KiB."""


_KNOWN_ERRORS = frozenset({"unsupported_token_type"})  # RFC 7009 section 2.2.1


class NoAnswer(Exception):
    """A call brought no usable answer; the message says which call and why.

    `reached`: whether a server answered at all, so that asking it for something else makes sense.
    `retry_after`: the seconds after which the server wants to be asked again; None: it does not say.
    `error`: the error code that it gives, if it is one that we act upon; else an empty string.
    `is_gone`: whether there is nothing at this place.
    """

    def __init__(
        self,
        url: str,
        why: str,
        *,
        reached: bool,
        method: str = "GET",
        retry_after: float | None = None,
        error: str = "",
        is_gone: bool = False,
    ) -> None:
        super().__init__(f"{method} {shown(url)}: {why}")
        self.reached = reached
        self.retry_after = retry_after
        self.error = error if error in _KNOWN_ERRORS else ""
        self.is_gone = is_gone


class Answer(NamedTuple):
    """A complete answer of at most `LARGEST_ANSWER` bytes, of whatever status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"

    def json_object(self) -> Claims:
        """The body as a JSON object. Raises ValueError for everything else."""
        return parse_json_object(self.body)

    @property
    def error(self) -> str:
        """The error code of an error body (RFC 6749 section 5.2); an empty string where there is none."""
        try:
            error = self.json_object().get("error")
        except ValueError:
            return ""
        return error if isinstance(error, str) else ""

    @property
    def retry_after(self) -> float | None:
        """The seconds of `Retry-After` (RFC 9110 section 10.2.3); None: there are none."""
        value = self.headers.get("retry-after", "")
        return float(value[:10]) if value.isdecimal() else None


async def read(response: Any, url: str, method: str) -> bytes:
    """The body of a response, as far as it is allowed to grow. Raises `NoAnswer` beyond."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer(url, "answered with compressed content that was not asked for", reached=True, method=method)
    body = bytearray()
    async with aclosing(response.aiter_bytes()) as chunks:  # not left to the collector where it is broken off
        async for chunk in chunks:
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise NoAnswer(url, f"the answer is longer than {LARGEST_ANSWER} bytes", reached=True, method=method)
    return bytes(body)


def said(error: Exception) -> str:
    """The sentence of a client's exception, without the secrets of the URLs that it quotes as they were asked for."""
    text = re.sub(r"\?[^\s'\"]*", "?...", re.sub(r"//[^\s'\"/@]*@", "//", str(error)))
    return f"{type(error).__name__}: {text}".removesuffix(": ")


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
