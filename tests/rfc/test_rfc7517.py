"""RFC 7517, JSON Web Key: which key of a set a verifier may use for which token.

No concern of a resource server: 4.6 to 4.9 (certificates, which are not looked at), 6 (strings), 7 (encrypted keys),
8 (registries). How keys are fetched and kept is `tests/authorization_server/`.
"""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from bearer_guard import ConfigurationError, Reason, StaticKeys
from bearer_guard.jose import public_jwk
from bearer_guard.jose.algorithms import IMPLEMENTATIONS
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.rfc.material import ACCEPTED, guard_with_keys, verdict


def without(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    """A JWK with fewer members."""
    return {name: value for name, value in jwk.items() if name not in names}


def bare(key: SigningKey) -> dict[str, Any]:
    """A JWK with its key material and nothing else."""
    return without(key.public_jwk(), "use", "alg", "kid")


async def verdict_with(issuer: FakeIssuer, *keys: Any, alg: str = "RS256", kid: Any = "kid") -> Reason | None:
    """The verdict on a good token with this kid (None: it has none) of a guard that has exactly these keys."""
    return await verdict(guard_with_keys(issuer, {"keys": list(keys)}), issuer.token(alg=alg, header={"kid": kid}))


# --- 4: the members of a key ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"unheard-of": [1]}, id="4 members that are not understood"),
        pytest.param({"KTY": "oct", "Use": "enc"}, id="4 member names are case-sensitive"),
        pytest.param({"use": "sig"}, id="4.2 use is sig"),
        pytest.param({"key_ops": ["verify"]}, id="4.3 key_ops has verify"),
        pytest.param({"key_ops": ["verify", "unheard-of"]}, id="4.3 other values may be used"),
        pytest.param({"use": "sig", "key_ops": ["verify"]}, id="4.3 use and key_ops agree"),
        pytest.param({"alg": "RS256"}, id="4.4 alg is the token's"),
        pytest.param({"x5u": "https://mallory.test/chain"}, id="4.6 x5u"),
        pytest.param({"x5c": ["MIIB"], "x5t": "dA", "x5t#S256": "dA"}, id="4.7 x5c, x5t, x5t#S256"),
    ],
)
async def test_a_key_may_be_used(members: dict[str, Any], issuer: FakeIssuer) -> None:
    key = {**bare(issuer.signing_key()), "kid": "kid", **members}
    assert await verdict_with(issuer, key) is ACCEPTED


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda jwk: without(jwk, "kty"), id="4.1 without kty"),
        pytest.param(lambda jwk: {**jwk, "kty": "rsa"}, id="4.1 kty is case-sensitive"),
        pytest.param(lambda jwk: {**jwk, "kty": "XYZ"}, id="5 kty that is not understood"),
        pytest.param(lambda jwk: {**jwk, "kty": ["RSA"]}, id="4.1 kty is a string"),
        pytest.param(lambda jwk: {**jwk, "use": "enc"}, id="4.2 for encryption"),
        pytest.param(lambda jwk: {**jwk, "use": "SIG"}, id="4.2 use is case-sensitive"),
        pytest.param(lambda jwk: {**jwk, "key_ops": ["sign"]}, id="4.3 for signing alone"),
        pytest.param(lambda jwk: {**jwk, "key_ops": ["encrypt"]}, id="4.3 for encryption"),
        pytest.param(lambda jwk: {**jwk, "key_ops": []}, id="4.3 for nothing"),
        pytest.param(lambda jwk: {**jwk, "key_ops": "verify"}, id="4.3 key_ops is an array"),
        pytest.param(lambda jwk: {**jwk, "use": "sig", "key_ops": ["encrypt"]}, id="4.3 they disagree, one says no"),
        pytest.param(lambda jwk: {**jwk, "use": "enc", "key_ops": ["verify"]}, id="4.3 ... and the other"),
        pytest.param(lambda jwk: {**jwk, "alg": "RSA-OAEP"}, id="4.4 for encryption"),
        pytest.param(lambda jwk: {**jwk, "alg": "rs256"}, id="4.4 alg is case-sensitive"),
        pytest.param(lambda jwk: {**jwk, "alg": "HS256"}, id="4.4 labelled for a shared secret"),
        pytest.param(lambda jwk: {**jwk, "kid": 7}, id="4.5 kid is a string"),
        pytest.param(lambda jwk: without(jwk, "n"), id="5 a required member is missing"),
        pytest.param(lambda jwk: {**jwk, "e": "AA"}, id="5 a value out of range"),
        pytest.param(lambda _: {"kty": "oct", "k": "c2VjcmV0"}, id="9.2 a shared secret that was published"),
        pytest.param(lambda _: "RSA", id="4 no object"),
        pytest.param(lambda _: None, id="4 null"),
    ],
)
async def test_a_key_that_must_not_be_used_is_passed_over_and_the_rest_of_the_set_serves(
    spoilt: Callable[[dict[str, Any]], Any], issuer: FakeIssuer
) -> None:
    # Section 5: such keys SHOULD be ignored; the set is not the worse for them.
    key = spoilt({**bare(issuer.signing_key()), "kid": "kid"})
    other = {**bare(issuer.signing_key("ES256")), "kid": "other"}
    assert await verdict_with(issuer, key, other) is Reason.UNKNOWN_KEY
    assert await verdict_with(issuer, key, other, alg="ES256", kid="other") is ACCEPTED


@pytest.mark.parametrize("alg", [pytest.param(alg, id=f"9.2 {alg}") for alg in ("RS256", "ES256", "EdDSA")])
async def test_a_private_key_that_was_published_is_passed_over(alg: str, issuer: FakeIssuer) -> None:
    # The whole of it, readable and well-formed: everybody can sign with it now.
    private = IMPLEMENTATIONS[alg].to_jwk(issuer.signing_key(alg).private_key, as_dict=True)
    published = {**without(private, "key_ops"), "kid": "kid"}
    assert "d" in published
    other = {**bare(issuer.signing_key("ES384")), "kid": "other"}
    assert await verdict_with(issuer, published, other, alg=alg) is Reason.UNKNOWN_KEY


async def test_4_4_a_key_serves_no_other_algorithm_than_that_of_its_label(issuer: FakeIssuer) -> None:
    labelled = {**bare(issuer.signing_key("RS256")), "kid": "kid", "alg": "RS256"}
    assert await verdict_with(issuer, labelled, alg="RS256") is ACCEPTED
    assert await verdict_with(issuer, labelled, alg="PS256") is Reason.UNKNOWN_KEY


async def test_4_4_a_key_without_label_serves_the_algorithms_of_its_type(issuer: FakeIssuer) -> None:
    unlabelled = {**bare(issuer.signing_key("RS256")), "kid": "kid"}
    assert await verdict_with(issuer, unlabelled, alg="RS256") is ACCEPTED
    assert await verdict_with(issuer, unlabelled, alg="PS512") is ACCEPTED
    assert await verdict_with(issuer, unlabelled, alg="ES256") is Reason.UNKNOWN_KEY


# --- 4.5: which key of the set ----------------------------------------------------------------------------------------


async def test_4_5_the_kid_chooses_the_key(issuer: FakeIssuer) -> None:
    good = {**bare(issuer.signing_key("ES256")), "kid": "good"}
    other = {**bare(SigningKey("ES256")), "kid": "other"}
    assert await verdict_with(issuer, other, good, alg="ES256", kid="good") is ACCEPTED
    assert await verdict_with(issuer, other, good, alg="ES256", kid="other") is Reason.INVALID_SIGNATURE
    assert await verdict_with(issuer, other, good, alg="ES256", kid="GOOD") is Reason.UNKNOWN_KEY


async def test_4_5_keys_of_different_types_may_share_a_kid(issuer: FakeIssuer) -> None:
    keys = [{**bare(issuer.signing_key(alg)), "kid": "kid"} for alg in ("RS256", "ES256", "EdDSA")]
    for alg in ("RS256", "ES256", "EdDSA"):
        assert await verdict_with(issuer, *keys, alg=alg) is ACCEPTED


async def test_4_5_keys_that_share_a_kid_against_the_rule_are_all_tried(issuer: FakeIssuer) -> None:
    # Section 4.5: they SHOULD be distinct. Some issuers fail to.
    twin = {**bare(SigningKey("ES256")), "kid": "kid"}
    good = {**bare(issuer.signing_key("ES256")), "kid": "kid"}
    assert await verdict_with(issuer, twin, good, alg="ES256") is ACCEPTED


async def test_4_5_the_kid_is_optional_in_token_and_key(issuer: FakeIssuer) -> None:
    nameless = bare(issuer.signing_key("ES256"))
    named = {**nameless, "kid": "kid"}
    assert await verdict_with(issuer, nameless, alg="ES256", kid=None) is ACCEPTED
    assert await verdict_with(issuer, named, alg="ES256", kid=None) is ACCEPTED
    # A token that names a key is not verified with one that has no name: nothing says that it is the one.
    assert await verdict_with(issuer, nameless, alg="ES256", kid="kid") is Reason.UNKNOWN_KEY


# --- 5: the set -------------------------------------------------------------------------------------------------------


async def test_5_the_order_of_keys_has_no_meaning(issuer: FakeIssuer) -> None:
    keys = [bare(SigningKey("ES256")) for _ in range(3)]
    good = bare(issuer.signing_key("ES256"))
    for position in range(4):
        ordered = [*keys[:position], good, *keys[position:]]
        assert await verdict_with(issuer, *ordered, alg="ES256", kid=None) is ACCEPTED


async def test_5_members_of_the_set_that_are_not_understood_are_ignored(issuer: FakeIssuer) -> None:
    guard = guard_with_keys(issuer, {**issuer.jwks(), "unheard-of": 1, "Keys": []})
    assert await verdict(guard, issuer.token()) is ACCEPTED


@pytest.mark.parametrize(
    "jwks",
    [
        pytest.param({}, id="5.1 no keys"),
        pytest.param({"keys": {}}, id="5.1 keys is an object"),
        pytest.param({"keys": None}, id="5.1 keys is null"),
        pytest.param({"keys": []}, id="5.1 not one key"),
        pytest.param({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, id="5.1 not one usable key"),
    ],
)
def test_a_set_without_a_usable_key_is_none(jwks: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="JWK set"):
        StaticKeys(jwks)


async def test_rfc_7518_3_3_an_rsa_key_that_is_too_short_is_passed_over(issuer: FakeIssuer) -> None:
    short = SigningKey("RS256", rsa.generate_private_key(public_exponent=65537, key_size=1024))  # noqa: S505  the point
    jwks = {"keys": [public_jwk(short.private_key, algorithm="RS256", key_id=short.key_id), *issuer.jwks()["keys"]]}
    assert await verdict(guard_with_keys(issuer, jwks), issuer.token(key=short)) is Reason.UNKNOWN_KEY
