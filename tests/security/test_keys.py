"""Whose key is it?  Tricks with kid, keys that a token brings along, and keys of other issuers."""

from typing import Any

import pytest

from bearer_guard.errors import Reason
from bearer_guard.jose import encode_base64url
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.conftest import MakeClient
from tests.security.target import Target, claims_of, named, signed

JWKS = "https://issuer.test/jwks"


# --- kid --------------------------------------------------------------------------------------------------------------

KEY_IDS = {
    "a path": "../../../../../../dev/null",
    "an absolute path": "/proc/sys/kernel/randomize_va_space",
    "a Windows path": "..\\..\\secret",
    "SQL": "x' UNION SELECT 'secret' --",
    "a shell command": "key|/usr/bin/id",
    "a URL": "https://attacker.test/jwks",
    "LDAP": "*)(uid=*))(|(uid=*",
    "a template": "{{7*7}}${7*7}%s%n",
    "a wildcard": "*",
    "nothing": "",
    "a NUL": "\u0000",
    "line breaks": "x\r\nSet-Cookie: a=b",
    "very long": "k" * 8000,
    "many bytes of one emoji": "\U0001f600" * 500,
    "__proto__": "__proto__",
    "None": "None",
}


@pytest.mark.parametrize("key_id", KEY_IDS.values(), ids=KEY_IDS)
def test_a_kid_is_a_name_and_nothing_else(target: Target, key: SigningKey, key_id: str) -> None:
    target.refuses(signed(key, {"kid": key_id}, claims_of(target.issuer)), Reason.UNKNOWN_KEY, "kid")
    assert target.asked == [JWKS]  # the key may be new; a second stranger would not be asked for


@pytest.mark.parametrize("change", [str.upper, str.title, "{} ".format, " {}".format, "{}\u0000".format, "{}\n".format])
def test_a_kid_is_compared_exactly(target: Target, key: SigningKey, change: Any) -> None:
    token = signed(key, {"kid": change(key.key_id)}, claims_of(target.issuer))
    target.refuses(token, Reason.UNKNOWN_KEY, "kid")


@pytest.mark.parametrize("kind", [int, bool, list, dict, "listed", "in an object"], ids=str)
def test_a_kid_that_is_no_string_is_refused(target: Target, key: SigningKey, kind: Any) -> None:
    key_id = (
        {"listed": [key.key_id], "in an object": {"kid": key.key_id}}.get(kind) if isinstance(kind, str) else kind()
    )
    target.refuses(signed(key, {"kid": key_id}, claims_of(target.issuer)), Reason.MALFORMED_TOKEN, "kid")
    assert target.asked == []


# --- keys that a token brings along -----------------------------------------------------------------------------------

ATTACKER = SigningKey("ES256")


def brought_along(key: SigningKey) -> dict[str, dict[str, Any]]:
    """RFC 7515 sections 4.1.2, 4.1.3, 4.1.5 and 4.1.6: every way to bring a key, or to say where one is."""
    jwk = key.public_jwk()
    return {
        "jwk": {"jwk": jwk},
        "jwk without a kid": {"jwk": {name: value for name, value in jwk.items() if name != "kid"}},
        "jwks": {"jwks": {"keys": [jwk]}},
        "jku": {"jku": "https://attacker.test/jwks"},
        "jku on the issuer's host": {"jku": "https://issuer.test/open-redirect?to=https://attacker.test/jwks"},
        "jku with a user": {"jku": "https://issuer.test@attacker.test/jwks"},
        "jku of a file": {"jku": "file:///etc/passwd"},
        "jku inside the network": {"jku": "http://169.254.169.254/latest/meta-data/"},
        "jku in place of jwks_uri": {"jku": JWKS},
        "x5u": {"x5u": "https://attacker.test/chain.pem"},
        "x5c": {"x5c": [encode_base64url(b"0\x82\x01certificate").decode()]},
        "x5t": {"x5t": "A" * 27, "x5t#S256": "A" * 43},
        "all at once": {
            "jwk": jwk,
            "jku": "https://attacker.test/jwks",
            "x5u": "https://attacker.test/x",
            "x5c": ["A"],
        },
    }


@pytest.mark.parametrize("header", brought_along(ATTACKER).values(), ids=brought_along(ATTACKER))
def test_a_key_that_a_token_brings_along_is_not_used(target: Target, key: SigningKey, header: dict[str, Any]) -> None:
    claims = claims_of(target.issuer)
    under_our_name = {"kid": key.key_id, **header}
    target.refuses(signed(ATTACKER, under_our_name, claims), Reason.INVALID_SIGNATURE)
    target.refuses(signed(ATTACKER, {"kid": None, **header}, claims), Reason.INVALID_SIGNATURE)
    assert target.asked == []
    target.refuses(signed(ATTACKER, header, claims), Reason.UNKNOWN_KEY, "kid")
    assert target.asked == [JWKS]


@pytest.mark.parametrize("header", brought_along(ATTACKER).values(), ids=brought_along(ATTACKER))
def test_a_good_token_may_bring_what_nobody_looks_at(target: Target, key: SigningKey, header: dict[str, Any]) -> None:
    assert target.status(signed(key, header, claims_of(target.issuer))) == 200
    assert target.asked == []


# --- keys of other issuers --------------------------------------------------------------------------------------------


@pytest.fixture
def stranger() -> FakeIssuer:
    """Another issuer with keys of its own."""
    return FakeIssuer("https://stranger.test")


def test_a_token_of_another_issuer_is_refused_and_nothing_is_fetched(target: Target, stranger: FakeIssuer) -> None:
    target.refuses(stranger.token(), Reason.ISSUER_MISMATCH, "iss")
    assert target.asked == []


def test_another_issuer_cannot_speak_in_the_name_of_ours(target: Target, stranger: FakeIssuer) -> None:
    target.refuses(stranger.token(iss=target.issuer.issuer), Reason.UNKNOWN_KEY, "kid")


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_another_issuer_cannot_use_the_name_of_our_key(target: Target, stranger: FakeIssuer, algorithm: str) -> None:
    forged = named(stranger.signing_key(algorithm), target.issuer.signing_key(algorithm).key_id)
    target.refuses(signed(forged, payload=claims_of(target.issuer)), Reason.INVALID_SIGNATURE)
    assert target.asked == []  # a bad signature is no reason to fetch


def test_a_token_without_a_kid_is_tried_with_our_keys_alone(target: Target, stranger: FakeIssuer) -> None:
    token = stranger.token(alg="ES256", header={"kid": None}, iss=target.issuer.issuer)
    target.refuses(token, Reason.INVALID_SIGNATURE)
    assert target.status(target.issuer.token(alg="ES256", header={"kid": None})) == 200


ISSUERS = [
    "https://issuer.test/",
    "https://issuer.test//",
    "https://ISSUER.test",
    "HTTPS://issuer.test",
    "http://issuer.test",
    "https://issuer.test:443",
    "https://issuer.test.attacker.test",
    "https://issuer.test@attacker.test",
    "https://issuer.test#",
    "https://issuer.test?",
    "https://issuer.test\u0000",
    "https://issuer.test ",
    " https://issuer.test",
    "https://\u0456ssuer.test",
    "https://%69ssuer.test",
    "issuer.test",
    "*",
]


@pytest.mark.parametrize("name", ISSUERS)
def test_an_issuer_that_is_almost_ours_is_not_ours(target: Target, key: SigningKey, name: str) -> None:
    # Several issuers of one provider may share their keys, so the signature is good.
    target.refuses(signed(key, payload=claims_of(target.issuer, iss=name)), Reason.ISSUER_MISMATCH, "iss")


class SharesAName(FakeIssuer):
    """An issuer with two keys of one name: its own, and that of a tenant who chose the same."""

    tenant = SigningKey("ES256")

    def jwks(self) -> dict[str, Any]:
        own = self.signing_key("ES256")
        return {"keys": [named(self.tenant, own.key_id).public_jwk(), own.public_jwk()]}


def test_two_published_keys_of_one_name_are_both_tried(
    signing_keys: dict[str, SigningKey], make_client: MakeClient
) -> None:
    issuer = SharesAName()
    issuer._keys = dict(signing_keys)
    target = Target(issuer).serve(make_client)
    own = issuer.signing_key("ES256")
    for key in (own, named(issuer.tenant, own.key_id)):
        assert target.status(signed(key, payload=claims_of(issuer))) == 200
    target.refuses(signed(named(ATTACKER, own.key_id), payload=claims_of(issuer)), Reason.INVALID_SIGNATURE)


def test_a_guard_without_keys_asks_nobody_about_a_stranger(issuer: FakeIssuer, stranger: FakeIssuer) -> None:
    cold = Target(issuer)
    cold.refuses_directly(stranger.token(), Reason.ISSUER_MISMATCH, "iss")
    cold.refuses_directly(signed(ATTACKER, payload={"sub": "alice"}), Reason.CLAIM_MISSING, "iss")
    assert cold.asked == []
    cold.refuses_directly(signed(ATTACKER, payload=claims_of(issuer)), Reason.UNKNOWN_KEY, "kid")
    assert cold.asked[-1] == JWKS
