"""userinfo= on a guard: groups that no token carries open routes, and nothing else in userinfo does."""

import asyncio
import logging
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import (
    AuthorizationServer,
    BearerGuard,
    ByFormat,
    Claim,
    ClientSecretBasic,
    Groups,
    IntrospectionValidator,
    InvalidToken,
    JWTValidator,
    Profile,
    Reason,
    Requirement,
    Roles,
    Scopes,
    UserInfo,
    access_token,
    profiles,
    require,
)
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.conftest import MakeClient


def guard_of(issuer: FakeIssuer, **options: Any) -> BearerGuard:
    """Both kinds of token, and userinfo."""
    profile = options.pop("profile", issuer.profile)
    jwt = JWTValidator(issuer.server, audience="api", profile=profile)
    opaque = IntrospectionValidator(issuer.server, audience="api", profile=profile)
    return BearerGuard(ByFormat(jwt=jwt, opaque=opaque), userinfo=UserInfo(issuer.server, **options))


async def facts(request: Request) -> JSONResponse:
    token = access_token(request)
    return JSONResponse({"groups": sorted(token.groups), "roles": sorted(token.roles), "info": token.userinfo})


REQUIREMENTS: dict[str, Requirement] = {
    "staff": Groups("staff"),
    "writer": Roles("writer"),
    "admin": Scopes("admin"),
    "acme": Claim("tenant", "acme"),
    "listed": Claim("groups", "staff"),
    "nested": Claim(("userinfo", "tenant"), "acme"),
}


@pytest.fixture
def client(issuer: FakeIssuer, make_client: MakeClient) -> TestClient:
    """An application with a route for each requirement."""
    routes = [Route(f"/{name}", require(requirement)(facts)) for name, requirement in REQUIREMENTS.items()]
    return make_client(guard_of(issuer), routes=[Route("/facts", facts), *routes])


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_groups_of_userinfo_open_routes(form: str, client: TestClient, issuer: FakeIssuer) -> None:
    bearer = issuer.bearer if form == "jwt" else issuer.opaque_bearer
    issuer.users["alice"] = {"groups": ["staff"], "updated_at": 1490198843}
    alice, bob = bearer(groups=["ops"]), bearer(sub="bob")
    answer = client.get("/staff", headers=alice).json()
    assert answer["groups"] == ["ops", "staff"]
    assert answer["info"] == {"sub": "alice", "groups": ["staff"], "updated_at": 1490198843}
    assert client.get("/staff", headers=bob).status_code == 403
    assert [client.get("/staff", headers=alice).status_code for _ in range(3)] == [200] * 3
    assert issuer.requests.count("/userinfo") == 2


def test_nothing_else_in_userinfo_opens_anything(client: TestClient, issuer: FakeIssuer) -> None:
    issuer.users["alice"] = {
        "scope": "admin",
        "scp": ["admin"],
        "scopes": ["admin"],
        "tenant": "acme",
        "groups": ["staff"],
        "roles": ["writer"],
    }
    opened = {name: client.get(f"/{name}", headers=issuer.bearer()).status_code for name in REQUIREMENTS}
    assert opened == {"staff": 200, "writer": 200, "admin": 403, "acme": 403, "listed": 403, "nested": 403}


def test_one_token_has_nothing_of_what_userinfo_says_about_another(client: TestClient, issuer: FakeIssuer) -> None:
    issuer.users["alice"] = {"groups": ["staff"]}
    alice, bob, bare = issuer.bearer(), issuer.bearer(sub="bob"), issuer.bearer(sub=None)
    for _ in range(2):
        statuses = [client.get("/staff", headers=headers).status_code for headers in (alice, bob, bare)]
        assert statuses == [200, 403, 403]


def test_no_one_is_asked_about_a_token_that_is_refused(client: TestClient, issuer: FakeIssuer) -> None:
    forged, stale = issuer.bearer(key=SigningKey("ES256")), issuer.bearer(exp=-60)
    bound = issuer.bearer(cnf={"jkt": "x"})
    for headers in (forged, stale, bound, issuer.bearer(aud="other"), {"Authorization": "Bearer opaque"}):
        assert client.get("/facts", headers=headers).status_code == 401
    assert "/userinfo" not in issuer.requests


def test_what_is_known_ends_with_the_token(client: TestClient, issuer: FakeIssuer) -> None:
    issuer.users["alice"] = {"groups": ["staff"]}
    headers = issuer.bearer(exp=60)
    assert client.get("/staff", headers=headers).status_code == 200
    issuer.clock.advance(60 + 30)
    assert client.get("/staff", headers=headers).status_code == 401
    assert issuer.requests.count("/userinfo") == 1


async def test_it_is_asked_once_for_a_token_even_where_the_guard_remembers_none(issuer: FakeIssuer) -> None:
    guard = BearerGuard(JWTValidator(issuer.server, audience="api"), remember=0, userinfo=UserInfo(issuer.server))
    token = issuer.token()
    await asyncio.gather(*(guard.validate(token) for _ in range(20)))
    await guard.validate(token)
    assert issuer.requests.count("/userinfo") == 1


# --- who has a user ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims", [{"sub": None}, {"sub": "batch", "client_id": "batch"}], ids=["nobody", "the client itself"]
)
@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a_token_of_a_client_is_not_enriched(
    claims: dict[str, Any], form: str, client: TestClient, issuer: FakeIssuer
) -> None:
    issuer.users["batch"] = {"groups": ["staff"]}
    bearer = issuer.bearer if form == "jwt" else issuer.opaque_bearer
    answer = client.get("/facts", headers=bearer(**claims)).json()
    assert answer == {"groups": [], "roles": [], "info": None}
    assert "/userinfo" not in issuer.requests


def test_tokens_of_another_issuer_are_left_as_they_are(
    signing_keys: dict[str, SigningKey], issuer: FakeIssuer, make_client: MakeClient
) -> None:
    other = FakeIssuer("https://other.test")
    other._keys = dict(signing_keys)
    validator = ByFormat(
        jwt=JWTValidator(other.server, audience="api"), opaque=IntrospectionValidator(issuer.server, audience="api")
    )
    client = make_client(BearerGuard(validator, userinfo=UserInfo(issuer.server)), routes=[Route("/facts", facts)])
    for one in (issuer, other):
        one.users["alice"] = {"groups": ["staff"]}
    assert client.get("/facts", headers=issuer.opaque_bearer()).json()["groups"] == ["staff"]
    assert client.get("/facts", headers=other.bearer()).json()["info"] is None
    assert "/userinfo" not in other.requests


# --- Okta: sub is a login name, uid the user --------------------------------------------------------------------------

OKTA: dict[str, Any] = {"sub": "alice@acme.example", "uid": "00u1", "client_id": "0oa1"}


def okta(signing_keys: dict[str, SigningKey]) -> FakeIssuer:
    """Knows two people: one has had the login name of the other."""
    issuer = FakeIssuer("https://acme.okta.com/oauth2/default", profile=profiles.OKTA)
    issuer._keys = dict(signing_keys)
    issuer.users["00u1"] = {"groups": ["staff"], "preferred_username": "alice@acme.example"}
    issuer.users["00u2"] = {"groups": ["board"], "preferred_username": "alice@acme.example"}
    return issuer


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_users_of_okta_are_known_by_their_id_and_not_by_their_login_name(
    form: str, signing_keys: dict[str, SigningKey]
) -> None:
    issuer = okta(signing_keys)
    guard = guard_of(issuer)
    make = issuer.token if form == "jwt" else issuer.opaque_token
    for uid, groups in (("00u1", {"staff"}), ("00u2", {"board"})):
        token = await guard.validate(make(**{**OKTA, "uid": uid}))
        assert token.groups == groups
        assert (token.user_id, token.subject) == (uid, "alice@acme.example")
    own = await guard.validate(make(sub="0oa1", client_id="0oa1"))
    assert (own.user_id, own.userinfo) == (None, None)
    assert issuer.requests.count("/oauth2/default/userinfo") == 2


@pytest.mark.parametrize("profile", [profiles.OAUTH2, profiles.RFC_9068], ids=lambda profile: profile.name)
async def test_without_the_profile_of_okta_its_users_are_refused_rather_than_taken_for_others(
    profile: Profile, signing_keys: dict[str, SigningKey]
) -> None:
    issuer = okta(signing_keys)
    issuer.users["alice@acme.example"] = {"groups": ["admins"]}
    guard = guard_of(issuer, profile=profile)
    token = issuer.opaque_token(**OKTA) if profile is profiles.RFC_9068 else issuer.token(**OKTA)
    for _ in range(2):
        with pytest.raises(InvalidToken) as refused:
            await guard.validate(token)
        assert refused.value.reason is Reason.USERINFO_MISMATCH


# --- while it cannot be asked -----------------------------------------------------------------------------------------


def separate_guard(issuer: FakeIssuer, policy: Any) -> BearerGuard:
    """Keys come from one place, userinfo from another, which nobody can reach."""
    nowhere = AuthorizationServer(
        issuer.issuer,
        client_auth=ClientSecretBasic("a", "b"),
        userinfo_endpoint="https://127.0.0.1:9/me",
        clock=issuer.clock,
    )
    return BearerGuard(JWTValidator(issuer.server, audience="api"), userinfo=UserInfo(nowhere, when_unavailable=policy))


def test_a_503_says_when_to_come_back(
    issuer: FakeIssuer, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="bearer_guard")
    client, token = make_client(separate_guard(issuer, "refuse")), issuer.token()
    for _ in range(2):
        answer = client.get("/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["error_description"] == Reason.USERINFO_UNAVAILABLE.description
    assert "reason=userinfo_unavailable" in caplog.text
    assert not any(segment in caplog.text for segment in token.split("."))


def test_or_the_request_goes_on_without_its_groups(issuer: FakeIssuer, make_client: MakeClient) -> None:
    routes = [Route("/staff", require(Groups("staff"))(facts)), Route("/facts", facts)]
    client = make_client(separate_guard(issuer, "go_on"), routes=routes)
    assert client.get("/facts", headers=issuer.bearer(groups=["ops"])).json()["groups"] == ["ops"]
    assert client.get("/staff", headers=issuer.bearer()).status_code == 403


def test_tokens_that_have_no_user_need_no_userinfo_either(issuer: FakeIssuer, make_client: MakeClient) -> None:
    client = make_client(separate_guard(issuer, "refuse"))
    assert client.get("/me", headers=issuer.bearer(sub=None)).status_code == 200
