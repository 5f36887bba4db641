"""Opaque tokens on real input: `oidc-provider` issues, revokes and answers; our API asks, in a process of its own."""

import time
from dataclasses import replace

import pytest

from tests.interop.options import Options
from tests.interop.protected_api import AskingAPI, ProtectedAPI, assert_invalid, assert_undecided
from tests.interop.provider import API, OPAQUE_API, OTHER_OPAQUE_API, OIDCProvider


@pytest.fixture
def trusting_app(oidc_provider: OIDCProvider, asking_api: AskingAPI) -> ProtectedAPI:
    """An API whose server is said to vouch for the audience."""
    return asking_api(Options(issuer=oidc_provider.issuer, audience=OPAQUE_API, server_vouches_for_audience=True))


@pytest.fixture
def either_app(oidc_provider: OIDCProvider, asking_api: AskingAPI) -> ProtectedAPI:
    """An API that takes JWTs, which it judges itself, and opaque tokens, about which it asks."""
    return asking_api(Options(issuer=oidc_provider.issuer, audience=OPAQUE_API, jwt_audience=API))


# --- Yes


def test_an_opaque_token_is_accepted_with_its_scopes(oidc_provider: OIDCProvider, opaque_app: ProtectedAPI) -> None:
    token = oidc_provider.opaque_token(scope="read write")
    response = opaque_app.get("/me", token)
    assert response.status_code == 200
    assert response.json() == {"subject": None, "scopes": ["read", "write"], "groups": []}
    assert opaque_app.get("/orders", token).status_code == 200


def test_the_opaque_token_of_a_person_carries_subject_and_groups(
    oidc_provider: OIDCProvider, opaque_app: ProtectedAPI
) -> None:
    token = oidc_provider.login("alice", resource=OPAQUE_API)["access_token"]
    alice = {"subject": "alice", "scopes": ["read"], "groups": ["admins", "staff"]}
    assert opaque_app.get("/me", token).json() == alice
    assert opaque_app.get("/admin", token).status_code == 200


def test_every_request_asks_the_server(oidc_provider: OIDCProvider, opaque_app: ProtectedAPI) -> None:
    token, before = oidc_provider.opaque_token(), oidc_provider.introspection_hits()
    assert [opaque_app.get("/me", token).status_code for _ in range(3)] == [200, 200, 200]
    assert oidc_provider.introspection_hits() == before + 3


def test_an_audience_that_the_server_vouches_for_may_be_left_out(
    oidc_provider: OIDCProvider, trusting_app: ProtectedAPI
) -> None:
    token = oidc_provider.opaque_token(resource=None)
    assert "aud" not in oidc_provider.introspection(token)
    assert trusting_app.get("/me", token).status_code == 200


# --- No: not enough


def test_without_the_scope_the_challenge_names_it(oidc_provider: OIDCProvider, opaque_app: ProtectedAPI) -> None:
    refusal = opaque_app.refusal("/orders", oidc_provider.opaque_token(scope="write"))
    assert (refusal.status, refusal.reason) == (403, "insufficient_scope")
    assert refusal.challenge.endswith(', scope="read"')


def test_without_the_group_the_answer_is_no(oidc_provider: OIDCProvider, opaque_app: ProtectedAPI) -> None:
    refusal = opaque_app.refusal("/admin", oidc_provider.login("bob", resource=OPAQUE_API)["access_token"])
    assert (refusal.status, refusal.reason) == (403, "missing_group")


# --- No: not good


def test_a_revoked_token_is_refused_by_the_very_next_request(
    oidc_provider: OIDCProvider, opaque_app: ProtectedAPI
) -> None:
    token = oidc_provider.opaque_token()
    assert opaque_app.get("/me", token).status_code == 200
    oidc_provider.revoke(token)
    assert_invalid(opaque_app, token, "inactive")


def test_a_token_that_nobody_issued_is_refused(opaque_app: ProtectedAPI) -> None:
    assert_invalid(opaque_app, "nobody-issued-this", "inactive")


def test_an_expired_token_is_refused_also_when_it_was_accepted_before(
    oidc_provider: OIDCProvider, opaque_app: ProtectedAPI
) -> None:
    # With the endpoint already found, the token's short life is spent on the test and not on that.
    assert opaque_app.get("/me", oidc_provider.opaque_token()).status_code == 200
    token = oidc_provider.opaque_token("short-lived")
    assert opaque_app.get("/me", token).status_code == 200
    expiry = oidc_provider.introspection(token)["exp"]
    time.sleep(max(0.0, expiry + 0.1 - time.time()))  # the clocks of two real processes cannot be moved
    assert_invalid(opaque_app, token, "inactive")


def test_a_token_for_another_api_is_refused_whoever_vouches_for_what(
    oidc_provider: OIDCProvider, opaque_app: ProtectedAPI, trusting_app: ProtectedAPI
) -> None:
    token = oidc_provider.opaque_token(resource=OTHER_OPAQUE_API)
    for api in (opaque_app, trusting_app):
        assert_invalid(api, token, "audience_mismatch")


def test_a_token_without_an_audience_is_refused(oidc_provider: OIDCProvider, opaque_app: ProtectedAPI) -> None:
    assert_invalid(opaque_app, oidc_provider.opaque_token(resource=None), "audience_missing")


def test_a_refresh_token_names_no_audience_and_is_refused(
    oidc_provider: OIDCProvider, opaque_app: ProtectedAPI
) -> None:
    refresh_token = oidc_provider.login("alice", resource=OPAQUE_API)["refresh_token"]
    assert oidc_provider.introspection(refresh_token)["active"] is True
    assert opaque_app.refusal("/me", refresh_token).status == 401


@pytest.mark.parametrize("hint", ["access_token", None])
def test_where_the_server_vouches_for_the_audience_a_refresh_token_is_taken_for_an_access_token(
    hint: str | None, oidc_provider: OIDCProvider, asking_api: AskingAPI
) -> None:
    # What happens, not what should. Its answer is that of an access token but for the token_type, which RFC 7662
    # section 2.2 lets servers leave out; the hint does not help here, either.
    tokens = oidc_provider.login("alice", resource=None)
    access, refresh = (oidc_provider.introspection(tokens[name]) for name in ("access_token", "refresh_token"))
    assert access.pop("token_type") == "Bearer"
    assert set(refresh) == set(access)
    options = Options(issuer=oidc_provider.issuer, audience=OPAQUE_API, server_vouches_for_audience=True)
    api = asking_api(replace(options, token_type_hint=hint))
    assert api.get("/me", tokens["refresh_token"]).status_code == 200


# --- A remembered answer


def test_a_remembered_answer_saves_calls_and_a_fresh_route_asks_all_the_same(
    oidc_provider: OIDCProvider, asking_api: AskingAPI
) -> None:
    api = asking_api(Options(issuer=oidc_provider.issuer, audience=OPAQUE_API, cache_ttl=600))
    token, before = oidc_provider.opaque_token(), oidc_provider.introspection_hits()
    assert [api.get("/me", token).status_code for _ in range(3)] == [200, 200, 200]
    assert oidc_provider.introspection_hits() == before + 1
    oidc_provider.revoke(token)
    assert api.get("/me", token).status_code == 200  # the price of a cache
    assert api.refusal("/payments", token).reason == "inactive"
    assert_invalid(api, token, "inactive")  # what one route learned, all know


# --- By format


def test_only_what_is_no_jwt_is_asked_about(oidc_provider: OIDCProvider, either_app: ProtectedAPI) -> None:
    before = oidc_provider.introspection_hits()
    assert either_app.get("/me", oidc_provider.token()).status_code == 200
    assert oidc_provider.introspection_hits() == before
    assert either_app.get("/me", oidc_provider.opaque_token()).status_code == 200
    assert oidc_provider.introspection_hits() == before + 1


def test_a_jwt_that_fails_here_is_not_asked_about(oidc_provider: OIDCProvider, either_app: ProtectedAPI) -> None:
    before = oidc_provider.introspection_hits()
    signed, _, _ = oidc_provider.token(scope="read write").rpartition(".")
    _, _, signature_of_another = oidc_provider.token(scope="read").rpartition(".")
    assert_invalid(either_app, f"{signed}.{signature_of_another}", "invalid_signature")
    assert oidc_provider.introspection_hits() == before


def test_a_jwt_for_the_audience_of_the_opaque_tokens_is_refused(
    oidc_provider: OIDCProvider, asking_api: AskingAPI
) -> None:
    api = asking_api(Options(issuer=oidc_provider.issuer, audience=API, jwt_audience=OPAQUE_API))
    assert_invalid(api, oidc_provider.token(resource=API), "audience_mismatch")


def test_a_fresh_route_asks_about_an_opaque_token(oidc_provider: OIDCProvider, either_app: ProtectedAPI) -> None:
    token = oidc_provider.opaque_token()
    assert either_app.get("/payments", token).status_code == 200
    oidc_provider.revoke(token)
    assert either_app.refusal("/payments", token).reason == "inactive"


def test_a_fresh_route_is_closed_to_jwts_about_which_the_server_says_nothing(
    oidc_provider: OIDCProvider, either_app: ProtectedAPI
) -> None:
    # oidc-provider answers 400 unsupported_token_type for every JWT: nobody knows whether this one is still good.
    token = oidc_provider.token()
    assert either_app.get("/orders", token).status_code == 200
    outage = either_app.outage("/payments", token)
    assert (outage.status, outage.challenges) == (503, [])
    assert "reason=introspection_unavailable" in outage.record
    assert "unsupported_token_type" in outage.record


def test_a_jwt_that_cannot_be_asked_about_is_refused_where_only_opaque_tokens_are_taken(
    oidc_provider: OIDCProvider, opaque_app: ProtectedAPI
) -> None:
    # The server did answer, and about the token: 503 and an ERROR record would let strangers ring the alarm.
    assert opaque_app.refusal("/me", oidc_provider.token()).status == 401


# --- Secrets


def test_neither_token_nor_credentials_appear_in_the_log(oidc_provider: OIDCProvider, opaque_app: ProtectedAPI) -> None:
    good, undecided = oidc_provider.opaque_token(), oidc_provider.opaque_token()
    refused = oidc_provider.opaque_token(resource=None)
    assert opaque_app.get("/me", good).status_code == 200
    assert_invalid(opaque_app, refused, "audience_missing")
    with oidc_provider.unwell("500"):
        assert_undecided(opaque_app, undecided, because="introspection_unavailable")
    for secret in (good, refused, undecided, "secret of the API", "secret+of+the+API"):
        assert secret not in opaque_app.log()
