"""Question 5: how do we say no?  An error becomes a `Refusal`: status, headers and body as one pure value.

The `WWW-Authenticate` header is built here and nowhere else.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bearer_guard.errors import (
    AuthorizationServerUnavailable,
    BearerError,
    ConfigurationError,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MissingToken,
)

_MOST_MADE = 512
_OUR_OWN = (MissingToken, InvalidRequest, InvalidToken, InsufficientScope, AuthorizationServerUnavailable)

LONGEST_VALUE = 1024
"""Characters of one parameter of a challenge: response headers stay far below every server's and proxy's limit."""

# RFC 6750 section 3: what may stand between the quotes. No quote, no backslash, no control character, no CR or LF.
_FORBIDDEN = r"[^\x20-\x21\x23-\x5b\x5d-\x7e]"  # compiled when it is used: not every process says no

# RFC 9110 section 5.6.2
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a `WWW-Authenticate` header (RFC 9110 section 11.6.1): a scheme and its parameters, in order."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for token in (self.scheme, *(name for name, _ in self.parameters)):
            if not re.fullmatch(_TOKEN, token):
                raise ConfigurationError(f"{token!r} cannot name a scheme or parameter (RFC 9110 section 5.6.2)")

    def __str__(self) -> str:
        return f"{self.scheme} {', '.join(map(_parameter, self.parameters))}".rstrip()


def _parameter(parameter: tuple[str, str]) -> str:
    name, value = parameter
    return f'{name}="{re.sub(_FORBIDDEN, "", value)[:LONGEST_VALUE]}"'


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as it goes on the wire. `headers`: names in lower case and values; the length is that of the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw_headers: tuple[tuple[bytes, bytes], ...] = field(init=False, repr=False, compare=False)
    """The same with the length, as ASGI wants it: made once, and sent often."""

    def __post_init__(self) -> None:
        named = [pair for pair in self.headers if pair[0].lower() != "content-length"]
        named.append(("content-length", str(len(self.body))))
        raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in named)
        object.__setattr__(self, "raw_headers", raw)


class Wording:
    """How one guard words its refusals.

    `realm`: the protection space named in each challenge (RFC 9110 section 11.5); None leaves it out. RFC 6750
    section 3 wants at least one parameter in each challenge; with a realm even that of a missing token has one.
    `missing_token`: `"challenge"` answers a missing token with 401 and a bare challenge (RFC 6750 section 3.1);
    `"invalid_request"` answers it with 400, as some authorization servers' own APIs do.
    """

    def __init__(self, realm: str | None = None, missing_token: str = "challenge") -> None:  # noqa: S107  a convention
        self.realm = realm
        self.missing_token = missing_token
        # There are few refusals of a guard, and whoever attacks it sees them often.
        self._made: dict[object, Refusal] = {}
        if self.realm is not None and not _is_presentable(self.realm):
            raise ConfigurationError(
                f"realm={self.realm!r:.100} cannot stand in a challenge; write plain ASCII without quotes and"
                f" backslashes, at most {LONGEST_VALUE} characters"
            )
        if self.missing_token not in ("challenge", "invalid_request"):
            raise ConfigurationError(
                f"missing_token={self.missing_token!r} is not known; write missing_token='challenge' (401, the"
                " default) or missing_token='invalid_request' (400)"
            )

    def refusal(self, error: BearerError) -> Refusal:
        """The one rendering of an error."""
        key = _what_it_depends_on(error)
        refusal = self._made.get(key) if key is not None else None
        if refusal is None:
            refusal = self._rendered(error)
            if key is not None and len(self._made) < _MOST_MADE:
                self._made[key] = refusal
        return refusal

    def _rendered(self, error: BearerError) -> Refusal:
        status, code = self._status_and_code(error)
        headers = [("content-type", "application/json"), ("cache-control", "no-store")]
        if isinstance(error, AuthorizationServerUnavailable):
            headers.append(("retry-after", str(error.retry_after)))
        else:
            headers.append(("www-authenticate", str(self._challenge(error, code))))
        return Refusal(status, tuple(headers), _body(error, code))

    def _status_and_code(self, error: BearerError) -> tuple[int, str | None]:
        if isinstance(error, MissingToken) and self.missing_token == "invalid_request":
            return 400, "invalid_request"
        return error.status, error.code

    def _challenge(self, error: BearerError, code: str | None) -> Challenge:
        parameters: list[tuple[str, str]] = []
        if self.realm is not None:
            parameters.append(("realm", self.realm))
        if code is not None:  # RFC 6750 section 3.1: no error information for a request without credentials
            parameters += [("error", code), ("error_description", error.description)]
        if isinstance(error, MissingToken | InsufficientScope) and code != "invalid_request":
            parameters += _scope(error.scopes)
        return Challenge("Bearer", tuple(parameters))


def _what_it_depends_on(error: BearerError) -> object:
    """All that shows in the rendering of one of our own errors; None for those of others, who may show anything."""
    if type(error) not in _OUR_OWN:
        return None
    scopes = getattr(error, "scopes", ())
    return (type(error), error.reason, scopes, getattr(error, "retry_after", 0)) if type(scopes) is tuple else None


def _is_presentable(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_VALUE and not re.search(_FORBIDDEN, value)


def _scope(scopes: Iterable[str]) -> list[tuple[str, str]]:
    scopes = tuple(scopes)
    value = " ".join(scopes)
    # Half a list, or half a name, would send the client for the wrong token: all that the operation needs, or none.
    are_names = all(name and " " not in name for name in scopes)
    return [("scope", value)] if are_names and _is_presentable(value) else []


def _body(error: BearerError, code: str | None) -> bytes:
    if isinstance(error, AuthorizationServerUnavailable):
        return json.dumps({"error": "temporarily_unavailable", "error_description": error.description}).encode()
    if code is None:
        return b"{}"
    return json.dumps({"error": code, "error_description": error.description}).encode()
