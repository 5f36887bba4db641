"""RFC 7515, JSON Web Signature: the compact serialization and the header, as a verifier reads them.

No concern of a resource server: 1 (terms), 5.1 (signing), 6 (hints for finding keys), 8 (TLS for jku and x5u, which are
never followed), 9 (registries). JSON serializations (3.2, 7.2) are refused.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from bearer_guard import BearerGuard, Reason
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.rfc.material import ACCEPTED, good_claims, header_with, raw_object, segment, signed, verdict

Spoil = Callable[[str], str]


# --- 2: base64url -----------------------------------------------------------------------------------------------------


def _each(change: Spoil, *parts: int) -> Spoil:
    """Changes some of the three parts."""
    return lambda token: ".".join(
        change(part) if index in parts else part for index, part in enumerate(token.split("."))
    )


def _other_spelling(part: str) -> str:
    """The same bytes with other bits in what is thrown away, which a careless decoder takes as equal."""
    return part[:-1] + chr(ord(part[-1]) + 1)


@pytest.mark.parametrize("part", [0, 1, 2], ids=["header", "payload", "signature"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda part: part + "=" * (-len(part) % 4 or 4), id="2 padding"),
        pytest.param(lambda part: part[:4] + "\n" + part[4:], id="2 line break"),
        pytest.param(lambda part: part[:4] + " " + part[4:], id="2 space"),
        pytest.param(lambda part: part[:4] + "%" + part[4:], id="2 another character"),
        pytest.param(lambda part: part + "A" * (-(len(part) - 1) % 4), id="2 an impossible length"),
    ],
)
async def test_base64url_is_read_strictly(change: Spoil, part: int, issuer: FakeIssuer, guard: BearerGuard) -> None:
    assert await verdict(guard, _each(change, part)(issuer.token())) is Reason.MALFORMED_TOKEN


async def test_2_the_alphabet_is_that_of_base64url(issuer: FakeIssuer, guard: BearerGuard) -> None:
    token = signed(issuer, header=header_with(issuer, x="???>>>~~~ÿÿÿ"))
    header = token.partition(".")[0]
    assert set(header) & set("-_")  # else there is no difference to see
    assert await verdict(guard, token) is ACCEPTED
    classic = _each(lambda part: part.replace("-", "+").replace("_", "/"), 0)(token)
    assert await verdict(guard, classic) is Reason.MALFORMED_TOKEN


async def test_2_a_signature_has_one_spelling(issuer: FakeIssuer, guard: BearerGuard) -> None:
    token = issuer.token()
    respelt = _each(_other_spelling, 2)(token)
    decoded = [base64.urlsafe_b64decode(spelling.rpartition(".")[2] + "==") for spelling in (token, respelt)]
    assert decoded[0] == decoded[1]
    assert await verdict(guard, respelt) is Reason.MALFORMED_TOKEN


# --- 3 and 7: serializations ------------------------------------------------------------------------------------------


def _general_json(token: str) -> str:
    protected, payload, signature = token.split(".")
    return json.dumps({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]})


def _flattened_json(token: str) -> str:
    return json.dumps(dict(zip(("protected", "payload", "signature"), token.split("."), strict=True)))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(_general_json, Reason.NOT_A_JWT, id="7.2.1 general JSON"),
        pytest.param(_flattened_json, Reason.NOT_A_JWT, id="7.2.2 flattened JSON"),
        pytest.param(lambda token: token.split(".")[0], Reason.NOT_A_JWT, id="7.1 one part"),
        pytest.param(lambda token: token.rpartition(".")[0], Reason.NOT_A_JWT, id="7.1 two parts"),
        pytest.param(lambda token: token + ".", Reason.NOT_A_JWT, id="7.1 a fourth, empty part"),
        pytest.param(lambda token: "." + token, Reason.NOT_A_JWT, id="7.1 an empty part in front"),
        pytest.param(lambda token: token + "." * 50, Reason.NOT_A_JWT, id="7.1 many parts"),
        pytest.param(lambda token: token.replace(".", "\u2024", 1), Reason.NOT_A_JWT, id="7.1 a dot beyond ASCII"),
        pytest.param(_each(lambda _: "", 1), Reason.MALFORMED_TOKEN, id="7.1 payload detached (appendix F)"),
        pytest.param(_each(lambda _: "", 2), Reason.INVALID_SIGNATURE, id="7.1 signature cut off"),
    ],
)
async def test_the_compact_serialization_has_three_parts(
    spoil: Spoil, reason: Reason, issuer: FakeIssuer, guard: BearerGuard
) -> None:
    assert await verdict(guard, spoil(issuer.token())) is reason


# --- 4: the header ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param('"alg": "RS256"', id="4 alg twice, the same"),
        pytest.param('"alg": "none"', id="4 alg twice, another"),
        pytest.param(r'"\u0061lg": "none"', id="4 alg twice, one escaped"),
        pytest.param('"kid": "other"', id="4 kid twice"),
        pytest.param('"x": {"y": 1, "y": 1}', id="4 deeper inside"),
    ],
)
async def test_header_parameter_names_are_unique(raw: str, issuer: FakeIssuer, guard: BearerGuard) -> None:
    token = signed(issuer, header=raw_object(header_with(issuer), raw))
    assert await verdict(guard, token) is Reason.MALFORMED_TOKEN


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        pytest.param({"alg": None}, Reason.MALFORMED_TOKEN, id="4.1.1 null"),
        pytest.param({"alg": 256}, Reason.MALFORMED_TOKEN, id="4.1.1 a number"),
        pytest.param({"alg": "rs256"}, Reason.ALGORITHM_NOT_ALLOWED, id="4.1.1 case-sensitive"),
        pytest.param({"alg": "RS256 "}, Reason.ALGORITHM_NOT_ALLOWED, id="4.1.1 nothing is trimmed"),
        pytest.param({"alg": ""}, Reason.ALGORITHM_NOT_ALLOWED, id="4.1.1 empty"),
        pytest.param({"alg": "XX999"}, Reason.ALGORITHM_NOT_ALLOWED, id="4.1.1 unheard of"),
        pytest.param({"alg": "RS512"}, Reason.UNKNOWN_KEY, id="4.1.1 not the key's"),
        pytest.param({"kid": 7}, Reason.MALFORMED_TOKEN, id="4.1.4 a number"),
        pytest.param({"kid": ["a"]}, Reason.MALFORMED_TOKEN, id="4.1.4 an array"),
        pytest.param({"kid": "nobody's"}, Reason.UNKNOWN_KEY, id="4.1.4 of no key"),
        pytest.param({"typ": "JOSE"}, Reason.TYPE_NOT_ALLOWED, id="4.1.9 another"),
        pytest.param({"typ": "application/jwt"}, ACCEPTED, id="4.1.9 application/ may be left out, or not"),
        pytest.param({"typ": {}}, Reason.MALFORMED_TOKEN, id="4.1.9 an object"),
        pytest.param({"cty": "text/plain"}, ACCEPTED, id="4.1.10 for applications"),
        pytest.param({"https://example.com/x": [1]}, ACCEPTED, id="4.2 public ones are ignored"),
        pytest.param({"unheard-of": None}, ACCEPTED, id="4.3 private ones are ignored"),
        pytest.param({"ALG": "none", "Crit": ["x"]}, ACCEPTED, id="4 names are case-sensitive"),
    ],
)
async def test_header_parameters_are_judged(
    parameters: dict[str, Any], reason: Reason | None, issuer: FakeIssuer, guard: BearerGuard
) -> None:
    assert await verdict(guard, signed(issuer, header=header_with(issuer, **parameters))) is reason


async def test_4_1_4_the_kid_is_case_sensitive(issuer: FakeIssuer, guard: BearerGuard) -> None:
    kid = issuer.signing_key().key_id.upper()
    assert await verdict(guard, signed(issuer, header=header_with(issuer, kid=kid))) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize(
    "bring",
    [
        pytest.param(lambda _: {"jku": "https://mallory.test/jwks"}, id="4.1.2 jku"),
        pytest.param(lambda key: {"jwk": key.public_jwk()}, id="4.1.3 jwk"),
        pytest.param(lambda _: {"x5u": "https://mallory.test/chain"}, id="4.1.5 x5u"),
        pytest.param(lambda _: {"x5c": ["MIIB"]}, id="4.1.6 x5c"),
        pytest.param(lambda _: {"x5t": "dGh1bWI"}, id="4.1.7 x5t"),
        pytest.param(lambda _: {"x5t#S256": "dGh1bWI"}, id="4.1.8 x5t#S256"),
        pytest.param(lambda _: {"jwk": 7, "jku": [], "x5u": {}, "x5c": 0}, id="4.1 all of them malformed"),
    ],
)
async def test_keys_that_a_token_brings_along_are_never_looked_at(
    bring: Callable[[SigningKey], dict[str, Any]], issuer: FakeIssuer, guard: BearerGuard
) -> None:
    mallory = SigningKey("ES256")
    kid = issuer.signing_key("ES256").key_id
    # A good token stays good (some issuers send them), and a forged one stays forged.
    assert await verdict(guard, issuer.token(header=bring(mallory))) is ACCEPTED
    forged = issuer.token(key=mallory, header={"kid": kid, **bring(mallory)})
    assert await verdict(guard, forged) is Reason.INVALID_SIGNATURE
    assert issuer.requests == ["/.well-known/oauth-authorization-server", "/jwks"]


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"crit": ["exp"], "exp": 1}, id="4.1.11 an extension"),
        pytest.param({"crit": ["b64"], "b64": False}, id="4.1.11 unencoded payload (RFC 7797)"),
        pytest.param({"crit": ["b64"], "b64": True}, id="4.1.11 b64 that changes nothing"),
        pytest.param({"crit": []}, id="4.1.11 an empty list"),
        pytest.param({"crit": ["alg"]}, id="4.1.11 a name of the RFC itself"),
        pytest.param({"crit": ["x"]}, id="4.1.11 a name that is not in the header"),
        pytest.param({"crit": ["x", "x"], "x": 1}, id="4.1.11 a name twice"),
        pytest.param({"crit": "x", "x": 1}, id="4.1.11 no array"),
        pytest.param({"crit": None}, id="4.1.11 null"),
    ],
)
async def test_no_critical_extension_is_understood_so_none_is_accepted(
    parameters: dict[str, Any], issuer: FakeIssuer, guard: BearerGuard
) -> None:
    token = signed(issuer, header=header_with(issuer, **parameters))
    assert await verdict(guard, token) is Reason.UNSUPPORTED_HEADER


# --- 5.2: verifying ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda issuer: (segment(header_with(issuer, x=1)), None), id="5.2 step 8: another header"),
        pytest.param(lambda issuer: (None, segment(good_claims(issuer, sub="mallory"))), id="5.2 step 8: payload"),
    ],
)
async def test_the_signature_covers_header_and_payload(
    change: Callable[[FakeIssuer], tuple[str | None, str | None]], issuer: FakeIssuer, guard: BearerGuard
) -> None:
    header, payload, signature = signed(issuer).split(".")
    other_header, other_payload = change(issuer)
    changed = ".".join((other_header or header, other_payload or payload, signature))
    assert await verdict(guard, changed) is Reason.INVALID_SIGNATURE


async def test_5_2_the_signature_is_over_the_bytes_that_came_and_not_over_a_new_spelling_of_them(
    issuer: FakeIssuer, guard: BearerGuard
) -> None:
    spaced = json.dumps(good_claims(issuer), indent=4).encode()
    assert await verdict(guard, signed(issuer, payload=spaced)) is ACCEPTED


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"alg": "RS256",}', id="10.12 a comma too many"),
        pytest.param(b"{'alg': 'RS256'}", id="10.12 single quotes"),
        pytest.param(b'{"alg": "RS256", "x": NaN}', id="10.12 NaN"),
        pytest.param(b'{"alg": "RS256", "x": 01}', id="10.12 a leading zero"),
        pytest.param(b'{"alg": "RS256", "x": "\n"}', id="10.12 a line break inside a string"),
        pytest.param(b'{"alg": "RS256"}\x00', id="10.12 a zero byte behind it"),
        pytest.param(b'{"alg": "RS256"} // comment', id="10.12 a comment"),
        pytest.param(b'{"alg": "RS256"', id="10.12 cut off"),
    ],
)
async def test_json_is_read_strictly(content: bytes, issuer: FakeIssuer, guard: BearerGuard) -> None:
    assert await verdict(guard, signed(issuer, header=content)) is Reason.MALFORMED_TOKEN
    payload = content.replace(b'"alg": "RS256"', b'"iss": "https://issuer.test"')
    assert await verdict(guard, signed(issuer, payload=payload)) is Reason.MALFORMED_TOKEN
