"""UserInfo: groups and roles that live only at the authorization server, once per token."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bearer_guard import (
    AccessToken,
    AuthorizationServer,
    ConfigurationError,
    InvalidToken,
    Reason,
    UserInfo,
    profiles,
)
from bearer_guard.testing import FakeIssuer, MovableClock
from tests.test_tokens import token_with

ISSUER = "https://issuer.test"
DOCUMENT = {"family_name": "Doe", "groups": ["staff", "ops"], "updated_at": 1490198843, "zoneinfo": "Europe/Berlin"}


class Endpoint:
    """A userinfo endpoint. `answer`: what it answers; `asked`: the requests that it got."""

    def __init__(self, **claims: Any) -> None:
        self.asked: list[httpx.Request] = []
        self.clock = MovableClock()
        self.answer: Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]
        self.tells(**claims)
        self.server = AuthorizationServer(
            ISSUER, userinfo_endpoint=f"{ISSUER}/me", http_client=self._client, clock=self.clock
        )

    def tells(self, **claims: Any) -> None:
        self.responds(json={"sub": "alice", **claims})

    def responds(self, status: int = 200, **options: Any) -> None:
        self.answer = lambda _: httpx.Response(status, **options)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._handled))

    async def _handled(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answer(request)
        return answer if isinstance(answer, httpx.Response) else await answer


def token_of(user: str | None = "alice", **members: Any) -> AccessToken:
    return token_with(user_id=user, **members)


# --- what it adds -----------------------------------------------------------------------------------------------------


async def test_groups_that_live_only_there_are_added_and_its_document_stands_beside_the_claims() -> None:
    endpoint = Endpoint(**DOCUMENT)
    bare = token_of()
    token = await UserInfo(endpoint.server).enriched(bare, "t")
    assert token.groups == {"staff", "ops"}
    assert token.userinfo == {"sub": "alice", **DOCUMENT, "groups": ("staff", "ops")}
    assert type(token.userinfo["updated_at"]) is int
    assert replace(token, groups=bare.groups, userinfo=None).claims is bare.claims
    assert (bare.groups, bare.userinfo) == (frozenset(), None)
    with pytest.raises(TypeError):
        token.userinfo["groups"] = ()


async def test_it_is_asked_with_the_token_as_it_was_presented() -> None:
    endpoint = Endpoint()
    await UserInfo(endpoint.server).enriched(token_of(), "the-token")
    [request] = endpoint.asked
    assert (request.method, str(request.url)) == ("GET", f"{ISSUER}/me")
    assert request.headers["authorization"] == "Bearer the-token"
    assert request.headers["accept"] == "application/json"


async def test_groups_and_roles_of_token_and_userinfo_add_up() -> None:
    endpoint = Endpoint(groups=["ops"], roles=["reader"])
    bare = token_of(groups=frozenset({"staff"}), roles=frozenset({"writer"}), scopes=frozenset({"read"}))
    token = await UserInfo(endpoint.server).enriched(bare, "t")
    assert token.groups == {"staff", "ops"}
    assert token.roles == {"reader", "writer"}


async def test_nothing_else_in_it_becomes_part_of_the_token() -> None:
    telling = {"scope": "admin", "scp": ["admin"], "client_id": "other", "aud": "other", "cnf": {}, "tenant": "acme"}
    endpoint = Endpoint(**telling, iss="https://other.test", exp=1, user_id="bob", permissions=["admin"])
    bare = token_of()
    token = await UserInfo(endpoint.server).enriched(bare, "t")
    for name in AccessToken.__slots__:
        if name != "userinfo":
            assert getattr(token, name) == getattr(bare, name)


async def test_the_profile_says_where_groups_and_roles_stand() -> None:
    endpoint = Endpoint(memberships="staff, ops", access={"roles": ["reader"]}, groups=["stranger"])
    profile = replace(
        profiles.OAUTH2, groups=("memberships",), groups_separator=",", roles=("access.roles",), name="mine"
    )
    token = await UserInfo(endpoint.server, profile=profile).enriched(token_of(), "t")
    assert token.groups == {"staff", "ops"}
    assert token.roles == {"reader"}


# --- whom it asks about -----------------------------------------------------------------------------------------------


async def test_it_is_asked_once_for_each_token() -> None:
    endpoint = Endpoint(groups=["staff"])
    userinfo = UserInfo(endpoint.server)
    alice = token_of()
    first = await userinfo.enriched(alice, "first")
    assert await userinfo.enriched(alice, "first") is first
    endpoint.tells(groups=["ops"])
    assert await userinfo.enriched(alice, "first") is first
    # What is known of one token says nothing about another, be it the same user's.
    assert (await userinfo.enriched(alice, "second")).groups == {"ops"}
    assert [request.headers["authorization"] for request in endpoint.asked] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    "bare", [token_of(None), token_of(issuer="https://other.test"), token_of(issuer=f"{ISSUER}/")], ids=repr
)
async def test_tokens_without_a_user_and_those_of_other_issuers_are_left_as_they_are(bare: AccessToken) -> None:
    endpoint = Endpoint(groups=["staff"])
    assert await UserInfo(endpoint.server).enriched(bare, "t") is bare
    assert endpoint.asked == []


async def test_what_is_known_is_added_to_the_facts_of_this_moment() -> None:
    # An opaque token is another object after each introspection, with what the server says by then.
    endpoint = Endpoint(groups=["staff"])
    userinfo = UserInfo(endpoint.server)
    await userinfo.enriched(token_of(scopes=frozenset({"read", "write"})), "t")
    later = token_of(scopes=frozenset({"read"}), groups=frozenset({"ops"}))
    token = await userinfo.enriched(later, "t")
    assert token.scopes == {"read"}
    assert token.groups == {"ops", "staff"}
    assert await userinfo.enriched(later, "t") is token
    assert len(endpoint.asked) == 1


async def test_what_is_known_of_one_user_is_not_added_to_another_who_has_the_same_token_now() -> None:
    endpoint = Endpoint(groups=["staff"])
    userinfo = UserInfo(endpoint.server)
    await userinfo.enriched(token_of(), "t")
    with pytest.raises(InvalidToken) as refused:
        await userinfo.enriched(token_of("bob"), "t")
    assert refused.value.reason is Reason.USERINFO_MISMATCH


async def test_a_bounded_number_of_tokens_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bearer_guard.userinfo.MOST_TOKENS", 2)
    endpoint = Endpoint()
    userinfo = UserInfo(endpoint.server)
    for presented in ("a", "b", "c", "a"):
        await userinfo.enriched(token_of(), presented)
    assert len(endpoint.asked) == 4
    assert len(userinfo._remembered) <= 2


# --- somebody else ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sub", ["bob", "Alice", "alice ", "", "00u1"])
async def test_userinfo_about_somebody_else_refuses_the_token_and_is_not_remembered(sub: str) -> None:
    # OpenID Connect Core section 5.3.2
    endpoint = Endpoint(sub=sub, groups=["admins"])
    userinfo = UserInfo(endpoint.server, when_unavailable="go_on")
    for _ in range(2):
        with pytest.raises(InvalidToken) as refused:
            await userinfo.enriched(token_of(), "t")
        assert (refused.value.reason, refused.value.claim) == (Reason.USERINFO_MISMATCH, "sub")
    endpoint.tells(groups=["staff"])
    assert (await userinfo.enriched(token_of(), "t")).groups == {"staff"}
    assert len(endpoint.asked) == 3


# --- at once ----------------------------------------------------------------------------------------------------------


async def test_requests_at_once_with_one_token_share_one_call() -> None:
    endpoint, reached, go = Endpoint(groups=["staff"]), asyncio.Event(), asyncio.Event()
    usual = endpoint.answer

    async def waits(request: httpx.Request) -> httpx.Response:
        reached.set()
        await go.wait()
        answer = usual(request)
        assert isinstance(answer, httpx.Response)
        return answer

    endpoint.answer = waits
    userinfo, bare = UserInfo(endpoint.server), token_of()
    requests = [asyncio.create_task(userinfo.enriched(bare, "t")) for _ in range(20)]
    impatient = asyncio.create_task(userinfo.enriched(bare, "t"))
    await reached.wait()
    impatient.cancel()
    await asyncio.wait({impatient})
    assert impatient.cancelled()
    go.set()
    tokens = await asyncio.gather(*requests)
    assert {token.groups for token in tokens} == {frozenset({"staff"})}
    assert len(endpoint.asked) == 1
    await userinfo.aclose()


# --- where it asks ----------------------------------------------------------------------------------------------------


async def test_metadata_says_where_it_is(issuer: FakeIssuer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="bearer_guard")
    issuer.users["alice"] = DOCUMENT
    token = await UserInfo(issuer.server).enriched(token_of(), issuer.token())
    assert token.groups == {"staff", "ops"}
    assert issuer.requests[-1] == "/userinfo"
    assert caplog.records == []


def test_another_issuer_does_not_stand_in() -> None:
    ours, theirs = FakeIssuer(), FakeIssuer("https://other.test")
    with pytest.raises(ConfigurationError, match="is another issuer than"):
        UserInfo(ours.server).with_server(theirs.server)
