"""Algorithm confusion: a token chooses among nothing (RFC 8725 sections 2.1, 3.1 and 3.2)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bearer_guard.errors import Reason
from bearer_guard.jose import ALGORITHMS
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.conftest import MakeClient
from tests.security.target import Target, claims_of, named, signed, signed_with_secret, unsigned

# --- a public key as a shared secret ----------------------------------------------------------------------------------

PEM, DER = Encoding.PEM, Encoding.DER
SPKI, PKCS1 = PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1


def public_bytes(key: SigningKey, encoding: Encoding, form: PublicFormat) -> bytes:
    encoded: bytes = key.private_key.public_key().public_bytes(encoding, form)
    return encoded


SECRETS: dict[str, Callable[[SigningKey], bytes]] = {
    "PEM": lambda key: public_bytes(key, PEM, SPKI),
    "PEM without its last line break": lambda key: public_bytes(key, PEM, SPKI).rstrip(),
    "PEM of PKCS #1": lambda key: public_bytes(key, PEM, PKCS1),
    "DER": lambda key: public_bytes(key, DER, SPKI),
    "JWK": lambda key: json.dumps(key.public_jwk()).encode(),
    "modulus": lambda key: key.public_jwk()["n"].encode(),
    "nothing": lambda key: b"",
}


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_public_key_is_no_shared_secret(
    target: Target, algorithm: str, secret: Callable[[SigningKey], bytes]
) -> None:
    rsa = target.issuer.signing_key("RS256")
    token = signed_with_secret(algorithm, secret(rsa), {"kid": rsa.key_id}, claims_of(target.issuer))
    target.refuses(token, Reason.ALGORITHM_NOT_ALLOWED, "alg")


class PublishesASecret(FakeIssuer):
    """An issuer that has put its shared secret into its published set."""

    def jwks(self) -> dict[str, Any]:
        shared = {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"}
        return {"keys": [shared, *super().jwks()["keys"]]}


def test_a_shared_secret_in_a_published_set_verifies_nothing(
    signing_keys: dict[str, SigningKey], make_client: MakeClient
) -> None:
    issuer = PublishesASecret()
    issuer._keys = dict(signing_keys)
    token = signed_with_secret("HS256", b"secret", {"kid": "shared"}, claims_of(issuer))
    Target(issuer).serve(make_client).refuses(token, Reason.ALGORITHM_NOT_ALLOWED, "alg")


def test_a_mac_is_no_signature_under_an_accepted_name(target: Target) -> None:
    rsa = target.issuer.signing_key("RS256")
    mac = signed_with_secret("HS256", SECRETS["PEM"](rsa), {"kid": rsa.key_id}, b"{}").rpartition(".")[2]
    header = {"alg": "RS256", "kid": rsa.key_id}
    target.refuses(unsigned(header, claims_of(target.issuer)) + mac, Reason.INVALID_SIGNATURE)


# --- a key under another algorithm ------------------------------------------------------------------------------------


@pytest.mark.parametrize("borrowed", ALGORITHMS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_good_for_its_own_algorithm_alone(target: Target, algorithm: str, borrowed: str) -> None:
    key_id = target.issuer.signing_key(borrowed).key_id
    token = signed(named(target.issuer.signing_key(algorithm), key_id), payload=claims_of(target.issuer))
    if algorithm == borrowed:
        assert target.status(token) == 200
    else:
        target.refuses(token, Reason.UNKNOWN_KEY, "kid")
    assert target.asked == []


@pytest.mark.parametrize("said", [name for name in ALGORITHMS if name != "ES256"])
def test_a_signature_of_one_algorithm_is_none_of_another(target: Target, key: SigningKey, said: str) -> None:
    header = {"alg": said, "kid": target.issuer.signing_key(said).key_id}
    target.refuses(signed(key, header, claims_of(target.issuer)), Reason.INVALID_SIGNATURE)


@pytest.mark.parametrize(
    "said", ["rs256", "RS256 ", "ES256K", "ES521", "Ed448", "Ed25519", "RSA1_5", "dir", "RS1", "x"]
)
def test_an_algorithm_that_is_not_ours_is_refused(target: Target, key: SigningKey, said: str) -> None:
    target.refuses(signed(key, {"alg": said}, claims_of(target.issuer)), Reason.ALGORITHM_NOT_ALLOWED, "alg")


# --- no algorithm -----------------------------------------------------------------------------------------------------

NONE = ["none", "None", "NONE", "nOnE", "none ", " none", "none\u0000", "n\u043ene", ""]


@pytest.mark.parametrize("said", NONE)
@pytest.mark.parametrize("key_id", [{}, {"kid": "none"}, {"kid": None}], ids=str)
def test_a_token_without_a_signature_is_refused(target: Target, said: str, key_id: dict[str, Any]) -> None:
    token = unsigned({"alg": said, **key_id}, claims_of(target.issuer))
    assert token.endswith(".")
    target.refuses(token, Reason.ALGORITHM_NOT_ALLOWED, "alg")


@pytest.mark.parametrize("said", NONE)
def test_a_real_signature_does_not_help_the_algorithm_none(target: Target, key: SigningKey, said: str) -> None:
    target.refuses(signed(key, {"alg": said}, claims_of(target.issuer)), Reason.ALGORITHM_NOT_ALLOWED, "alg")


@pytest.mark.parametrize("said", [None, 0, 256, True, False, [], ["ES256"], ["none"], {}, {"ES256": "none"}], ids=repr)
def test_an_algorithm_that_is_no_string_is_refused(target: Target, key: SigningKey, said: Any) -> None:
    target.refuses(signed(key, {"alg": said}, claims_of(target.issuer)), Reason.MALFORMED_TOKEN, "alg")


def test_a_token_that_names_no_algorithm_is_refused(target: Target, key: SigningKey) -> None:
    token = signed(key, b'{"kid":"%s"}' % key.key_id.encode(), claims_of(target.issuer))
    target.refuses(token, Reason.MALFORMED_TOKEN, "alg")


def test_a_good_token_without_its_signature_is_refused(target: Target, key: SigningKey) -> None:
    content, _, _ = signed(key, payload=claims_of(target.issuer)).rpartition(".")
    target.refuses(f"{content}.", Reason.INVALID_SIGNATURE)
    target.refuses(content, Reason.NOT_A_JWT)
    target.refuses(f"{content}..", Reason.NOT_A_JWT)
