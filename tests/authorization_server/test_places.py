"""Where an authorization server is asked: as configured, or as its metadata says."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    ConfigurationError,
    PublicClient,
    Reason,
    StaticKeys,
)
from bearer_guard.authorization_server.http import clients, door
from bearer_guard.jose import Header
from bearer_guard.testing import MovableClock, SigningKey
from tests.authorization_server.desk import ACTIVE, ME, TOKEN, Desk
from tests.authorization_server.loopback import LoopbackServer, document, reply

RFC_8414 = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Endpoint:
    """A member of the document that names an endpoint, and the question that needs it."""

    member: str
    ask: Callable[[AuthorizationServer], Awaitable[object]]
    """Raises `AuthorizationServerUnavailable`."""
    reason: Reason


ENDPOINTS = [
    Endpoint("jwks_uri", lambda server: server.keys_for(Header("ES256", "a", None)), Reason.KEYS_UNAVAILABLE),
    Endpoint("introspection_endpoint", lambda server: server.introspect(TOKEN), Reason.INTROSPECTION_UNAVAILABLE),
    Endpoint("userinfo_endpoint", lambda server: server.userinfo("a", user_id="b"), Reason.USERINFO_UNAVAILABLE),
]
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=[endpoint.member for endpoint in ENDPOINTS])


async def cause_of_503(endpoint: Endpoint, server: AuthorizationServer) -> str:
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await endpoint.ask(server)
    await server.aclose()
    assert (caught.value.status, caught.value.reason) == (503, endpoint.reason)
    return str(caught.value.__cause__)


def server_at(web: LoopbackServer, issuer: str) -> AuthorizationServer:
    return AuthorizationServer(issuer, metadata_url=f"{web.url}/meta", client_auth=PublicClient("api"))


UNUSABLE: list[Any] = [
    None,
    1,
    True,
    ["https://id.example.com/jwks"],
    {},
    "",
    "/jwks",
    "file:///etc/jwks",
    "https://[::1/jwks",
]


@each_endpoint
@pytest.mark.parametrize("value", UNUSABLE, ids=repr)
async def test_what_the_document_does_not_place_is_not_asked_and_the_503_says_what_to_write(
    web: LoopbackServer, endpoint: Endpoint, value: Any
) -> None:
    web.answers["/meta"] = document({"issuer": web.url, endpoint.member: value})
    cause = await cause_of_503(endpoint, server_at(web, web.url))
    member = endpoint.member
    assert cause == f"GET {web.url}: its metadata has no usable {member}: give one with {member}="
    assert web.hits == {"/meta": 1}


@each_endpoint
@pytest.mark.parametrize("url", ["http://id.example.com/a", "http://127.0.0.1/a"])
async def test_the_endpoints_of_an_https_issuer_are_asked_over_https(
    web: LoopbackServer, endpoint: Endpoint, url: str
) -> None:
    issuer = "https://id.example.com"
    web.answers["/meta"] = document({"issuer": issuer, endpoint.member: url})
    assert f"no usable {endpoint.member}: give one with" in await cause_of_503(endpoint, server_at(web, issuer))
    assert web.hits == {"/meta": 1}


@each_endpoint
async def test_what_the_document_places_later_is_asked_then(web: LoopbackServer, endpoint: Endpoint) -> None:
    clock = MovableClock()
    server = AuthorizationServer(web.url, metadata_url=f"{web.url}/meta", client_auth=PublicClient("api"), clock=clock)
    web.answers["/meta"] = document({"issuer": web.url})
    await cause_of_503(endpoint, server)
    web.answers["/meta"] = document({"issuer": web.url, endpoint.member: f"{web.url}/here"})
    clock.advance(31)
    assert "/here: answered 404" in await cause_of_503(endpoint, server)


# --- found by metadata ---


@pytest.fixture
async def found(desk: Desk) -> AuthorizationServer:
    """A server whose endpoints all are to be found."""
    web = desk.web
    endpoints = {name: f"{web.url}/{path}" for name, path in PATHS.items()}
    web.answers[RFC_8414] = document({"issuer": web.url, **endpoints})
    return desk.server(introspection_endpoint=None, userinfo_endpoint=None)


PATHS = {"jwks_uri": "jwks", "introspection_endpoint": "introspect", "userinfo_endpoint": "userinfo"}


async def test_a_thousand_introspections_on_a_cold_start_cause_one_discovery(
    desk: Desk, found: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One process plays both parts here, and may have half a core for it.
    monkeypatch.setattr(door, "LONGEST_WAIT", 60)
    monkeypatch.setattr(clients, "DEADLINE", 60)
    answers = await asyncio.gather(*(found.introspect(f"token-{number}") for number in range(1000)))
    assert answers == [ACTIVE] * 1000
    assert desk.hits == {RFC_8414: 1, "/introspect": 1000}


async def test_one_question_after_another_needs_no_second_discovery(desk: Desk, found: AuthorizationServer) -> None:
    desk.web.answers["/jwks"] = document({"keys": [SigningKey("ES256").public_jwk()]})
    await found.introspect(TOKEN)
    await found.userinfo(TOKEN, user_id="alice")
    await found.metadata()
    await found.keys_for(Header("ES256", None, None))
    assert desk.hits == {RFC_8414: 1, "/introspect": 1, "/userinfo": 1, "/jwks": 1}


@pytest.mark.xfail(strict=True, reason="each kind of question searches for what it needs: 3 fetches on a cold start")
async def test_all_questions_at_once_share_one_discovery(desk: Desk, found: AuthorizationServer) -> None:
    desk.web.answers["/jwks"] = document({"keys": [SigningKey("ES256").public_jwk()]})
    header = Header("ES256", None, None)
    answers = await asyncio.gather(
        found.introspect(TOKEN), found.userinfo(TOKEN, user_id="alice"), found.metadata(), found.keys_for(header)
    )
    assert (answers[0], answers[1]) == (ACTIVE, ME)
    assert desk.hits == {RFC_8414: 1, "/introspect": 1, "/userinfo": 1, "/jwks": 1}


async def test_an_outage_of_the_metadata_is_the_outage_of_all_and_ends_with_it(
    desk: Desk, found: AuthorizationServer
) -> None:
    rightful = desk.web.answers.pop(RFC_8414)
    outcomes = await asyncio.gather(*(found.introspect(TOKEN) for _ in range(100)), return_exceptions=True)
    assert Counter(map(type, outcomes)) == {AuthorizationServerUnavailable: 100}
    assert desk.hits == {RFC_8414: 1, OPENID: 1}
    desk.web.answers[RFC_8414] = rightful
    assert await found.introspect(TOKEN) == ACTIVE


async def test_a_caller_that_leaves_the_discovery_takes_nobody_along(desk: Desk, found: AuthorizationServer) -> None:
    first, second = asyncio.create_task(found.introspect("a")), asyncio.create_task(found.introspect("b"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ACTIVE
    assert first.cancelled()
    assert desk.hits == {RFC_8414: 1, "/introspect": 1}


@pytest.mark.parametrize("status", [404, 410])
async def test_an_endpoint_that_moved_is_searched_for_again(
    desk: Desk, found: AuthorizationServer, status: int
) -> None:
    assert await found.introspect(TOKEN) == ACTIVE
    answers = desk.web.answers
    answers[RFC_8414] = document({"issuer": desk.web.url, "introspection_endpoint": f"{desk.web.url}/moved"})
    answers["/moved"], answers["/introspect"] = answers["/introspect"], reply(status=status)
    await desk.failure(found)
    assert await found.introspect(TOKEN) == ACTIVE


async def test_each_is_found_in_the_document_that_names_it(desk: Desk, found: AuthorizationServer) -> None:
    web = desk.web
    web.answers[RFC_8414] = document({"issuer": web.url, "introspection_endpoint": f"{web.url}/introspect"})
    web.answers[OPENID] = document({"issuer": web.url, "userinfo_endpoint": f"{web.url}/userinfo"})
    for _ in range(2):
        assert await found.introspect(TOKEN) == ACTIVE
        assert await found.userinfo(TOKEN, user_id="alice") == ME
    assert desk.hits == {RFC_8414: 2, OPENID: 1, "/introspect": 2, "/userinfo": 2}


async def test_what_no_document_names_is_searched_for_every_half_minute(desk: Desk) -> None:
    clock = MovableClock()
    server = desk.server(introspection_endpoint=None, clock=clock)
    desk.web.answers[RFC_8414] = document({"issuer": desk.web.url})
    for searches in (1, 2, 3):
        for _ in range(3):
            await desk.failure(server)
        assert desk.hits == {RFC_8414: searches, OPENID: searches}
        clock.advance(30)


async def test_however_often_it_is_searched_for_one_document_is_kept(desk: Desk) -> None:
    clock = MovableClock()
    server = desk.server(introspection_endpoint=None, clock=clock)
    desk.web.answers[RFC_8414] = document({"issuer": desk.web.url})
    for _ in range(20):
        await desk.failure(server)
        clock.advance(30)
    assert len(server._places._known) <= 2


# --- by hand ---


async def test_endpoints_by_hand_may_lie_on_another_host_and_need_no_metadata(desk: Desk) -> None:
    server = AuthorizationServer(
        "https://id.example.com",
        client_auth=PublicClient("api"),
        introspection_endpoint=f"{desk.web.url}/introspect?tenant=a",
        userinfo_endpoint=f"{desk.web.url}/userinfo",
    )
    desk.servers.append(server)
    desk.web.answers["/introspect?tenant=a"] = document(ACTIVE)
    assert await server.introspect(TOKEN) == ACTIVE
    assert await server.userinfo(TOKEN, user_id="alice") == ME
    assert desk.hits == {"/introspect?tenant=a": 1, "/userinfo": 1}


async def test_an_endpoint_by_hand_comes_before_the_one_of_the_metadata(desk: Desk, found: AuthorizationServer) -> None:
    server = desk.server(introspection_endpoint=f"{desk.web.url}/mine", userinfo_endpoint=None)
    desk.web.answers["/mine"] = document({"active": False})
    assert await server.introspect(TOKEN) == {"active": False}
    assert await server.userinfo(TOKEN, user_id="alice") == ME
    assert desk.hits == {"/mine": 1, RFC_8414: 1, "/userinfo": 1}


async def test_a_failure_shows_no_query(desk: Desk) -> None:
    server = desk.server(introspection_endpoint=f"{desk.web.url}/introspect?api_key=s3cret")
    assert "s3cret" not in str((await desk.failure(server)).__cause__)


# --- what could never be asked ---

KEYS = StaticKeys({"keys": [SigningKey("ES256").public_jwk()]})
NO_URL = "urn:example:issuer"
HERE = "https://id.example.com/here"
NEVER: dict[str, tuple[dict[str, Any], str, str]] = {
    "no URL, introspection": ({"keys": KEYS}, "introspection_endpoint", "give introspection_endpoint=$"),
    "no URL, userinfo": ({"keys": KEYS}, "userinfo_endpoint", "give userinfo_endpoint=$"),
    "no URL, keys": ({"introspection_endpoint": HERE}, "jwks_uri", "give jwks_uri=$"),
}


@pytest.mark.parametrize(("options", "option", "sentence"), NEVER.values(), ids=NEVER)
def test_what_could_never_be_asked_is_said_at_construction(options: dict[str, Any], option: str, sentence: str) -> None:
    server = AuthorizationServer(NO_URL, client_auth=PublicClient("api"), **options)
    with pytest.raises(ConfigurationError, match=f"^issuer '{NO_URL}' is not a URL, .* {sentence}"):
        server.require(option)


@pytest.mark.parametrize("option", ["jwks_uri", "introspection_endpoint", "userinfo_endpoint"])
@pytest.mark.parametrize("place", ["metadata_url", "option"])
def test_what_is_placed_by_hand_can_be_asked(option: str, place: str) -> None:
    options: dict[str, Any] = {option if place == "option" else place: HERE}
    if option == "userinfo_endpoint" and place == "option":
        options["keys"] = KEYS
    AuthorizationServer(NO_URL, client_auth=PublicClient("api"), **options).require(option)


def test_keys_at_hand_need_no_place() -> None:
    AuthorizationServer(NO_URL, keys=KEYS).require("jwks_uri")
