"""The compact form of a JWS (RFC 7515 section 7.1): taken apart strictly and once, and made for tests."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from bearer_guard.errors import InvalidToken, Reason
from bearer_guard.jose.algorithms import IMPLEMENTATIONS
from bearer_guard.jose.encoding import decode_base64url, encode_base64url, parse_json_object
from bearer_guard.tokens import Claims

Value = TypeVar("Value")

_SEGMENTS_OF_A_JWS, _SEGMENTS_OF_A_JWE = 3, 5  # RFC 7515 section 7.1, RFC 7516 section 7.1
_DOT = ord(".")  # `b"." in content` first raises, and catches, a TypeError because it is no number


class Header(NamedTuple):
    """The protected header of a JWS, as far as we look at it. `jku`, `x5u`, `jwk` and `x5c` we never look at."""

    algorithm: str
    key_id: str | None
    typ: str | None
    """The media type in lower case, without `application/` (RFC 7515 section 4.1.9)."""
    thumbprint: str | None = None
    """The certificate's thumbprint, `x5t`, by which AD FS names its keys instead of by `kid`."""


class CompactJWS:
    """A JWS in compact form (RFC 7515 section 7.1), taken apart. Nothing about it is verified.

    Each part is decoded, strictly, when it is asked for. Raises `InvalidToken` with the reason.
    """

    # The names of RFC 7515 section 7.1. A class with slots is made, and read, faster than a named tuple.
    __slots__ = ("payload", "protected", "signature", "signing_input")

    def __init__(self, token: str) -> None:
        try:
            content = token.encode("ascii")
        except UnicodeEncodeError:
            content = b""
        # Header, payload and signature as they came: in base64url.
        self.signing_input, _, self.signature = content.rpartition(b".")
        self.protected, dot, self.payload = self.signing_input.partition(b".")
        if not dot or _DOT in self.payload:
            dots = content.count(b".")
            raise InvalidToken(Reason.ENCRYPTED_TOKEN if dots == _SEGMENTS_OF_A_JWE - 1 else Reason.NOT_A_JWT)

    def __repr__(self) -> str:
        return f"CompactJWS(header={self.header()!r})"

    def header(self) -> Header:
        """The protected header, judged as far as it can be without keys. Raises `InvalidToken`."""
        return _judged_header(json_in(self.protected, parse_json_object))


def has_jwt_form(token: str) -> bool:
    """Whether a token is a JWT by its form: three segments, the first a JSON object with `alg` (RFC 7515 section 4)."""
    if token.count(".") != _SEGMENTS_OF_A_JWS - 1:
        return False
    try:
        return "alg" in json_in(token.partition(".")[0].encode("ascii"), parse_json_object)
    except (InvalidToken, UnicodeEncodeError):
        return False


def json_in(segment: bytes, read: Callable[[bytes], Value]) -> Value:
    """The JSON object in a part of a JWS, such as the claims. Raises `InvalidToken`.

    `read`: `parse_json_object`, or `stated_in` once the signature is verified.
    """
    content = decode_base64url(segment)
    # The refusal is raised outside the except block: an error of a parser would carry the token in its context.
    try:
        return read(content)
    except ValueError:
        pass
    raise InvalidToken(Reason.MALFORMED_TOKEN)


def _judged_header(header: Claims) -> Header:
    algorithm, key_id, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str):
        raise InvalidToken(Reason.MALFORMED_TOKEN, claim="alg")
    for name in ("crit", "b64"):
        # RFC 7515 section 4.1.11: an extension that we do not understand; RFC 7797: none that we want.
        if name in header:
            raise InvalidToken(Reason.UNSUPPORTED_HEADER, claim=name)
    if not isinstance(key_id, str | None):
        raise InvalidToken(Reason.MALFORMED_TOKEN, claim="kid")
    if not isinstance(typ, str | None):
        raise InvalidToken(Reason.MALFORMED_TOKEN, claim="typ")
    if str(header.get("cty")).lower().removeprefix("application/") == "jwt":
        raise InvalidToken(Reason.UNSUPPORTED_HEADER, claim="cty")  # RFC 7519 section 7.2: a JWT inside a JWT
    thumbprint = header.get("x5t")
    thumbprint = thumbprint if isinstance(thumbprint, str) else None  # it only narrows the choice among our own keys
    media_type = None if typ is None else typ.lower().removeprefix("application/")
    return Header(algorithm, key_id, media_type, thumbprint)


def sign_compact(header: bytes, payload: bytes, *, algorithm: str, private_key: Any) -> str:
    """A JWS in compact form over exactly these bytes, for FakeIssuer and the demo.

    It checks nothing: tests make hostile tokens with it.
    """
    signing_input = encode_base64url(header) + b"." + encode_base64url(payload)
    signature = IMPLEMENTATIONS[algorithm].sign(signing_input, private_key)
    return (signing_input + b"." + encode_base64url(signature)).decode("ascii")
