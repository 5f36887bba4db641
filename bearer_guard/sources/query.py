"""The token in the query of the URL (RFC 6750 section 2.3): for clients that can do nothing else."""

from typing import Any
from urllib.parse import parse_qsl

from bearer_guard.errors import InvalidRequest, Reason
from bearer_guard.sources.reading import checked_name, checked_token, the_only
from bearer_guard.tokens import Credentials

_LONGEST_QUERY = 64 * 1024


class QueryParameter:
    """The token stands in the query, as RFC 6750 section 2.3 lays down; and, as it says, only where nothing else is
    possible: URLs are written into logs, histories and `Referer` headers, and your server's access log is one of them.

    `name`: the name of the parameter.
    """

    def __init__(self, name: str = "access_token") -> None:
        self.name = checked_name(name, "QueryParameter('access_token')")

    def __repr__(self) -> str:
        return f"QueryParameter({self.name!r})"

    def find(self, scope: Any) -> Credentials | None:
        """The token in the query, or None."""
        query: bytes = scope.get("query_string", b"")
        if self.name.encode() not in query and b"%" not in query:  # most requests
            return None
        if len(query) > _LONGEST_QUERY:
            raise InvalidRequest(Reason.TOKEN_TOO_LONG)
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        token = the_only(value.encode("latin-1") for name, value in pairs if name == self.name)
        return Credentials(checked_token(token, Reason.MALFORMED_QUERY)) if token else None
