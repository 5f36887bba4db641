"""The encodings below the compact form, read strictly: base64url and JSON (RFC 7515 section 2, RFC 8259)."""

import binascii
import json
import math
from collections.abc import Callable
from functools import lru_cache
from json.scanner import make_scanner
from typing import Any

from bearer_guard.errors import InvalidToken, Reason
from bearer_guard.tokens import DEEPEST_JSON, Claims, frozen

LONGEST_NUMBER = 24
"""Digits of a number. Every 64-bit integer and every timestamp is shorter."""
LOWEST, HIGHEST = -(10 ** (LONGEST_NUMBER - 1)), 10**LONGEST_NUMBER
"""Between them are the integers that are not longer; a minus is one of the digits."""

# "+", "/" and "=" belong to base64, not to base64url without padding (RFC 7515 section 2): made invalid on purpose.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/!!!")
# The last character carries bits that are thrown away; only with these at zero is there one spelling of a token.
_CANONICAL_END = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}
_PADDING = {2: b"==", 3: b"="}


def decode_base64url(segment: bytes) -> bytes:
    """Strict base64url without padding (RFC 7515 section 2). Raises `InvalidToken` for everything else."""
    base64 = segment.translate(_TO_BASE64)
    remainder = len(segment) % 4
    if remainder:
        if remainder == 1 or segment[-1] not in _CANONICAL_END[remainder]:
            raise InvalidToken(Reason.MALFORMED_TOKEN)
        base64 += _PADDING[remainder]
    try:
        return binascii.a2b_base64(base64, strict_mode=True)
    except binascii.Error:
        raise InvalidToken(Reason.MALFORMED_TOKEN) from None


def encode_base64url(content: bytes) -> bytes:
    """Base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(content, newline=False).translate(bytes.maketrans(b"+/", b"-_"), b"=")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> Claims:
    # RFC 7515 section 4, RFC 7519 section 4: two members of one name mean two things to two readers.
    # The parser comes here with each object, the innermost first: what it holds is frozen, but for arrays.
    members = {name: frozen(value) if type(value) is list else value for name, value in pairs}
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return Claims(members)


@lru_cache(maxsize=8)  # as fast as without; iat and nbf of one token are mostly the same, and then kept once
def _integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("a number beyond reason")
    return int(digits)


def finite(digits: str) -> float:
    """A number with a fraction or an exponent. Raises ValueError where it is beyond reason."""
    number = float(digits)
    if len(digits) > 2 * LONGEST_NUMBER or not math.isfinite(number):
        raise ValueError("a number beyond reason")
    return number


def no_constant(name: str) -> float:
    """Refuses NaN and Infinity, which Python's parser would take. Raises ValueError."""
    raise ValueError(f"{name} is not JSON")


# What is inside of a decoder: around it white space is looked for with regular expressions.
_scan: Callable[[str, int], tuple[Any, int]] = make_scanner(
    json.JSONDecoder(  # type: ignore[arg-type] # it takes a decoder
        object_pairs_hook=_without_duplicates, parse_int=_integer, parse_float=finite, parse_constant=no_constant
    )
)

_WHITE_SPACE = " \t\n\r"  # RFC 8259 section 2


def parse_json_object(content: bytes) -> Claims:
    """A JSON object (RFC 8259) in plain UTF-8, read strictly. Raises ValueError for everything else.

    Refused: other encodings and byte order marks, duplicate members, lone surrogates, numbers that are not finite or
    are beyond reason, nesting deeper than 32, anything behind the object.
    """
    try:
        text = content.decode("utf-8").strip(_WHITE_SPACE)
        value, end = _scan(text, 0)
        if text.find("{", 1) > 0:  # one object alone is flat, but for arrays in arrays, of which `frozen` sees to it
            _check_depth(text, value)
        if "\\" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # an escaped lone surrogate fails here, not later
    except (RecursionError, StopIteration):
        value = end = None
    if type(value) is not Claims or end != len(text):
        raise ValueError("not a JSON object")
    return value


def _check_depth(text: str, value: Any) -> None:
    # No JSON can be deeper than it has brackets: the walk is for the few that have many.
    if text.count("{") + text.count("[") > DEEPEST_JSON:
        _refuse_deep(value, DEEPEST_JSON)


def _refuse_deep(value: Any, levels: int) -> None:
    if not isinstance(value, tuple | dict):
        return
    if levels == 0:
        raise ValueError("nested beyond reason")
    for member in value.values() if isinstance(value, dict) else value:
        _refuse_deep(member, levels - 1)
