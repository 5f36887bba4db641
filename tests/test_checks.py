"""The one list of claim checks: which claims pass, and the exact reason and claim where they do not."""

from dataclasses import replace
from typing import Any

import pytest

from bearer_guard import Profile, Reason, profiles
from bearer_guard.checks import ABSENT, Expectations, Failure, failures
from bearer_guard.jose import stated_by
from bearer_guard.tokens import frozen

NOW = 1_700_000_000
GOOD: dict[str, Any] = {
    "iss": "https://issuer.test",
    "aud": "api",
    "exp": NOW + 300,
    "sub": "alice",
    "client_id": "app",
}
LEFT_OUT = object()
MORE = 10**23


def wrong_with(
    claims: dict[str, Any],
    *,
    typ: str | None = "at+jwt",
    leeway: float = 30,
    client_ids: frozenset[str] | None = None,
    profile: Profile = profiles.OAUTH2,
    audiences: frozenset[str] = frozenset({"api", "files"}),
) -> list[Failure]:
    """What is wrong with claims that pass, but for what is said."""
    merged = frozen({name: value for name, value in {**GOOD, **claims}.items() if value is not LEFT_OUT})
    expected = Expectations("https://issuer.test", audiences, client_ids, leeway, profile)
    shape, values = stated_by(merged)
    form = expected.forms[shape]
    return list(failures(form, values, form.facts_in(values + ABSENT), typ, NOW, expected))


def failure(reason: Reason, claim: str) -> Failure:
    return Failure(reason, claim)


def test_nothing_is_wrong_with_a_good_token() -> None:
    assert wrong_with({}) == []


WRONG: dict[str, tuple[Any, Failure]] = {
    # In the order in which they are told: one of each check.
    "nonce": ("n", failure(Reason.ID_TOKEN_USED, "nonce")),
    "token_use": ("refresh", failure(Reason.REFRESH_TOKEN_USED, "token_use")),
    "iss": ("https://other.test", failure(Reason.ISSUER_MISMATCH, "iss")),
    "aud": ("other", failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "exp": (0, failure(Reason.EXPIRED, "exp")),
    "nbf": (MORE, failure(Reason.NOT_YET_VALID, "nbf")),
    "iat": (MORE, failure(Reason.ISSUED_IN_FUTURE, "iat")),
    "sub": (7, failure(Reason.MALFORMED_CLAIM, "sub")),
    "jti": (7, failure(Reason.MALFORMED_CLAIM, "jti")),
    "uid": (8, failure(Reason.MALFORMED_CLAIM, "user_id")),
    "client_id": ("app", failure(Reason.CLIENT_NOT_ALLOWED, "client_id")),
    "scope": (7, failure(Reason.MALFORMED_CLAIM, "scope")),
    "cnf": ("x", failure(Reason.MALFORMED_CLAIM, "cnf")),
    "org": (LEFT_OUT, failure(Reason.CLAIM_MISSING, "org")),
    "unit": (LEFT_OUT, failure(Reason.CLAIM_MISSING, "unit")),
}
STRICT = replace(profiles.OAUTH2, user_id=("uid",), required=("org", "unit"))


@pytest.mark.parametrize("number", range(len(WRONG) + 1))
def test_all_that_is_wrong_is_told_in_one_order(number: int) -> None:
    # With this one and all behind it at fault: `validate` stops at the first, `explain` goes on.
    at_fault = dict(list(WRONG.items())[number:])
    claims = {"org": "acme", "unit": "7", **{name: wrong for name, (wrong, _) in at_fault.items()}}
    ours = frozenset({"batch"}) if "client_id" in at_fault else None
    assert wrong_with(claims, profile=STRICT, client_ids=ours) == [expected for _, expected in at_fault.values()]


def test_a_wrong_type_in_the_header_is_told_first_if_it_is_known_and_once() -> None:
    claims = {"nonce": "n"}
    assert wrong_with(claims, typ="rt+jwt") == [
        failure(Reason.REFRESH_TOKEN_USED, "typ"),
        failure(Reason.ID_TOKEN_USED, "nonce"),
    ]
    assert wrong_with(claims, typ="other") == [
        failure(Reason.ID_TOKEN_USED, "nonce"),
        failure(Reason.TYPE_NOT_ALLOWED, "typ"),
    ]


def test_a_type_that_a_profile_accepts_by_mistake_is_refused_all_the_same() -> None:
    profile = replace(profiles.OAUTH2, typ=frozenset({"id+jwt"}))
    assert wrong_with({}, typ="id+jwt", profile=profile) == [failure(Reason.ID_TOKEN_USED, "typ")]


ACCEPTED: dict[str, dict[str, Any]] = {
    "one audience of several is ours": {"aud": ["other", "files"]},
    "audience as an array of one": {"aud": ["api"]},
    "exp with a fraction": {"exp": NOW + 0.5},
    "exp far away": {"exp": MORE},
    "no nbf": {},
    "nbf long ago": {"nbf": 0},
    "no iat": {},
    "iat with a fraction": {"iat": NOW - 0.5},
    "no sub": {"sub": LEFT_OUT},
    "sub null": {"sub": None},
    "no client": {"client_id": LEFT_OUT},
    "scope as words": {"scope": "read write"},
    "scope as an array": {"scope": ["read"]},
    "scope as an empty array": {"scope": []},
    "scp as an array": {"scp": ["read"]},
    "cnf as an object": {"cnf": {"jkt": "x"}},
    "token_type Bearer": {"token_type": "Bearer"},
    "typ Bearer (Keycloak)": {"typ": "Bearer"},
    "token_use access (Cognito)": {"token_use": "access"},
    "a kind that is no string": {"typ": [7, None]},
    "sid, auth_time and acr are no telltales": {"sid": "1", "auth_time": NOW, "acr": "1", "amr": ["pwd"]},
}


@pytest.mark.parametrize("claims", ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_accepted(claims: dict[str, Any]) -> None:
    assert wrong_with(claims) == []


REFUSED: dict[str, tuple[dict[str, Any], Failure]] = {
    "no iss": ({"iss": LEFT_OUT}, failure(Reason.CLAIM_MISSING, "iss")),
    "iss null": ({"iss": None}, failure(Reason.CLAIM_MISSING, "iss")),
    "iss an array": ({"iss": ["https://issuer.test"]}, failure(Reason.MALFORMED_CLAIM, "iss")),
    "iss with a slash": ({"iss": "https://issuer.test/"}, failure(Reason.ISSUER_MISMATCH, "iss")),
    "iss in capitals": ({"iss": "https://ISSUER.test"}, failure(Reason.ISSUER_MISMATCH, "iss")),
    "iss with a prefix of ours": (
        {"iss": "https://issuer.test.evil"},
        failure(Reason.ISSUER_MISMATCH, "iss"),
    ),
    "no aud": ({"aud": LEFT_OUT}, failure(Reason.AUDIENCE_MISSING, "aud")),
    "aud null": ({"aud": None}, failure(Reason.AUDIENCE_MISSING, "aud")),
    "aud an empty array": ({"aud": []}, failure(Reason.AUDIENCE_MISSING, "aud")),
    "aud empty": ({"aud": ""}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud of another": ({"aud": "other"}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud ours and a word more": ({"aud": "api other"}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud in capitals": ({"aud": "API"}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud of others": ({"aud": ["other", "third"]}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud a number": ({"aud": 7}, failure(Reason.MALFORMED_CLAIM, "aud")),
    "aud an object": ({"aud": {"api": True}}, failure(Reason.MALFORMED_CLAIM, "aud")),
    "aud ours and a number": ({"aud": ["api", 7]}, failure(Reason.MALFORMED_CLAIM, "aud")),
    "aud in a nested array": ({"aud": [["api"]]}, failure(Reason.MALFORMED_CLAIM, "aud")),
    "no exp": ({"exp": LEFT_OUT}, failure(Reason.CLAIM_MISSING, "exp")),
    "exp null": ({"exp": None}, failure(Reason.CLAIM_MISSING, "exp")),
    "exp a string": ({"exp": str(NOW + 300)}, failure(Reason.MALFORMED_CLAIM, "exp")),
    "exp true": ({"exp": True}, failure(Reason.MALFORMED_CLAIM, "exp")),
    "exp an array": ({"exp": [NOW + 300]}, failure(Reason.MALFORMED_CLAIM, "exp")),
    "exp zero": ({"exp": 0}, failure(Reason.EXPIRED, "exp")),
    "exp negative": ({"exp": -MORE}, failure(Reason.EXPIRED, "exp")),
    "nbf null": ({"nbf": None}, failure(Reason.MALFORMED_CLAIM, "nbf")),
    "nbf a string": ({"nbf": "0"}, failure(Reason.MALFORMED_CLAIM, "nbf")),
    "nbf false": ({"nbf": False}, failure(Reason.MALFORMED_CLAIM, "nbf")),
    "nbf far away": ({"nbf": MORE}, failure(Reason.NOT_YET_VALID, "nbf")),
    "iat null": ({"iat": None}, failure(Reason.MALFORMED_CLAIM, "iat")),
    "iat a string": ({"iat": "0"}, failure(Reason.MALFORMED_CLAIM, "iat")),
    "iat far away": ({"iat": MORE}, failure(Reason.ISSUED_IN_FUTURE, "iat")),
    "sub a number": ({"sub": 7}, failure(Reason.MALFORMED_CLAIM, "sub")),
    "sub an array": ({"sub": ["alice"]}, failure(Reason.MALFORMED_CLAIM, "sub")),
    "client a number": ({"client_id": 7}, failure(Reason.MALFORMED_CLAIM, "client_id")),
    "client an array": ({"client_id": ["app"]}, failure(Reason.MALFORMED_CLAIM, "client_id")),
    "scope a number": ({"scope": 7}, failure(Reason.MALFORMED_CLAIM, "scope")),
    "scope an object": ({"scope": {"read": True}}, failure(Reason.MALFORMED_CLAIM, "scope")),
    "scope with a number in it": ({"scope": ["read", 7]}, failure(Reason.MALFORMED_CLAIM, "scope")),
    "cnf null": ({"cnf": None}, failure(Reason.MALFORMED_CLAIM, "cnf")),
    "cnf a string": ({"cnf": "x"}, failure(Reason.MALFORMED_CLAIM, "cnf")),
    "cnf an empty array": ({"cnf": []}, failure(Reason.MALFORMED_CLAIM, "cnf")),
}


@pytest.mark.parametrize(("claims", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_and_why(claims: dict[str, Any], expected: Failure) -> None:
    assert wrong_with(claims) == [expected]


@pytest.mark.parametrize("aud", ["ab", "ba", "other a"])
def test_an_audience_is_a_name_and_no_collection_of_letters(aud: str) -> None:
    assert wrong_with({"aud": aud}, audiences=frozenset({"a"})) == [failure(Reason.AUDIENCE_MISMATCH, "aud")]


# --- another kind of token (OIDC Core section 2, RFC 8725 sections 2.8 and 3.11) --------------------------------------

OTHER_KINDS: dict[str, tuple[dict[str, Any], Failure]] = {
    "nonce": ({"nonce": "n"}, failure(Reason.ID_TOKEN_USED, "nonce")),
    "nonce null": ({"nonce": None}, failure(Reason.ID_TOKEN_USED, "nonce")),
    "at_hash": ({"at_hash": "h"}, failure(Reason.ID_TOKEN_USED, "at_hash")),
    "c_hash": ({"c_hash": "h"}, failure(Reason.ID_TOKEN_USED, "c_hash")),
    "s_hash": ({"s_hash": "h"}, failure(Reason.ID_TOKEN_USED, "s_hash")),
    "Keycloak typ ID": ({"typ": "ID"}, failure(Reason.ID_TOKEN_USED, "typ")),
    "Cognito token_use id": ({"token_use": "id"}, failure(Reason.ID_TOKEN_USED, "token_use")),
    "token_class id-token": ({"token_class": "id-token"}, failure(Reason.ID_TOKEN_USED, "token_class")),
    "token_type ID_TOKEN": ({"token_type": "ID_TOKEN"}, failure(Reason.ID_TOKEN_USED, "token_type")),
    "type idtoken": ({"type": "idToken"}, failure(Reason.ID_TOKEN_USED, "type")),
    "Keycloak typ Refresh": ({"typ": "Refresh"}, failure(Reason.REFRESH_TOKEN_USED, "typ")),
    "Keycloak typ Offline": ({"typ": "Offline"}, failure(Reason.REFRESH_TOKEN_USED, "typ")),
    "token_type refresh_token": ({"token_type": "refresh_token"}, failure(Reason.REFRESH_TOKEN_USED, "token_type")),
    "logout events": (
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        failure(Reason.LOGOUT_TOKEN_USED, "events"),
    ),
    "Keycloak typ Logout": ({"typ": "Logout"}, failure(Reason.LOGOUT_TOKEN_USED, "typ")),
    "one kind of several": ({"token_use": ["access", "ID"]}, failure(Reason.ID_TOKEN_USED, "token_use")),
    "typ in an array": ({"typ": ["Refresh"]}, failure(Reason.REFRESH_TOKEN_USED, "typ")),
}


@pytest.mark.parametrize("profile", [profiles.OAUTH2, profiles.RFC_9068, profiles.OKTA], ids=lambda each: each.name)
@pytest.mark.parametrize(("claims", "expected"), OTHER_KINDS.values(), ids=OTHER_KINDS)
def test_a_token_of_another_kind_has_a_reason_of_its_own(
    profile: Profile, claims: dict[str, Any], expected: Failure
) -> None:
    # ... also when its audience is ours, and before anything else that is wrong with it.
    assert wrong_with(claims, profile=profile)[0] == expected
    assert wrong_with({**claims, "aud": "other", "exp": 0}, typ="jwt", profile=profile)[0] == expected


@pytest.mark.parametrize(
    ("typ", "reason"),
    [
        ("id+jwt", Reason.ID_TOKEN_USED),
        ("id_token", Reason.ID_TOKEN_USED),
        ("refresh+jwt", Reason.REFRESH_TOKEN_USED),
        ("rt+jwt", Reason.REFRESH_TOKEN_USED),
        ("logout+jwt", Reason.LOGOUT_TOKEN_USED),
        ("dpop+jwt", Reason.TYPE_NOT_ALLOWED),
        ("secevent+jwt", Reason.TYPE_NOT_ALLOWED),
        ("client-authentication+jwt", Reason.TYPE_NOT_ALLOWED),
        ("", Reason.TYPE_NOT_ALLOWED),
    ],
)
def test_a_typ_of_another_kind_is_refused(typ: str, reason: Reason) -> None:
    assert wrong_with({}, typ=typ) == [failure(reason, "typ")]


@pytest.mark.parametrize("claims", [{"token_type": "Bearer"}, {"typ": "Bearer"}, {"token_use": "access"}], ids=str)
def test_a_claim_that_tells_of_an_access_token_does_not_make_up_for_the_typ(claims: dict[str, Any]) -> None:
    assert wrong_with(claims, typ="dpop+jwt") == [failure(Reason.TYPE_NOT_ALLOWED, "typ")]
    assert wrong_with({**RFC_9068_CLAIMS, **claims}, typ=None, profile=profiles.RFC_9068) == [
        failure(Reason.TYPE_NOT_ALLOWED, "typ")
    ]


@pytest.mark.parametrize(
    ("profile", "accepted"),
    [
        (profiles.OAUTH2, {None, "jwt", "at+jwt"}),
        (profiles.OKTA, {None, "jwt", "at+jwt"}),
        (profiles.RFC_9068, {"at+jwt"}),  # RFC 9068 section 4
    ],
    ids=lambda each: getattr(each, "name", ""),
)
@pytest.mark.parametrize("typ", [None, "jwt", "at+jwt"], ids=str)
def test_the_accepted_types_of_a_profile(profile: Profile, accepted: set[str | None], typ: str | None) -> None:
    told = wrong_with(RFC_9068_CLAIMS, typ=typ, profile=profile)
    assert told == ([] if typ in accepted else [failure(Reason.TYPE_NOT_ALLOWED, "typ")])


# --- time, to the second ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "moment", "leeway", "reason"),
    [
        # RFC 7519 section 4.1.4: "on or after" the expiration time the token must not be accepted.
        ("exp", NOW + 1, 0, None),
        ("exp", NOW, 0, Reason.EXPIRED),
        ("exp", NOW - 29, 30, None),
        ("exp", NOW - 29.999, 30, None),
        ("exp", NOW - 30, 30, Reason.EXPIRED),
        ("exp", NOW - 31, 30, Reason.EXPIRED),
        # RFC 7519 section 4.1.5: "before" the time it must not; at the second itself it may.
        ("nbf", NOW, 0, None),
        ("nbf", NOW + 1, 0, Reason.NOT_YET_VALID),
        ("nbf", NOW + 30, 30, None),
        ("nbf", NOW + 30.001, 30, Reason.NOT_YET_VALID),
        ("nbf", NOW + 31, 30, Reason.NOT_YET_VALID),
        ("iat", NOW, 0, None),
        ("iat", NOW + 1, 0, Reason.ISSUED_IN_FUTURE),
        ("iat", NOW + 30, 30, None),
        ("iat", NOW + 31, 30, Reason.ISSUED_IN_FUTURE),
    ],
)
def test_the_leeway_ends_to_the_second(name: str, moment: float, leeway: float, reason: Reason | None) -> None:
    expected = [] if reason is None else [failure(reason, name)]
    assert wrong_with({name: moment}, leeway=leeway) == expected


# --- clients, and claims that a profile requires ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"client_id": "batch"}, None),
        ({"client_id": LEFT_OUT, "azp": "batch"}, None),
        ({"client_id": "app"}, failure(Reason.CLIENT_NOT_ALLOWED, "client_id")),
        ({"client_id": "app", "azp": "batch"}, failure(Reason.CLIENT_NOT_ALLOWED, "client_id")),
        ({"client_id": LEFT_OUT}, failure(Reason.CLIENT_NOT_ALLOWED, "client_id")),
        ({"client_id": ["batch"]}, failure(Reason.MALFORMED_CLAIM, "client_id")),
    ],
    ids=["ours", "ours as azp", "another", "another before ours", "none", "array"],
)
def test_only_the_listed_clients_are_accepted(claims: dict[str, Any], expected: Failure | None) -> None:
    assert wrong_with(claims, client_ids=frozenset({"batch"})) == ([] if expected is None else [expected])


RFC_9068_CLAIMS = {"iat": NOW, "jti": "1"}


@pytest.mark.parametrize("name", ["sub", "client_id", "iat", "jti"])
def test_rfc_9068_requires_what_its_section_2_2_lists(name: str) -> None:
    assert wrong_with(RFC_9068_CLAIMS, profile=profiles.RFC_9068) == []
    without = wrong_with({**RFC_9068_CLAIMS, name: LEFT_OUT}, profile=profiles.RFC_9068)
    assert without == [failure(Reason.CLAIM_MISSING, name)]
    assert wrong_with({name: LEFT_OUT}) == [], "the default does not"


def test_a_required_claim_that_is_null_is_missing() -> None:
    claims = {**RFC_9068_CLAIMS, "sub": None}
    assert wrong_with(claims, profile=profiles.RFC_9068) == [failure(Reason.CLAIM_MISSING, "sub")]


@pytest.mark.parametrize("value", [0, False, "", [], {}], ids=repr)
def test_a_required_claim_that_is_there_is_there_whatever_it_says(value: Any) -> None:
    assert wrong_with({"flag": value}, profile=replace(profiles.OAUTH2, required=("flag",))) == []


def test_a_required_claim_may_stand_deep_down() -> None:
    profile = replace(profiles.OAUTH2, required=("org.id", ("org", "unit")))
    assert wrong_with({"org": {"id": "1", "unit": "2"}}, profile=profile) == []
    assert wrong_with({"org": {"unit": "2"}}, profile=profile) == [failure(Reason.CLAIM_MISSING, "org.id")]
    assert wrong_with({"org": {"id": "1"}}, profile=profile) == [failure(Reason.CLAIM_MISSING, "org.unit")]
    on_top = {"org.id": "1", "org": {"unit": "2"}}
    assert wrong_with(on_top, profile=profile) == [failure(Reason.CLAIM_MISSING, "org.id")]


def test_a_required_claim_may_have_a_dot_in_its_name() -> None:
    profile = replace(profiles.OAUTH2, required=(("org.id",),))
    assert wrong_with({"org.id": "1"}, profile=profile) == []
    assert wrong_with({"org": {"id": "1"}}, profile=profile) == [failure(Reason.CLAIM_MISSING, "org.id")]
