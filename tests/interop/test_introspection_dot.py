"""Poor answers on real input: `django-oauth-toolkit` says neither who issued a token nor to whom, and 403 in HTML."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.interop.dot import DjangoOAuthToolkit
from tests.interop.options import Options
from tests.interop.protected_api import (
    AskingAPI,
    ProtectedAPI,
    assert_invalid,
    assert_undecided,
    running_introspecting_api,
)
from tests.interop.provider import API, OTHER_API


def options(site: DjangoOAuthToolkit, **more: Any) -> Options:
    return Options(issuer=site.issuer, audience=API, client_id="api", **{"secret": "secret", **more})


@pytest.fixture
def app(django_oauth_toolkit: DjangoOAuthToolkit, asking_api: AskingAPI) -> ProtectedAPI:
    """The plainest API that introspects; where to ask stands in the site's metadata (RFC 8414)."""
    return asking_api(options(django_oauth_toolkit))


@pytest.fixture
def trusting_app(django_oauth_toolkit: DjangoOAuthToolkit, asking_api: AskingAPI) -> ProtectedAPI:
    """An API whose server is said to vouch for the audience."""
    return asking_api(options(django_oauth_toolkit, server_vouches_for_audience=True))


# --- Yes


def test_a_token_asked_for_this_api_is_accepted_though_its_answer_names_no_issuer(
    django_oauth_toolkit: DjangoOAuthToolkit, app: ProtectedAPI
) -> None:
    token = django_oauth_toolkit.token(scope="read write", resource=API)
    answer = django_oauth_toolkit.introspection(token)
    assert set(answer) == {"active", "scope", "exp", "client_id", "aud"}
    assert answer["aud"] == [API]
    assert app.get("/me", token).json() == {"subject": None, "scopes": ["read", "write"], "groups": []}
    assert app.get("/orders", token).status_code == 200


def test_the_token_of_a_person_names_no_subject(django_oauth_toolkit: DjangoOAuthToolkit, app: ProtectedAPI) -> None:
    # A username is no sub: RFC 7662 section 2.2 has both, and only one of them is never given to somebody else.
    token = django_oauth_toolkit.login("alice", resource=API)["access_token"]
    answer = django_oauth_toolkit.introspection(token)
    assert answer["username"] == "alice"
    assert "sub" not in answer
    assert app.get("/me", token).json() == {"subject": None, "scopes": ["groups", "openid", "read"], "groups": []}


def test_a_token_without_an_audience_is_accepted_only_where_the_server_vouches_for_it(
    django_oauth_toolkit: DjangoOAuthToolkit, app: ProtectedAPI, trusting_app: ProtectedAPI
) -> None:
    token = django_oauth_toolkit.token()
    assert set(django_oauth_toolkit.introspection(token)) == {"active", "scope", "exp", "client_id"}
    assert_invalid(app, token, "audience_missing")
    assert trusting_app.get("/me", token).status_code == 200


# --- No


def test_without_the_scope_the_challenge_names_it(django_oauth_toolkit: DjangoOAuthToolkit, app: ProtectedAPI) -> None:
    refusal = app.refusal("/orders", django_oauth_toolkit.token(scope="write", resource=API))
    assert (refusal.status, refusal.reason) == (403, "insufficient_scope")
    assert refusal.challenge.endswith(', scope="read"')


def test_a_token_for_another_api_is_refused_whoever_vouches_for_what(
    django_oauth_toolkit: DjangoOAuthToolkit, app: ProtectedAPI, trusting_app: ProtectedAPI
) -> None:
    token = django_oauth_toolkit.token(resource=OTHER_API)
    for api in (app, trusting_app):
        assert_invalid(api, token, "audience_mismatch")


def test_a_revoked_token_is_refused_by_the_very_next_request(
    django_oauth_toolkit: DjangoOAuthToolkit, app: ProtectedAPI
) -> None:
    token = django_oauth_toolkit.token(resource=API)
    assert app.get("/me", token).status_code == 200
    django_oauth_toolkit.revoke(token)
    assert_invalid(app, token, "inactive")


def test_an_expired_token_is_refused_also_when_it_was_accepted_before(
    django_oauth_toolkit: DjangoOAuthToolkit, app: ProtectedAPI
) -> None:
    token = django_oauth_toolkit.token(resource=API)
    assert app.get("/me", token).status_code == 200
    django_oauth_toolkit.expire(token)
    assert_invalid(app, token, "inactive")


@pytest.mark.parametrize("kind", ["refresh_token", "id_token"])
def test_the_server_knows_no_other_tokens_than_access_tokens(
    kind: str, django_oauth_toolkit: DjangoOAuthToolkit, trusting_app: ProtectedAPI
) -> None:
    assert_invalid(trusting_app, django_oauth_toolkit.login("alice")[kind], "inactive")


def test_an_id_token_is_refused_unasked_where_jwts_are_judged_here(
    django_oauth_toolkit: DjangoOAuthToolkit, asking_api: AskingAPI
) -> None:
    # The audience of the ID token is its client: this API takes that name for its own, so that only the kind is wrong.
    api = asking_api(options(django_oauth_toolkit, jwt_audience="web"))
    assert_invalid(api, django_oauth_toolkit.login("alice")["id_token"], "id_token_used")


# --- Who asks


def test_a_secret_in_the_form_is_understood(django_oauth_toolkit: DjangoOAuthToolkit, asking_api: AskingAPI) -> None:
    api = asking_api(options(django_oauth_toolkit, method="client_secret_post"))
    assert api.get("/me", django_oauth_toolkit.token(resource=API)).status_code == 200


def odd(site: DjangoOAuthToolkit, *, form_encoded: bool) -> Options:
    return replace(options(site), client_id="sp:ec/ial&client", secret="p%:/ +&=s", form_encoded=form_encoded)


def test_odd_credentials_work_form_encoded(django_oauth_toolkit: DjangoOAuthToolkit, asking_api: AskingAPI) -> None:
    api = asking_api(odd(django_oauth_toolkit, form_encoded=True))
    assert api.get("/me", django_oauth_toolkit.token(resource=API)).status_code == 200


@pytest.mark.parametrize("why", ["raw", "wrong secret"])
def test_403_with_html_is_about_our_credentials_and_not_about_the_token(
    why: str, django_oauth_toolkit: DjangoOAuthToolkit, asking_api: AskingAPI
) -> None:
    refused = {
        "raw": odd(django_oauth_toolkit, form_encoded=False),
        "wrong secret": options(django_oauth_toolkit, secret="the one before"),
    }
    api = asking_api(refused[why])
    record = assert_undecided(api, django_oauth_toolkit.token(resource=API), because="introspection_unavailable")
    assert "answered 403" in record  # ... with an empty body: no word of why
    assert "client_auth=" in record
    assert "form_encoded" in record


def test_an_endpoint_that_is_not_there_is_named_with_the_option_that_gives_it(
    django_oauth_toolkit: DjangoOAuthToolkit, asking_api: AskingAPI
) -> None:
    # The trailing slash is missing, and Django answers with a page.
    endpoint = f"{django_oauth_toolkit.issuer}/introspect"
    api = asking_api(options(django_oauth_toolkit, introspection_endpoint=endpoint))
    record = assert_undecided(api, django_oauth_toolkit.token(resource=API), because="introspection_unavailable")
    assert endpoint in record
    assert "introspection_endpoint=" in record


# --- The server is away


def test_while_the_server_is_away_tokens_are_undecided(dot_of_its_own: DjangoOAuthToolkit, tmp_path: Path) -> None:
    with running_introspecting_api(options(dot_of_its_own), tmp_path) as api:
        token = dot_of_its_own.token(resource=API)
        assert api.get("/me", token).status_code == 200
        dot_of_its_own.go_offline()
        assert_undecided(api, token, because="introspection_unavailable")


# --- Secrets


def test_neither_token_nor_credentials_appear_in_the_log(
    django_oauth_toolkit: DjangoOAuthToolkit, app: ProtectedAPI
) -> None:
    good, refused = django_oauth_toolkit.token(resource=API), django_oauth_toolkit.token()
    assert app.get("/me", good).status_code == 200
    assert_invalid(app, refused, "audience_missing")
    for secret in (good, refused):
        assert secret not in app.log()
