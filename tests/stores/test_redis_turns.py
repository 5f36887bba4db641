"""Sixteen commands at once for each event loop; the others wait for their turn, for a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bearer_guard import AuthorizationServerUnavailable
from bearer_guard.stores.redis import (
    RedisCache,
    RedisReplayStore,
    RedisRevocations,
    SealedRedis,
    StoreUnreachable,
    connection,
)
from bearer_guard.stores.redis.connection import MOST_CONNECTIONS
from tests.redis_server import RedisServer
from tests.stores.conftest import MakeSealed
from tests.stores.material import validated

AT_REST = "it failed several times a moment ago"


@pytest.fixture
def server(redis_server: RedisServer, sealed: MakeSealed) -> SealedRedis:
    return sealed(redis_server)


class Occupied:
    """Commands that have all turns, until they are let go; then they fail with `fault`, if there is one."""

    def __init__(self, server: SealedRedis, fault: Exception | None = None) -> None:
        self._fault = fault
        self._go = asyncio.Event()
        self.running = 0
        self._commands = [asyncio.ensure_future(server.run(self._command)) for _ in range(MOST_CONNECTIONS)]

    async def _command(self, client: Any) -> None:
        self.running += 1
        await self._go.wait()
        if self._fault is not None:
            raise self._fault

    async def let_go(self) -> None:
        self._go.set()
        await asyncio.gather(*self._commands, return_exceptions=True)


async def some_steps() -> None:
    """Lets all others go on as far as they can without Redis."""
    for _ in range(20):
        await asyncio.sleep(0)


async def occupied(server: SealedRedis, fault: Exception | None = None) -> Occupied:
    others = Occupied(server, fault)
    await some_steps()
    assert others.running == MOST_CONNECTIONS
    return others


async def outcome(server: SealedRedis, command: Callable[[Any], Awaitable[bytes]]) -> str:
    try:
        return (await server.run(command)).decode()
    except StoreUnreachable as error:
        return str(error)


async def answer(client: Any) -> bytes:
    return b"answer"


# --- waiting ---


async def test_the_seventeenth_waits_until_one_of_the_others_is_done(server: SealedRedis) -> None:
    others = await occupied(server)
    late = [asyncio.ensure_future(outcome(server, answer)) for _ in range(50)]
    await some_steps()
    assert not any(each.done() for each in late)
    await others.let_go()
    assert await asyncio.gather(*late) == ["answer"] * 50


async def test_whoever_gets_no_turn_goes_on_without_an_answer(
    server: SealedRedis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(connection, "TIMEOUT", 30)
    others = await occupied(server)
    assert await outcome(server, answer) == "TimeoutError"
    assert caplog.messages == ["Redis cannot be asked (failure 1 in a row): TimeoutError"]
    await others.let_go()
    assert await asyncio.gather(*(outcome(server, answer) for _ in range(50))) == ["answer"] * 50


async def test_whoever_waited_while_the_others_failed_asks_no_more(server: SealedRedis) -> None:
    asked: list[Any] = []

    async def ask(client: Any) -> bytes:
        asked.append(client)
        return b"answer"

    others = await occupied(server, OSError("it is away"))
    late = [asyncio.ensure_future(outcome(server, ask)) for _ in range(50)]
    await some_steps()
    await others.let_go()
    assert await asyncio.gather(*late) == [AT_REST] * 50
    assert not asked


async def test_whoever_is_cancelled_while_waiting_takes_no_turn_along(
    server: SealedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    others = await occupied(server)
    late = [asyncio.ensure_future(outcome(server, answer)) for _ in range(50)]
    await some_steps()
    for each in late:
        each.cancel()
    outcomes = await asyncio.gather(*late, return_exceptions=True)
    assert {type(each) for each in outcomes} == {asyncio.CancelledError}
    await others.let_go()
    others = await occupied(server)  # there are as many turns as before
    await others.let_go()
    assert not caplog.records


async def test_another_event_loop_has_turns_of_its_own(server: SealedRedis) -> None:
    others = await occupied(server)
    assert await asyncio.to_thread(asyncio.run, outcome(server, answer)) == "answer"
    await others.let_go()


# --- cancelled ---


async def cancels_itself(client: Any) -> bytes:
    raise asyncio.CancelledError


async def test_what_ends_as_if_cancelled_by_nobody_is_a_failure(
    server: SealedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = [await outcome(server, cancels_itself) for _ in range(4)]
    assert outcomes == ["ConnectionAbortedError"] * 3 + [AT_REST]
    assert caplog.messages[-1] == "Redis cannot be asked (failure 3 in a row): ConnectionAbortedError"


async def test_a_client_that_cancels_itself_is_a_store_that_cannot_be_reached(sealed: MakeSealed) -> None:
    class Client:
        async def __aenter__(self) -> Any:
            return self

        async def __aexit__(self, *exc_info: object) -> None:
            """Has nothing to close."""

        async def command(self, *args: object, **options: object) -> bytes:
            raise asyncio.CancelledError

        get = set = mget = command

    server = sealed(Client)
    assert await RedisCache(server).get("a") is None
    with pytest.raises(AuthorizationServerUnavailable):
        await RedisRevocations(server).is_revoked(validated(jti="1"))
    with pytest.raises(AuthorizationServerUnavailable):
        await RedisReplayStore(server).add("a", 60)


async def test_what_fails_gives_its_turn_back_however_it_ended(server: SealedRedis) -> None:
    async def fails(client: Any) -> bytes:
        raise OSError

    for _ in range(MOST_CONNECTIONS):
        assert await outcome(server, cancels_itself) == "ConnectionAbortedError"
        assert await outcome(server, fails) == "OSError"
        assert await outcome(server, answer) == "answer"
    others = await occupied(server)
    await others.let_go()


async def test_a_request_that_is_really_cancelled_is_no_failure(
    server: SealedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2 * MOST_CONNECTIONS):
        request = asyncio.ensure_future(outcome(server, lambda client: asyncio.Event().wait()))  # type: ignore[arg-type,return-value]
        await some_steps()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    assert await outcome(server, answer) == "answer"
    assert not caplog.records
