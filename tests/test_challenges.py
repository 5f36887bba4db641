"""Question 5: how do we say no?  Challenge, Refusal and Wording as pure values."""

import json
import re
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearer_guard import (
    AuthorizationServerUnavailable,
    BearerError,
    Challenge,
    ConfigurationError,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    Reason,
    Refusal,
)
from bearer_guard.challenges import LONGEST_VALUE, Wording
from tests.rfc.challenge_grammar import parse_challenge

EXPIRED = InvalidToken(Reason.EXPIRED, claim="exp")
SEVERAL = InvalidRequest(Reason.SEVERAL_TOKENS)
UNAVAILABLE = AuthorizationServerUnavailable(Reason.KEYS_UNAVAILABLE, retry_after=7)


def lacking(*scopes: str) -> InsufficientScope:
    return InsufficientScope(Reason.INSUFFICIENT_SCOPE, scopes=scopes)


def challenge_of(error: BearerError, **wording: Any) -> str:
    """The value of the one WWW-Authenticate header of a refusal."""
    return header(Wording(**wording).refusal(error), "www-authenticate")


def header(refusal: Refusal, name: str) -> str:
    (value,) = [value for given, value in refusal.headers if given == name]
    return value


def names_of(refusal: Refusal) -> list[str]:
    return [name for name, _ in refusal.headers]


# --- Challenge --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("challenge", "text"),
    [
        pytest.param(Challenge("Bearer"), "Bearer", id="scheme alone"),
        pytest.param(Challenge("Bearer", (("realm", "x"),)), 'Bearer realm="x"', id="one parameter"),
        pytest.param(
            Challenge("DPoP", (("b", "2"), ("a", "1"), ("c", "3"))), 'DPoP b="2", a="1", c="3"', id="in the order given"
        ),
        pytest.param(Challenge("Bearer", (("a", "b, c=d"),)), 'Bearer a="b, c=d"', id="separators stay in the quotes"),
        pytest.param(Challenge("Bearer", (("a", ""),)), 'Bearer a=""', id="an empty value"),
        pytest.param(Challenge("Bearer", (("a", " b "),)), 'Bearer a=" b "', id="spaces are kept"),
    ],
)
def test_a_challenge_is_a_scheme_and_its_parameters_in_order(challenge: Challenge, text: str) -> None:
    assert str(challenge) == text


def test_a_challenge_is_a_value() -> None:
    challenge = Challenge("Bearer", (("realm", "x"),))
    assert {challenge, replace(challenge)} == {challenge}
    with pytest.raises(FrozenInstanceError):
        challenge.scheme = "Basic"  # type: ignore[misc]


@pytest.mark.parametrize("value", [b"a", ("a", "b"), 7, None], ids=repr)
def test_only_a_text_is_the_value_of_a_parameter(value: Any) -> None:
    with pytest.raises(TypeError):
        str(Challenge("Bearer", (("a", value),)))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        pytest.param('a", error="none', "a, error=none", id="quotes that would end the value"),
        pytest.param("a\\", "a", id="a backslash that would escape the closing quote"),
        pytest.param('a\\"b', "ab", id="both"),
        pytest.param("a\r\nSet-Cookie: b=c", "aSet-Cookie: b=c", id="a line break that would begin a header"),
        pytest.param("a\x00\x7f\tb", "ab", id="control characters"),
        pytest.param("aäb\u2028\ud800c", "abc", id="beyond ASCII"),
        pytest.param("!#[]^~ ", "!#[]^~ ", id="the edges of what is allowed"),
    ],
)
def test_a_value_loses_what_may_not_stand_between_the_quotes(value: str, sent: str) -> None:
    # RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E.
    assert str(Challenge("Bearer", (("a", value),))) == f'Bearer a="{sent}"'


def test_a_value_is_cut_at_the_longest() -> None:
    assert str(Challenge("Bearer", (("a", "\n" + "x" * 5000),))) == f'Bearer a="{"x" * LONGEST_VALUE}"'


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        pytest.param("Bearer\r\nX-Evil: 1", "a", id="a line break in the scheme"),
        pytest.param("", "a", id="no scheme"),
        pytest.param("Bearer", 'a="b", c', id="a quote in a name"),
        pytest.param("Bearer", "", id="no name"),
    ],
)
def test_a_scheme_and_a_name_are_tokens(scheme: str, name: str) -> None:
    with pytest.raises(ConfigurationError):  # RFC 9110 section 11.2
        Challenge(scheme, ((name, "b"),))


# --- Wording: the challenge -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "challenge"),
    [
        pytest.param(MissingToken(), "Bearer", id="missing"),
        pytest.param(MissingToken(("a", "b")), 'Bearer scope="a b"', id="missing, scopes known"),
        pytest.param(
            SEVERAL,
            'Bearer error="invalid_request", error_description="More than one access token was presented."',
            id="malformed",
        ),
        pytest.param(EXPIRED, 'Bearer error="invalid_token", error_description="The token has expired."', id="expired"),
        pytest.param(
            lacking("a", "b"),
            'Bearer error="insufficient_scope",'
            ' error_description="The token lacks a scope that this resource requires.", scope="a b"',
            id="scope",
        ),
        pytest.param(
            InsufficientScope(Reason.MISSING_ROLE),
            'Bearer error="insufficient_scope",'
            ' error_description="The token lacks a role that this resource requires."',
            id="role",
        ),
    ],
)
def test_each_error_has_its_challenge_and_the_realm_stands_first(error: BearerError, challenge: str) -> None:
    assert challenge_of(error) == challenge
    parameters = challenge.removeprefix("Bearer").strip()
    assert challenge_of(error, realm="x") == f'Bearer realm="x"{", " if parameters else ""}{parameters}'


def test_a_missing_token_as_an_invalid_request_hears_of_the_error_and_of_no_scope() -> None:
    wording = Wording(missing_token="invalid_request")
    refusal = wording.refusal(MissingToken(("a",)))
    assert refusal.status == 400
    assert header(refusal, "www-authenticate") == (
        'Bearer error="invalid_request", error_description="The access token is missing."'
    )
    assert json.loads(refusal.body) == {
        "error": "invalid_request",
        "error_description": "The access token is missing.",
    }
    assert wording.refusal(EXPIRED) == Wording().refusal(EXPIRED)  # nothing else changes


def test_scopes_are_named_whole_or_not_at_all() -> None:
    # Half a list would send the client for a token that still does not do.
    fitting, too_long = ("a" * (LONGEST_VALUE - 2), "b"), ("a" * (LONGEST_VALUE - 1), "b")
    assert parse_challenge(challenge_of(lacking(*fitting)))[1]["scope"] == " ".join(fitting)
    assert "scope" not in parse_challenge(challenge_of(lacking(*too_long)))[1]
    assert challenge_of(MissingToken(too_long)) == "Bearer"


@pytest.mark.parametrize(
    "scopes",
    [
        pytest.param(("é",), id="nothing is left"),
        pytest.param(("orders:réad",), id="another scope is left"),
        pytest.param(("a\tb",), id="two scopes become one"),
        pytest.param(("a b", ""), id="an empty one"),
        pytest.param(('a"b',), id="a quote"),
    ],
)
def test_what_is_no_scope_is_not_named(scopes: tuple[str, ...]) -> None:
    # They come from requirements of one's own. RFC 6750 section 3: scope-token *( SP scope-token ), nothing else; and
    # a name that lost a character is the name of another scope.
    assert "scope" not in parse_challenge(challenge_of(lacking(*scopes)))[1]


# --- Wording: everything else -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        pytest.param(MissingToken(("a",)), 401, {}, id="missing"),
        pytest.param(
            SEVERAL,
            400,
            {"error": "invalid_request", "error_description": "More than one access token was presented."},
            id="malformed",
        ),
        pytest.param(
            EXPIRED, 401, {"error": "invalid_token", "error_description": "The token has expired."}, id="expired"
        ),
        pytest.param(
            lacking("a"),
            403,
            {
                "error": "insufficient_scope",
                "error_description": "The token lacks a scope that this resource requires.",
            },
            id="scope",
        ),
        pytest.param(
            UNAVAILABLE,
            503,
            {
                "error": "temporarily_unavailable",
                "error_description": "The keys of the authorization server cannot be had now. Try again later.",
            },
            id="unavailable",
        ),
    ],
)
def test_status_and_body_say_the_same_as_the_challenge(error: BearerError, status: int, body: dict[str, str]) -> None:
    refusal = Wording(realm="x").refusal(error)
    assert (refusal.status, json.loads(refusal.body)) == (status, body)
    assert header(refusal, "content-type") == "application/json"
    assert header(refusal, "cache-control") == "no-store"


@pytest.mark.parametrize("error", [MissingToken(), SEVERAL, EXPIRED, lacking("a")], ids=lambda error: error.reason)
def test_a_verdict_has_a_challenge_and_no_date_to_come_back(error: BearerError) -> None:
    assert names_of(Wording().refusal(error)) == ["content-type", "cache-control", "www-authenticate"]


def test_an_outage_is_no_verdict_so_it_has_a_date_to_come_back_and_no_challenge() -> None:
    # A challenge would make clients throw good tokens away.
    refusal = Wording(realm="x").refusal(UNAVAILABLE)
    assert names_of(refusal) == ["content-type", "cache-control", "retry-after"]
    assert header(refusal, "retry-after") == "7"


@pytest.mark.parametrize("seconds", [2.5, 0.2, 1e20, -3])
def test_retry_after_is_a_whole_number_of_seconds(seconds: Any) -> None:
    # RFC 9110 section 10.2.3: 1*DIGIT. A validator of one's own computes it from a clock.
    error = AuthorizationServerUnavailable(Reason.KEYS_UNAVAILABLE, retry_after=seconds)
    assert re.fullmatch("[0-9]+", header(Wording().refusal(error), "retry-after"))


@pytest.mark.parametrize(
    "realm", [pytest.param(realm, id=repr(realm)) for realm in ('a"b', "a\\b", "a\r\nb", "ä", "", "a\x7f", "a\tb")]
)
def test_a_realm_that_cannot_stand_in_a_challenge_is_a_wrong_configuration(realm: str) -> None:
    with pytest.raises(ConfigurationError, match="plain ASCII"):
        Wording(realm=realm)


@pytest.mark.parametrize("convention", ["", "Challenge", "401", None])
def test_a_convention_that_is_not_known_is_a_wrong_configuration(convention: Any) -> None:
    with pytest.raises(ConfigurationError, match="write missing_token='challenge'"):
        Wording(missing_token=convention)


def test_a_realm_that_is_too_long_is_a_wrong_configuration() -> None:
    with pytest.raises(ConfigurationError):
        Wording(realm="x" * (LONGEST_VALUE + 1))


def test_a_realm_that_is_no_string_is_a_wrong_configuration() -> None:
    realm: Any = 7
    with pytest.raises(ConfigurationError):
        Wording(realm=realm)


# --- laws -------------------------------------------------------------------------------------------------------------

HOSTILE = st.text(max_size=60) | st.lists(
    st.sampled_from(['"', "\\", "\r", "\n", "\r\n", ", ", "=", "error=", "Bearer ", "\x00", "\ud800", "a", " "])
).map("".join)
LINE_OR_QUOTE = re.compile(r'[\r\n"\\]')


class Described(InvalidToken):
    """An error with a description of its own."""

    def __init__(self, description: str) -> None:
        super().__init__(Reason.EXPIRED)
        self._description = description

    @property
    def description(self) -> str:
        return self._description


def realm_or_none(text: str) -> str | None:
    """The text, if it is accepted as a realm."""
    try:
        return Wording(realm=text).realm
    except ConfigurationError:
        return None


def check(value: str) -> None:
    """Asserts that a header value is one challenge, and that nothing in it breaks out of its quotes."""
    scheme, parameters = parse_challenge(value)
    assert scheme == "Bearer"
    assert list(parameters) == [name for name in ("realm", "error", "error_description", "scope") if name in parameters]
    assert not any(map(LINE_OR_QUOTE.search, parameters.values()))
    assert "\r" not in value
    assert "\n" not in value
    value.encode("ascii")


@given(HOSTILE, HOSTILE, st.lists(HOSTILE, max_size=4).map(tuple))
def test_whatever_text_goes_in_one_well_formed_challenge_comes_out(
    realm: str, description: str, scopes: tuple[str, ...]
) -> None:
    wording = Wording(realm=realm_or_none(realm))
    for error in (MissingToken(scopes), lacking(*scopes), Described(description)):
        refusal = wording.refusal(error)
        check(header(refusal, "www-authenticate"))
        assert isinstance(json.loads(refusal.body), dict)


@given(st.lists(st.tuples(st.sampled_from("abc"), HOSTILE), max_size=3, unique_by=lambda pair: pair[0]).map(tuple))
def test_whatever_values_a_challenge_gets_it_can_be_read_back(parameters: tuple[tuple[str, str], ...]) -> None:
    scheme, read = parse_challenge(str(Challenge("DPoP", parameters)))
    assert (scheme, list(read)) == ("DPoP", [name for name, _ in parameters])
