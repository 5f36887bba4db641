"""Values sealed for a store that others can read or write: AES-256-GCM (NIST SP 800-38D)."""

import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bearer_guard.errors import ConfigurationError

_KEY, _NONCE = 32, 12
"""Bytes. Random nonces of 96 bits: a key is good for four thousand million values (section 8.3)."""

_ADVICE = "write keys={'2026-11': key}, the key being 32 random bytes or 64 hex digits (secrets.token_hex(32))"


class Unreadable(Exception):
    """A value that none of our keys has sealed for this place."""


class Seal:
    """Seals and opens. `keys`: by their ids; the first seals, all of them open, so that keys can be exchanged."""

    def __init__(self, keys: Mapping[str, str | bytes]) -> None:
        if not isinstance(keys, Mapping) or not keys:
            raise ConfigurationError(f"values are not stored in the clear; {_ADVICE}")
        self._ciphers = {_checked_id(key_id): AESGCM(_checked_key(key)) for key_id, key in keys.items()}
        self._current = next(iter(self._ciphers))

    def __repr__(self) -> str:
        return f"Seal({[key_id.decode() for key_id in self._ciphers]!r})"

    def seal(self, value: bytes, place: str) -> bytes:
        """A value that can only be opened at this place: length and name of the key, nonce, ciphertext."""
        nonce = secrets.token_bytes(_NONCE)
        ciphertext = self._ciphers[self._current].encrypt(nonce, value, place.encode())
        return bytes([len(self._current)]) + self._current + nonce + ciphertext

    def open(self, sealed: bytes, place: str) -> bytes:
        """The value. Raises `Unreadable` if it was changed, moved, or sealed by somebody else."""
        end = 1 + sealed[0] if sealed else 0
        cipher = self._ciphers.get(sealed[1:end])
        if cipher is None or len(sealed) < end + _NONCE:
            raise Unreadable("it names none of our keys")
        try:
            return cipher.decrypt(sealed[end : end + _NONCE], sealed[end + _NONCE :], place.encode())
        except InvalidTag:
            pass
        raise Unreadable("it was changed or moved")


def _checked_id(key_id: str) -> bytes:
    name = key_id.encode("ascii", "ignore") if isinstance(key_id, str) and key_id.isascii() else b""
    if not 0 < len(name) <= 255:  # noqa: PLR2004  its length is one byte
        # Not shown: whoever has them the wrong way round has written a key there.
        raise ConfigurationError(f"a key is called by something that is no short name in ASCII; {_ADVICE}")
    return name


def _checked_key(key: str | bytes) -> bytes:
    try:
        raw = bytes.fromhex(key) if isinstance(key, str) else key
    except ValueError:
        raw = b""
    if not isinstance(raw, bytes) or len(raw) != _KEY:
        raise ConfigurationError(f"a key is not {_KEY} bytes long; {_ADVICE}")  # and it is not shown
    return raw
