"""FakeIssuer is asked about tokens: introspection, userinfo and revocation."""

import base64
from typing import Any

import httpx
import pytest

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    ByFormat,
    ClientSecretBasic,
    ClientSecretPost,
    IntrospectionValidator,
    InvalidToken,
    JWTValidator,
    PublicClient,
    Reason,
    profiles,
)
from bearer_guard.jose import has_jwt_form
from bearer_guard.testing import FakeIssuer, SigningKey

URL = "https://issuer.test"


def validator_of(issuer: FakeIssuer, **options: Any) -> IntrospectionValidator:
    return IntrospectionValidator(issuer.server, **{"audience": "api", **options})


async def asked(issuer: FakeIssuer, token: str, **options: Any) -> httpx.Response:
    """Its answer about a token, over HTTP, to whoever asks."""
    usual: dict[str, Any] = {"auth": (issuer.client_id, issuer.client_secret), "data": {"token": token}}
    async with issuer.http_client() as client:
        return await client.post(f"{URL}/introspect", **{**usual, **options})


# --- opaque tokens ----------------------------------------------------------------------------------------------------


async def test_an_opaque_token_is_that_of_an_ordinary_user_for_five_minutes(issuer: FakeIssuer) -> None:
    token = issuer.opaque_token()
    assert not has_jwt_form(token)
    assert token != issuer.opaque_token()
    answer = issuer.introspection(token)
    assert answer.pop("exp") - answer.pop("iat") == 300
    assert len(answer.pop("jti")) == 16
    usual = {"iss": URL, "sub": "alice", "aud": "api", "client_id": "test-client"}
    assert answer == {"active": True, **usual}
    accepted = await validator_of(issuer).validate(token)
    assert (accepted.subject, accepted.client_id) == ("alice", "test-client")


async def test_its_claims_are_those_of_token(issuer: FakeIssuer) -> None:
    token = issuer.opaque_token(scope="read", groups=["staff"], sub="bob", tenant="acme", exp=60, client_id=None)
    accepted = await validator_of(issuer).validate(token)
    assert accepted.scopes == {"read"}
    assert accepted.groups == {"staff"}
    assert (accepted.subject, accepted.claims["tenant"], accepted.client_id) == ("bob", "acme", None)
    assert "client_id" not in issuer.introspection(token)  # None leaves a claim out
    with pytest.raises(TypeError, match="write scope="):
        issuer.opaque_token(scopes="read")


@pytest.mark.parametrize(
    ("exp", "reason"),
    [(None, Reason.CLAIM_MISSING), ("soon", Reason.MALFORMED_CLAIM), ([1], Reason.MALFORMED_CLAIM)],
    ids=["left out", "a word", "a list"],
)
async def test_an_answer_may_say_any_exp_or_none(exp: Any, reason: Reason, issuer: FakeIssuer) -> None:
    with pytest.raises(InvalidToken) as refused:
        await validator_of(issuer).validate(issuer.opaque_token(exp=exp))
    assert refused.value.reason is reason


async def test_opaque_bearer_is_the_header_of_a_request_with_such_a_token(issuer: FakeIssuer) -> None:
    scheme, _, token = issuer.opaque_bearer(sub="bob")["Authorization"].partition(" ")
    assert scheme == "Bearer"
    assert issuer.introspection(token)["sub"] == "bob"


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_in_okta_s_dialect_both_forms_are_understood(form: str, signing_keys: dict[str, SigningKey]) -> None:
    issuer = FakeIssuer(profile=profiles.OKTA)
    issuer._keys = dict(signing_keys)
    given: dict[str, Any] = {"scope": "read", "groups": ["staff"], "client_id": "0oa1", "uid": "00u1"}
    token = issuer.token(**given) if form == "jwt" else issuer.opaque_token(**given)
    names = {"jwt": {"scp", "cid"}, "opaque": {"scope", "client_id"}}[form]  # RFC 7662 section 2.2
    assert issuer.introspection(token).keys() & {"scp", "cid", "scope", "client_id"} == names
    accepted = await validator_of(issuer, profile=profiles.OKTA, client_ids={"0oa1"}).validate(token)
    assert accepted.scopes == {"read"}
    assert accepted.groups == {"staff"}
    assert (accepted.client_id, accepted.user_id) == ("0oa1", "00u1")


# --- what is active ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a_token_is_active_until_it_expires_or_is_revoked(form: str, issuer: FakeIssuer) -> None:
    make = issuer.token if form == "jwt" else issuer.opaque_token
    token, other = make(exp=60), make(exp=600)
    assert issuer.introspection(token)["active"] is True
    issuer.clock.advance(58)
    assert issuer.introspection(token)["active"] is True
    issuer.clock.advance(2)
    assert issuer.introspection(token) == {"active": False}
    assert issuer.introspection(other)["active"] is True
    issuer.revoke(other)
    assert issuer.introspection(other) == {"active": False}
    issuer.revoke(other)
    issuer.revoke("no token of its own")


async def test_the_signature_of_a_revoked_jwt_stays_good(issuer: FakeIssuer) -> None:
    token = issuer.token()
    issuer.revoke(token)
    await JWTValidator(issuer.server, audience="api").validate(token)
    both = ByFormat(jwt=JWTValidator(issuer.server, audience="api"), opaque=validator_of(issuer))
    await both.validate(token)
    with pytest.raises(InvalidToken) as refused:
        await both.validate(token, max_age=0)
    assert refused.value.reason is Reason.INACTIVE


def test_what_it_did_not_issue_is_inactive(issuer: FakeIssuer) -> None:
    good = issuer.token()
    head, payload, signature = good.split(".")
    forged = issuer.token(key=SigningKey("ES256"))
    for token in (
        forged,
        "",
        "stranger",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        FakeIssuer().opaque_token(),
    ):
        assert issuer.introspection(token) == {"active": False}
    assert issuer.introspection(good)["active"] is True


def test_tokens_outlive_the_key_that_signed_them(issuer: FakeIssuer) -> None:
    # As at real servers: what counts there is what it has issued.
    token = issuer.token()
    issuer.rotate_keys()
    assert issuer.introspection(token)["active"] is True


# --- who may ask ------------------------------------------------------------------------------------------------------


async def test_it_answers_its_client_and_counts(issuer: FakeIssuer) -> None:
    answer = await asked(issuer, issuer.opaque_token())
    assert (answer.status_code, answer.json()["active"]) == (200, True)
    assert (await asked(issuer, "stranger")).json() == {"active": False}
    assert (await asked(issuer, "", data={})).json() == {"active": False}
    assert issuer.requests == ["/introspect"] * 3


def basic(pair: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


STRANGERS: dict[str, dict[str, Any]] = {
    "nobody": {"auth": None},
    "another secret": {"auth": ("test-api", "wrong")},
    "no secret": {"auth": ("test-api", "")},
    "another client": {"auth": ("other-api", "wrong")},
    "the id in the form": {"auth": None, "data": {"token": "t", "client_id": "test-api"}},
    "another scheme": {"auth": None, "headers": {"Authorization": "Bearer test-api"}},
    "no base64": {"auth": None, "headers": {"Authorization": "Basic ~~~"}},
    "no text": {"auth": None, "headers": {"Authorization": "Basic /////w=="}},
    "no pair": {"auth": None, "headers": basic("test-api")},
}


@pytest.mark.parametrize("options", STRANGERS.values(), ids=STRANGERS)
async def test_it_does_not_answer_strangers(options: dict[str, Any], issuer: FakeIssuer) -> None:
    # RFC 7662 section 2.1
    answer = await asked(issuer, issuer.opaque_token(), **options)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert answer.headers["www-authenticate"] == "Basic"


async def test_nor_another_client_with_the_same_secret(issuer: FakeIssuer) -> None:
    answer = await asked(issuer, issuer.opaque_token(), auth=("other-api", issuer.client_secret))
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


async def test_nor_those_with_a_secret_that_is_not_ascii(issuer: FakeIssuer) -> None:
    answer = await asked(issuer, "t", auth=None, headers=basic("test-api:pässword"))
    assert answer.status_code == 401


async def test_it_answers_posts_alone(issuer: FakeIssuer) -> None:
    async with issuer.http_client() as client:
        assert (await client.get(f"{URL}/introspect")).status_code == 405
        assert (await client.post(f"{URL}/userinfo")).status_code == 405


@pytest.mark.parametrize(
    "client_auth",
    [ClientSecretBasic("test-api", "wrong"), PublicClient("test-api"), ClientSecretPost("test-api", "wrong")],
    ids=lambda client_auth: type(client_auth).__name__,
)
async def test_a_validator_with_wrong_credentials_is_a_503(client_auth: Any, issuer: FakeIssuer) -> None:
    server = AuthorizationServer(
        issuer.issuer, client_auth=client_auth, http_client=issuer.http_client, clock=issuer.clock
    )
    with pytest.raises(AuthorizationServerUnavailable) as unavailable:
        await IntrospectionValidator(server, audience="api").validate(issuer.opaque_token())
    assert "does not accept our own credentials" in str(unavailable.value.__cause__)


async def test_a_client_of_your_own_with_odd_characters_is_known(issuer: FakeIssuer) -> None:
    issuer.client_id, issuer.client_secret = "orders api:1", "p+a s%s/w:o=rd"
    server = AuthorizationServer(
        issuer.issuer,
        client_auth=ClientSecretBasic(issuer.client_id, issuer.client_secret),
        http_client=issuer.http_client,
        clock=issuer.clock,
    )
    assert (await IntrospectionValidator(server, audience="api").validate(issuer.opaque_token())).subject == "alice"
