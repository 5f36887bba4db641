"""What becomes of requests while userinfo cannot be had."""

import logging
from collections.abc import Callable
from typing import Any, Literal

import httpx
import pytest

from bearer_guard import AuthorizationServerUnavailable, Reason, UserInfo
from tests.test_userinfo import ISSUER, Endpoint, token_of

Policy = Literal["refuse", "go_on"]


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that the library logs."""
    caplog.set_level(logging.DEBUG, logger="bearer_guard")
    return caplog


def down(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route to host")


def responding(status: int, **options: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, **options)


FAILURES: dict[str, tuple[Callable[[httpx.Request], httpx.Response], str]] = {
    "out of reach": (down, "no route to host"),
    "500": (responding(500), "answered 500"),
    "503 with HTML": (responding(503, html="<h1>sorry</h1>"), "answered 503"),
    "429": (responding(429), "it asks us to slow down"),
    "404": (responding(404), "check the URL, or give it with userinfo_endpoint="),
    "a redirect": (responding(302, headers={"location": "/elsewhere"}), "redirects are not followed"),
    "HTML": (responding(200, html="<h1>sign in</h1>"), "not a JSON object (content-type 'text/html; charset=utf-8')"),
    "a signed answer": (
        responding(200, content=b"e30.e30.", headers={"content-type": "application/jwt"}),
        "not a JSON",
    ),
    "an array": (responding(200, json=["alice"]), "not a JSON object"),
    "nobody": (responding(200, json={"groups": ["staff"]}), "it has no sub"),
    "null": (responding(200, json={"sub": None}), "it has no sub"),
    "a number": (responding(200, json={"sub": 7}), "it has no sub"),
    "a list": (responding(200, json={"sub": ["alice"]}), "it has no sub"),
    "too much": (responding(200, json={"sub": "alice", "picture": "x" * 3_000_000}), ""),
}


@pytest.mark.parametrize(("answer", "cause"), FAILURES.values(), ids=FAILURES)
async def test_not_knowing_is_a_503_or_the_request_goes_on_without(
    answer: Callable[[httpx.Request], httpx.Response], cause: str, logged: pytest.LogCaptureFixture
) -> None:
    endpoint, bare = Endpoint(), token_of()
    endpoint.answer = answer
    with pytest.raises(AuthorizationServerUnavailable) as unavailable:
        await UserInfo(endpoint.server).enriched(bare, "pr3sented-token")
    assert unavailable.value.reason is Reason.USERINFO_UNAVAILABLE
    assert cause in str(unavailable.value.__cause__)
    assert await UserInfo(endpoint.server, when_unavailable="go_on").enriched(bare, "pr3sented-token") is bare
    assert [record.levelname for record in logged.records] == ["ERROR", "ERROR"]  # whether it goes on or not
    assert all(f"{ISSUER}/me" in record.getMessage() and cause in record.getMessage() for record in logged.records)
    assert "pr3sented" not in logged.text


@pytest.mark.parametrize("body", ["pr3sented-token", '{"error":"invalid_token","error_description":"pr3sented-token"}'])
async def test_a_server_that_sends_the_token_back_does_not_get_it_into_the_log(
    body: str, logged: pytest.LogCaptureFixture
) -> None:
    for status in (200, 400, 401, 403, 500):
        endpoint = Endpoint()
        endpoint.responds(status, content=body.encode(), headers={"content-type": "application/json"})
        await UserInfo(endpoint.server, when_unavailable="go_on").enriched(token_of(), "pr3sented-token")
    assert len(logged.records) == 5
    assert "pr3sented" not in logged.text


@pytest.mark.parametrize("policy", ["refuse", "go_on"])
async def test_a_server_that_wants_us_to_wait_tells_how_long(policy: Policy) -> None:
    endpoint = Endpoint()
    endpoint.responds(429, headers={"retry-after": "17"})
    userinfo = UserInfo(endpoint.server, when_unavailable=policy)
    if policy == "go_on":
        await userinfo.enriched(token_of(), "t")
    else:
        with pytest.raises(AuthorizationServerUnavailable) as unavailable:
            await userinfo.enriched(token_of(), "t")
        assert unavailable.value.retry_after == 17


# --- nobody waits for what has just failed ----------------------------------------------------------------------------


async def is_enriched(userinfo: UserInfo, presented: str) -> bool:
    """Whether there is an answer."""
    try:
        return (await userinfo.enriched(token_of(), presented)).groups == {"staff"}
    except AuthorizationServerUnavailable as error:
        assert error.reason is Reason.USERINFO_UNAVAILABLE  # noqa: PT017  one of two ways
        return False


async def fail(userinfo: UserInfo, endpoint: Endpoint, times: int) -> None:
    """So many requests in a row to which nobody answers."""
    usual, endpoint.answer = endpoint.answer, down
    for _ in range(times):
        assert not await is_enriched(userinfo, "new")
    endpoint.answer = usual


@pytest.mark.parametrize("policy", ["refuse", "go_on"])
async def test_after_three_failures_nobody_waits_for_five_seconds_and_then_one_asks_again(policy: Policy) -> None:
    endpoint = Endpoint(groups=["staff"])
    userinfo = UserInfo(endpoint.server, when_unavailable=policy)
    assert await is_enriched(userinfo, "known")
    await fail(userinfo, endpoint, 3)
    calls = len(endpoint.asked)
    for seconds in (0, 4.5):
        endpoint.clock.advance(seconds)
        assert [await is_enriched(userinfo, presented) for presented in ("new", "other")] == [False, False]
        assert await is_enriched(userinfo, "known")  # what is known stays so
    assert len(endpoint.asked) == calls
    endpoint.clock.advance(0.6)
    assert [await is_enriched(userinfo, presented) for presented in ("new", "other")] == [True, True]
    assert len(endpoint.asked) == calls + 2


async def test_one_failure_or_two_are_no_reason_to_rest_and_an_answer_makes_them_forgotten() -> None:
    endpoint = Endpoint(groups=["staff"])
    userinfo = UserInfo(endpoint.server)
    for presented in ("a", "b", "c"):
        await fail(userinfo, endpoint, 2)
        assert await is_enriched(userinfo, presented)
    await fail(userinfo, endpoint, 2)
    endpoint.responds(500)  # an answer, too
    assert not await is_enriched(userinfo, "d")
    endpoint.tells(groups=["staff"])
    await fail(userinfo, endpoint, 2)
    assert await is_enriched(userinfo, "e")


async def test_a_server_that_stays_away_is_looked_for_once_every_five_seconds() -> None:
    endpoint = Endpoint(groups=["staff"])
    userinfo = UserInfo(endpoint.server)
    await fail(userinfo, endpoint, 3)
    for _ in range(3):
        endpoint.clock.advance(5)
        calls = len(endpoint.asked)
        await fail(userinfo, endpoint, 1)
        assert len(endpoint.asked) > calls
        calls = len(endpoint.asked)
        await fail(userinfo, endpoint, 3)
        assert len(endpoint.asked) == calls
    endpoint.clock.advance(5)
    assert await is_enriched(userinfo, "t")


async def test_the_rest_is_not_logged_again_and_again_and_has_a_cause_of_its_own(
    logged: pytest.LogCaptureFixture,
) -> None:
    endpoint = Endpoint()
    userinfo = UserInfo(endpoint.server)
    await fail(userinfo, endpoint, 3 + 5)
    assert [record.levelname for record in logged.records] == ["ERROR"] * 3
    with pytest.raises(AuthorizationServerUnavailable) as unavailable:
        await userinfo.enriched(token_of(), "t")
    assert str(unavailable.value.__cause__) == "failed a moment ago"


@pytest.mark.parametrize("status", [400, 422, 500])
async def test_what_is_said_about_one_token_keeps_no_other_from_being_enriched(status: int) -> None:
    # Else whoever has an odd token could keep all others from their groups.
    endpoint = Endpoint(groups=["staff"])
    usual = endpoint.answer
    endpoint.responds(status, json={"error": "invalid_request"})
    userinfo = UserInfo(endpoint.server)
    assert not await is_enriched(userinfo, "odd")
    endpoint.answer = usual
    assert await is_enriched(userinfo, "usual")


@pytest.mark.parametrize("status", [429, 503, 504])
async def test_a_server_that_is_too_busy_or_behind_a_gateway_that_has_waited_is_left_alone(status: int) -> None:
    endpoint = Endpoint()
    endpoint.responds(status)
    userinfo = UserInfo(endpoint.server)
    for presented in range(10):
        assert not await is_enriched(userinfo, str(presented))
    assert len(endpoint.asked) < 10


# --- a token that will not do there -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("policy", ["refuse", "go_on"])
async def test_a_token_for_which_there_is_no_userinfo_stays_as_it_is_with_a_warning_and_one_call(
    status: int, policy: Policy, logged: pytest.LogCaptureFixture
) -> None:
    endpoint, bare = Endpoint(), token_of()
    endpoint.responds(status, json={"error": "insufficient_scope"})
    userinfo = UserInfo(endpoint.server, when_unavailable=policy)
    for _ in range(3):
        assert await userinfo.enriched(bare, "pr3sented-token") is bare
    assert len(endpoint.asked) == 1
    [record] = logged.records
    assert record.levelname == "WARNING"
    assert "it must carry the scope openid" in record.getMessage()
    assert "pr3sented" not in logged.text
    endpoint.clock.advance(58)
    later = token_of()  # the same token, introspected again
    assert await userinfo.enriched(later, "pr3sented-token") is later
    assert len(endpoint.asked) == 1


async def test_that_there_is_none_is_believed_for_a_minute() -> None:
    endpoint, bare = Endpoint(), token_of()
    userinfo = UserInfo(endpoint.server)
    endpoint.responds(401)
    assert await userinfo.enriched(bare, "t") is bare
    endpoint.tells(groups=["staff"])
    endpoint.clock.advance(30)
    later = token_of()
    assert await userinfo.enriched(later, "t") is later  # which does not make it last any longer
    endpoint.clock.advance(30.5)
    assert (await userinfo.enriched(later, "t")).groups == {"staff"}
    endpoint.responds(401)
    endpoint.clock.advance(24 * 3600)
    assert (await userinfo.enriched(later, "t")).groups == {"staff"}
    assert len(endpoint.asked) == 2


async def test_it_keeps_no_other_token_from_being_enriched() -> None:
    endpoint = Endpoint(groups=["staff"])
    usual = endpoint.answer
    endpoint.responds(403)
    userinfo = UserInfo(endpoint.server)
    assert not await is_enriched(userinfo, "without openid")
    endpoint.answer = usual
    assert await is_enriched(userinfo, "with openid")
