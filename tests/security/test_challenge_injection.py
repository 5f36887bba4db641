"""Nothing that stands in a configuration, a token or a request can break out of a challenge."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearer_guard import BearerGuard, ConfigurationError, JWTValidator, Scopes, StaticKeys, require_scopes
from bearer_guard.authorization_server import AuthorizationServer
from bearer_guard.errors import InsufficientScope, MissingToken, Reason
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.security.target import Target, claims_of, sent, signed

# RFC 6750 section 3: the characters of scope, error and error_description; RFC 9110 section 11.6.1 around them.
VALUE = r'"[\x20\x21\x23-\x5b\x5d-\x7e]*"'
CHALLENGE = re.compile(rf"Bearer(?: [a-z_]+={VALUE}(?:, [a-z_]+={VALUE})*)?")

BREAKOUTS = {
    "a quote": 'a"b',
    "a parameter": 'a", error="none',
    "a challenge": 'a", Basic realm="b',
    "a backslash": "a\\",
    "an escaped quote": 'a\\"b',
    "a header": "a\r\nSet-Cookie: session=x",
    "a line feed": "a\nb",
    "a carriage return": "a\rb",
    "a NUL": "a\x00b",
    "a tab": "a\tb",
    "DEL": "a\x7fb",
    "a letter that is not ASCII": "\u00e9",
    "a line separator": "a\u2028b",
    "letters that become CR LF when bytes are cut off": "a\u010d\u010ab",
    "a lone surrogate": "\ud800",
}


def validator() -> JWTValidator:
    keys = StaticKeys({"keys": [SigningKey("ES256").public_jwk()]})
    return JWTValidator(AuthorizationServer("https://issuer.test", keys=keys), audience="api")


@pytest.mark.parametrize("realm", ["", *BREAKOUTS.values()], ids=["nothing", *BREAKOUTS])
def test_a_realm_that_could_break_out_is_a_configuration_error(realm: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot stand in a challenge"):
        BearerGuard(validator(), realm=realm)


@pytest.mark.parametrize("name", ["two scopes", *BREAKOUTS.values()], ids=["two", *BREAKOUTS])
def test_a_scope_that_could_break_out_is_a_configuration_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match="not one scope"):
        Scopes(name)
    with pytest.raises(ConfigurationError, match="not one scope"):
        require_scopes("read", name)


def test_every_description_may_stand_in_a_challenge_and_in_json() -> None:
    assert [reason for reason in Reason if not re.fullmatch(VALUE, f'"{reason.description}"')] == []


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=40) | st.sampled_from(sorted(BREAKOUTS.values())), min_size=1, max_size=40))
def test_whatever_a_requirement_asks_for_the_answer_has_one_plain_challenge(scopes: list[str]) -> None:
    # A requirement of the application's own may name scopes that `Scopes` would have refused.
    guard = BearerGuard(validator(), realm="api")
    for error in (InsufficientScope(Reason.INSUFFICIENT_SCOPE, scopes=tuple(scopes)), MissingToken(tuple(scopes))):
        [value] = [value for name, value in guard.refusal(error).headers if name == "www-authenticate"]
        assert CHALLENGE.fullmatch(value)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "scope", "client_id", "typ", "nonce"])
@pytest.mark.parametrize("text", BREAKOUTS.values(), ids=BREAKOUTS)
def test_nothing_of_a_token_comes_back_in_a_challenge(target: Target, key: SigningKey, claim: str, text: str) -> None:
    token = signed(key, {"typ": "x" + text}, claims_of(target.issuer, **{claim: text}))
    answer = sent(target.guard, b"Bearer " + token.encode())
    [error] = target.errors
    words = f'Bearer error="invalid_token", error_description="{error.reason.description}"'
    assert (answer.status, answer.challenge) == (401, words.encode())


def test_nothing_of_a_request_comes_back_in_a_challenge(issuer: FakeIssuer) -> None:
    guard = BearerGuard(JWTValidator(issuer.server, audience="api"))
    for value in (b'Bearer a"\r\nSet-Cookie: x', b"Bearer x\r\n\r\nbody", b"B\xe4rer"):
        words = b'Bearer error="invalid_request", error_description="The Authorization header is malformed."'
        assert sent(guard, value).challenge == words
