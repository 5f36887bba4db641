"""IntrospectionValidator: what it makes of an answer. What goes out: test_calls.py. What is kept: test_answers.py."""

from dataclasses import replace
from typing import Any

import pytest

from bearer_guard import AuthorizationServerUnavailable, BearerGuard, InvalidToken, Profile, Reason, profiles
from tests.validators.oracle import ISSUER, NOW, Oracle, accepted, active, refusal, verdict

# --- the token that an answer makes -----------------------------------------------------------------------------------


async def test_a_rich_answer_becomes_an_access_token() -> None:
    who = {"iss": ISSUER, "sub": "alice", "client_id": "shop", "aud": ["api", "files"], "token_type": "Bearer"}
    what = {"scope": "read write", "groups": ["ops"], "roles": ["admin"], "jti": "1", "iat": NOW, "nbf": NOW}
    answer = active(**who, **what)
    token = await accepted(answer, leeway=10)
    assert (token.issuer, token.subject, token.user_id, token.client_id) == (ISSUER, "alice", "alice", "shop")
    assert token.scopes == {"read", "write"}
    assert (sorted(token.groups), sorted(token.roles)) == (["ops"], ["admin"])
    assert token.audience == ("api", "files")
    assert (token.expires_at, token.accepted_until) == (NOW + 300, NOW + 310)
    assert (token.claims["active"], token.claims["jti"]) == (True, "1")
    assert token.epoch is None, "the guard must not remember it: it has no epoch that could end"


async def test_the_poorest_answer_that_says_enough_becomes_one_too() -> None:
    token = await accepted(active())
    assert (token.issuer, token.subject, token.user_id, token.client_id) == (ISSUER, None, None, None)
    assert (token.scopes, token.groups, token.roles) == (frozenset(), frozenset(), frozenset())


# --- active: a boolean ------------------------------------------------------------------------------------------------

NOT_BOOLEAN = ["true", "false", "", 1, 0, 1.0, None, [], [True], {}, {"active": True}]


@pytest.mark.parametrize("value", NOT_BOOLEAN, ids=repr)
@pytest.mark.parametrize("cache_ttl", [None, 60])
async def test_what_is_no_boolean_is_no_answer_and_no_verdict(value: Any, cache_ttl: float | None) -> None:
    oracle = Oracle(active(active=value))
    validator = oracle.validator(cache_ttl=cache_ttl)
    for asked in (1, 2):
        error = await refusal(validator)
        assert isinstance(error, AuthorizationServerUnavailable)
        assert error.reason is Reason.INTROSPECTION_UNAVAILABLE
        assert str(error.__cause__) == f"the answer of AuthorizationServer('{ISSUER}') has no boolean member active"
        assert len(oracle.asked) == asked, "it is not remembered, either"


@pytest.mark.parametrize("answer", [{}, {"aud": "api", "exp": NOW + 300}, {"error": "invalid_token"}], ids=str)
async def test_an_answer_that_does_not_say_it_is_none(answer: dict[str, Any]) -> None:
    assert (await refusal(Oracle(answer).validator())).status == 503


@pytest.mark.parametrize("more", [{}, {"aud": "api", "exp": NOW + 300}, {"cnf": {"jkt": "x"}, "aud": "other"}], ids=str)
async def test_false_is_a_verdict_whatever_else_stands_there(more: dict[str, Any]) -> None:
    assert await verdict({**more, "active": False}) == (Reason.INACTIVE, None)


# --- the claims, as in a JWT ------------------------------------------------------------------------------------------

AT_THE_EDGE: list[dict[str, Any]] = [
    {"iss": ISSUER},
    {"iss": None},
    {"exp": NOW + 0.5},
    {"exp": NOW - 29.9},
    {"exp": 10**20},
    {"exp": 1e300},
    {"nbf": NOW + 30},
    {"nbf": 0},
    {"iat": NOW + 30.0},
    {"iat": NOW - 1e9},
    {"sub": None},
    {"aud": ["other", "api"]},
    {"scope": None},
    {"scope": ""},
    {"client_id": None},
    {"token_type": "N_A"},  # RFC 8693 section 2.2.1
    {"token_type": "Bearer"},
    {"token_type": "bearer"},
    {"token_type": None},
    {"token_type": 7},
    {"username": ["of no interest"]},
]

REFUSED: list[tuple[dict[str, Any], Reason, str]] = [
    ({"iss": "https://evil.test"}, Reason.ISSUER_MISMATCH, "iss"),
    ({"iss": f"{ISSUER}/"}, Reason.ISSUER_MISMATCH, "iss"),
    ({"iss": ""}, Reason.ISSUER_MISMATCH, "iss"),
    ({"iss": [ISSUER]}, Reason.MALFORMED_CLAIM, "iss"),
    ({"iss": False}, Reason.MALFORMED_CLAIM, "iss"),
    ({"exp": None}, Reason.CLAIM_MISSING, "exp"),
    ({"exp": 0}, Reason.EXPIRED, "exp"),
    ({"exp": 0.0}, Reason.EXPIRED, "exp"),
    ({"exp": -1}, Reason.EXPIRED, "exp"),
    ({"exp": NOW - 30}, Reason.EXPIRED, "exp"),
    ({"exp": NOW - 30.5}, Reason.EXPIRED, "exp"),
    ({"exp": str(NOW + 300)}, Reason.MALFORMED_CLAIM, "exp"),
    ({"exp": True}, Reason.MALFORMED_CLAIM, "exp"),
    ({"exp": [NOW + 300]}, Reason.MALFORMED_CLAIM, "exp"),
    ({"nbf": NOW + 30.5}, Reason.NOT_YET_VALID, "nbf"),
    ({"nbf": "soon"}, Reason.MALFORMED_CLAIM, "nbf"),
    ({"iat": NOW + 31}, Reason.ISSUED_IN_FUTURE, "iat"),
    ({"iat": "now"}, Reason.MALFORMED_CLAIM, "iat"),
    ({"sub": 7}, Reason.MALFORMED_CLAIM, "sub"),
    ({"jti": 7}, Reason.MALFORMED_CLAIM, "jti"),
    ({"client_id": ["shop"]}, Reason.MALFORMED_CLAIM, "client_id"),
    ({"scope": 7}, Reason.MALFORMED_CLAIM, "scope"),
    ({"scope": {"read": True}}, Reason.MALFORMED_CLAIM, "scope"),
    ({"cnf": None}, Reason.MALFORMED_CLAIM, "cnf"),
    ({"cnf": "thumbprint"}, Reason.MALFORMED_CLAIM, "cnf"),
]


@pytest.mark.parametrize("claims", AT_THE_EDGE, ids=str)
async def test_an_answer_is_good_up_to_here(claims: dict[str, Any]) -> None:
    assert await verdict(active(**claims)) is None


@pytest.mark.parametrize(("claims", "reason", "claim"), REFUSED, ids=str)
async def test_an_answer_is_judged_like_the_claims_of_a_jwt(claims: dict[str, Any], reason: Reason, claim: str) -> None:
    assert await verdict(active(**claims)) == (reason, claim)


async def test_an_expiry_that_is_left_out_is_not_a_token_for_ever() -> None:
    assert await verdict({"active": True, "aud": "api"}) == (Reason.CLAIM_MISSING, "exp")


async def test_a_number_beyond_reason_is_no_answer() -> None:
    error = await refusal(Oracle(b'{"active":true,"aud":"api","exp":%d}' % 10**30).validator())
    assert error.status == 503


# --- for whom ---------------------------------------------------------------------------------------------------------

LEFT_OUT: list[dict[str, Any]] = [{"active": True, "exp": NOW + 300}, active(aud=None), active(aud=[])]
FOR_OTHERS: list[Any] = ["other", ["other"], "", [""], "API", "api/", "api files"]


@pytest.mark.parametrize("answer", LEFT_OUT, ids=str)
async def test_an_audience_that_is_left_out_is_refused_unless_the_server_vouches(answer: dict[str, Any]) -> None:
    assert await verdict(answer) == (Reason.AUDIENCE_MISSING, "aud")
    assert await verdict(answer, server_vouches_for_audience=True) is None


@pytest.mark.parametrize("audience", FOR_OTHERS, ids=repr)
async def test_another_audience_is_refused_whether_the_server_vouches_or_not(audience: Any) -> None:
    for vouches in (False, True):
        assert await verdict(active(aud=audience), server_vouches_for_audience=vouches) == (
            Reason.AUDIENCE_MISMATCH,
            "aud",
        )


@pytest.mark.parametrize("audience", [7, {"api": True}, ["api", 7], ["api", None], [["api"]]], ids=repr)
async def test_a_malformed_audience_is_refused_whether_the_server_vouches_or_not(audience: Any) -> None:
    for vouches in (False, True):
        assert await verdict(active(aud=audience), server_vouches_for_audience=vouches) == (
            Reason.MALFORMED_CLAIM,
            "aud",
        )


@pytest.mark.parametrize("answer", LEFT_OUT, ids=str)
async def test_where_the_server_vouches_the_token_names_no_audience(answer: dict[str, Any]) -> None:
    assert (await accepted(answer, server_vouches_for_audience=True)).audience == ()


async def test_only_the_listed_clients_are_accepted() -> None:
    assert await verdict(active(client_id="shop"), client_ids={"shop"}) is None
    for other in ({"client_id": "evil"}, {}, {"client_id": None}, {"client_id": "SHOP"}, {"sub": "shop"}):
        assert await verdict(active(**other), client_ids={"shop"}) == (Reason.CLIENT_NOT_ALLOWED, "client_id")


# --- read in the issuer's dialect -------------------------------------------------------------------------------------

GROUPS: list[tuple[str | None, Any, set[str]]] = [
    (None, "a,b", {"a,b"}),
    (None, ["a", "b,c"], {"a", "b,c"}),
    (",", "a,b", {"a", "b"}),
    (",", " a , b,,", {"a", "b"}),
    (",", "", set()),
    (",", ",", set()),
    (",", ["a,b", "c"], {"a,b", "c"}),  # an item of an array is one group, as it is
    (",", None, set()),
]


@pytest.mark.parametrize(("separator", "value", "groups"), GROUPS, ids=str)
async def test_groups_in_one_string_are_told_apart_where_the_profile_says_how(
    separator: str | None, value: Any, groups: set[str]
) -> None:
    profile = replace(profiles.OAUTH2, groups_separator=separator)
    assert (await accepted(active(groups=value), profile=profile)).groups == groups


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("read write", {"read", "write"}),
        ("  read   write ", {"read", "write"}),
        (["read", "write"], {"read", "write"}),
        (["read write"], {"read write"}),
        ("read\twrite", {"read\twrite"}),
        ("read\nwrite", {"read\nwrite"}),
        ([], set()),
    ],
    ids=repr,
)
async def test_a_scope_is_one_word_between_spaces_or_one_item(scope: Any, scopes: set[str]) -> None:
    assert (await accepted(active(scope=scope))).scopes == scopes


@pytest.mark.parametrize("profile", [profiles.OAUTH2, profiles.OKTA, profiles.RFC_9068], ids=lambda p: p.name)
async def test_the_members_that_the_rfc_names_come_first_whatever_the_profile(profile: Profile) -> None:
    # RFC 7662 section 2.2: scope and client_id. Okta's tokens say scp and cid.
    answer = active(scope="a", scp=["b"], client_id="c", cid="d", azp="e", sub="s", uid="u", iat=NOW, jti="1")
    token = await accepted(answer, profile=profile)
    assert (sorted(token.scopes), token.client_id) == (["a"], "c")
    assert token.user_id == ("u" if profile is profiles.OKTA else "s")


async def test_where_they_are_left_out_the_profiles_own_names_count() -> None:
    token = await accepted(active(scp=["b"], cid="d"), profile=profiles.OKTA)
    assert (sorted(token.scopes), token.client_id) == (["b"], "d")


async def test_the_validator_keeps_its_profile_as_it_was_given() -> None:
    assert Oracle().validator(profile=profiles.OKTA).profile is profiles.OKTA


@pytest.mark.parametrize("subject", [None, "shop"], ids=str)
async def test_a_token_of_a_client_itself_has_no_user(subject: str | None) -> None:
    # Three spellings of real servers for "nobody": left out, null, and the client's own id.
    token = await accepted(active(sub=subject, client_id="shop"))
    assert (token.subject, token.user_id) == (subject, None)


# --- other tokens than access tokens ----------------------------------------------------------------------------------

REFRESH, ID, LOGOUT = Reason.REFRESH_TOKEN_USED, Reason.ID_TOKEN_USED, Reason.LOGOUT_TOKEN_USED
OTHERS: list[tuple[dict[str, Any], Reason]] = [
    ({"token_type": "refresh_token"}, REFRESH),
    ({"token_type": "REFRESH_TOKEN"}, REFRESH),
    ({"token_type": "Refresh"}, REFRESH),
    ({"typ": "Refresh"}, REFRESH),
    ({"typ": "Offline"}, REFRESH),
    ({"type": "refresh-token"}, REFRESH),
    ({"token_use": "refresh"}, REFRESH),
    ({"token_class": "refresh_token"}, REFRESH),
    ({"token_class": ["access", "refresh"]}, REFRESH),
    ({"typ": "ID"}, ID),
    ({"token_type": "id_token"}, ID),
    ({"token_use": "id"}, ID),
    ({"nonce": "n"}, ID),
    ({"at_hash": "h"}, ID),
    ({"typ": "Logout"}, LOGOUT),
    ({"events": {}}, LOGOUT),
    ({"token_introspection": {"active": True}}, Reason.TYPE_NOT_ALLOWED),
]


@pytest.mark.parametrize(("telltale", "reason"), OTHERS, ids=str)
async def test_another_token_is_refused_where_the_answer_gives_it_away(
    telltale: dict[str, Any], reason: Reason
) -> None:
    assert await verdict(active(**telltale)) == (reason, next(iter(telltale)))


@pytest.mark.parametrize("member", ["token_type", "token_use", "typ"])
@pytest.mark.parametrize("kind", ["refresh_token", "id_token"])
async def test_a_token_that_says_its_type_as_a_urn_is_refused(member: str, kind: str) -> None:
    expected = {"refresh_token": REFRESH, "id_token": ID}[kind]
    answer = active(**{member: f"urn:ietf:params:oauth:token-type:{kind}"})
    assert await verdict(answer) == (expected, member)


async def test_a_token_of_a_type_that_the_server_does_not_answer_about_is_refused() -> None:
    # RFC 7009 section 2.2.1: unsupported_token_type. The token is at fault, and neither we nor the server.
    assert await verdict((400, {"error": "unsupported_token_type"})) == (Reason.TYPE_NOT_ALLOWED, None)
    assert (await refusal(Oracle((400, {"error": "invalid_request"})).validator())).status == 503


@pytest.mark.parametrize("token_type", ["DPoP", "dpop", "DPOP"])
async def test_a_dpop_token_whose_key_the_server_does_not_name_cannot_be_proven(token_type: str) -> None:
    # RFC 9449 section 6.2: the answer about such a token has cnf with jkt. Without it, it would pass for a bearer's.
    assert await verdict(active(token_type=token_type)) == (Reason.UNPROVEN_CONFIRMATION, "token_type")


@pytest.mark.parametrize("cnf", [{"jkt": "t"}, {"x5t#S256": "t"}, {"future": 1}, {}], ids=str)
async def test_a_token_bound_to_a_key_is_reported_by_the_validator_and_refused_by_the_guard(cnf: Any) -> None:
    oracle = Oracle(active(cnf=cnf, token_type="DPoP"))
    assert (await oracle.validator().validate("t")).confirmation == cnf
    guard = BearerGuard(oracle.validator(cache_ttl=60))
    for max_age in (None, None, 0):
        with pytest.raises(InvalidToken) as refused:
            await guard.validate("t", max_age=max_age)
        assert (refused.value.reason, refused.value.claim) == (Reason.UNPROVEN_CONFIRMATION, "cnf")
