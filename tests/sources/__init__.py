"""What the tests of the sources share: scopes as servers make them, and the reason of a refusal."""

from typing import Any

import pytest

from bearer_guard import BearerGuard, InvalidRequest, Reason
from bearer_guard.protocols import TokenSource

TOKEN = "header.payload.signature"

Fields = tuple[tuple[bytes, bytes], ...]


def request(*headers: tuple[bytes, bytes], **members: Any) -> dict[str, Any]:
    """The scope of an HTTP request: a GET, unless told otherwise."""
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "query_string": b""}
    return {**scope, "headers": list(headers), **members}


def handshake(*headers: tuple[bytes, bytes], **members: Any) -> dict[str, Any]:
    """The scope of a WebSocket handshake."""
    scope = {"type": "websocket", "scheme": "ws", "path": "/", "query_string": b"", "subprotocols": []}
    return {**scope, "headers": list(headers), **members}


def found(source: TokenSource | BearerGuard, scope: dict[str, Any]) -> str | None:
    """The token that a source finds."""
    credentials = source.find(scope)
    return None if credentials is None else credentials.token


def why_refused(source: TokenSource | BearerGuard, scope: dict[str, Any]) -> Reason:
    with pytest.raises(InvalidRequest) as caught:
        source.find(scope)
    return caught.value.reason
