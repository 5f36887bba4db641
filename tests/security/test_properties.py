"""Whatever bytes stand in the header: 400 or 401, and 200 for what is good. Never 500, and never an exception."""

import functools
import json
import time
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bearer_guard.jose import encode_base64url
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.security.target import FAR_FUTURE, Target, claims_of, named, sent, signed

steady = settings(max_examples=200, deadline=None, derandomize=True)


KEY = named(SigningKey("ES256"), "es256")


class SmallIssuer(FakeIssuer):
    """An issuer with one key, made as fast as this module is read."""

    def jwks(self) -> dict[str, Any]:
        return {"keys": [KEY.public_jwk()]}


@functools.cache
def attacked() -> Target:
    """One target for all examples."""
    return Target(SmallIssuer())


GOOD = signed(KEY, {"typ": "at+jwt"}, claims_of(SmallIssuer(), scope="read"))


def status_of(token: str | bytes) -> int:
    value = token if isinstance(token, bytes) else b"Bearer " + token.encode("latin-1")
    return sent(attacked().guard, value).status


# --- bytes ------------------------------------------------------------------------------------------------------------


@steady
@given(st.binary(max_size=300))
@example(b"")
@example(b"Bearer")
def test_arbitrary_bytes_are_refused(value: bytes) -> None:
    assert status_of(value) in (400, 401)


@steady
@given(
    st.binary(max_size=300) | st.text(".-_~+/=aAeyJ0\t \x00\xff", max_size=60).map(lambda text: text.encode("latin-1"))
)
def test_arbitrary_bytes_behind_the_scheme_are_refused(value: bytes) -> None:
    assert status_of(b"Bearer " + value) in (400, 401)


@steady
@given(st.lists(st.binary(max_size=40) | st.just(b"Bearer x"), min_size=2, max_size=4))
def test_several_headers_are_refused(values: list[bytes]) -> None:
    assert sent(attacked().guard, *values).status == 400


@steady
@given(st.lists(st.binary(max_size=60).map(encode_base64url), min_size=1, max_size=6))
def test_arbitrary_segments_are_refused(segments: list[bytes]) -> None:
    assert status_of(b"Bearer " + b".".join(segments)) == (401 if any(segments) or len(segments) > 1 else 400)


# --- a good token, changed --------------------------------------------------------------------------------------------

characters = st.characters(max_codepoint=255) | st.sampled_from(".-_~+/= ")
insertions = st.text(characters, min_size=1, max_size=4)


@st.composite
def changed_tokens(draw: st.DrawFn) -> str:
    """A good token with characters flipped, put in, taken out or cut off, or with its segments exchanged."""
    token = GOOD
    for _ in range(draw(st.integers(1, 3))):
        at, length = draw(st.integers(0, max(0, len(token) - 1))), draw(st.integers(1, 4))
        changes = (
            token[:at] + draw(characters) + token[at + 1 :],
            token[:at] + draw(insertions) + token[at:],
            token[:at] + token[at + length :],
            token[:at],
            token[at:],
            token + token[:at],
            ".".join(draw(st.permutations(token.split(".")))),
        )
        token = draw(st.sampled_from(changes))
    return token


@steady
@given(changed_tokens())
def test_a_changed_token_is_refused_unless_it_is_the_good_one_again(token: str) -> None:
    # RFC 9110 section 5.5: white space around the value of a field is no part of it.
    is_good_again = token.strip(" \t") == GOOD
    assert status_of(token) in ((200,) if is_good_again else (400, 401))


# --- any JSON, with a good signature ----------------------------------------------------------------------------------

NOW = time.time()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CLAIMS: dict[str, st.SearchStrategy[Any]] = {
    "iss": st.sampled_from(["https://issuer.test", "https://issuer.test/", ["https://issuer.test"]]),
    "aud": st.lists(st.sampled_from(["api", "other", "", 5]), max_size=3),
    "exp": st.sampled_from([FAR_FUTURE, FAR_FUTURE + 0.5, str(FAR_FUTURE), 0, NOW - 60, NOW + 60, 1e400]),
    "nbf": st.sampled_from([0, NOW - 60, NOW + 3600, "0"]),
    "iat": st.sampled_from([0, NOW - 60, NOW + 3600, [0]]),
    "sub": st.sampled_from(["alice", None, ""]),
    "scope": st.sampled_from(["read", ["read"], "", [["read"]]]),
    "cnf": st.sampled_from([{"jkt": "x"}, {}, None]),
    "nonce": st.just("n"),
    "typ": st.sampled_from(["ID", "Bearer"]),
}
PARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "alg": st.sampled_from(["ES256", "RS256", "none", "HS256"]),
    "kid": st.sampled_from(["es256", "other", "", None]),
    "typ": st.sampled_from(["at+jwt", "JWT", "id+jwt", "application/at+jwt", ""]),
    "crit": st.just(["exp"]),
    "b64": st.sampled_from([False, True]),
    "jwk": st.just(SigningKey("ES256").public_jwk()),
}


def members_of(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Some members of an object: known names with likely and unlikely values, and names of any kind."""
    likely = st.fixed_dictionaries({}, optional=known)
    unlikely = st.dictionaries(st.sampled_from(sorted(known)) | st.text(max_size=8), values, max_size=2)
    return st.one_of(likely, unlikely, st.builds(dict.__or__, likely, unlikely))


def is_a_moment(value: Any) -> bool:
    return type(value) in (int, float)


def may_be_accepted(header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """What must be true of every token that is let in, in words of its own."""
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    moments = [claims[name] for name in ("nbf", "iat") if name in claims]
    return (
        claims["iss"] == "https://issuer.test"
        and "api" in audience
        and all(isinstance(name, str) for name in audience)
        and is_a_moment(claims["exp"])
        and claims["exp"] > NOW - 40
        and all(is_a_moment(moment) and moment < NOW + 600 for moment in moments)
        and not {"cnf", "nonce", "at_hash"} & set(claims)
        and claims.get("typ") != "ID"
        and header["alg"] == "ES256"
        and header.get("kid") in (None, "es256")
        and not {"crit", "b64"} & set(header)
    )


@steady
@given(members_of(PARAMETERS), members_of(CLAIMS))
def test_a_signed_token_is_let_in_only_if_all_of_it_is_good(header: dict[str, Any], claims: dict[str, Any]) -> None:
    all_parameters, all_claims = {"alg": "ES256", "kid": "es256", **header}, claims_of(attacked().issuer, **claims)
    status = status_of(signed(KEY, json.dumps(all_parameters).encode(), all_claims))
    assert status in (200, 401)
    assert status == 401 or may_be_accepted(all_parameters, all_claims)


documents = st.binary(max_size=100) | values.map(json.dumps).map(str.encode)


@steady
@given(documents, documents)
def test_any_signed_bytes_are_refused(first: bytes, second: bytes) -> None:
    assert status_of(signed(KEY, first, second)) == 401
    assert status_of(signed(KEY, {}, second)) == 401
