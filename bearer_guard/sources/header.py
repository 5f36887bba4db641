"""The token in a request header."""

import re
from typing import Any

from bearer_guard.errors import ConfigurationError, InvalidRequest, Reason
from bearer_guard.sources.reading import checked_name, checked_token, the_only
from bearer_guard.tokens import Credentials, bearer_credentials

# RFC 9110 section 11.4: credentials = auth-scheme [ 1*SP ( token68 / ... ) ]
_SCHEME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?= |\Z)"


class AuthorizationHeader:
    """The token stands in the `Authorization` header, as RFC 6750 section 2.1 lays down.

    Credentials of another scheme are no credentials to us. Raises `InvalidRequest` for a header that is malformed,
    given twice, or longer than 16 KiB.
    """

    def find(self, scope: Any) -> Credentials | None:
        """The bearer token of a request (an ASGI scope), or None."""
        value = None
        for name, content in scope["headers"]:
            if name == b"authorization":
                if value is not None:  # RFC 9110 section 5.3: a field with one value must not be sent twice
                    raise InvalidRequest(Reason.SEVERAL_TOKENS)
                value = content
        if value is None:
            return None
        value = value.strip(b" \t")  # RFC 9110 section 5.5: white space around a field value is not part of it
        if value[:7].lower() == b"bearer ":  # RFC 9110 section 11.1: schemes are case-insensitive
            return bearer_credentials(checked_token(value[7:].lstrip(b" "), Reason.MALFORMED_AUTHORIZATION))
        _refuse_malformed(value)
        return None


class Header:
    """The token stands alone in a header of its own, as some proxies hand it on (`Cf-Access-Jwt-Assertion`).

    `name`: the name of the header. Only behind a proxy that removes the header from what clients send does it say
    anything about the client; the token is validated all the same.
    """

    def __init__(self, name: str) -> None:
        if checked_name(name, "Header('X-Access-Token')").lower() == "authorization":
            raise ConfigurationError("the Authorization header has a scheme, too; write AuthorizationHeader()")
        self.name = name
        self._raw_name = name.lower().encode()

    def __repr__(self) -> str:
        return f"Header({self.name!r})"

    def find(self, scope: Any) -> Credentials | None:
        """The token in the header, or None."""
        value = the_only(content for name, content in scope["headers"] if name == self._raw_name)
        token = (value or b"").strip(b" \t")
        return Credentials(checked_token(token, Reason.MALFORMED_TOKEN_HEADER)) if token else None


def _refuse_malformed(value: bytes) -> None:
    """Raises `InvalidRequest`, unless it is nothing, or credentials of another scheme."""
    scheme = re.match(_SCHEME, value)
    if value and (scheme is None or scheme[0].lower() == b"bearer"):
        raise InvalidRequest(Reason.MALFORMED_AUTHORIZATION)
