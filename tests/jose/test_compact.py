"""The compact form of a JWS: taken apart strictly and once."""

import json
from typing import Any

import pytest

from bearer_guard.errors import InvalidToken, Reason
from bearer_guard.jose import (
    CompactJWS,
    Header,
    decode_base64url,
    encode_base64url,
    json_in,
    load_verification_key,
    parse_json_object,
    sign_compact,
)
from bearer_guard.testing import SigningKey
from tests.jose import made


def compact(header: Any, payload: bytes = b"{}", signature: bytes = b"signature") -> str:
    return b".".join(map(encode_base64url, (json.dumps(header).encode(), payload, signature))).decode()


def read(token: str) -> None:
    jws = CompactJWS(token)
    jws.header()
    decode_base64url(jws.signature)


def refused(token: str) -> InvalidToken:
    with pytest.raises(InvalidToken) as caught:
        read(token)
    return caught.value


def test_a_token_is_taken_apart_and_nothing_of_it_is_changed() -> None:
    payload = b'{ "sub" : "alice", "groups": ["a", {"b": []}] }'
    token = compact({"alg": "RS256", "kid": "one", "typ": "JWT", "x": 1}, payload, b"\x00\xff")
    jws = CompactJWS(token)
    assert jws.header() == Header("RS256", "one", "jwt")
    assert jws.signing_input == token.rpartition(".")[0].encode()
    assert decode_base64url(jws.signature) == b"\x00\xff"
    assert json_in(jws.payload, parse_json_object) == {"sub": "alice", "groups": ("a", {"b": ()})}


@pytest.mark.parametrize(
    ("typ", "read"),
    [
        ("at+jwt", "at+jwt"),
        ("AT+JWT", "at+jwt"),
        ("application/at+jwt", "at+jwt"),
        ("Application/AT+JWT", "at+jwt"),
        # RFC 7515 section 4.1.9 leaves out this prefix alone, and once.
        ("application/application/at+jwt", "application/at+jwt"),
        ("text/at+jwt", "text/at+jwt"),
        (" at+jwt", " at+jwt"),
        ("", ""),
        (None, None),
    ],
)
def test_the_type_is_a_media_type(typ: str | None, read: str | None) -> None:
    assert CompactJWS(compact({"alg": "RS256", "typ": typ})).header().typ == read


@pytest.mark.parametrize(
    ("x5t", "read"),
    [
        ("Y2VydA", "Y2VydA"),
        ("", ""),
        (None, None),
        (5, None),
        (True, None),
        ([], None),
        (["a"], None),
        ({"a": 1}, None),
    ],
    ids=repr,
)
def test_the_thumbprint_of_the_certificate_is_a_string_or_not_there(x5t: Any, read: str | None) -> None:
    # It only narrows the choice among our own keys, so a malformed one is no reason to refuse the token.
    assert CompactJWS(compact({"alg": "RS256", "x5t": x5t})).header() == Header("RS256", None, None, read)


def test_a_token_needs_neither_kid_nor_typ() -> None:
    assert CompactJWS(compact({"alg": "RS256"})).header() == Header("RS256", None, None)


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "x5t#S256", "cty", "zip", "enc", "https://a.test/x"])
def test_header_parameters_that_we_do_not_look_at_are_no_matter(name: str) -> None:
    assert CompactJWS(compact({"alg": "RS256", name: [{}, None]})).header() == Header("RS256", None, None)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", Reason.NOT_A_JWT),
        ("opaque-token", Reason.NOT_A_JWT),
        ("e30.e30", Reason.NOT_A_JWT),
        ("e30.e30.e30.e30", Reason.NOT_A_JWT),
        ("e30.e30.e30.e30.e30", Reason.ENCRYPTED_TOKEN),  # RFC 7516 section 7.1
        ("e30.e30.e30.e30.e30.e30", Reason.NOT_A_JWT),
        ("." * 100_000, Reason.NOT_A_JWT),
        ("é.e30.e30", Reason.NOT_A_JWT),
        ("\ud800", Reason.NOT_A_JWT),
        ("..", Reason.MALFORMED_TOKEN),
        ("e30.e30.", Reason.MALFORMED_TOKEN),  # an empty header
        ("bnVsbA.e30.", Reason.MALFORMED_TOKEN),  # a header that is null
    ],
)
def test_what_is_no_jws_is_refused_with_its_reason(token: str, reason: Reason) -> None:
    assert refused(token).reason is reason


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
@pytest.mark.parametrize("value", [5, 1.5, True, [], ["RS256"], {}, {"a": "RS256"}], ids=repr)
def test_a_header_parameter_that_is_no_string_is_refused_by_its_name(name: str, value: Any) -> None:
    error = refused(compact({"alg": "RS256", name: value}))
    assert (error.reason, error.claim) == (Reason.MALFORMED_TOKEN, name)


def test_a_payload_that_is_no_object_has_no_claims() -> None:
    jws = CompactJWS(compact({"alg": "RS256"}, b"[]"))
    with pytest.raises(InvalidToken) as caught:
        json_in(jws.payload, parse_json_object)
    assert caught.value.reason is Reason.MALFORMED_TOKEN


@pytest.mark.parametrize("token", ["eyJhbGciOiJSUzI1NiJ9.e30.!", "!.e30.e30", "c2VjcmV0.e30.e30", "sécret.e30.e30"])
def test_a_refusal_carries_no_error_of_a_parser(token: str) -> None:
    error = refused(token)
    assert (error.__cause__, error.__context__) == (None, None)  # either would quote the token


def test_the_repr_of_a_token_shows_its_header_alone() -> None:
    token = compact({"alg": "RS256", "kid": "one"}, b'{"sub":"alice"}')
    shown = repr(CompactJWS(token))
    assert shown == "CompactJWS(header=Header(algorithm='RS256', key_id='one', typ=None, thumbprint=None))"


def test_a_token_is_signed_over_exactly_these_bytes(signing_keys: dict[str, SigningKey]) -> None:
    key = signing_keys["ES256"]
    header, payload = b' {"alg":"ES256"} ', b"\x00 not even JSON"
    token = sign_compact(header, payload, algorithm="ES256", private_key=key.private_key)
    first, second, _ = token.encode().split(b".")
    assert (decode_base64url(first), decode_base64url(second)) == (header, payload)
    assert made(load_verification_key(key.public_jwk()), CompactJWS(token))
