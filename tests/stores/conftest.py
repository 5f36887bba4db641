"""Real Redis servers, and the law that no test leaves a task behind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bearer_guard import MemoryRevocations
from bearer_guard.stores.redis import RedisRevocations, SealedRedis
from bearer_guard.stores.revocations import RevocationList
from tests.redis_server import RedisServer, running_redis
from tests.stores.material import KEYS, StillClock

MakeSealed = Callable[..., SealedRedis]


@pytest.fixture(autouse=True)
async def _no_task_is_left_behind() -> AsyncIterator[None]:
    yield
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left


@pytest.fixture(scope="session")
def _shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(_shared_redis: RedisServer) -> RedisServer:
    """A server with nothing in it. It is left running."""
    _shared_redis.ask("FLUSHALL")
    return _shared_redis


@pytest.fixture
def redis_of_its_own(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may hang, fill and kill."""
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def revocations(request: pytest.FixtureRequest, sealed: MakeSealed, clock: StillClock) -> RevocationList:
    """A list of either kind, on the still clock."""
    if request.param == "memory":
        return MemoryRevocations(clock=clock)
    return RedisRevocations(sealed(request.getfixturevalue("redis_server")), clock=clock)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def sealed() -> AsyncIterator[MakeSealed]:
    """Opens a server, or a URL, to the stores: `sealed(redis_server, prefix=...)`; it is closed after the test."""
    made: list[SealedRedis] = []

    def make(where: Any, *, keys: Mapping[str, str | bytes] = KEYS, **options: Any) -> SealedRedis:
        made.append(SealedRedis(where.url if isinstance(where, RedisServer) else where, keys=keys, **options))
        return made[-1]

    yield make
    for server in made:
        await server.aclose()
