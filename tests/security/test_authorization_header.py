"""The Authorization header as bytes: what no client would send, and an attacker may."""

import time

import pytest

from bearer_guard.errors import Reason
from bearer_guard.sources.reading import LONGEST_TOKEN
from bearer_guard.testing import FakeIssuer
from tests.security.target import Target, sent, sent_with


@pytest.fixture
def token(issuer: FakeIssuer) -> bytes:
    """A good one."""
    return issuer.token(alg="ES256").encode()


def assert_bad_request(target: Target, reason: Reason, *values: bytes) -> None:
    target.errors.clear()
    answer = sent(target.guard, *values)
    words = f'Bearer error="invalid_request", error_description="{reason.description}"'
    assert (answer.status, answer.challenge) == (400, words.encode())
    assert [error.reason for error in target.errors] == [reason]


@pytest.mark.parametrize(
    "template",
    [
        b"Bearer %s",
        b"bearer %s",
        b"BEARER %s",
        b"bEaReR %s",
        # RFC 9110 section 11.4: 1*SP; section 5.5: white space around a value is no part of it.
        b"Bearer  %s",
        b"Bearer       %s",
        b" Bearer %s",
        b"\tBearer %s \t",
    ],
)
def test_a_token_is_found_in_every_lawful_spelling(target: Target, token: bytes, template: bytes) -> None:
    assert sent(target.guard, template % token).status == 200


@pytest.mark.parametrize(
    "template",
    [
        b"Bearer",
        b"Bearer ",
        b"Bearer\t%s",
        b"Bearer \t%s",
        b"Bearer %s x",
        b"Bearer Bearer %s",
        b"Bearer %s, Bearer %s",
        b"Bearer %s,%s",
        b"Bearer %s, Basic dTpw",
        b"Bearer %s;",
        b"Bearer,%s",
        b"Bearer=%s",
        b"Bearer:%s",
        b"Bearer\x00%s",
        b"Bearer\x0b%s",
        b"Bearer\xa0%s",
        b"Bearer %s\x00",
        b"Bearer %s\x00x",
        b"Bearer \x00%s",
        b"Bearer %s\r",
        b"Bearer %s\n",
        b"Bearer %s\r\nX-Admin: true",
        b"\nBearer %s",
        b"\x0cBearer %s",
        b"Bearer\r\n %s",
        b"Bearer %s\x7f",
        b"Bearer %s\xe9",
        b"Bearer \xc3\xa9%s",
        b"B\xe9arer %s",
        b"\xef\xbb\xbfBearer %s",
        b'Bearer "%s"',
        b"Bearer '%s'",
        b"Bearer <%s>",
        b"Bearer token=%s",
        b"Bearer =%s",
        b"Bearer ==",
        b"Bearer %s=x",
        b"Bearer *",
        b"(Bearer) %s",
        b'"Bearer" %s',
        b", Bearer %s",
    ],
)  # fmt: skip
def test_a_malformed_header_is_a_bad_request(target: Target, token: bytes, template: bytes) -> None:
    assert_bad_request(target, Reason.MALFORMED_AUTHORIZATION, template.replace(b"%s", token))


@pytest.mark.parametrize(
    "values",
    [
        (b"Bearer %s", b"Bearer %s"),
        (b"Bearer %s", b"Bearer other"),
        (b"Bearer other", b"Bearer %s"),
        (b"Bearer %s", b"Basic dTpw"),
        (b"Basic dTpw", b"Bearer %s"),
        (b"Bearer %s", b""),
        (b"", b"Bearer %s"),
        (b"", b""),
        (b"Bearer %s",) * 100,
    ],
)
def test_two_headers_are_a_bad_request(target: Target, token: bytes, values: tuple[bytes, ...]) -> None:
    assert_bad_request(target, Reason.SEVERAL_TOKENS, *(value.replace(b"%s", token) for value in values))


@pytest.mark.parametrize(
    "value", [b"", b" ", b"\t", b"Basic dTpw", b"DPoP %s", b"Bearers %s", b"Bear er %s", b"Token %s", b"%s"]
)
def test_what_is_no_bearer_token_is_none(target: Target, token: bytes, value: bytes) -> None:
    answer = sent(target.guard, value.replace(b"%s", token))
    # RFC 6750 section 3.1: no error code for a request that lacks any authentication information.
    assert (answer.status, answer.challenge) == (401, b"Bearer")
    assert [error.reason for error in target.errors] == [Reason.MISSING_TOKEN]


@pytest.mark.parametrize(
    "name",
    [b"proxy-authorization", b"x-authorization", b"authorization ", b"x-forwarded-authorization", b"access_token"],
)
def test_no_other_header_is_read(target: Target, token: bytes, name: bytes) -> None:
    assert sent_with(target.guard, [(name, b"Bearer " + token)]).challenge == b"Bearer"


def test_a_token_beside_the_header_is_not_read(target: Target, token: bytes) -> None:
    # RFC 6750 sections 2.2 and 2.3: in the body and in the query, both for those who ask for it.
    text = token.decode()
    for answer in (
        target.client.get(f"/me?access_token={text}"),
        target.client.post("/me", data={"access_token": text}),
        target.client.get("/me", headers={"Cookie": f"access_token={text}; Authorization=Bearer {text}"}),
    ):
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_token_may_have_sixteen_kibibytes_and_no_byte_more(target: Target) -> None:
    assert LONGEST_TOKEN == 16 * 1024
    assert sent(target.guard, b"Bearer " + b"x" * LONGEST_TOKEN).status == 401
    assert_bad_request(target, Reason.TOKEN_TOO_LONG, b"Bearer " + b"x" * (LONGEST_TOKEN + 1))
    assert_bad_request(target, Reason.TOKEN_TOO_LONG, b"Bearer " + b"\xff" * (LONGEST_TOKEN + 1))


@pytest.mark.parametrize(
    "unit", [b"a", b" ", b"=", b".", b"a.", b"\t", b"a ", b" a", b"a=", b",", b"\xff", b"Bearer ", b"e30."]
)
@pytest.mark.parametrize("start", [b"", b"Bearer ", b"Basic "])
def test_a_megabyte_is_no_slow_answer(target: Target, start: bytes, unit: bytes) -> None:
    value = start + unit * (1_000_000 // len(unit))
    started = time.perf_counter()
    assert sent(target.guard, value).status in (400, 401)
    assert time.perf_counter() - started < 1  # it takes a few milliseconds; quadratic would take hours
