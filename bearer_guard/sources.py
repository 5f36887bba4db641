"""Question 1: where is the token?  A source reads a request's headers and finds `Credentials`, or nothing."""

import re
from typing import Any

from bearer_guard.errors import InvalidRequest, Reason
from bearer_guard.tokens import Credentials

LONGEST_TOKEN = 16 * 1024
"""Bytes. Longer than every real token, and short enough that no check behind it takes long."""

# RFC 9110 section 11.4: credentials = auth-scheme [ 1*SP ( token68 / ... ) ]
_CREDENTIALS = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?: +(.*))?", re.DOTALL)
# RFC 6750 section 2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
_B64TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")


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
        return None if value is None else _read(value)


def _read(value: bytes) -> Credentials | None:
    value = value.strip(b" \t")  # RFC 9110 section 5.5: white space around a field value is not part of it
    if not value:
        return None
    match = _CREDENTIALS.fullmatch(value)
    if match is None:
        raise InvalidRequest(Reason.MALFORMED_AUTHORIZATION)
    scheme, token = match.groups()
    if scheme.lower() != b"bearer":  # RFC 9110 section 11.1: schemes are case-insensitive
        return None
    return Credentials(_checked(token or b""))


def _checked(token: bytes) -> str:
    if len(token) > LONGEST_TOKEN:
        raise InvalidRequest(Reason.TOKEN_TOO_LONG)
    if not _B64TOKEN.fullmatch(token):
        raise InvalidRequest(Reason.MALFORMED_AUTHORIZATION)
    return token.decode("ascii")
