"""The documents of any number of hosts, in memory, and the record of what was asked for."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bearer_guard import AuthorizationServer, AuthorizationServerUnavailable, Metadata, Reason


@dataclass(frozen=True)
class Page:
    """What a URL answers."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


def page(document: Any) -> Page:
    """A JSON document."""
    return Page(json.dumps(document).encode())


NOT_FOUND = Page(b"not found", 404, "text/plain")


class Hosts(httpx.AsyncBaseTransport):
    """`pages`: what each URL answers; 404 elsewhere. `asked`: the method and URL of each call, in order."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []

    def http_client(self) -> httpx.AsyncClient:
        """A client to which these hosts are all there is."""
        return httpx.AsyncClient(transport=self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url}")
        found = self.pages.get(str(request.url), NOT_FOUND)
        return httpx.Response(found.status, headers={"content-type": found.content_type}, content=_streamed(found.body))

    async def metadata(self, issuer: str, **options: Any) -> Metadata:
        """What an authorization server of this name finds out about itself."""
        return await AuthorizationServer(issuer, http_client=self.http_client, **options).metadata()

    async def why_there_is_none(self, issuer: str) -> str:
        """Asserts that no metadata is found, and gives the reason for the log."""
        with pytest.raises(AuthorizationServerUnavailable) as caught:
            await self.metadata(issuer)
        assert caught.value.reason is Reason.METADATA_UNAVAILABLE
        return str(caught.value.__cause__)


async def _streamed(body: bytes) -> AsyncIterator[bytes]:
    yield body
