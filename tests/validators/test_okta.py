"""Okta's two kinds of authorization server, told apart by host and path, and by nothing else."""

from typing import Any

import pytest

from bearer_guard import AuthorizationServer, ConfigurationError, IntrospectionValidator, JWTValidator, Reason, profiles
from bearer_guard.validators.okta import is_org_server
from tests.validators.oracle import Oracle, active, refusal

ORG = [
    "https://acme.okta.com",
    "https://acme.okta.com/",
    "https://acme.okta.com//",
    "https://acme.oktapreview.com",
    "https://acme.okta-emea.com",
    "https://acme.okta-gov.com",
    "https://acme.okta.mil",
    "https://acme-admin.okta.com",
    "https://login.acme.okta.com",
    "https://ACME.OKTA.COM",
    "https://Acme.Okta.com/",
    "https://acme.okta.com:443",
    "https://acme.okta.com/oauth2",
    "https://acme.okta.com/oauth2/",
    "https://acme.okta.com/oauth2x/default",
    "https://acme.okta.com/api/oauth2/default",
]

NOT_ORG = [
    "https://acme.okta.com/oauth2/default",
    "https://acme.okta.com/oauth2/default/",
    "https://acme.okta.com/oauth2/aus1a2b3c4",
    "https://ACME.OKTA.COM/oauth2/default",
    "https://acme.okta.com:443/oauth2/default",
    "https://acme.oktapreview.com/oauth2/default",
    "https://evil-okta.com.example",
    "https://evil-okta.com",
    "https://acme.okta.com.example",
    "https://acmeokta.com",
    "https://okta.com",
    "https://acme.okta.com@id.example.com",
    "https://id.example.com/acme.okta.com",
    "https://id.example.com?acme.okta.com",
    "https://id.example.com#.okta.com",
    "https://acme.auth0.com",
    "https://acme.auth0.com/",
    "https://login.acme.example",  # a domain of one's own tells nothing
    "https://login.acme.example/oauth2/default",
    "acme.okta.com",  # no URL, and so no issuer of Okta's
    "stytch.com/project-1",
    "https://[",
    "",
]


@pytest.mark.parametrize("issuer", ORG)
def test_an_okta_host_without_a_custom_server_is_the_org_server(issuer: str) -> None:
    assert is_org_server(issuer)


@pytest.mark.parametrize("issuer", NOT_ORG)
def test_everything_else_is_not(issuer: str) -> None:
    assert not is_org_server(issuer)


@pytest.mark.parametrize("issuer", ORG)
@pytest.mark.parametrize("by_name", [True, False], ids=["an issuer", "a server"])
def test_tokens_of_the_org_server_are_not_validated_locally(issuer: str, *, by_name: bool) -> None:
    sentence = (
        rf"^'{issuer}' is Okta's org authorization server, whose .* look like JWTs; write the issuer of a custom one,"
        rf" such as '{issuer.rstrip('/')}/oauth2/default', or ask about them: IntrospectionValidator\(.*client_ids="
    )
    server = issuer if by_name else AuthorizationServer(issuer)
    with pytest.raises(ConfigurationError, match=sentence):
        JWTValidator(server, audience="api", profile=profiles.OKTA)


REAL = [issuer for issuer in NOT_ORG if issuer.startswith("https://") and not set("[@?#") & set(issuer)]


@pytest.mark.parametrize("issuer", REAL)
def test_tokens_of_others_are(issuer: str) -> None:
    assert JWTValidator(issuer, audience="api").server.issuer == issuer


def server_of(issuer: str) -> AuthorizationServer:
    return Oracle().server(issuer)


@pytest.mark.parametrize("issuer", ORG)
def test_where_the_audience_is_the_whole_organisation_the_clients_must_be_named(issuer: str) -> None:
    sentence = rf"the audience of tokens of '{issuer}' is your whole organisation.*; write client_ids=\{{'0oa...'\}}"
    with pytest.raises(ConfigurationError, match=sentence):
        IntrospectionValidator(server_of(issuer), audience=issuer)
    assert IntrospectionValidator(server_of(issuer), audience=issuer, client_ids={"0oa1"})


@pytest.mark.parametrize("none", [(), [], "0oa1"], ids=repr)
def test_no_clients_are_no_names(none: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"client_ids=.* must be names"):
        IntrospectionValidator(server_of("https://acme.okta.com"), audience="api", client_ids=none)


@pytest.mark.parametrize("issuer", REAL)
def test_elsewhere_they_need_not(issuer: str) -> None:
    assert IntrospectionValidator(server_of(issuer), audience="api")


async def test_a_token_of_the_org_server_is_accepted_from_the_named_clients_alone() -> None:
    issuer = "https://acme.okta.com"
    # What Okta's /oauth2/v1/introspect answers: uid beside the login name, and the organisation as audience.
    answer = active(iss=issuer, aud=issuer, client_id="0oa1", uid="00u1", sub="alice@acme.com", scope="openid groups")
    oracle = Oracle({**answer, "token_type": "Bearer", "username": "alice@acme.com", "device_id": "q4SZ"})
    validator = oracle.validator(
        server=oracle.server(issuer), audience=issuer, client_ids={"0oa1"}, profile=profiles.OKTA
    )
    token = await validator.validate("eyJraWQiOiJrIn0.e30.c2ln")  # looks like a JWT, and is asked about
    assert (token.user_id, token.subject, token.client_id) == ("00u1", "alice@acme.com", "0oa1")
    assert token.scopes == {"openid", "groups"}
    oracle.answer = {**answer, "client_id": "0oa2"}
    assert (await refusal(validator)).reason is Reason.CLIENT_NOT_ALLOWED
