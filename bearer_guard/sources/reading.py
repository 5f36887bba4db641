"""What all sources share: one value of a name, and the alphabet and length of a token."""

import re
import string
from collections.abc import Iterable

from bearer_guard.errors import ConfigurationError, InvalidRequest, Reason

LONGEST_TOKEN = 16 * 1024
"""Bytes. Longer than every real token, and short enough that no check behind it takes long."""

# RFC 6750 section 2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
_ALPHABET = (string.ascii_letters + string.digits + "-._~+/").encode()
_FORBIDDEN_CHANGED = bytes(byte if byte in _ALPHABET else _ALPHABET[0] for byte in range(256))
# RFC 9110 section 5.6.2
_FIELD_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"


def the_only(values: Iterable[bytes]) -> bytes | None:
    """The one value that is there, or None. Raises `InvalidRequest` for two: each reader would take another."""
    only = None
    for value in values:
        if only is not None:
            raise InvalidRequest(Reason.SEVERAL_TOKENS)
        only = value
    return only


def checked_token(token: bytes, malformed: Reason) -> bytes:
    """A presented token in the alphabet and length of tokens. Raises `InvalidRequest` for any other."""
    if len(token) > LONGEST_TOKEN:
        raise InvalidRequest(Reason.TOKEN_TOO_LONG)
    unpadded = token.rstrip(b"=")
    # A translation that changes what is not in the alphabet: a third of the time that a regular expression takes.
    if not unpadded or unpadded.translate(_FORBIDDEN_CHANGED) != unpadded:
        raise InvalidRequest(malformed)
    return token


def is_token(token: str) -> bool:
    """Whether a text is in the alphabet and length of tokens, wherever it comes from."""
    try:
        checked_token(token.encode("ascii"), Reason.MALFORMED_TOKEN)
    except (InvalidRequest, UnicodeEncodeError):
        return False
    return True


def checked_name(name: str, example: str) -> str:
    """The name of a header, cookie or parameter. Raises `ConfigurationError` if it cannot be one."""
    if not isinstance(name, str) or not re.fullmatch(_FIELD_NAME, name):
        raise ConfigurationError(f"{name!r} cannot be its name; write {example}")
    return name
