"""How signatures are verified: as PyJWT judges them, whatever their bytes are."""

import itertools
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from bearer_guard.jose.algorithms import ALGORITHMS, IMPLEMENTATIONS
from bearer_guard.jose.signatures import _DIGEST_INFO, verifiers
from bearer_guard.testing import SigningKey

CONTENT = b"header.payload"
SIZES = {"ES256": 32, "ES384": 48, "ES512": 66}  # bytes of r and of s: RFC 7518 section 3.4
ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

steady = settings(max_examples=60, deadline=None, derandomize=True)
Keys = dict[str, SigningKey]


@pytest.fixture(scope="module")
def keys(signing_keys: Keys) -> Keys:
    return signing_keys


def signed(key: SigningKey) -> bytes:
    signature: bytes = IMPLEMENTATIONS[key.algorithm].sign(CONTENT, key.private_key)
    return signature


def is_genuine(key: SigningKey, signature: bytes, content: bytes = CONTENT) -> bool:
    return verifiers(key.private_key.public_key(), [key.algorithm])[key.algorithm](content, signature)


def judged_by_pyjwt(key: SigningKey, signature: bytes) -> bool:
    return IMPLEMENTATIONS[key.algorithm].verify(CONTENT, key.private_key.public_key(), signature)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_genuine_signature_is_verified_and_no_other(keys: Keys, algorithm: str) -> None:
    key = keys[algorithm]
    signature = signed(key)
    assert is_genuine(key, signature)
    assert not is_genuine(key, signature, b"header.another")
    assert not is_genuine(SigningKey(algorithm), signature)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_signature_is_judged_as_by_pyjwt(keys: Keys, algorithm: str) -> None:
    key, signature = keys[algorithm], signed(keys[algorithm])
    last = len(signature) - 1

    @steady
    @given(position=st.integers(0, last), byte=st.integers(0, 255), start=st.integers(0, 3), end=st.integers(-3, 3))
    def judge(position: int, byte: int, start: int, end: int) -> None:
        changed = signature[:position] + bytes([byte]) + signature[position + 1 :]
        cut = changed[start : len(changed) + min(end, 0)] + bytes(max(end, 0))
        assert is_genuine(key, cut) == judged_by_pyjwt(key, cut) == (cut == signature)

    judge()


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_an_rsa_signature_is_as_long_as_its_key_although_a_number_has_no_leading_zeros(
    keys: Keys, algorithm: str
) -> None:
    key, implementation = keys[algorithm], IMPLEMENTATIONS[algorithm]
    contents = (b"content %d" % number for number in itertools.count())
    signed_contents = ((content, implementation.sign(content, key.private_key)) for content in contents)
    content, signature = next(pair for pair in signed_contents if pair[1][0] == 0)  # one in 256
    assert is_genuine(key, signature, content)
    assert not is_genuine(key, signature[1:], content)
    assert not is_genuine(key, b"\x00" + signature, content)


def test_numbers_beyond_the_modulus_and_no_number_at_all_are_no_signatures(keys: Keys) -> None:
    key = keys["RS256"]
    for signature in (b"\xff" * 256, bytes(256), b"", bytes(255) + b"\x01"):
        assert not is_genuine(key, signature)


@pytest.mark.parametrize("algorithm", SIZES)
def test_an_elliptic_signature_is_two_numbers_of_one_length(keys: Keys, algorithm: str) -> None:
    key, size = keys[algorithm], SIZES[algorithm]
    signature = signed(key)
    r, s = signature[:size], signature[size:]
    assert len(signature) == 2 * size
    others = {
        "empty": b"",
        "a byte less": signature[:-1],
        "a byte more": signature + b"\x00",
        "both longer": b"\x00" + r + b"\x00" + s,  # the same numbers, written in another way
        "one longer": r + b"\x00" + s,
        "the other longer": b"\x00" + signature,
        "both shorter": r[1:] + s[1:],
        "one number": r,
        "three numbers": signature + s,
        "exchanged": s + r,
    }
    assert [name for name, other in others.items() if is_genuine(key, other)] == []


@pytest.mark.parametrize("algorithm", SIZES)
def test_an_elliptic_signature_in_der_is_refused(keys: Keys, algorithm: str) -> None:
    key, size = keys[algorithm], SIZES[algorithm]
    signature = signed(key)
    der = encode_dss_signature(int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
    assert not is_genuine(key, der)
    assert not is_genuine(key, der.ljust(2 * size, b"\x00")[: 2 * size])


@pytest.mark.parametrize("algorithm", SIZES)
@pytest.mark.parametrize("number", [0, 1, -1], ids=["zero", "one", "all bits"])
def test_numbers_that_prove_nothing_are_refused(keys: Keys, algorithm: str, number: int) -> None:
    # CVE-2022-21449: r and s of zero went through elsewhere.
    key, size = keys[algorithm], SIZES[algorithm]
    r, s = signed(key)[:size], signed(key)[size:]
    psychic = number.to_bytes(size, "big", signed=True)
    assert not any(is_genuine(key, forged) for forged in (psychic + psychic, psychic + s, r + psychic))


def test_a_number_beyond_the_order_of_the_curve_is_refused(keys: Keys) -> None:
    # The order itself is zero modulo the order.
    key, signature = keys["ES256"], signed(keys["ES256"])
    order = ORDER_OF_P256.to_bytes(32, "big")
    assert not is_genuine(key, order + order)
    assert not is_genuine(key, order + signature[32:])
    assert not is_genuine(key, signature[:32] + order)


def test_leading_zeros_belong_to_the_number(keys: Keys) -> None:
    key = keys["ES256"]
    # One signature in 256 begins with one: r and s are padded to their length, and DER leaves the zeros out.
    r, s = _numbers_with(key, lambda r, s: r < 2**248)
    assert is_genuine(key, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    assert not is_genuine(key, r.to_bytes(31, "big") + s.to_bytes(32, "big"))
    assert not is_genuine(key, r.to_bytes(31, "big") + s.to_bytes(33, "big"))
    r, s = _numbers_with(key, lambda r, s: s < 2**248)
    assert is_genuine(key, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    r, s = _numbers_with(key, lambda r, s: r >= 2**255 and s >= 2**255)  # DER puts a zero before them
    assert is_genuine(key, r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def _numbers_with(key: SigningKey, suits: Callable[[int, int], bool]) -> tuple[int, int]:
    while True:
        r, s = decode_dss_signature(key.private_key.sign(CONTENT, ECDSA(hashes.SHA256())))
        if suits(r, s):
            return r, s


def test_the_salt_of_rsa_pss_is_as_long_as_the_hash(keys: Keys) -> None:
    # RFC 7518 section 3.5
    key = keys["PS256"]
    for length, good in ((32, True), (0, False), (20, False), (33, False)):
        padding = PSS(mgf=MGF1(hashes.SHA256()), salt_length=length)
        assert is_genuine(key, key.private_key.sign(CONTENT, padding, hashes.SHA256())) is good
    other_mask = PSS(mgf=MGF1(hashes.SHA1()), salt_length=32)  # noqa: S303  as a signer should not
    assert not is_genuine(key, key.private_key.sign(CONTENT, other_mask, hashes.SHA256()))


# --- RSASSA-PKCS1-v1_5, by comparison (RFC 8017 section 8.2.2) --------------------------------------------------------

DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "RS256": hashes.SHA256(),
    "RS384": hashes.SHA384(),
    "RS512": hashes.SHA512(),
}


@pytest.fixture(scope="module", params=[2048, 2049, 2055, 2056])
def rsa_key(request: pytest.FixtureRequest) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, request.param)


@pytest.mark.parametrize("algorithm", DIGESTS)
def test_an_rsa_key_need_not_fill_its_last_byte(rsa_key: rsa.RSAPrivateKey, algorithm: str) -> None:
    verify = verifiers(rsa_key.public_key(), [algorithm])[algorithm]
    signature = rsa_key.sign(CONTENT, PKCS1v15(), DIGESTS[algorithm])
    assert len(signature) == (rsa_key.key_size + 7) // 8
    assert verify(CONTENT, signature)
    number, modulus = int.from_bytes(signature, "big"), rsa_key.public_key().public_numbers().n
    others = {
        "empty": b"",
        "a zero before it": b"\x00" + signature,
        "a zero behind it": signature + b"\x00",
        "a byte less": signature[1:],
        "nothing": bytes(len(signature)),
        "the modulus": modulus.to_bytes(len(signature), "big"),
        "all bits": b"\xff" * len(signature),
        "beyond the modulus": (number + modulus).to_bytes(len(signature) + 1, "big"),
    }
    assert [name for name, other in others.items() if verify(CONTENT, other)] == []


@pytest.mark.parametrize("algorithm", DIGESTS)
def test_a_digest_is_written_in_one_way_alone(algorithm: str) -> None:
    # CVE-2006-4339 and its kin: whoever parses what a signature holds may overlook what else it holds.
    key = rsa.generate_private_key(65537, 2048)
    verify, digest = verifiers(key.public_key(), [algorithm])[algorithm], DIGESTS[algorithm]
    size, (hash_function, prefix) = 256, _DIGEST_INFO[algorithm[2:]]
    value = hash_function(CONTENT).digest()
    info = prefix + value
    oid, octets = prefix[4:15], prefix[-2:] + value
    no_null = b"\x30" + bytes([len(oid) + 2 + len(octets)]) + b"\x30" + bytes([len(oid)]) + oid + octets

    def signed_by_hand(held: bytes, ones: int | None = None, head: bytes = b"\x00\x01") -> bytes:
        padding = b"\xff" * (size - 3 - len(held) if ones is None else ones)
        message = (head + padding + b"\x00" + held).ljust(size, b"\xaa")
        numbers = key.private_numbers()
        number = pow(int.from_bytes(message, "big"), numbers.d, numbers.public_numbers.n)
        return number.to_bytes(size, "big")

    assert verify(CONTENT, signed_by_hand(info))
    assert signed_by_hand(info) == key.sign(CONTENT, PKCS1v15(), digest)
    others = {
        "parameters left out": signed_by_hand(no_null),
        "the digest alone": signed_by_hand(value),
        "the name alone": signed_by_hand(prefix),
        "nothing": signed_by_hand(b""),
        "a byte more": signed_by_hand(info + b"\x00"),
        "rubbish behind it": signed_by_hand(info, ones=8),
        "rubbish before it": signed_by_hand(b"\xaa" * 8 + info),
        "no padding": signed_by_hand(info, ones=0),
        "padding for encryption": signed_by_hand(info, head=b"\x00\x02"),
        "another digest": signed_by_hand(prefix + value[::-1]),
        **{name: key.sign(CONTENT, PKCS1v15(), other) for name, other in DIGESTS.items() if name != algorithm},
    }
    assert [name for name, other in others.items() if verify(CONTENT, other)] == []
