"""A Redis that is killed, hangs, is full or comes back: nobody waits long, and nothing has to be started again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis

from bearer_guard.stores.redis import RedisCache, RedisReplayStore, SealedRedis, StoreUnreachable, connection
from bearer_guard.stores.sealing import Unreadable
from bearer_guard.testing import MovableClock
from tests.redis_server import RedisServer
from tests.stores.conftest import MakeSealed

AT_REST = "it failed several times a moment ago"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovableClock:
    """The time of the connection to Redis, that can be moved."""
    clock = MovableClock()
    monkeypatch.setattr(connection, "time", clock)
    return clock


class Commands:
    """What a command does: fails, or not; and how often one was tried."""

    def __init__(self, server: SealedRedis) -> None:
        self.server = server
        self.fault: Exception | None = OSError("it is away")
        self.tried = 0

    async def __call__(self, client: Any) -> bytes:
        self.tried += 1
        if self.fault is not None:
            raise self.fault
        return b"answer"

    async def outcome(self) -> str:
        try:
            return (await self.server.run(self)).decode()
        except (StoreUnreachable, Unreadable) as error:
            return str(error)


@pytest.fixture
def commands(redis_server: RedisServer, sealed: MakeSealed, clock: MovableClock) -> Commands:
    return Commands(sealed(redis_server))


async def outcomes(commands: Commands, count: int) -> list[str]:
    return [await commands.outcome() for _ in range(count)]


# --- rest ---


async def test_after_three_failures_in_a_row_it_is_left_alone_for_a_second(
    commands: Commands, clock: MovableClock
) -> None:
    assert await outcomes(commands, 5) == ["OSError"] * 3 + [AT_REST] * 2
    assert commands.tried == 3
    clock.advance(0.9)
    assert await commands.outcome() == AT_REST


async def test_one_that_fails_after_the_rest_begins_the_next(commands: Commands, clock: MovableClock) -> None:
    await outcomes(commands, 3)
    clock.advance(1.1)
    assert await outcomes(commands, 3) == ["OSError", AT_REST, AT_REST]


async def test_one_that_succeeds_after_the_rest_ends_it(commands: Commands, clock: MovableClock) -> None:
    await outcomes(commands, 3)
    commands.fault = None
    clock.advance(1.1)
    assert await outcomes(commands, 2) == ["answer"] * 2
    commands.fault = OSError()
    assert await outcomes(commands, 4) == ["OSError"] * 3 + [AT_REST]


async def test_failures_between_successes_are_no_outage(commands: Commands) -> None:
    for _ in range(4):
        commands.fault = OSError()
        assert await outcomes(commands, 2) == ["OSError"] * 2
        commands.fault = None
        assert await commands.outcome() == "answer"


async def test_a_value_that_cannot_be_read_is_no_outage(commands: Commands) -> None:
    commands.fault = Unreadable("it was changed")
    assert await outcomes(commands, 4) == ["it was changed"] * 4


@pytest.mark.parametrize("refusal", ["OutOfMemoryError", "NoPermissionError", "ReadOnlyError", "ResponseError"])
async def test_what_redis_itself_refuses_is_no_outage(
    commands: Commands, caplog: pytest.LogCaptureFixture, refusal: str
) -> None:
    commands.fault = getattr(redis.exceptions, refusal)("not for 'jti-of-alice'")
    assert await outcomes(commands, 4) == [refusal] * 4
    assert [record.getMessage() for record in caplog.records] == [f"Redis refuses a command: {refusal}"] * 4
    assert all(record.exc_info is None for record in caplog.records)
    commands.fault = None
    assert await commands.outcome() == "answer"


async def test_each_failure_is_logged_once_and_the_rest_is_silent(
    commands: Commands, caplog: pytest.LogCaptureFixture
) -> None:
    await outcomes(commands, 10)
    assert [record.getMessage() for record in caplog.records] == [
        f"Redis cannot be asked (failure {number} in a row): OSError" for number in (1, 2, 3)
    ]
    assert all(record.exc_info is None for record in caplog.records)


# --- killed ---


async def test_it_is_found_again_after_a_restart(redis_of_its_own: RedisServer, sealed: MakeSealed) -> None:
    cache = RedisCache(sealed(redis_of_its_own))
    await cache.set("a", b"1", 60)
    redis_of_its_own.kill()
    assert [await cache.get("a") for _ in range(4)] == [None] * 4
    redis_of_its_own.start()
    await until(lambda: works(cache), within=3)


async def test_a_restart_between_two_commands_is_not_even_noticed(
    redis_of_its_own: RedisServer, sealed: MakeSealed, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisReplayStore(sealed(redis_of_its_own))
    # As many connections as there may be, all of them dead afterwards.
    await asyncio.gather(*(store.add(str(number), 60) for number in range(100)))
    redis_of_its_own.kill()
    redis_of_its_own.start()
    assert all(await asyncio.gather(*(store.add(str(number), 60) for number in range(100))))
    assert not caplog.records


async def test_killed_and_restarted_in_mid_traffic_it_never_gives_a_wrong_answer(
    redis_of_its_own: RedisServer, sealed: MakeSealed
) -> None:
    server = sealed(redis_of_its_own)
    cache = RedisCache(server)
    wrong: list[object] = []
    ends = asyncio.Event()

    async def use(number: int) -> None:
        while not ends.is_set():
            await cache.set(str(number), str(number).encode(), 60)
            found = await cache.get(str(number))
            if found not in (None, str(number).encode()):
                wrong.append(found)
            await asyncio.sleep(0)

    users = [asyncio.ensure_future(use(number)) for number in range(30)]
    for _ in range(3):
        await asyncio.sleep(0.1)
        redis_of_its_own.kill()
        await asyncio.sleep(0.1)
        redis_of_its_own.start()
    ends.set()
    await asyncio.gather(*users)
    assert not wrong
    await until(lambda: works(cache), within=3)


# --- hanging ---


@pytest.mark.parametrize("is_connected", [True, False])
async def test_a_command_to_a_redis_that_hangs_takes_no_longer_than_its_timeout(
    redis_of_its_own: RedisServer, sealed: MakeSealed, *, is_connected: bool
) -> None:
    cache = RedisCache(sealed(redis_of_its_own))
    if is_connected:
        await cache.set("a", b"1", 60)
    redis_of_its_own.hang()
    began = time.monotonic()
    assert await cache.get("a") is None
    assert time.monotonic() - began < connection.TIMEOUT + 0.5


async def test_whoever_comes_while_redis_hangs_goes_on_after_a_bounded_time(
    redis_of_its_own: RedisServer, sealed: MakeSealed
) -> None:
    cache = RedisCache(sealed(redis_of_its_own))
    await cache.set("a", b"1", 60)
    redis_of_its_own.hang()
    began = time.monotonic()
    assert await asyncio.gather(*(cache.get("a") for _ in range(100))) == [None] * 100
    assert time.monotonic() - began < connection.LONGEST_WAIT + connection.TIMEOUT + 0.5
    redis_of_its_own.resume()
    await until(lambda: works(cache), within=3)


async def test_a_command_that_never_ends_is_given_up_whatever_the_client(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TIMEOUT", 0.05)
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnreachable, match=r"^TimeoutError$"):
            await commands.server.run(lambda client: asyncio.Event().wait())


async def test_a_command_of_many_steps_has_that_time_as_a_whole(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps(client: Any) -> None:
        for _ in range(20_000):  # two seconds or more; a deadline that was missed is not to hang us
            await client.ping()

    monkeypatch.setattr(connection, "TIMEOUT", 0.1)
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnreachable, match=r"^TimeoutError$"):
            await commands.server.run(steps)


async def test_once_redis_is_left_alone_nobody_waits_for_it_any_more(
    redis_of_its_own: RedisServer, sealed: MakeSealed
) -> None:
    cache = RedisCache(sealed(redis_of_its_own))
    await cache.set("a", b"1", 60)
    redis_of_its_own.hang()
    began = time.monotonic()
    await asyncio.gather(*(cache.get("a") for _ in range(100)))
    assert time.monotonic() - began < 2 * connection.TIMEOUT + 0.5


async def works(cache: RedisCache) -> bool:
    await cache.set("works", b"yes", 60)
    return await cache.get("works") == b"yes"


async def until(condition: Callable[[], Awaitable[bool]], *, within: float) -> None:
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110  a server that comes back has no event
            await asyncio.sleep(0.05)
