"""Groups that live only at the userinfo endpoint, on real input: both servers keep them there."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.interop.dot import DjangoOAuthToolkit, running_dot
from tests.interop.options import Options
from tests.interop.protected_api import AskingAPI, ProtectedAPI, assert_invalid, assert_undecided
from tests.interop.provider import API, OPAQUE_API, OIDCProvider

# Both servers hand out userinfo only for tokens that are bound to no resource, so their audience is vouched for.


def options(provider: OIDCProvider, **more: Any) -> Options:
    wanted = {"audience": OPAQUE_API, "server_vouches_for_audience": True, "without_userinfo": "refuse", **more}
    return Options(issuer=provider.issuer, **wanted)


@pytest.fixture
def app(oidc_provider: OIDCProvider, asking_api: AskingAPI) -> ProtectedAPI:
    """An API that looks up the groups of whoever stands behind a token."""
    return asking_api(options(oidc_provider))


# --- oidc-provider


def test_the_groups_of_a_person_come_from_userinfo(oidc_provider: OIDCProvider, app: ProtectedAPI) -> None:
    token = oidc_provider.login("alice", resource=None)["access_token"]
    assert "groups" not in oidc_provider.introspection(token)
    assert app.get("/me", token).json()["groups"] == ["admins", "staff"]
    assert app.get("/admin", token).status_code == 200


def test_without_the_group_the_answer_is_no(oidc_provider: OIDCProvider, app: ProtectedAPI) -> None:
    refusal = app.refusal("/admin", oidc_provider.login("bob", resource=None)["access_token"])
    assert (refusal.status, refusal.reason) == (403, "missing_group")


def test_nobody_is_looked_up_for_the_token_of_a_machine(oidc_provider: OIDCProvider, app: ProtectedAPI) -> None:
    # oidc-provider would answer 401 at its userinfo endpoint.
    assert app.get("/me", oidc_provider.opaque_token(resource=None)).json()["groups"] == []


def test_a_token_for_which_the_server_has_no_userinfo_is_good_without(
    oidc_provider: OIDCProvider, app: ProtectedAPI
) -> None:
    # It is bound to a resource: oidc-provider answers 403. What the introspection says about groups stays.
    token = oidc_provider.login("alice", resource=OPAQUE_API)["access_token"]
    assert app.get("/me", token).json()["groups"] == ["admins", "staff"]


def test_without_userinfo_the_api_refuses_or_goes_on_as_it_was_told(
    oidc_provider: OIDCProvider, asking_api: AskingAPI
) -> None:
    nowhere = f"{oidc_provider.issuer}/nowhere"
    token = oidc_provider.login("alice", resource=None)["access_token"]
    refusing = asking_api(options(oidc_provider, userinfo_endpoint=nowhere))
    record = assert_undecided(refusing, token, because="userinfo_unavailable")
    assert nowhere in record
    assert "userinfo_endpoint=" in record
    going_on = asking_api(options(oidc_provider, userinfo_endpoint=nowhere, without_userinfo="go_on"))
    assert going_on.get("/me", token).json() == {
        "subject": "alice",
        "scopes": ["groups", "openid", "read"],
        "groups": [],
    }


def test_one_user_whose_userinfo_fails_locks_out_nobody_else(
    oidc_provider: OIDCProvider, asking_api: AskingAPI
) -> None:
    api = asking_api(options(oidc_provider, leeway=29))  # not the one of the other tests
    carol, alice = (oidc_provider.login(user, resource=None)["access_token"] for user in ("carol", "alice"))
    assert "answered 500" in api.outage("/me", carol).record
    assert api.get("/admin", alice).status_code == 200


# --- django-oauth-toolkit


@pytest.fixture(scope="module")
def site_naming_users(dot_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DjangoOAuthToolkit]:
    """A site whose userinfo names users as its introspection does."""
    with running_dot(tmp_path_factory.mktemp("users-by-name"), users_by_name=True) as site:
        yield site


def dot_options(site: DjangoOAuthToolkit, **more: Any) -> Options:
    wanted = {
        "audience": API,
        "client_id": "api",
        "secret": "secret",
        "server_vouches_for_audience": True,
        "without_userinfo": "refuse",
        "userinfo_endpoint": f"{site.issuer}/userinfo/",
        **more,
    }
    return Options(issuer=site.issuer, **wanted)


def test_groups_of_users_whom_introspection_names_only_by_username(
    site_naming_users: DjangoOAuthToolkit, asking_api: AskingAPI
) -> None:
    api = asking_api(dot_options(site_naming_users, user_id="username"))
    alice, bob = (site_naming_users.login(user)["access_token"] for user in ("alice", "bob"))
    assert api.get("/me", alice).json()["groups"] == ["admins", "staff"]
    assert api.get("/admin", alice).status_code == 200
    assert api.refusal("/admin", bob).reason == "missing_group"
    assert api.get("/me", site_naming_users.token()).json()["groups"] == []


def test_a_user_whom_introspection_does_not_name_is_not_looked_up(
    site_naming_users: DjangoOAuthToolkit, asking_api: AskingAPI
) -> None:
    # There is no sub to compare with the sub of userinfo, and nobody has told the API to take the username for it.
    api = asking_api(dot_options(site_naming_users))
    token = site_naming_users.login("alice")["access_token"]
    assert api.get("/me", token).json()["groups"] == []


def test_userinfo_about_somebody_else_is_not_believed(
    django_oauth_toolkit: DjangoOAuthToolkit, asking_api: AskingAPI
) -> None:
    # The toolkit by default: introspection says alice, userinfo says 1, the key of a row.
    api = asking_api(dot_options(django_oauth_toolkit, user_id="username"))
    token = django_oauth_toolkit.login("alice")["access_token"]
    assert_invalid(api, token, "userinfo_mismatch")


@pytest.mark.parametrize("resource", [None, API])
def test_a_token_bound_to_a_resource_is_of_no_use_at_userinfo(
    resource: str | None, site_naming_users: DjangoOAuthToolkit, asking_api: AskingAPI
) -> None:
    api = asking_api(dot_options(site_naming_users, user_id="username"))
    token = site_naming_users.login("alice", resource=resource)["access_token"]
    assert api.get("/me", token).json()["groups"] == ([] if resource else ["admins", "staff"])


def test_the_userinfo_endpoint_is_found_though_only_the_other_document_names_it(
    site_naming_users: DjangoOAuthToolkit, asking_api: AskingAPI
) -> None:
    # RFC 8414's document names the introspection endpoint, OpenID Connect's the userinfo endpoint, and none both.
    api = asking_api(dot_options(site_naming_users, user_id="username", userinfo_endpoint=None))
    token = site_naming_users.login("alice")["access_token"]
    assert api.get("/admin", token).status_code == 200
