"""The kept line to the authorization server: how many ask at once, how long they wait, what a lost connection costs."""

import asyncio
import time
from collections import Counter

import httpx
import pytest

from bearer_guard import AuthorizationServerUnavailable
from bearer_guard.authorization_server.http import NoAnswer, clients, door
from tests.authorization_server.conftest import TLS
from tests.authorization_server.desk import ACTIVE, ME, TOKEN, Desk
from tests.authorization_server.loopback import Answer, Wire, document, reply, silence, until

KEPT = document(ACTIVE, connection="keep-alive")


def after(seconds: float, answer: Answer) -> Answer:
    async def late(wire: Wire) -> None:
        await asyncio.sleep(seconds)
        await answer(wire)

    return late


async def reset(wire: Wire) -> None:
    wire.reset()


def in_turn(*answers: Answer) -> Answer:
    """Another answer each time; the last one for ever."""
    left = list(answers)

    async def answer(wire: Wire) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(wire)

    return answer


# --- kept connections ---


async def test_one_after_another_they_share_one_connection(desk: Desk) -> None:
    server = desk.server()
    for _ in range(20):
        await server.introspect(TOKEN)
    assert (desk.web.connections, len(desk.web.asked)) == (1, 20)


async def test_closing_closes_the_connections_and_the_server_can_be_used_again(desk: Desk) -> None:
    server = desk.server()
    for connections in (1, 2):
        await server.introspect(TOKEN)
        assert desk.web.open_connections == 1
        await server.aclose()
        await until(lambda: desk.web.open_connections == 0)
        assert desk.web.connections == connections


async def test_a_connection_that_the_server_closed_between_two_calls_is_noticed_by_nobody(desk: Desk) -> None:
    server = desk.server()
    for connections in range(1, 6):
        assert await server.introspect(TOKEN) == ACTIVE
        assert desk.web.connections == connections
        desk.web.hang_up()


async def test_a_connection_that_the_server_closes_while_it_is_asked_costs_a_second_question(desk: Desk) -> None:
    server = desk.server()
    assert await server.introspect(TOKEN) == ACTIVE
    desk.says(in_turn(reset, KEPT))
    assert await server.introspect(TOKEN) == ACTIVE
    assert desk.hits == {"/introspect": 3}
    first, second = desk.web.asked[1:]
    assert first == second


async def test_a_server_that_resets_each_connection_is_asked_twice_and_no_more(desk: Desk) -> None:
    desk.says(reset)
    failure = await desk.failure()
    assert isinstance(failure.__cause__, NoAnswer)
    assert not failure.__cause__.reached
    assert desk.hits == {"/introspect": 2}


async def test_what_fails_late_is_not_asked_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_AT_ONCE", 0.05)
    desk.says(after(0.1, reset))
    await desk.failure()
    assert desk.hits == {"/introspect": 1}


@pytest.mark.parametrize("answer", [reply(status=500), reply(b"<html>"), document({}, content_encoding="gzip")])
async def test_an_answer_of_no_use_is_not_asked_for_again(desk: Desk, answer: Answer) -> None:
    desk.says(answer)
    await desk.failure()
    assert desk.hits == {"/introspect": 1}


async def test_a_closed_port_is_a_503(closed_port: int, desk: Desk) -> None:
    server = desk.server(introspection_endpoint=f"http://127.0.0.1:{closed_port}/introspect")
    assert "ConnectError" in str((await desk.failure(server)).__cause__)


# --- time ---


async def test_the_deadline_is_that_of_the_call_as_a_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "DEADLINE", 0.3)

    async def drip(wire: Wire) -> None:
        await wire.head(content_length=1000)
        for _ in range(1000):
            await wire.send(b" ")
            await asyncio.sleep(0.05)

    desk.says(drip)
    began = time.monotonic()
    assert (await desk.why()).startswith("no complete answer within")
    assert time.monotonic() - began < 5  # of the fifty that the server takes


async def test_a_client_without_a_timeout_of_its_own_has_ours(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "DEADLINE", 0.2)
    desk.says(silence)
    async with httpx.AsyncClient(verify=TLS, timeout=None) as client:  # noqa: S113  what is tested
        assert (await desk.why(desk.server(http_client=client))).startswith("no complete answer within")


async def test_a_caller_that_is_cancelled_stays_cancelled_and_gives_its_turn_back(desk: Desk) -> None:
    server = desk.server()
    desk.says(silence)
    asking = [asyncio.create_task(server.introspect(TOKEN)) for _ in range(clients.MOST_CALLS)]
    await until(lambda: desk.hits["/introspect"] == clients.MOST_CALLS)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    assert all(task.cancelled() for task in asking)
    desk.says(KEPT)
    assert await server.introspect(TOKEN) == ACTIVE


async def test_a_client_that_cancels_the_call_by_itself_is_a_503(desk: Desk) -> None:
    class Cancelling(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise asyncio.CancelledError

    async with httpx.AsyncClient(transport=Cancelling()) as client:
        why = await desk.why(desk.server(http_client=client))
    assert why == "ConnectionAbortedError: it ended as if cancelled, which nobody did"


# --- how many at once ---


async def test_a_thousand_distinct_tokens_at_once_all_get_their_answer_sixteen_at_a_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "LONGEST_WAIT", 60)  # one process plays both parts here, and may have half a core for it

    async def answer(wire: Wire) -> None:
        await asyncio.sleep(0.002)
        await document({"active": True, "sub": wire.asked.form["token"]}, connection="keep-alive")(wire)

    desk.says(answer)
    server = desk.server()
    tokens = [f"token-{number}" for number in range(1000)]
    answers = await asyncio.gather(*map(server.introspect, tokens))
    assert [told["sub"] for told in answers] == tokens
    assert desk.web.most_at_once == clients.MOST_CALLS == 16
    assert desk.web.connections < 100  # kept, though one may fall idle and be replaced


async def test_an_introspection_endpoint_that_hangs_takes_no_turn_from_userinfo(desk: Desk) -> None:
    server = desk.server()
    desk.web.answers["/introspect"] = silence
    hanging = [asyncio.create_task(server.introspect(TOKEN)) for _ in range(3 * clients.MOST_CALLS)]
    await until(lambda: desk.hits["/introspect"] == clients.MOST_CALLS)
    assert await server.userinfo(TOKEN, user_id="alice") == ME
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)


async def test_userinfo_is_asked_sixteen_times_at_once_too(desk: Desk) -> None:
    desk.says(after(0.005, document(ME, connection="keep-alive")))
    server = desk.server()
    await asyncio.gather(*(server.userinfo(TOKEN, user_id="alice") for _ in range(50)))
    assert desk.web.most_at_once == clients.MOST_CALLS


async def test_a_failed_call_gives_its_turn_back(desk: Desk) -> None:
    server = desk.server()
    desk.says(reset)
    outcomes = await asyncio.gather(*(server.introspect(TOKEN) for _ in range(50)), return_exceptions=True)
    assert Counter(map(type, outcomes)) == {AuthorizationServerUnavailable: 50}
    desk.says(KEPT)
    assert await server.introspect(TOKEN) == ACTIVE


async def test_waiting_for_a_turn_has_an_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "LONGEST_WAIT", 0.2)
    desk.says(silence)
    server = desk.server()
    asking = [asyncio.create_task(server.introspect(TOKEN)) for _ in range(clients.MOST_CALLS)]
    await until(lambda: desk.hits["/introspect"] == clients.MOST_CALLS)
    assert await desk.why(server) == "no turn within 0 s: too many calls wait for a slow server"
    assert desk.hits == {"/introspect": clients.MOST_CALLS}
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
