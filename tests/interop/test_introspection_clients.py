"""Who asks, and what it means when asking fails: `oidc-provider` knows our API by every method there is."""

from pathlib import Path

import pytest

from tests.interop.options import Method, Options
from tests.interop.protected_api import AskingAPI, ProtectedAPI, assert_undecided, running_introspecting_api
from tests.interop.provider import API, OPAQUE_API, OIDCProvider

# --- Who asks


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"])
def test_every_method_of_client_authentication_is_understood(
    method: Method, oidc_provider: OIDCProvider, tmp_path: Path
) -> None:
    key_file = str(oidc_provider.api_credentials.key_file)
    options = Options(issuer=oidc_provider.issuer, audience=OPAQUE_API, method=method, key_file=key_file)
    with running_introspecting_api(options, tmp_path) as api:
        assert api.get("/me", oidc_provider.opaque_token()).status_code == 200


# RFC 8705 section 5: the metadata names another endpoint for certificates; at the usual one there is no TLS here.
@pytest.mark.parametrize("by_hand", [False, True], ids=["as the metadata says", "given by hand"])
def test_a_certificate_is_shown_at_the_endpoint_for_certificates(
    *, by_hand: bool, oidc_provider: OIDCProvider, tmp_path: Path
) -> None:
    options = Options(
        issuer=oidc_provider.issuer,
        audience=OPAQUE_API,
        method="self_signed_tls_client_auth",
        key_file=str(oidc_provider.api_credentials.key_file),
        certificate_file=str(oidc_provider.api_credentials.certificate_file),
        introspection_endpoint=f"{oidc_provider.tls_origin}/token/introspection" if by_hand else None,
    )
    with running_introspecting_api(options, tmp_path, trusted_certificate=oidc_provider.tls_certificate) as api:
        assert api.get("/me", oidc_provider.opaque_token()).status_code == 200


# --- Our own credentials are refused


def odd_options(provider: OIDCProvider, *, form_encoded: bool) -> Options:
    # RFC 6749 section 2.3.1: they mean something else once they are not form-encoded.
    return Options(
        issuer=provider.issuer,
        audience=OPAQUE_API,
        client_id="sp:ec/ial&client",
        secret="p%:/ +&=s",
        form_encoded=form_encoded,
    )


def test_odd_credentials_work_form_encoded(oidc_provider: OIDCProvider, asking_api: AskingAPI) -> None:
    api = asking_api(odd_options(oidc_provider, form_encoded=True))
    assert api.get("/me", oidc_provider.opaque_token()).status_code == 200


def test_odd_credentials_sent_raw_are_our_fault_and_not_the_tokens(
    oidc_provider: OIDCProvider, asking_api: AskingAPI
) -> None:
    api = asking_api(odd_options(oidc_provider, form_encoded=False))
    record = assert_undecided(api, oidc_provider.opaque_token(), because="introspection_unavailable")
    assert "not properly encoded" in record  # the provider's own words for the cause
    assert "p%:/ +&=s" not in api.log()


def test_the_record_of_odd_credentials_sent_raw_names_the_option_that_mends_it(
    oidc_provider: OIDCProvider, asking_api: AskingAPI
) -> None:
    api = asking_api(odd_options(oidc_provider, form_encoded=False))
    record = assert_undecided(api, oidc_provider.opaque_token(), because="introspection_unavailable")
    assert "form_encoded" in record


def test_a_wrong_secret_is_our_fault_and_not_the_tokens(oidc_provider: OIDCProvider, asking_api: AskingAPI) -> None:
    api = asking_api(Options(issuer=oidc_provider.issuer, audience=OPAQUE_API, secret="the one before"))
    record = assert_undecided(api, oidc_provider.opaque_token(), because="introspection_unavailable")
    assert "invalid_client" in record
    assert "client_auth=" in record
    assert "the one before" not in api.log()


# --- The server is unwell


@pytest.mark.parametrize(("fault", "cause"), [("500", "answered 500"), ("html", "text/html")])
def test_an_answer_that_is_none_is_no_verdict_and_is_forgotten(
    fault: str, cause: str, oidc_provider: OIDCProvider, opaque_app: ProtectedAPI
) -> None:
    token = oidc_provider.opaque_token()
    with oidc_provider.unwell(fault):
        assert cause in assert_undecided(opaque_app, token, because="introspection_unavailable")
    assert opaque_app.get("/me", token).status_code == 200


def test_while_the_server_is_away_opaque_tokens_are_undecided_and_jwts_are_judged(
    provider_of_its_own: OIDCProvider, tmp_path: Path
) -> None:
    provider = provider_of_its_own
    options = Options(issuer=provider.issuer, audience=OPAQUE_API, jwt_audience=API)
    with running_introspecting_api(options, tmp_path) as api:
        jwt, unseen_jwt, opaque = provider.token(), provider.token(), provider.opaque_token()
        assert [api.get("/me", token).status_code for token in (jwt, opaque)] == [200, 200]
        provider.go_offline()
        assert_undecided(api, opaque, because="introspection_unavailable")
        assert [api.get("/me", token).status_code for token in (jwt, unseen_jwt)] == [200, 200]
