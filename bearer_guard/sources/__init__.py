"""Question 1: where is the token?  A source reads a request's headers and finds `Credentials`, or nothing.

The `Authorization` header is the one place that needs no care. Each other place has to be asked for by name.
"""

from bearer_guard.sources.cookie import Cookie
from bearer_guard.sources.header import AuthorizationHeader, Header
from bearer_guard.sources.query import QueryParameter
from bearer_guard.sources.reading import is_token
from bearer_guard.sources.subprotocol import WebSocketProtocol

__all__ = [
    "AuthorizationHeader",
    "Cookie",
    "Header",
    "QueryParameter",
    "WebSocketProtocol",
    "is_token",
]
