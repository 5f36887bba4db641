"""The token in the query of the URL (RFC 6750 section 2.3)."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bearer_guard import ConfigurationError, InvalidRequest, QueryParameter, Reason
from bearer_guard.sources.reading import LONGEST_TOKEN
from tests.sources import TOKEN, found, handshake, request, why_refused

source = QueryParameter()


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"access_token={TOKEN}", id="RFC 6750 2.3 as written"),
        pytest.param(f"a=1&access_token={TOKEN}&b=2", id="among others"),
        pytest.param(f"access%5Ftoken={TOKEN}", id="an encoded letter in the name"),
        pytest.param("access_token=header%2Epayload%2Esignature", id="encoded dots in the token"),
        pytest.param(f"Access_Token=other&access_token={TOKEN}", id="names are case-sensitive"),
        pytest.param(f"&&access_token={TOKEN}&=&", id="empty pairs around it"),
    ],
)
@pytest.mark.parametrize("connection", [request, handshake])
def test_the_token_is_found(query: str, connection: type) -> None:
    assert found(source, connection(query_string=query.encode())) == TOKEN


def test_a_plus_that_is_encoded_belongs_to_the_token() -> None:
    assert found(source, request(query_string=b"access_token=a%2Bb%2F%3D")) == "a+b/="


@pytest.mark.parametrize(
    "query",
    [b"", b"a=1", b"a=%20", b"access_token=", b"access_token", b"xaccess_token=a.b.c", b"a=access_token", b"a;b"],
    ids=repr,
)
def test_a_query_without_it_has_no_credentials(query: bytes) -> None:
    assert found(source, request(query_string=query)) is None


def test_a_scope_without_a_query_has_no_credentials() -> None:
    scope = request()
    del scope["query_string"]
    assert found(source, scope) is None


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(b"access_token=a+b", id="a plus is a space"),
        pytest.param(b"access_token=%zz", id="an escape that is none"),
        pytest.param(b"access_token=a%00", id="a zero byte"),
        pytest.param(b"access_token=%ff", id="no ASCII"),
        pytest.param(b"access_token=a;access_token=b", id="a semicolon separates nothing"),
        pytest.param(b"access_token=a#b", id="a fragment that no server would hand over"),
        pytest.param(b"access_token=a=b", id="an equals sign in the middle"),
    ],
)
def test_what_is_no_token_is_malformed(query: bytes) -> None:
    assert why_refused(source, request(query_string=query)) is Reason.MALFORMED_QUERY


@pytest.mark.parametrize(
    "query",
    [b"access_token=a&access_token=b", b"access_token=a&access_token=", b"access_token=a&access%5ftoken=a"],
    ids=["two", "one of them empty", "one of them encoded"],
)
def test_a_parameter_that_is_there_twice_is_refused(query: bytes) -> None:
    assert why_refused(source, request(query_string=query)) is Reason.SEVERAL_TOKENS


def test_the_longest_token_is_found_and_one_byte_more_is_refused() -> None:
    longest = b"a" * LONGEST_TOKEN
    assert found(source, request(query_string=b"access_token=" + longest)) == longest.decode()
    assert why_refused(source, request(query_string=b"access_token=a" + longest)) is Reason.TOKEN_TOO_LONG


def test_a_query_that_takes_long_to_read_is_not_read() -> None:
    query = b"access_token=a" + b"&" * 64 * 1024
    assert why_refused(source, request(query_string=query)) is Reason.TOKEN_TOO_LONG


@given(st.binary())
@example(b"access_token=%C3%A4")
@example(b"access_token=\xff&%")
def test_whatever_stands_there_is_a_token_or_none_or_refused(query: bytes) -> None:
    for asked in (query, b"access_token=" + query):
        try:
            credentials = source.find(request(query_string=asked))
        except InvalidRequest:
            continue
        assert credentials is None or re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", credentials.token)


def test_the_parameter_may_have_another_name() -> None:
    assert found(QueryParameter("jwt"), request(query_string=b"access_token=no&jwt=a.b.c")) == "a.b.c"


@pytest.mark.parametrize("name", ["", "a b", "a=b", 5, None], ids=repr)
def test_a_name_that_is_none_is_told_what_to_write_instead(name: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("write QueryParameter('access_token')")):
        QueryParameter(name)


def test_it_is_shown_by_its_name() -> None:
    assert repr(QueryParameter("jwt")) == "QueryParameter('jwt')"
