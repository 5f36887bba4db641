"""RFC 7519, JSON Web Token: what it asks of whoever receives one.

No concern of a resource server: 1 (terms), 5.3 (encrypted tokens), 7.1 (making), 9, 10 (registries), 12 (privacy).
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from bearer_guard import BearerGuard, Reason
from bearer_guard.profiles import RFC_9068
from bearer_guard.testing import FakeIssuer
from tests.rfc.material import (
    ACCEPTED,
    good_claims,
    guard_with,
    header_with,
    raw_object,
    segment,
    signed,
    verdict,
)

LEEWAY = 30


# --- 4: the claims set ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param('"sub": "alice"', Reason.MALFORMED_TOKEN, id="4 the same twice"),
        pytest.param('"aud": "other"', Reason.MALFORMED_TOKEN, id="4 another value the second time"),
        pytest.param(r'"\u0061ud": "other"', Reason.MALFORMED_TOKEN, id="4 the second one escaped"),
        pytest.param('"x": {"a": 1, "a": 2}', Reason.MALFORMED_TOKEN, id="4 deeper inside"),
    ],
)
async def test_claim_names_are_unique(raw: str, reason: Reason, issuer: FakeIssuer, guard: BearerGuard) -> None:
    assert await verdict(guard, signed(issuer, payload=raw_object(good_claims(issuer), raw))) is reason


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"unheard-of": [1, {"a": None}]}, id="4 private"),
        pytest.param({"https://example.com/x": True}, id="4.2 public"),
        pytest.param({"EXP": 1, "Nbf": 10**10}, id="4.1 names are case-sensitive"),
        pytest.param({"": ""}, id="4 an empty name"),
    ],
)
async def test_claims_that_are_not_understood_are_ignored(
    claims: dict[str, Any], issuer: FakeIssuer, guard: BearerGuard
) -> None:
    assert await verdict(guard, issuer.token(**claims)) is ACCEPTED


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        pytest.param({"iss": "https://ISSUER.test"}, Reason.ISSUER_MISMATCH, id="4.1.1 case-sensitive"),
        pytest.param({"iss": "https://issuer.test/"}, Reason.ISSUER_MISMATCH, id="4.1.1 a slash is a difference"),
        pytest.param({"iss": " https://issuer.test"}, Reason.ISSUER_MISMATCH, id="4.1.1 nothing is trimmed"),
        pytest.param({"iss": "https://\u0131ssuer.test"}, Reason.ISSUER_MISMATCH, id="7.3 nothing is folded"),
        pytest.param({"iss": ["https://issuer.test"]}, Reason.MALFORMED_CLAIM, id="4.1.1 not an array"),
        pytest.param({"sub": 1}, Reason.MALFORMED_CLAIM, id="4.1.2 a number"),
        pytest.param({"sub": ["alice"]}, Reason.MALFORMED_CLAIM, id="4.1.2 an array"),
        pytest.param({"aud": "other"}, Reason.AUDIENCE_MISMATCH, id="4.1.3 another"),
        pytest.param({"aud": "API"}, Reason.AUDIENCE_MISMATCH, id="4.1.3 case-sensitive"),
        pytest.param({"aud": "api other"}, Reason.AUDIENCE_MISMATCH, id="4.1.3 not a list in one string"),
        pytest.param({"aud": "apis"}, Reason.AUDIENCE_MISMATCH, id="4.1.3 not a prefix"),
        pytest.param({"aud": ["a", "b"]}, Reason.AUDIENCE_MISMATCH, id="4.1.3 an array without us"),
        pytest.param({"aud": []}, Reason.AUDIENCE_MISSING, id="4.1.3 an empty array"),
        pytest.param({"aud": ["api", 1]}, Reason.MALFORMED_CLAIM, id="4.1.3 an array with a number"),
        pytest.param({"aud": {"api": 1}}, Reason.MALFORMED_CLAIM, id="4.1.3 an object"),
        pytest.param({"aud": "api"}, ACCEPTED, id="4.1.3 one, as a string"),
        pytest.param({"aud": ["api"]}, ACCEPTED, id="4.1.3 one, as an array"),
        pytest.param({"aud": ["other", "api"]}, ACCEPTED, id="4.1.3 we are among them"),
        pytest.param({"exp": -LEEWAY - 1}, Reason.EXPIRED, id="4.1.4 past"),
        pytest.param({"exp": -1}, ACCEPTED, id="4.1.4 past, within the leeway"),
        pytest.param({"exp": "300"}, Reason.MALFORMED_CLAIM, id="4.1.4 a string"),
        pytest.param({"exp": True}, Reason.MALFORMED_CLAIM, id="4.1.4 a boolean"),
        pytest.param({"exp": 300.5}, ACCEPTED, id="2 a NumericDate need not be whole"),
        pytest.param({"nbf": LEEWAY + 5}, Reason.NOT_YET_VALID, id="4.1.5 future"),
        pytest.param({"nbf": 5}, ACCEPTED, id="4.1.5 future, within the leeway"),
        pytest.param({"nbf": 0}, ACCEPTED, id="4.1.5 now"),
        pytest.param({"nbf": "0"}, Reason.MALFORMED_CLAIM, id="4.1.5 a string"),
        pytest.param({"iat": "0"}, Reason.MALFORMED_CLAIM, id="4.1.6 a string"),
        pytest.param({"iat": -(10**6)}, ACCEPTED, id="4.1.6 old is no fault"),
        pytest.param({"jti": None, "iat": None, "sub": None}, ACCEPTED, id="4.1 optional ones may be missing"),
    ],
)
async def test_registered_claims_are_judged(
    claims: dict[str, Any], reason: Reason | None, issuer: FakeIssuer, guard: BearerGuard
) -> None:
    assert await verdict(guard, issuer.token(**claims)) is reason


async def test_4_1_7_the_jti_is_a_string(issuer: FakeIssuer) -> None:
    assert await verdict(guard_with(issuer, profile=RFC_9068), issuer.token(jti=7)) is Reason.MALFORMED_CLAIM


async def test_4_1_4_a_token_expires_on_the_very_moment(issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    # "on or after which the JWT MUST NOT be accepted": the leeway is zero and the clock stands.
    guard, now = guard_with(issuer, leeway=0), 2_000_000_000
    monkeypatch.setattr(issuer.clock, "time", lambda: now)
    assert await verdict(guard, signed(issuer, payload=good_claims(issuer, exp=now))) is Reason.EXPIRED
    assert await verdict(guard, signed(issuer, payload=good_claims(issuer, exp=now + 0.5))) is ACCEPTED
    assert await verdict(guard, signed(issuer, payload=good_claims(issuer, nbf=now))) is ACCEPTED
    assert await verdict(guard, signed(issuer, payload=good_claims(issuer, nbf=now + 0.5))) is Reason.NOT_YET_VALID


# --- 5 and 6: the header ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        pytest.param({"typ": "JWT"}, ACCEPTED, id="5.1 as recommended"),
        pytest.param({"typ": "jwt"}, ACCEPTED, id="5.1 in lower case"),
        pytest.param({"typ": "application/jwt"}, ACCEPTED, id="5.1 as a whole media type"),
        pytest.param({"typ": None}, ACCEPTED, id="5.1 it is optional"),
        pytest.param({"typ": "secevent+jwt"}, Reason.TYPE_NOT_ALLOWED, id="5.1 another kind of JWT"),
        pytest.param({"typ": 1}, Reason.MALFORMED_TOKEN, id="5.1 a number"),
    ],
)
async def test_the_type_tells_jwts_apart(
    header: dict[str, Any], reason: Reason | None, issuer: FakeIssuer, guard: BearerGuard
) -> None:
    assert await verdict(guard, issuer.token(header=header)) is reason


async def test_5_2_a_nested_jwt_is_refused(issuer: FakeIssuer, guard: BearerGuard) -> None:
    nested = signed(issuer, header=header_with(issuer, cty="JWT"), payload=issuer.token().encode())
    assert await verdict(guard, nested) is Reason.UNSUPPORTED_HEADER


async def test_7_2_step_8_content_that_calls_itself_a_jwt_and_is_none_is_refused(
    issuer: FakeIssuer, guard: BearerGuard
) -> None:
    assert await verdict(guard, issuer.token(header={"cty": "JWT"})) is not ACCEPTED


@pytest.mark.parametrize(
    "algorithm",
    [
        pytest.param("none", id="6 none"),
        pytest.param("None", id="6 capitalized"),
        pytest.param("nOnE", id="6 mixed case"),
        # Wanted deviation: section 8 asks implementations for HS256 and none. RFC 9068 section 2.1 forbids none, and
        # with a shared secret whoever verifies could also sign.
        pytest.param("HS256", id="8 HS256"),
    ],
)
@pytest.mark.parametrize("signature", ["", "c2ln"], ids=["without signature", "with one"])
async def test_an_unsecured_jwt_is_refused(
    algorithm: str, signature: str, issuer: FakeIssuer, guard: BearerGuard
) -> None:
    token = ".".join((segment({"alg": algorithm}), segment(good_claims(issuer)), signature))
    assert await verdict(guard, token) is Reason.ALGORITHM_NOT_ALLOWED


@pytest.mark.parametrize(
    "algorithm", [pytest.param("RS256", id="8 RS256, recommended"), pytest.param("ES256", id="8 ES256, recommended")]
)
async def test_the_recommended_algorithms_are_there(algorithm: str, issuer: FakeIssuer, guard: BearerGuard) -> None:
    assert await verdict(guard, issuer.token(alg=algorithm)) is ACCEPTED


# --- 7.2: validating, step by step ------------------------------------------------------------------------------------

Spoil = Callable[[str], str]


def _padded(token: str) -> str:
    return ".".join(part + "=" * (-len(part) % 4 or 4) for part in token.split("."))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda token: token.replace(".", ""), Reason.NOT_A_JWT, id="7.2 step 1: no period"),
        pytest.param(lambda _: "", Reason.NOT_A_JWT, id="7.2 step 1: nothing"),
        pytest.param(lambda token: token.replace(".", "\n.", 1), Reason.MALFORMED_TOKEN, id="7.2 step 3: line break"),
        pytest.param(lambda token: " " + token, Reason.MALFORMED_TOKEN, id="7.2 step 3: white space"),
        pytest.param(_padded, Reason.MALFORMED_TOKEN, id="7.2 step 3: padding"),
        pytest.param(lambda token: "." + token.partition(".")[2], Reason.MALFORMED_TOKEN, id="7.2 step 3: no header"),
        pytest.param(lambda token: token.rpartition(".")[0], Reason.NOT_A_JWT, id="7.2 step 6: two parts"),
        pytest.param(lambda token: token + ".a.b", Reason.ENCRYPTED_TOKEN, id="7.2 step 6: a JWE"),
        pytest.param(lambda token: token + ".a", Reason.NOT_A_JWT, id="7.2 step 6: four parts"),
    ],
)
async def test_what_is_not_in_form_is_refused(
    spoil: Spoil, reason: Reason, issuer: FakeIssuer, guard: BearerGuard
) -> None:
    assert await verdict(guard, spoil(issuer.token())) is reason


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"\xff{}", id="7.2 step 4: not UTF-8"),
        pytest.param(b"alg", id="7.2 step 4: not JSON"),
        pytest.param(b'["RS256"]', id="7.2 step 4: an array"),
        pytest.param(b'{"alg": "RS256"} {}', id="7.2 step 4: two objects"),
        pytest.param(b'{"kid": "a"}', id="7.2 step 5: no alg"),
        pytest.param(b'{"alg": ["RS256"]}', id="7.2 step 5: alg is an array"),
    ],
)
async def test_the_header_is_a_json_object_that_names_an_algorithm(
    header: bytes, issuer: FakeIssuer, guard: BearerGuard
) -> None:
    assert await verdict(guard, signed(issuer, header=header)) is Reason.MALFORMED_TOKEN


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="7.2 step 10: nothing"),
        pytest.param(b"\xff", id="7.2 step 10: not UTF-8"),
        pytest.param("{}".encode("utf-16"), id="7.2 step 10: UTF-16"),
        pytest.param(b"\xef\xbb\xbf{}", id="7.2 step 10: a byte order mark"),
        pytest.param(b"claims", id="7.2 step 10: not JSON"),
        pytest.param(b"null", id="7.2 step 10: null"),
        pytest.param(b"[]", id="7.2 step 10: an array"),
        pytest.param(b'"{}"', id="7.2 step 10: a string"),
    ],
)
async def test_the_payload_is_a_json_object(payload: bytes, issuer: FakeIssuer, guard: BearerGuard) -> None:
    assert await verdict(guard, signed(issuer, payload=payload)) is Reason.MALFORMED_TOKEN


async def test_7_2_step_7_the_signature_is_validated_over_what_was_presented(
    issuer: FakeIssuer, guard: BearerGuard
) -> None:
    header, payload, signature = issuer.token(sub="alice").split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = ".".join((header, segment({**claims, "sub": "mallory"}), signature))
    assert await verdict(guard, changed) is Reason.INVALID_SIGNATURE


async def test_7_2_an_algorithm_that_is_not_acceptable_here_is_refused(issuer: FakeIssuer) -> None:
    guard = guard_with(issuer, algorithms=["ES256"])
    assert await verdict(guard, issuer.token(alg="RS256")) is Reason.ALGORITHM_NOT_ALLOWED
    assert await verdict(guard, issuer.token(alg="ES256")) is ACCEPTED


# --- 7.3: comparing strings -------------------------------------------------------------------------------------------


async def test_7_3_names_and_values_are_compared_after_the_escapes_are_resolved(
    issuer: FakeIssuer, guard: BearerGuard
) -> None:
    claims = good_claims(issuer)
    del claims["aud"]
    payload = raw_object(claims, r'"\u0061\u0075d": "\u0061pi"')
    assert await verdict(guard, signed(issuer, payload=payload)) is ACCEPTED


async def test_7_3_no_unicode_normalization_is_applied(issuer: FakeIssuer) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    guard = guard_with(issuer, audience=composed)
    assert await verdict(guard, issuer.token(aud=composed)) is ACCEPTED
    assert await verdict(guard, issuer.token(aud=decomposed)) is Reason.AUDIENCE_MISMATCH
