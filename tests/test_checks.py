"""The one list of claim checks: which claims pass, and the exact reason and claim where they do not."""

from dataclasses import replace
from typing import Any

import pytest

from bearer_guard import Profile, Reason, profiles
from bearer_guard.checks import CHECKS, Expectations, Facts, Failure, first_failure
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


def facts(
    claims: dict[str, Any],
    *,
    typ: str | None = "at+jwt",
    leeway: float = 30,
    client_ids: frozenset[str] | None = None,
    profile: Profile = profiles.OAUTH2,
) -> Facts:
    """Claims that pass, but for what is said."""
    merged = {name: value for name, value in {**GOOD, **claims}.items() if value is not LEFT_OUT}
    expected = Expectations("https://issuer.test", frozenset({"api", "files"}), client_ids, leeway, profile)
    return Facts(frozen(merged), typ, NOW, expected)


def failure(reason: Reason, claim: str) -> Failure:
    return Failure(reason, claim)


def test_each_check_has_a_name_of_its_own() -> None:
    assert len(dict(CHECKS)) == len(CHECKS)


WRONG: dict[str, dict[str, Any]] = {
    "kind": {"nonce": "n"},
    "parties": {"iss": "https://other.test"},
    "times": {"exp": 0},
    "members": {"sub": 7},
    "required": {"org": LEFT_OUT},
}


@pytest.mark.parametrize("number", range(len(CHECKS)), ids=WRONG)
def test_the_first_of_the_listed_checks_that_fails_is_the_one_that_is_told(number: int) -> None:
    # With this one and all behind it at fault. They are written out a second time where they are run.
    assert list(WRONG) == [name for name, _ in CHECKS]
    claims: dict[str, Any] = {"org": "acme"}
    for wrong in list(WRONG.values())[number:]:
        claims |= wrong
    all_wrong = facts(claims, profile=replace(profiles.OAUTH2, required=("org",)))
    outcomes = [check(all_wrong) for _, check in CHECKS]
    assert [outcome is None for outcome in outcomes] == [each < number for each in range(len(CHECKS))]
    assert first_failure(all_wrong) == outcomes[number]


@pytest.mark.parametrize("name", [name for name, _ in CHECKS])
def test_a_good_token_passes_each_check(name: str) -> None:
    assert dict(CHECKS)[name](facts({})) is None


ACCEPTED: dict[str, tuple[str, dict[str, Any]]] = {
    "one audience of several is ours": ("parties", {"aud": ["other", "files"]}),
    "audience as an array of one": ("parties", {"aud": ["api"]}),
    "exp with a fraction": ("times", {"exp": NOW + 0.5}),
    "exp far away": ("times", {"exp": MORE}),
    "no nbf": ("times", {}),
    "nbf long ago": ("times", {"nbf": 0}),
    "no iat": ("times", {}),
    "iat with a fraction": ("times", {"iat": NOW - 0.5}),
    "no sub": ("members", {"sub": LEFT_OUT}),
    "sub null": ("members", {"sub": None}),
    "no client": ("members", {"client_id": LEFT_OUT}),
    "scope as words": ("members", {"scope": "read write"}),
    "scope as an array": ("members", {"scope": ["read"]}),
    "scope as an empty array": ("members", {"scope": []}),
    "scp as an array": ("members", {"scp": ["read"]}),
    "cnf as an object": ("members", {"cnf": {"jkt": "x"}}),
    "token_type Bearer": ("kind", {"token_type": "Bearer"}),
    "typ Bearer (Keycloak)": ("kind", {"typ": "Bearer"}),
    "token_use access (Cognito)": ("kind", {"token_use": "access"}),
    "a kind that is no string": ("kind", {"typ": [7, None]}),
    "sid, auth_time and acr are no telltales": ("kind", {"sid": "1", "auth_time": NOW, "acr": "1", "amr": ["pwd"]}),
}


@pytest.mark.parametrize(("check", "claims"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_accepted(check: str, claims: dict[str, Any]) -> None:
    assert dict(CHECKS)[check](facts(claims)) is None


REFUSED: dict[str, tuple[str, dict[str, Any], Failure]] = {
    "no iss": ("parties", {"iss": LEFT_OUT}, failure(Reason.CLAIM_MISSING, "iss")),
    "iss null": ("parties", {"iss": None}, failure(Reason.CLAIM_MISSING, "iss")),
    "iss an array": ("parties", {"iss": ["https://issuer.test"]}, failure(Reason.MALFORMED_CLAIM, "iss")),
    "iss with a slash": ("parties", {"iss": "https://issuer.test/"}, failure(Reason.ISSUER_MISMATCH, "iss")),
    "iss in capitals": ("parties", {"iss": "https://ISSUER.test"}, failure(Reason.ISSUER_MISMATCH, "iss")),
    "iss with a prefix of ours": (
        "parties",
        {"iss": "https://issuer.test.evil"},
        failure(Reason.ISSUER_MISMATCH, "iss"),
    ),
    "no aud": ("parties", {"aud": LEFT_OUT}, failure(Reason.AUDIENCE_MISSING, "aud")),
    "aud null": ("parties", {"aud": None}, failure(Reason.AUDIENCE_MISSING, "aud")),
    "aud an empty array": ("parties", {"aud": []}, failure(Reason.AUDIENCE_MISSING, "aud")),
    "aud empty": ("parties", {"aud": ""}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud of another": ("parties", {"aud": "other"}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud ours and a word more": ("parties", {"aud": "api other"}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud in capitals": ("parties", {"aud": "API"}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud of others": ("parties", {"aud": ["other", "third"]}, failure(Reason.AUDIENCE_MISMATCH, "aud")),
    "aud a number": ("parties", {"aud": 7}, failure(Reason.MALFORMED_CLAIM, "aud")),
    "aud an object": ("parties", {"aud": {"api": True}}, failure(Reason.MALFORMED_CLAIM, "aud")),
    "aud ours and a number": ("parties", {"aud": ["api", 7]}, failure(Reason.MALFORMED_CLAIM, "aud")),
    "aud in a nested array": ("parties", {"aud": [["api"]]}, failure(Reason.MALFORMED_CLAIM, "aud")),
    "no exp": ("times", {"exp": LEFT_OUT}, failure(Reason.CLAIM_MISSING, "exp")),
    "exp null": ("times", {"exp": None}, failure(Reason.CLAIM_MISSING, "exp")),
    "exp a string": ("times", {"exp": str(NOW + 300)}, failure(Reason.MALFORMED_CLAIM, "exp")),
    "exp true": ("times", {"exp": True}, failure(Reason.MALFORMED_CLAIM, "exp")),
    "exp an array": ("times", {"exp": [NOW + 300]}, failure(Reason.MALFORMED_CLAIM, "exp")),
    "exp zero": ("times", {"exp": 0}, failure(Reason.EXPIRED, "exp")),
    "exp negative": ("times", {"exp": -MORE}, failure(Reason.EXPIRED, "exp")),
    "nbf null": ("times", {"nbf": None}, failure(Reason.MALFORMED_CLAIM, "nbf")),
    "nbf a string": ("times", {"nbf": "0"}, failure(Reason.MALFORMED_CLAIM, "nbf")),
    "nbf false": ("times", {"nbf": False}, failure(Reason.MALFORMED_CLAIM, "nbf")),
    "nbf far away": ("times", {"nbf": MORE}, failure(Reason.NOT_YET_VALID, "nbf")),
    "iat null": ("times", {"iat": None}, failure(Reason.MALFORMED_CLAIM, "iat")),
    "iat a string": ("times", {"iat": "0"}, failure(Reason.MALFORMED_CLAIM, "iat")),
    "iat far away": ("times", {"iat": MORE}, failure(Reason.ISSUED_IN_FUTURE, "iat")),
    "sub a number": ("members", {"sub": 7}, failure(Reason.MALFORMED_CLAIM, "sub")),
    "sub an array": ("members", {"sub": ["alice"]}, failure(Reason.MALFORMED_CLAIM, "sub")),
    "client a number": ("members", {"client_id": 7}, failure(Reason.MALFORMED_CLAIM, "client_id")),
    "client an array": ("members", {"client_id": ["app"]}, failure(Reason.MALFORMED_CLAIM, "client_id")),
    "scope a number": ("members", {"scope": 7}, failure(Reason.MALFORMED_CLAIM, "scope")),
    "scope an object": ("members", {"scope": {"read": True}}, failure(Reason.MALFORMED_CLAIM, "scope")),
    "scope with a number in it": ("members", {"scope": ["read", 7]}, failure(Reason.MALFORMED_CLAIM, "scope")),
    "cnf null": ("members", {"cnf": None}, failure(Reason.MALFORMED_CLAIM, "cnf")),
    "cnf a string": ("members", {"cnf": "x"}, failure(Reason.MALFORMED_CLAIM, "cnf")),
    "cnf an empty array": ("members", {"cnf": []}, failure(Reason.MALFORMED_CLAIM, "cnf")),
}


@pytest.mark.parametrize(("check", "claims", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_and_why(check: str, claims: dict[str, Any], expected: Failure) -> None:
    assert dict(CHECKS)[check](facts(claims)) == expected
    assert first_failure(facts(claims)) == expected


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
}


@pytest.mark.parametrize("profile", [profiles.OAUTH2, profiles.RFC_9068, profiles.OKTA], ids=lambda each: each.name)
@pytest.mark.parametrize(("claims", "expected"), OTHER_KINDS.values(), ids=OTHER_KINDS)
def test_a_token_of_another_kind_has_a_reason_of_its_own(
    profile: Profile, claims: dict[str, Any], expected: Failure
) -> None:
    # ... also when its audience is ours, and before anything else that is wrong with it.
    assert first_failure(facts(claims, profile=profile)) == expected
    assert first_failure(facts({**claims, "aud": "other", "exp": 0}, typ="jwt", profile=profile)) == expected


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
    assert first_failure(facts({}, typ=typ)) == failure(reason, "typ")


@pytest.mark.parametrize("claims", [{"token_type": "Bearer"}, {"typ": "Bearer"}, {"token_use": "access"}], ids=str)
def test_a_claim_that_tells_of_an_access_token_does_not_make_up_for_the_typ(claims: dict[str, Any]) -> None:
    assert first_failure(facts(claims, typ="dpop+jwt")) == failure(Reason.TYPE_NOT_ALLOWED, "typ")
    assert first_failure(facts(claims, typ=None, profile=profiles.RFC_9068)) == failure(Reason.TYPE_NOT_ALLOWED, "typ")


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
    outcome = dict(CHECKS)["kind"](facts({}, typ=typ, profile=profile))
    assert outcome == (None if typ in accepted else failure(Reason.TYPE_NOT_ALLOWED, "typ"))


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
    expected = None if reason is None else failure(reason, name)
    assert first_failure(facts({name: moment}, leeway=leeway)) == expected


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
    assert first_failure(facts(claims, client_ids=frozenset({"batch"}))) == expected


RFC_9068_CLAIMS = {"iat": NOW, "jti": "1"}


@pytest.mark.parametrize("name", ["sub", "client_id", "iat", "jti"])
def test_rfc_9068_requires_what_its_section_2_2_lists(name: str) -> None:
    assert first_failure(facts(RFC_9068_CLAIMS, profile=profiles.RFC_9068)) is None
    without = facts({**RFC_9068_CLAIMS, name: LEFT_OUT}, profile=profiles.RFC_9068)
    assert first_failure(without) == failure(Reason.CLAIM_MISSING, name)
    assert first_failure(facts({name: LEFT_OUT})) is None, "the default does not"


def test_a_required_claim_that_is_null_is_missing() -> None:
    claims = {**RFC_9068_CLAIMS, "sub": None}
    assert first_failure(facts(claims, profile=profiles.RFC_9068)) == failure(Reason.CLAIM_MISSING, "sub")


@pytest.mark.parametrize("value", [0, False, "", [], {}], ids=repr)
def test_a_required_claim_that_is_there_is_there_whatever_it_says(value: Any) -> None:
    assert first_failure(facts({"flag": value}, profile=replace(profiles.OAUTH2, required=("flag",)))) is None


def test_a_required_claim_may_stand_deep_down() -> None:
    profile = replace(profiles.OAUTH2, required=("org.id", ("org", "unit")))
    assert first_failure(facts({"org": {"id": "1", "unit": "2"}}, profile=profile)) is None
    assert first_failure(facts({"org": {"unit": "2"}}, profile=profile)) == failure(Reason.CLAIM_MISSING, "org.id")
    assert first_failure(facts({"org": {"id": "1"}}, profile=profile)) == failure(Reason.CLAIM_MISSING, "org.unit")
