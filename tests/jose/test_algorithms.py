"""A key serves the algorithms of its type, whatever a token says."""

import pytest

from bearer_guard.jose import ALGORITHMS, CompactJWS, decode_base64url, load_verification_key, sign_compact
from bearer_guard.jose.algorithms import ALGORITHMS_OF
from bearer_guard.testing import SigningKey
from tests.jose import is_genuine, made

Keys = dict[str, SigningKey]


def signed(key: SigningKey) -> CompactJWS:
    return CompactJWS(sign_compact(b'{"alg":"any"}', b"{}", algorithm=key.algorithm, private_key=key.private_key))


def unlabelled(key: SigningKey) -> dict[str, str]:
    return {name: value for name, value in key.public_jwk().items() if name not in ("alg", "use", "kid")}


def test_every_algorithm_is_asymmetric() -> None:
    assert sorted(ALGORITHMS) == [
        "ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
    ]  # fmt: skip


def test_only_rsa_keys_serve_several_algorithms() -> None:
    # RFC 7518 section 3.4, RFC 8037 section 3.1: with the other types the curve decides.
    assert {kind for kind, names in ALGORITHMS_OF.items() if len(names) > 1} == {("RSA", None)}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_verifies_what_its_private_half_has_signed(signing_keys: Keys, algorithm: str) -> None:
    jws = signed(signing_keys[algorithm])
    assert made(load_verification_key(signing_keys[algorithm].public_jwk()), jws, algorithm)
    assert made(load_verification_key(unlabelled(signing_keys[algorithm])), jws, algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_verifies_no_other_content(signing_keys: Keys, algorithm: str) -> None:
    jws = signed(signing_keys[algorithm])
    key = load_verification_key(unlabelled(signing_keys[algorithm]))
    made_so = decode_base64url(jws.signature)
    flipped = bytes([made_so[0] ^ 1]) + made_so[1:]
    others = [
        (jws.signing_input + b"A", made_so),
        *((jws.signing_input, signature) for signature in (b"", b"\x00", flipped, made_so + b"\x00")),
        *((jws.signing_input, bytes([byte]) * len(made_so)) for byte in (0, 255)),
    ]
    assert [is_genuine(key, algorithm, *other) for other in others] == [False] * 7


@pytest.mark.parametrize("said", [*ALGORITHMS, "none", "HS256", "", "rs256", "RS256 "])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_verifies_no_signature_under_another_name(signing_keys: Keys, algorithm: str, said: str) -> None:
    jws = signed(signing_keys[algorithm])
    for jwk in (signing_keys[algorithm].public_jwk(), unlabelled(signing_keys[algorithm])):
        assert is_genuine(load_verification_key(jwk), said, jws.signing_input, decode_base64url(jws.signature)) == (
            said == algorithm
        )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_verifies_no_signature_of_another_key(signing_keys: Keys, algorithm: str) -> None:
    jws = signed(SigningKey(algorithm))
    assert not made(load_verification_key(unlabelled(signing_keys[algorithm])), jws, algorithm)


def test_the_label_of_a_key_binds(signing_keys: Keys) -> None:
    # RFC 7517 section 4.4. The six RSA algorithms share one key here, so the label alone makes the difference.
    jws = signed(signing_keys["PS256"])
    assert made(load_verification_key(unlabelled(signing_keys["RS256"])), jws, "PS256")
    assert not made(load_verification_key(signing_keys["RS256"].public_jwk()), jws, "PS256")
