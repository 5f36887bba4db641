"""The main job on real input: the certified OpenID provider `oidc-provider` issues, our API judges."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.interop.protected_api import ProtectedAPI, Refusal
from tests.interop.provider import API, OTHER_API, OIDCProvider

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")


def decoded(segment: str) -> dict[str, Any]:
    return dict(json.loads(urlsafe_b64decode(segment + "==")))


def header(token: str) -> dict[str, Any]:
    return decoded(token.split(".", maxsplit=1)[0])


def claims(token: str) -> dict[str, Any]:
    return decoded(token.split(".")[1])


def with_claims(token: str, **changes: object) -> str:
    """The same token, its signature kept, saying something else."""
    head, payload, signature = token.split(".")
    forged = json.dumps({**decoded(payload), **changes}).encode()
    return ".".join((head, urlsafe_b64encode(forged).rstrip(b"=").decode(), signature))


def wait_until_expired(token: str) -> None:
    # The one sleep here: the clocks of two real processes cannot be moved.
    time.sleep(max(0.0, claims(token)["exp"] + 0.1 - time.time()))


# --- Yes


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_every_published_algorithm_is_accepted_with_its_scopes(
    algorithm: str, oidc_provider: OIDCProvider, protected_app: ProtectedAPI
) -> None:
    token = oidc_provider.token(algorithm, scope="read write")
    response = protected_app.get("/me", token)
    assert header(token)["alg"] == algorithm
    assert response.status_code == 200
    assert response.json() == {"subject": algorithm, "scopes": ["read", "write"], "groups": []}


def test_a_token_with_the_scope_of_the_route_is_let_through(
    oidc_provider: OIDCProvider, protected_app: ProtectedAPI
) -> None:
    assert protected_app.get("/orders", oidc_provider.token(scope="read")).status_code == 200


def test_the_token_of_a_person_who_logged_in_carries_subject_and_groups(
    oidc_provider: OIDCProvider, protected_app: ProtectedAPI
) -> None:
    response = protected_app.get("/me", oidc_provider.login("alice")["access_token"])
    assert response.status_code == 200
    assert response.json() == {"subject": "alice", "scopes": ["read"], "groups": ["admins", "staff"]}


def test_a_member_of_the_group_is_let_through(oidc_provider: OIDCProvider, protected_app: ProtectedAPI) -> None:
    assert protected_app.get("/admin", oidc_provider.login("alice")["access_token"]).status_code == 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_strict_profile_finds_all_that_rfc_9068_requires(
    algorithm: str, oidc_provider: OIDCProvider, strict_app: ProtectedAPI
) -> None:
    assert strict_app.get("/me", oidc_provider.token(algorithm)).status_code == 200


def test_a_public_path_needs_no_token(protected_app: ProtectedAPI) -> None:
    assert protected_app.get("/health").status_code == 200


# --- No: not enough


def test_without_the_group_the_challenge_names_no_scope_that_would_not_help(
    oidc_provider: OIDCProvider, protected_app: ProtectedAPI
) -> None:
    refusal = protected_app.refusal("/admin", oidc_provider.login("bob")["access_token"])
    assert (refusal.status, refusal.reason) == (403, "missing_group")
    assert refusal.challenge.startswith('Bearer error="insufficient_scope"')
    assert "scope=" not in refusal.challenge


def test_without_the_scope_the_challenge_names_it(oidc_provider: OIDCProvider, protected_app: ProtectedAPI) -> None:
    refusal = protected_app.refusal("/orders", oidc_provider.token(scope="write"))
    assert (refusal.status, refusal.reason) == (403, "insufficient_scope")
    assert refusal.challenge.startswith('Bearer error="insufficient_scope"')
    assert refusal.challenge.endswith(', scope="read"')


# --- No: not good


def test_without_a_token_the_challenge_is_bare(protected_app: ProtectedAPI) -> None:
    assert protected_app.refusal("/me") == Refusal(401, "Bearer", "missing_token")


def test_an_expired_token_is_told_so_also_when_it_was_accepted_before(
    oidc_provider: OIDCProvider, strict_app: ProtectedAPI
) -> None:
    # With the keys already fetched, the token's short life is spent on the test and not on them.
    assert strict_app.get("/me", oidc_provider.token()).status_code == 200
    token = oidc_provider.token("short-lived")
    assert strict_app.get("/me", token).status_code == 200
    wait_until_expired(token)
    assert strict_app.refusal("/me", token) == Refusal(
        401, 'Bearer error="invalid_token", error_description="The token has expired."', "expired"
    )


def test_a_token_for_another_api_is_refused(oidc_provider: OIDCProvider, protected_app: ProtectedAPI) -> None:
    assert_invalid(protected_app, oidc_provider.token(resource=OTHER_API), "audience_mismatch")


def test_a_token_signed_with_a_shared_secret_is_refused(
    oidc_provider: OIDCProvider, protected_app: ProtectedAPI
) -> None:
    token = oidc_provider.token("HS256")
    assert header(token)["alg"] == "HS256"
    assert_invalid(protected_app, token, "algorithm_not_allowed")


@pytest.mark.parametrize("client_id", ["web", API])
def test_an_id_token_is_refused_also_when_its_audience_is_the_api(
    client_id: str, oidc_provider: OIDCProvider, protected_app: ProtectedAPI
) -> None:
    id_token = oidc_provider.login("alice", client_id=client_id)["id_token"]
    assert claims(id_token)["aud"] == client_id
    assert_invalid(protected_app, id_token, "id_token_used")


def test_the_strict_profile_sees_through_an_id_token_that_nothing_else_gives_away(
    oidc_provider: OIDCProvider, strict_app: ProtectedAPI
) -> None:
    # RFC 9068 section 2.1 is why typ exists: of the claims here, an access token may have every one.
    id_token = oidc_provider.login("alice", client_id=API, nonce=None)["id_token"]
    assert set(claims(id_token)) == {"iss", "sub", "aud", "exp", "iat"}
    assert_invalid(strict_app, id_token, "type_not_allowed")


def test_a_token_that_gives_itself_another_scope_is_refused(
    oidc_provider: OIDCProvider, protected_app: ProtectedAPI
) -> None:
    token = oidc_provider.token(scope="read")
    assert_invalid(protected_app, with_claims(token, scope="read write"), "invalid_signature")


def assert_invalid(api: ProtectedAPI, token: str, reason: str) -> None:
    refusal = api.refusal("/me", token)
    assert (refusal.status, refusal.reason) == (401, reason)
    assert refusal.challenge.startswith('Bearer error="invalid_token", error_description="')


# --- Keys


def test_many_simultaneous_first_requests_fetch_the_keys_once(
    provider_of_its_own: OIDCProvider, app_of_its_own: ProtectedAPI
) -> None:
    tokens = [provider_of_its_own.token(algorithm) for algorithm in ALGORITHMS * 10]
    with ThreadPoolExecutor(max_workers=20) as threads:
        answers = list(threads.map(lambda token: app_of_its_own.get("/me", token), tokens))
    assert {answer.status_code for answer in answers} == {200}
    assert provider_of_its_own.jwks_hits() == 1


def test_a_key_rotated_while_the_api_runs_is_picked_up(
    provider_of_its_own: OIDCProvider, app_of_its_own: ProtectedAPI
) -> None:
    before = provider_of_its_own.token()
    assert app_of_its_own.get("/me", before).status_code == 200
    provider_of_its_own.rotate_keys()
    after = provider_of_its_own.token()
    assert header(after)["kid"] != header(before)["kid"]
    assert app_of_its_own.get("/me", after).status_code == 200
    assert app_of_its_own.get("/me", before).status_code == 200  # its key is still published
    assert provider_of_its_own.jwks_hits() == 2


def test_a_withdrawn_key_ends_its_tokens(provider_of_its_own: OIDCProvider, app_of_its_own: ProtectedAPI) -> None:
    before = provider_of_its_own.token()
    assert app_of_its_own.get("/me", before).status_code == 200
    provider_of_its_own.rotate_keys(drop_old=True)
    assert app_of_its_own.get("/me", provider_of_its_own.token()).status_code == 200
    assert_invalid(app_of_its_own, before, "unknown_key")


def test_known_keys_outlive_an_outage_of_the_provider(
    provider_of_its_own: OIDCProvider, app_of_its_own: ProtectedAPI
) -> None:
    first, never_seen = provider_of_its_own.token(), provider_of_its_own.token()
    assert app_of_its_own.get("/me", first).status_code == 200
    provider_of_its_own.go_offline()
    assert app_of_its_own.get("/me", never_seen).status_code == 200


def test_without_any_keys_an_outage_is_no_verdict_on_the_token(
    provider_of_its_own: OIDCProvider, app_of_its_own: ProtectedAPI
) -> None:
    token = provider_of_its_own.token()
    provider_of_its_own.go_offline()
    response = app_of_its_own.get("/me", token)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "WWW-Authenticate" not in response.headers


# --- Secrets


def test_no_token_appears_in_the_log(oidc_provider: OIDCProvider, protected_app: ProtectedAPI) -> None:
    good = oidc_provider.token()
    refused = oidc_provider.token(resource=OTHER_API)
    assert protected_app.get("/me", good).status_code == 200
    assert_invalid(protected_app, refused, "audience_mismatch")
    for part in (*good.split("."), *refused.split(".")):
        assert part not in protected_app.log()
