"""FakeIssuer tells about users; and all that it answers, on a real server."""

from typing import Any

import httpx
import pytest

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    BearerGuard,
    ByFormat,
    ClientSecretBasic,
    IntrospectionValidator,
    InvalidToken,
    JWTValidator,
    UserInfo,
    profiles,
)
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.test_testing import listening, served

URL = "https://issuer.test"


async def told(issuer: FakeIssuer, **headers: str) -> httpx.Response:
    async with issuer.http_client() as client:
        return await client.get(f"{URL}/userinfo", headers=headers)


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_it_tells_about_the_user_of_a_token(form: str, issuer: FakeIssuer) -> None:
    issuer.users["alice"] = {"groups": ["staff"], "updated_at": 1490198843}
    bearer = issuer.bearer if form == "jwt" else issuer.opaque_bearer
    answer = await told(issuer, **bearer())
    assert answer.json() == {"sub": "alice", "groups": ["staff"], "updated_at": 1490198843}
    assert (await told(issuer, **bearer(sub="bob"))).json() == {"sub": "bob"}
    assert issuer.requests == ["/userinfo"] * 2


async def test_a_user_can_be_told_about_wrongly_on_purpose(issuer: FakeIssuer) -> None:
    issuer.users["alice"] = {"sub": "mallory"}
    assert issuer.userinfo(issuer.token()) == {"sub": "mallory"}


async def test_whoever_presents_no_active_token_of_a_user_is_told_nothing(issuer: FakeIssuer) -> None:
    revoked = issuer.opaque_token()
    issuer.revoke(revoked)
    tokens = (
        "",
        "stranger",
        revoked,
        issuer.token(exp=-1),
        issuer.token(sub=None),
        issuer.token(key=SigningKey("ES256")),
    )
    for token in tokens:
        assert issuer.userinfo(token) is None
        assert (await told(issuer, Authorization=f"Bearer {token}")).status_code == 401
    assert (await told(issuer)).status_code == 401


async def test_okta_s_users_are_told_about_by_their_id(signing_keys: dict[str, SigningKey]) -> None:
    issuer = FakeIssuer(profile=profiles.OKTA)
    issuer._keys = dict(signing_keys)
    issuer.users["00u1"] = {"groups": ["staff"]}
    token = issuer.token(sub="alice@acme.example", uid="00u1")
    assert issuer.userinfo(token) == {"sub": "00u1", "groups": ["staff"]}
    assert issuer.userinfo(issuer.token(sub="0oa1", client_id="0oa1", uid=None)) is None


async def test_its_ordinary_user_is_one_in_every_dialect(signing_keys: dict[str, SigningKey]) -> None:
    issuer = FakeIssuer(profile=profiles.OKTA)
    issuer._keys = dict(signing_keys)
    issuer.users["alice"] = {"groups": ["staff"]}
    guard = BearerGuard(
        JWTValidator(issuer.server, audience="api", profile=profiles.OKTA), userinfo=UserInfo(issuer.server)
    )
    assert (await guard.validate(issuer.token())).groups == {"staff"}


# --- on a real server -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", ["", "/tenant"])
async def test_all_of_it_is_served_over_http(tenant: str, signing_keys: dict[str, SigningKey]) -> None:
    listener, url = listening()
    issuer = FakeIssuer(url + tenant)
    issuer._keys = dict(signing_keys)
    issuer.users["alice"] = {"groups": ["staff"]}
    server = AuthorizationServer(
        issuer.issuer, client_auth=ClientSecretBasic(issuer.client_id, issuer.client_secret), clock=issuer.clock
    )
    opaque = IntrospectionValidator(server, audience="api")
    guard = BearerGuard(ByFormat(jwt=JWTValidator(server, audience="api"), opaque=opaque), userinfo=UserInfo(server))
    async with served(issuer.app, listener), guard:
        for token in (issuer.token(), issuer.opaque_token()):
            assert (await guard.validate(token, max_age=0)).groups == {"staff"}
        assert sorted(issuer.requests) == sorted(
            [
                f"/.well-known/oauth-authorization-server{tenant}",
                f"{tenant}/jwks",
                *[f"{tenant}/introspect", f"{tenant}/userinfo"] * 2,
            ]
        )
        issuer.revoke(token)
        with pytest.raises(InvalidToken):
            await guard.validate(token)
        await no_answer(issuer, guard)


async def no_answer(issuer: FakeIssuer, guard: BearerGuard) -> None:
    """Offline it is 503 at every endpoint, and for the guard; and then it comes back."""
    issuer.go_offline()
    for endpoint, method in (("introspect", "POST"), ("userinfo", "GET"), ("jwks", "GET")):
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.request(method, f"{issuer.issuer}/{endpoint}")).status_code == 503
    token = issuer.opaque_token()
    with pytest.raises(AuthorizationServerUnavailable) as unavailable:
        await guard.validate(token)
    assert "answered 503" in str(unavailable.value.__cause__)
    issuer.come_back()
    await guard.validate(token)


@pytest.mark.parametrize(
    "name", ["accounts.acme.example", "urn:acme:id", "http://id.acme.example", "https://issuer.test/a/"]
)
async def test_an_issuer_of_any_name_is_asked_in_memory(name: str, signing_keys: dict[str, SigningKey]) -> None:
    issuer = FakeIssuer(name)
    issuer._keys = dict(signing_keys)
    issuer.users["alice"] = {"groups": ["staff"]}
    guard = BearerGuard(IntrospectionValidator(issuer.server, audience="api"), userinfo=UserInfo(issuer.server))
    for make in (issuer.token, issuer.opaque_token):
        token: Any = await guard.validate(make())
        assert (token.issuer, token.groups) == (name, {"staff"})
