"""The token alone in a header of its own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearer_guard import ConfigurationError, Header, InvalidRequest, Reason
from bearer_guard.sources.reading import LONGEST_TOKEN
from tests.sources import TOKEN, found, request, why_refused

assertion = Header("Cf-Access-Jwt-Assertion")
NAME = b"cf-access-jwt-assertion"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(TOKEN.encode(), id="alone"),
        pytest.param(f" \t{TOKEN}\t ".encode(), id="RFC 9110 5.5 white space around it"),
    ],
)
def test_the_token_is_found(value: bytes) -> None:
    assert found(assertion, request((b"accept", b"*/*"), (NAME, value))) == TOKEN


def test_case_of_the_name_does_not_matter() -> None:
    # RFC 9110 section 5.1; ASGI servers hand names over in lower case.
    assert found(Header("X-ACCESS-Token"), request((b"x-access-token", TOKEN.encode()))) == TOKEN


@pytest.mark.parametrize("values", [(), (b"",), (b" \t",)], ids=["not there", "empty", "white space"])
def test_nothing_is_no_credentials(values: tuple[bytes, ...]) -> None:
    assert found(assertion, request((b"authorization", b"Bearer x"), *((NAME, value) for value in values))) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"Bearer " + TOKEN.encode(), id="with a scheme"),
        pytest.param(f'"{TOKEN}"'.encode(), id="quoted"),
        pytest.param(b"a.b.c,d.e.f", id="a list of two"),
        pytest.param(b"a.b.c\n", id="a line feed"),
        pytest.param(b"a.b.c\x00", id="a zero byte"),
        pytest.param("ä.b.c".encode(), id="UTF-8"),
        pytest.param(b"=", id="padding alone"),
    ],
)
def test_what_is_no_token_is_malformed(value: bytes) -> None:
    assert why_refused(assertion, request((NAME, value))) is Reason.MALFORMED_TOKEN_HEADER


@pytest.mark.parametrize("second", [b"a.b.c", b"d.e.f", b""], ids=["the same", "another", "empty"])
def test_a_header_that_is_there_twice_is_refused(second: bytes) -> None:
    assert why_refused(assertion, request((NAME, b"a.b.c"), (NAME, second))) is Reason.SEVERAL_TOKENS
    assert why_refused(assertion, request((NAME, second), (NAME, b"a.b.c"))) is Reason.SEVERAL_TOKENS


def test_the_longest_token_is_found_and_one_byte_more_is_refused() -> None:
    assert found(assertion, request((NAME, b"a" * LONGEST_TOKEN))) == "a" * LONGEST_TOKEN
    assert why_refused(assertion, request((NAME, b"a" * (LONGEST_TOKEN + 1)))) is Reason.TOKEN_TOO_LONG


@given(st.lists(st.binary(), max_size=3))
def test_whatever_stands_there_is_a_token_or_none_or_refused(values: list[bytes]) -> None:
    try:
        credentials = assertion.find(request(*((NAME, value) for value in values)))
    except InvalidRequest:
        return
    assert credentials is None or re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", credentials.token)


@pytest.mark.parametrize("name", ["", "X Token", "X:Token", "Töken", "a\r\nb", 5, None, b"x-token"], ids=repr)
def test_a_name_that_no_header_can_have_is_told_what_to_write_instead(name: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("write Header('X-Access-Token')")):
        Header(name)


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_the_authorization_header_has_a_source_of_its_own(name: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("write AuthorizationHeader()")):
        Header(name)


def test_it_is_shown_by_its_name() -> None:
    assert repr(assertion) == "Header('Cf-Access-Jwt-Assertion')"
