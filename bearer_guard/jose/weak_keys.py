"""Keys that are well-formed and prove nothing: too short, too slow, or known to be broken."""

import functools
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_SMALLEST_RSA, _LARGEST_RSA = 2048, 8192
"""Bits. RFC 7518 section 3.3 sets the lower limit; beyond the upper one each check costs us much."""
_LARGEST_RSA_EXPONENT = 2**32

# RFC 7748 section 4.1: the prime of the field. A point is written as its y, and the sign of its x in the highest bit.
_P = 2**255 - 19
_SIGN = 1 << 255
# The y of the two points of order 8 (with their negatives); those of order 1, 2 and 4 have y = 1, -1 and 0.
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _P - 1, _P, _P + 1, _ORDER_8, _P - _ORDER_8})


class UnusableKey(ValueError):
    """A JWK that cannot verify signatures, with the reason. It never carries key material."""


def refuse_weak_key(key: Any) -> None:
    """Raises `UnusableKey` for a public key whose signatures prove nothing."""
    if isinstance(key, RSAPublicKey):
        _refuse_weak_rsa(key)
    if isinstance(key, Ed25519PublicKey):
        _refuse_small_order(key)


def _refuse_weak_rsa(key: RSAPublicKey) -> None:
    if not _SMALLEST_RSA <= key.key_size <= _LARGEST_RSA:
        raise UnusableKey(f"RSA of {key.key_size} bits; {_SMALLEST_RSA} to {_LARGEST_RSA} are accepted")
    numbers = key.public_numbers()
    if numbers.e > _LARGEST_RSA_EXPONENT:
        raise UnusableKey("its RSA exponent is beyond reason")
    if all(numbers.n % prime in powers for prime, powers in _roca_marks().items()):
        raise UnusableKey("its RSA modulus can be factored (CVE-2017-15361)")


@functools.cache
def _roca_marks() -> dict[int, frozenset[int]]:
    """CVE-2017-15361: modulo each small prime, the keys of one library are powers of 65537, and so can be factored."""
    primes = [n for n in range(3, 168) if all(n % divisor for divisor in range(2, n))]
    return {prime: frozenset(pow(65537, exponent, prime) for exponent in range(prime - 1)) for prime in primes}


def _refuse_small_order(key: Ed25519PublicKey) -> None:
    # With such a key a signature can be made without any private one (RFC 8032 section 5.1.7 leaves it to the caller).
    if int.from_bytes(key.public_bytes_raw(), "little") & ~_SIGN in _SMALL_ORDER:
        raise UnusableKey("its Ed25519 point is of small order, so anybody can sign for it")
