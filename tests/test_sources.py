"""Question 1: where is the token?  `AuthorizationHeader`, on ASGI scopes as servers hand them over."""

import re
import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bearer_guard import AuthorizationHeader, Credentials, InvalidRequest, Reason
from bearer_guard.sources.reading import LONGEST_TOKEN


def find(*values: bytes, among: tuple[tuple[bytes, bytes], ...] = ()) -> Credentials | None:
    """What stands in a request with these Authorization fields, and others `among` them."""
    return AuthorizationHeader().find({"headers": [*among, *((b"authorization", value) for value in values)]})


def why_refused(*values: bytes) -> Reason:
    with pytest.raises(InvalidRequest) as caught:
        find(*values)
    return caught.value.reason


# --- found ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"Bearer a.b.c", id="RFC 6750 2.1 as written"),
        pytest.param(b"bearer a.b.c", id="RFC 9110 11.1 in lower case"),
        pytest.param(b"BEARER a.b.c", id="RFC 9110 11.1 in upper case"),
        pytest.param(b"bEaReR a.b.c", id="RFC 9110 11.1 in mixed case"),
        pytest.param(b"Bearer    a.b.c", id="RFC 9110 11.4 several spaces"),
        pytest.param(b" \t Bearer a.b.c\t ", id="RFC 9110 5.5 white space around the value"),
    ],
)
def test_the_token_is_found(value: bytes) -> None:
    assert find(value) == Credentials("a.b.c", "Bearer")


@pytest.mark.parametrize("token", [b"azAZ09-._~+/", b"a=", b"a==", b"a======", b"a", b"." * LONGEST_TOKEN])
def test_a_token_is_taken_as_it_is(token: bytes) -> None:
    # RFC 6750 section 2.1: b64token; section 1.2: what it means is none of our business here.
    found = find(b"Bearer " + token)
    assert found is not None
    assert found.token == token.decode()


def test_other_fields_are_not_looked_at() -> None:
    among = (
        (b"proxy-authorization", b"Bearer p.p.p"),
        (b"x-authorization", b"Bearer x.x.x"),
        (b"authorization-info", b"\xff"),
        (b"cookie", b"authorization=Bearer c.c.c"),
    )
    assert find(among=among) is None
    assert find(b"Bearer a.b.c", among=among) == Credentials("a.b.c")


# --- not there --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="RFC 9110 5.5 an empty value"),
        pytest.param(b" \t ", id="RFC 9110 5.5 white space alone"),
        pytest.param(b"Basic dXNlcjpwYXNz", id="RFC 9110 11.4 another scheme"),
        pytest.param(b"Negotiate", id="RFC 9110 11.4 another scheme alone"),
        pytest.param(b'Digest username="a", uri="/", nc=1', id="RFC 9110 11.4 another scheme with parameters"),
        pytest.param(b"DPoP a.b.c", id="RFC 9449 7.1 DPoP"),
        pytest.param(b"Bearer2 a.b.c", id="RFC 9110 11.1 a longer name"),
        pytest.param(b"Beare a.b.c", id="RFC 9110 11.1 a shorter name"),
        pytest.param(b"Basic \xff\xfe", id="RFC 9110 11.4 what another scheme says is its own business"),
        pytest.param(b"Basic abc, Bearer a.b.c", id="RFC 9110 11.6.2 one set of credentials, not a list"),
    ],
)
def test_credentials_of_another_scheme_are_none_to_us(value: bytes) -> None:
    assert find(value) is None


def test_a_request_without_the_field_has_no_credentials() -> None:
    assert find() is None


# --- malformed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"Bearer", id="RFC 6750 2.1 no token"),
        pytest.param(b"Bearer    ", id="RFC 6750 2.1 spaces alone"),
        pytest.param(b"Bearer ====", id="RFC 6750 2.1 padding alone"),
        pytest.param(b"Bearer a=b", id="RFC 6750 2.1 padding inside"),
        pytest.param(b"Bearer a b", id="RFC 6750 2.1 a space inside"),
        pytest.param(b"Bearer a\tb", id="RFC 6750 2.1 a tab inside"),
        pytest.param(b"Bearer a,b", id="RFC 6750 2.1 a comma"),
        pytest.param(b'Bearer "a"', id="RFC 6750 2.1 quotes"),
        pytest.param(b"Bearer a\x00", id="RFC 6750 2.1 a zero byte"),
        pytest.param(b"Bearer a\n", id="RFC 6750 2.1 a line feed at the end"),
        pytest.param(b"Bearer a\r\nX: b", id="RFC 6750 2.1 a line break"),
        pytest.param(b"Bearer \xc3\xa4", id="RFC 6750 2.1 UTF-8"),
        pytest.param(b"Bearer \xff", id="RFC 6750 2.1 not even UTF-8"),
        pytest.param(b"Bearer %61", id="RFC 6750 2.1 a percent sign"),
        pytest.param(b"Bearer a.b.c, Bearer a.b.c", id="RFC 9110 5.3 two in one field"),
        pytest.param(b"Bearer Bearer a.b.c", id="RFC 6750 2.1 the scheme twice"),
        pytest.param(b"Bearer\ta.b.c", id="RFC 9110 11.4 a tab in place of the space"),
        pytest.param(b"Bearer\x0ba.b.c", id="RFC 9110 11.4 a vertical tab in place of the space"),
        pytest.param(b"Bearer\xc2\xa0a.b.c", id="RFC 9110 11.4 a no-break space in place of the space"),
        pytest.param(b"Basic\ta", id="RFC 9110 11.4 a tab behind another scheme"),
        pytest.param(b"Basic\n", id="RFC 9110 11.4 a line feed behind another scheme"),
        pytest.param(b"Bearer=a.b.c", id="RFC 9110 11.4 an equals sign in place of the space"),
        pytest.param(b"Bearer:a.b.c", id="RFC 9110 11.4 a colon in place of the space"),
        pytest.param(b"B\xc3\xa9arer a.b.c", id="RFC 9110 11.1 a scheme that is no token"),
        pytest.param(b"\x00Bearer a.b.c", id="RFC 9110 5.5 a control character in front"),
        pytest.param(b"\x0bBearer a.b.c", id="RFC 9110 5.5 a vertical tab is no white space"),
        pytest.param(b"eyJ.eyJ.sig, x", id="RFC 9110 11.1 no scheme at all"),
    ],
)
def test_what_cannot_be_read_in_one_way_is_refused(value: bytes) -> None:
    assert why_refused(value) is Reason.MALFORMED_AUTHORIZATION


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((b"Bearer a.b.c", b"Bearer d.e.f"), id="RFC 9110 5.3 two tokens"),
        pytest.param((b"Bearer a.b.c", b"Bearer a.b.c"), id="RFC 9110 5.3 the same twice"),
        pytest.param((b"Bearer a.b.c", b""), id="RFC 9110 5.3 the second one is empty"),
        pytest.param((b"", b"Bearer a.b.c"), id="RFC 9110 5.3 the first one is empty"),
        pytest.param((b"Basic x", b"Bearer a.b.c"), id="RFC 9110 5.3 two schemes"),
        pytest.param((b"Bearer a.b.c", b"\xff"), id="RFC 9110 5.3 the second one is garbage"),
    ],
)
def test_a_field_that_is_there_twice_is_refused(values: tuple[bytes, ...]) -> None:
    # Whoever reads the first and whoever reads the last would see different senders.
    assert why_refused(*values) is Reason.SEVERAL_TOKENS


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(b"a" * (LONGEST_TOKEN + 1), id="one byte too many"),
        pytest.param(b"\xff" * 1_000_000, id="a megabyte of garbage is not even read"),
    ],
)
def test_a_token_that_is_too_long_is_refused(token: bytes) -> None:
    assert why_refused(b"Bearer " + token) is Reason.TOKEN_TOO_LONG


# --- laws -------------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from([b"Bearer", b"bearer", b"Basic", b" ", b"\t", b"=", b",", b'"', b"a.b.c", b"\xff", b"\r\n"])


def test_of_all_bytes_exactly_those_of_the_alphabet_may_stand_in_a_token() -> None:
    # RFC 6750 section 2.1: b64token
    alphabet = (string.ascii_letters + string.digits + "-._~+/").encode()
    for before, behind in ((b"a", b"a"), (b"", b"a"), (b"a", b"="), (b"a.b.", b"==")):
        found = {byte for byte in range(256) if is_found(before + bytes([byte]) + behind)}
        at_the_edges = set(b" ") if not before else set()  # the space is that behind the scheme
        at_the_edges |= set(b"=") if behind.startswith(b"=") else set()
        assert found == set(alphabet) | at_the_edges


def is_found(token: bytes) -> bool:
    try:
        return find(b"Bearer " + token) is not None
    except InvalidRequest:
        return False


@given(st.binary(max_size=40) | st.lists(PIECES, max_size=6).map(b"".join))
@example(b"Bearer a.b.c")
def test_whatever_stands_in_the_field_a_token_is_b64token_or_there_is_none(value: bytes) -> None:
    try:
        found = find(value)
    except InvalidRequest:
        return
    named_our_scheme = re.match(rb"[ \t]*bearer( |$)", value, re.IGNORECASE) is not None
    assert (found is not None) == named_our_scheme
    assert found is None or re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", found.token)
    assert found is None or found.token.encode() in value


def test_neither_a_good_nor_a_bad_token_is_given_away() -> None:
    secret = "s3cr3t.s3cr3t.s3cr3t"
    assert secret not in repr(find(f"Bearer {secret}".encode()))
    with pytest.raises(InvalidRequest) as caught:
        find(f"Bearer {secret} x".encode())
    assert secret not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_source_needs_no_more_than_the_headers_of_a_scope(kind: str) -> None:
    scope: dict[str, Any] = {"type": kind, "headers": ((b"authorization", b"Bearer a.b.c"),)}
    assert AuthorizationHeader().find(scope) == Credentials("a.b.c")
