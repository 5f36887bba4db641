"""Many requests, some that are given up, and several event loops: all on the same stores."""

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bearer_guard.stores.redis import RedisCache, RedisReplayStore, RedisRevocations, SealedRedis
from bearer_guard.stores.redis.connection import MOST_CONNECTIONS
from tests.redis_server import RedisServer
from tests.stores.conftest import MakeSealed
from tests.stores.material import ISSUER, KEYS, validated

ROOT = Path(__file__).parents[2]


def connections(redis_server: RedisServer) -> int:
    """How many there are, less the one that asks."""
    return len(redis_server.ask("CLIENT", "LIST").splitlines()) - 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  what the server does has no event
            await asyncio.sleep(0.01)


async def test_a_thousand_checks_at_once_all_have_their_answer_over_a_few_connections(
    redis_server: RedisServer, sealed: MakeSealed
) -> None:
    revocations = RedisRevocations(sealed(redis_server))
    for number in range(0, 1000, 10):
        await revocations.revoke(issuer=ISSUER, jti=str(number))
    answers = await asyncio.gather(
        *(revocations.is_revoked(validated(jti=str(number), sub="alice")) for number in range(1000))
    )
    assert answers == [number % 10 == 0 for number in range(1000)]
    assert 1 <= connections(redis_server) <= MOST_CONNECTIONS


async def test_commands_that_are_given_up_leave_no_answer_behind_for_the_next(
    redis_server: RedisServer, sealed: MakeSealed, caplog: pytest.LogCaptureFixture
) -> None:
    cache = RedisCache(sealed(redis_server))
    for number in range(50):
        await cache.set(str(number), str(number).encode(), 60)
    chance = random.Random(7)
    for _ in range(40):
        reads = [asyncio.ensure_future(cache.get(str(number))) for number in range(50)]
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        for read in chance.sample(reads, 25):
            read.cancel()
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
        assert all(
            isinstance(outcome, asyncio.CancelledError) or outcome == str(number).encode()
            for number, outcome in enumerate(outcomes)
        )
    assert not caplog.records
    assert connections(redis_server) <= MOST_CONNECTIONS


async def test_a_request_that_is_given_up_while_redis_hangs_takes_no_connection_along(
    redis_of_its_own: RedisServer, sealed: MakeSealed
) -> None:
    store = RedisReplayStore(sealed(redis_of_its_own))
    assert await store.add("a", 60)
    redis_of_its_own.hang()
    for _ in range(3):
        waiting = [asyncio.ensure_future(store.add("a", 60)) for _ in range(2 * MOST_CONNECTIONS)]
        await asyncio.sleep(0.05)  # half of them wait for an answer, and half for a connection
        for request in waiting:
            request.cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
    redis_of_its_own.resume()
    new = await asyncio.gather(*(store.add(f"new {number}", 60) for number in range(100)))
    assert new == [True] * 100


async def test_a_request_that_is_given_up_is_no_failure_of_redis(
    redis_server: RedisServer, sealed: MakeSealed, caplog: pytest.LogCaptureFixture
) -> None:
    server = sealed(redis_server)
    for _ in range(5):
        never = asyncio.ensure_future(server.run(lambda client: client.blpop("nothing", timeout=5)))
        await until(lambda: redis_server.ask("INFO", "clients")["blocked_clients"] == 1)
        never.cancel()
        with pytest.raises(asyncio.CancelledError):
            await never
    assert await RedisReplayStore(server).add("a", 60)
    assert not caplog.records


# --- event loops ---


def test_one_event_loop_after_the_other_may_use_it(redis_server: RedisServer) -> None:
    store = RedisReplayStore(SealedRedis(redis_server.url, keys=KEYS))
    answers = []
    for _ in range(3):
        with asyncio.Runner() as runner:
            answers.append(runner.run(store.add("a", 60)))
        redis_server.wait_until(lambda: connections(redis_server) == 0)
    assert answers == [True, False, False]


def test_several_event_loops_at_once_may_use_it(redis_server: RedisServer) -> None:
    store = RedisReplayStore(SealedRedis(redis_server.url, keys=KEYS))
    answers: list[bool] = []

    async def use() -> None:
        answers.extend(await asyncio.gather(*(store.add(str(number), 60) for number in range(100))))

    def loop() -> None:
        with asyncio.Runner() as runner:
            runner.run(use())

    threads = [threading.Thread(target=loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count(True), answers.count(False)) == (100, 300)


PROGRAM = """
import asyncio, logging, sys
from bearer_guard.stores.redis import *
from tests.stores.material import ISSUER, validated

server = SealedRedis(sys.argv[1], keys={"a": "00" * 32})
cache, revocations, store = RedisCache(server), RedisRevocations(server), RedisReplayStore(server)

async def use(closes):
    asyncio.get_running_loop().slow_callback_duration = 60  # the machine may be busy
    await asyncio.gather(*(store.add(str(number), 60) for number in range(40)))
    await cache.set("a", b"1", 60)
    await revocations.revoke(issuer=ISSUER, jti="1")
    assert await cache.get("a") == b"1" and await revocations.is_revoked(validated(jti="1"))
    given_up = asyncio.ensure_future(cache.get("a"))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait({given_up})
    if closes:
        await cache.aclose()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left

for closes in (True, False, False):
    asyncio.run(use(closes))
print("done")
"""


def test_nothing_is_left_open_when_the_program_ends(redis_server: RedisServer) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, redis_server.url],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_to_make_a_store_opens_nothing_and_needs_no_event_loop(redis_server: RedisServer) -> None:
    before = connections(redis_server)
    server = SealedRedis(redis_server.url, keys=KEYS)
    for store in (RedisCache, RedisReplayStore, RedisRevocations):
        store(server)
    assert connections(redis_server) == before
