"""A JWK is judged before it is used: what is unfit is refused in a sentence, and never fails the rest of its set."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from bearer_guard import ConfigurationError, StaticKeys
from bearer_guard.jose import (
    ALGORITHMS,
    Header,
    UnusableKey,
    VerificationKey,
    encode_base64url,
    load_verification_key,
    public_jwk,
)
from bearer_guard.jose.algorithms import ALGORITHMS_OF, IMPLEMENTATIONS
from bearer_guard.testing import SigningKey
from tests.jose import is_genuine

JWK = dict[str, Any]


def number(value: int, size: int | None = None) -> str:
    """Base64urlUInt (RFC 7518 section 2)."""
    return encode_base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big")).decode()


RSA_MODULUS = (1 << 2047) + (1 << 1000) + 1
RSA: JWK = {"kty": "RSA", "n": number(RSA_MODULUS), "e": "AQAB"}
_POINT = ec.derive_private_key(7, ec.SECP256R1()).public_key().public_numbers()
EC: JWK = {"kty": "EC", "crv": "P-256", "x": number(_POINT.x, 32), "y": number(_POINT.y, 32)}
OKP: JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}  # RFC 8037 appendix A.2
NO_STRINGS: tuple[Any, ...] = (5, 1.5, True, [], ["x"], {}, {"a": 1})


def refused(jwk: Any) -> UnusableKey:
    with pytest.raises(UnusableKey) as caught:
        load_verification_key(jwk)
    return caught.value


# --- what is published ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_published_key_is_public_and_labelled(signing_keys: dict[str, SigningKey], algorithm: str) -> None:
    jwk = public_jwk(signing_keys[algorithm].private_key, algorithm=algorithm, key_id="one")
    members = {"RS": {"n", "e"}, "PS": {"n", "e"}, "ES": {"crv", "x", "y"}, "Ed": {"crv", "x"}}[algorithm[:2]]
    assert set(jwk) == {"kty", "use", "alg", "kid"} | members
    assert (jwk["use"], jwk["alg"], jwk["kid"]) == ("sig", algorithm, "one")
    key = load_verification_key(jwk)
    assert (key.key_id, key.algorithms) == ("one", frozenset({algorithm}))


def test_a_published_key_need_not_have_a_name(signing_keys: dict[str, SigningKey]) -> None:
    jwk = public_jwk(signing_keys["ES256"].private_key, algorithm="ES256", key_id=None)
    assert "kid" not in jwk
    assert load_verification_key(jwk).key_id is None


# --- what is fit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("jwk", "kind"), [(RSA, ("RSA", None)), (EC, ("EC", "P-256")), (OKP, ("OKP", "Ed25519"))])
def test_a_key_without_a_label_serves_the_algorithms_of_its_type(jwk: JWK, kind: tuple[str, str | None]) -> None:
    assert load_verification_key(jwk).algorithms == frozenset(ALGORITHMS_OF[kind])


@pytest.mark.parametrize(
    "members",
    [
        {"use": "sig"},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
        {"key_ops": ["verify", "verify"]},
        {"use": "sig", "key_ops": ["verify"]},
        # What some issuers write for a member that is not there.
        *({name: None} for name in ("alg", "kid", "use", "key_ops", "d", "x5c")),
        {"kid": ""},
        {"ext": True, "x5c": ["AAAA"], "x5t": "AAAA", "x5u": "https://a.test", "https://a.test/x": {}},
        {"n": number(RSA_MODULUS, 257)},  # a leading zero, as several issuers write it against RFC 7518 section 6.3.1.1
        {"e": "Aw"},
        {"e": number(2**32 - 1)},
        {"n": number((1 << 8191) + 1)},
        {"crv": "P-256"},  # means nothing in an RSA key
    ],
    ids=lambda members: ", ".join(f"{name}={value!r:.30}" for name, value in members.items()),
)
def test_a_key_with_these_members_is_fit(members: JWK) -> None:
    assert load_verification_key({**RSA, **members}).algorithms == frozenset(ALGORITHMS_OF["RSA", None])


# --- what is not ------------------------------------------------------------------------------------------------------


def without(jwk: JWK, name: str) -> JWK:
    return {member: value for member, value in jwk.items() if member != name}


def unfit_rsa() -> Iterator[tuple[str, JWK, str]]:
    for bits in (512, 1024, 2047, 8193, 16384, 1_000_000):
        yield f"RSA of {bits} bits", {**RSA, "n": number((1 << (bits - 1)) + 1)}, f"RSA of {bits} bits"
    for exponent in (0, 1, 2, 4, 65536, RSA_MODULUS, RSA_MODULUS + 2):
        yield f"exponent {exponent:x}"[:24], {**RSA, "e": number(exponent, 300)}, "not readable"
    for exponent in (2**32 + 1, 2**64 + 1, RSA_MODULUS - 2):
        yield f"exponent {exponent:x}"[:24], {**RSA, "e": number(exponent)}, "exponent"
    for name in ("n", "e"):
        for value in (None, "", "!", *NO_STRINGS):
            yield f"RSA with {name}={value!r}", {**RSA, name: value}, "not readable"


def unfit_points() -> Iterator[tuple[str, JWK, str]]:
    yield "y beside the curve", {**EC, "y": number(_POINT.y ^ 1, 32)}, "not readable"
    yield "x and y exchanged", {**EC, "x": EC["y"], "y": EC["x"]}, "not readable"
    yield "the point zero", {**EC, "x": "A" * 43, "y": "A" * 43}, "not readable"
    yield "another curve's point", {**EC, "crv": "P-384"}, "not readable"
    yield "a coordinate too short", {**EC, "x": number(_POINT.x, 32)[:-2]}, "not readable"
    yield "a coordinate too long", {**EC, "x": number(_POINT.x, 33)}, "not readable"
    yield "Ed25519 too short", {**OKP, "x": "A" * 42}, "not readable"
    yield "Ed25519 too long", {**OKP, "x": "A" * 44}, "not readable"
    for jwk, name in ((EC, "x"), (EC, "y"), (OKP, "x")):
        for value in (None, "", "!", *NO_STRINGS):
            yield f"{jwk['kty']} with {name}={value!r}", {**jwk, name: value}, "not readable"


def unfit_types() -> Iterator[tuple[str, JWK, str]]:
    yield "a shared secret", {"kty": "oct", "k": "AAAA", "alg": "HS256"}, "'oct'"
    yield "a shared secret that says RS256", {"kty": "oct", "k": "AAAA", "alg": "RS256"}, "'oct'"
    yield "AKP", {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}, "'AKP'"
    for kty in ("", "rsa", "RSA ", "EC2"):
        yield f"kty={kty!r}", {**RSA, "kty": kty}, "not supported"
    for curve in (None, "", "p-256", "P-192", "secp256k1", "Ed25519"):
        yield f"EC with crv={curve!r}", {**EC, "crv": curve}, "not supported"
    for curve in (None, "Ed448", "X25519", "P-256"):
        yield f"OKP with crv={curve!r}", {**OKP, "crv": curve}, "not supported"
    for value in (None, *NO_STRINGS):
        yield f"kty={value!r}", {**RSA, "kty": value}, "not a string"
    for value in NO_STRINGS:
        yield f"crv={value!r}", {**EC, "crv": value}, "not a string"
        yield f"kid={value!r}", {**RSA, "kid": value}, "kid is not a string"
    for jwk in (RSA, EC, OKP):
        for name in jwk:
            yield f"{jwk['kty']} without {name}", without(jwk, name), ""


def unfit_purposes() -> Iterator[tuple[str, JWK, str]]:
    labels: tuple[tuple[JWK, tuple[str, ...]], ...] = (
        (RSA, ("ES256", "HS256", "none", "RSA-OAEP", "RSA1_5", "rs256", "")),
        (EC, ("ES384", "ES512", "ES256K", "ES521", "RS256", "ECDH-ES", "EdDSA")),
        (OKP, ("ES256", "Ed448", "HS512")),
    )
    for jwk, names in labels:
        for label in names:
            yield f"{jwk['kty']} labelled {label!r}", {**jwk, "alg": label}, "labelled for"
    for value in NO_STRINGS:
        yield f"labelled {value!r}", {**RSA, "alg": value}, "labelled for"
    for use in ("enc", "SIG", "", *NO_STRINGS):
        yield f"use={use!r}", {**RSA, "use": use}, "its use is not sig"
    for operations in ("verify", [], ["sign"], ["encrypt"], [["verify"]], {"verify": True}, 5, True):
        yield f"key_ops={operations!r}", {**RSA, "key_ops": operations}, "key_ops"
    yield "contradictory purposes", {**RSA, "use": "enc", "key_ops": ["verify"]}, "its use is not sig"


def unfit_secrets() -> Iterator[tuple[str, JWK, str]]:
    for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"):
        for jwk in (RSA, EC, OKP):
            yield f"{jwk['kty']} with {name}", {**jwk, name: "c2VjcmV0"}, "private key"


UNFIT = (*unfit_rsa(), *unfit_points(), *unfit_types(), *unfit_purposes(), *unfit_secrets())


@pytest.mark.parametrize(("jwk", "why"), [case[1:] for case in UNFIT], ids=[case[0] for case in UNFIT])
def test_a_key_that_is_unfit_is_refused_in_a_sentence(jwk: JWK, why: str) -> None:
    assert why in str(refused(jwk))


@pytest.mark.parametrize("jwk", [None, "key", 5, True, [], [RSA]], ids=repr)
def test_what_is_no_object_is_no_key(jwk: Any) -> None:
    assert str(refused(jwk)) == "not a JSON object"


def test_a_whole_private_key_is_refused_and_nothing_of_it_is_told() -> None:
    jwk: JWK = IMPLEMENTATIONS["RS256"].to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True)
    told = repr(refused(jwk)) + str(refused(jwk))
    assert "private key" in told
    assert not any(value[:12] in told for value in jwk.values() if len(value) > 12)


SMALL_ORDER = {
    # The eight points of small order of edwards25519. A key that is one of them has signed everything: with the
    # neutral element, R = 1 and S = 0 is a signature of each and every message. RFC 8032 section 8.4 leaves it open.
    "the neutral element": "01" + "00" * 31,
    "order 2": "ec" + "ff" * 30 + "7f",
    "zero": "00" * 32,
    "order 4": "00" * 31 + "80",
    "order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "order 8, its negative": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "order 8, another": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "order 8, its negative, too": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}


@pytest.mark.parametrize("point", SMALL_ORDER.values(), ids=SMALL_ORDER)
def test_a_key_that_anybody_can_sign_with_is_refused(point: str) -> None:
    assert "order" in str(refused({**OKP, "x": encode_base64url(bytes.fromhex(point)).decode()}))


# --- laws -------------------------------------------------------------------------------------------------------------

values = st.none() | st.booleans() | st.integers() | st.text(max_size=50) | st.lists(st.text(max_size=5), max_size=3)
names = st.sampled_from(["kty", "crv", "alg", "use", "key_ops", "kid", "n", "e", "x", "y", "d", "k", "x5c"])


def loaded(jwk: Any) -> VerificationKey | None:
    try:
        return load_verification_key(jwk)
    except UnusableKey:
        return None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(jwk=st.sampled_from([RSA, EC, OKP, {}]), members=st.dictionaries(names, values, max_size=3), junk=st.binary())
def test_whatever_a_jwk_says_it_is_a_key_or_unusable_and_verifies_no_junk(jwk: JWK, members: JWK, junk: bytes) -> None:
    key = loaded({**jwk, **members})
    for algorithm in ALGORITHMS if key is not None else ():
        assert key is not None
        assert not is_genuine(key, algorithm, b"content", junk)


# --- in a set ---------------------------------------------------------------------------------------------------------


def test_one_good_key_among_all_the_broken_ones_is_found(caplog: pytest.LogCaptureFixture) -> None:
    broken = [{"kid": f"broken-{place}", **jwk} for place, (_, jwk, _) in enumerate(UNFIT)]
    keys = StaticKeys({"keys": [None, *broken[:250], "key", {**EC, "kid": "good"}, [], *broken[250:]]})
    assert [key.key_id for key in keys.held(Header("ES256", "good", None))] == ["good"]
    assert [key.key_id for name in ALGORITHMS for key in keys.held(Header(name, None, None))] == ["good"]
    skipped = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(skipped) == len(UNFIT) + 3


def test_a_set_of_broken_keys_alone_is_no_set() -> None:
    with pytest.raises(ConfigurationError, match="no usable key"):
        StaticKeys({"keys": [jwk for _, jwk, _ in UNFIT]})


def test_what_is_logged_about_a_skipped_key_tells_no_key_material(caplog: pytest.LogCaptureFixture) -> None:
    secret = {**RSA, "kid": "private", "d": "c2VjcmV0LWV4cG9uZW50"}
    StaticKeys({"keys": [secret, EC]})
    assert "kid='private'" in caplog.text
    assert not any(text in caplog.text for text in (secret["d"], RSA["n"][:20]))


def test_a_modulus_of_the_library_that_makes_factorable_ones_is_refused() -> None:
    # CVE-2017-15361: its moduli are powers of 65537 modulo each small prime, as a power of 65537 itself is.
    with pytest.raises(UnusableKey, match="factored"):
        load_verification_key({**RSA, "n": number(65537**128)})


def test_a_key_shows_what_it_is_for_and_not_what_it_is() -> None:
    key = load_verification_key(SigningKey("ES256").public_jwk() | {"kid": "one"})
    assert repr(key) == "VerificationKey(key_id='one', algorithms=['ES256'])"
