"""Claims become a token: what is known about their shape serves every token of that shape, whatever it says."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bearer_guard import AccessToken, InvalidToken, Profile, Reason, profiles
from bearer_guard.checks import Expectations
from bearer_guard.jose import stated_by, stated_in
from bearer_guard.profiles.reading import names_of
from bearer_guard.tokens import ClaimPath, Claims, claim_at, frozen
from bearer_guard.validators.claims import judged

NOW = 1_700_000_000
GOOD: dict[str, Any] = {"iss": "https://issuer.test", "aud": "api", "exp": NOW + 300}


def expected_by(profile: Profile = profiles.OAUTH2, **options: Any) -> Expectations:
    usual: dict[str, Any] = {"audiences": frozenset({"api"}), "client_ids": None, "leeway": 30}
    return Expectations("https://issuer.test", profile=profile, **{**usual, **options})


def token_of(claims: dict[str, Any], expected: Expectations) -> AccessToken:
    """The token that claims make; the same from the bytes of a JWT and from an answer."""
    of_bytes = judged(stated_in(json.dumps({**GOOD, **claims}).encode()), None, NOW, expected)
    token = judged(stated_by(frozen({**GOOD, **claims})), None, NOW, expected)
    assert repr(token) == repr(of_bytes)
    assert json.dumps(token.claims) == json.dumps(of_bytes.claims)
    assert token.is_bound == of_bytes.is_bound
    return token


PATHS = ("a", "b", "c", "x.y", "x.z", ("x", "y"), "a.b", ("a.b",), "https://acme.com/groups")
some_paths = st.lists(st.sampled_from(PATHS), max_size=3).map(tuple)
texts = st.sampled_from([None, "", "a", "a b", "a,b"])
values = texts | st.sampled_from([[], ["a"], ["b", "c d"], ["a", 1], ["a", True], 7, True, 1.0, {"b": "e"}])
top = ("a", "b", "c", "a.b", "https://acme.com/groups")
inner = st.dictionaries(st.sampled_from(["y", "z"]), values)


@settings(max_examples=500, deadline=None, derandomize=True)
@example([{"a": "g", "b": "h"}, {"a": "x", "b": "y"}], (("a", "b"), ("a",)), None)
@example([{"a": "g", "b": "h"}, {"a": "x", "b": "y"}], (("a",), ("a", "b")), None)
@example([{"x": {"y": "g"}, "b": "r"}, {"x": {"z": "g"}, "b": "q"}], (("x.y",), ("b",)), None)
@example([{"x": {"y": "g"}, "b": "r"}, {"x": {"z": "g"}, "b": "q"}], (("b",), ("x.y",)), None)
@example([{"a": "g,h", "b": ["g,h"]}], (("a", "b"), ("b",)), ",")
@given(
    st.lists(st.fixed_dictionaries({}, optional={**dict.fromkeys(top, values), "x": inner}), min_size=1, max_size=3),
    st.tuples(some_paths, some_paths),
    st.sampled_from([None, ","]),
)
def test_groups_and_roles_are_those_at_their_paths_whatever_came_before(
    contents: list[dict[str, Any]], paths: tuple[tuple[ClaimPath, ...], ...], separator: str | None
) -> None:
    groups, roles = paths
    expected = expected_by(Profile(name="mine", groups=groups, roles=roles, groups_separator=separator))
    for content in contents:
        token, claims = token_of(content, expected), frozen(content)
        assert token.groups == named_at(claims, groups, separator)
        assert token.roles == named_at(claims, roles, None)
        assert token.claims == frozen({**GOOD, **content})


def named_at(claims: Claims, paths: tuple[ClaimPath, ...], separator: str | None) -> set[str]:
    named: set[str] = set()
    for value in (claim_at(claims, path) for path in paths):
        if isinstance(value, str) and separator is not None:
            named |= {name.strip() for name in value.split(separator)} - {""}
        else:
            named |= names_of(value)
    return named


USERS: dict[str, tuple[tuple[ClaimPath, ...], dict[str, Any], str | None]] = {
    "the first": (("uid", "sub"), {"uid": "u", "sub": "s"}, "u"),
    "null counts as not there": (("uid", "sub"), {"uid": None, "sub": "s"}, "s"),
    "deep down": (("user.id", "sub"), {"user": {"id": "u"}, "sub": "s"}, "u"),
    "not that deep down": (("user.id", "sub"), {"user": {"name": "u"}, "sub": "s"}, "s"),
    "nowhere": (("uid",), {"sub": "s"}, None),
    "the client": (("sub",), {"sub": "app", "client_id": "app"}, None),
}


@pytest.mark.parametrize(("paths", "claims", "user_id"), USERS.values(), ids=USERS)
def test_the_user_is_the_first_that_is_there(
    paths: tuple[ClaimPath, ...], claims: dict[str, Any], user_id: str | None
) -> None:
    expected = expected_by(replace(profiles.OAUTH2, user_id=paths))
    for _ in range(2):  # the second time its shape is known
        assert token_of(claims, expected).user_id == user_id


@pytest.mark.parametrize("aud", [None, []], ids=repr)
def test_an_audience_that_may_be_left_out_is_an_empty_tuple(aud: Any) -> None:
    assert token_of({"aud": aud}, expected_by(may_lack=frozenset({"aud"}))).audience == ()


SAME_SHAPE: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[Reason, str]]] = {
    "iss": ({}, {"iss": "https://other.test"}, (Reason.ISSUER_MISMATCH, "iss")),
    "aud": ({}, {"aud": "other"}, (Reason.AUDIENCE_MISMATCH, "aud")),
    "aud, array": ({"aud": ["api"]}, {"aud": ["other"]}, (Reason.AUDIENCE_MISMATCH, "aud")),
    "aud, a number in it": ({"aud": ["api"]}, {"aud": ["api", 1]}, (Reason.MALFORMED_CLAIM, "aud")),
    "exp": ({}, {"exp": NOW - 31}, (Reason.EXPIRED, "exp")),
    "nbf": ({"nbf": NOW}, {"nbf": NOW + 31}, (Reason.NOT_YET_VALID, "nbf")),
    "iat": ({"iat": NOW}, {"iat": NOW + 31}, (Reason.ISSUED_IN_FUTURE, "iat")),
    "kind": ({"token_use": "access"}, {"token_use": "id"}, (Reason.ID_TOKEN_USED, "token_use")),
    "client": ({"client_id": "app"}, {"client_id": "other"}, (Reason.CLIENT_NOT_ALLOWED, "client_id")),
    "scope": ({"scope": ["a"]}, {"scope": ["a", 1]}, (Reason.MALFORMED_CLAIM, "scope")),
    "required": ({"org": {"id": "1"}}, {"org": {"id": None}}, (Reason.CLAIM_MISSING, "org.id")),
}


@pytest.mark.parametrize(("good", "bad", "verdict"), SAME_SHAPE.values(), ids=SAME_SHAPE)
def test_a_good_token_says_nothing_about_the_next_of_its_shape(
    good: dict[str, Any], bad: dict[str, Any], verdict: tuple[Reason, str]
) -> None:
    required, clients = ("org.id",) if "org" in good else (), frozenset({"app"}) if "client_id" in good else None
    expected = expected_by(replace(profiles.OAUTH2, required=required), client_ids=clients)
    for _ in range(2):
        assert token_of(good, expected).issuer == "https://issuer.test"
        for stated in (stated_in(json.dumps({**GOOD, **bad}).encode()), stated_by(frozen({**GOOD, **bad}))):
            with pytest.raises(InvalidToken) as refused:
                judged(stated, None, NOW, expected)
            assert (refused.value.reason, refused.value.claim) == verdict


@pytest.mark.parametrize("wrong", [True, "1", None, [NOW + 300]], ids=repr)
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_time_of_another_type_is_refused_after_a_good_one(name: str, wrong: Any) -> None:
    expected = expected_by()
    assert token_of({name: NOW + 10}, expected).expires_at > NOW
    with pytest.raises(InvalidToken):
        token_of({name: wrong}, expected)


@pytest.mark.parametrize("claims", [{"cnf": {"jkt": "x"}}, {"cnf": {}}, {}], ids=repr)
def test_a_token_is_bound_where_there_is_a_confirmation(claims: dict[str, Any]) -> None:
    token = token_of(claims, expected_by())
    assert token.is_bound == ("cnf" in claims)
    assert token.confirmation == claims.get("cnf")


def test_what_a_token_holds_is_frozen() -> None:
    token = token_of({"groups": ["a", "b"], "deep": [["x"], {"y": ["z"]}]}, expected_by())
    assert token.claims["deep"] == (("x",), {"y": ("z",)})
    assert all(type(value) in {str, int, tuple} for value in token._values)
    assert type(token._names) is type(token._values) is tuple
    assert type(token.claims) is Claims
