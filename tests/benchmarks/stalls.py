"""The longest stall of the event loop while keys are fetched, lost and attacked: `python -m tests.benchmarks.stalls`.

The authorization server runs in another process, on loopback, and each run has a process of its own: what is loaded
with the first fetch counts. Of three runs the best counts: the others tell about the machine. An argument names the
algorithm of the tokens, ES256 unless told otherwise.
"""

import asyncio
import logging
import multiprocessing
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from bearer_guard import AuthorizationServer, BearerGuard, JWTValidator
from bearer_guard.errors import BearerError
from bearer_guard.testing import FakeIssuer, SigningKey
from bearer_guard.testing.keys import new_keys
from tests.authorization_server.conftest import LoopbackServer, document, until

RUNS = 3
REQUESTS = 1000
TICK = 0.001
REFRESH_IS_DUE = 481
WAVE = 25


# --- the authorization server, in a process of its own ---


async def _serve(orders: Connection) -> None:
    web = LoopbackServer()
    await web.start()
    orders.send(web.url)
    while (documents := await asyncio.to_thread(orders.recv)) is not None:
        web.answers = {path: document(content) for path, content in documents.items()}
        orders.send(None)
    await web.stop()


def _run(orders: Connection) -> None:
    asyncio.run(_serve(orders))


class RemoteIssuer(FakeIssuer):
    """An issuer whose documents are served by another process."""

    def __init__(self, orders: Connection, keys: dict[str, SigningKey]) -> None:
        super().__init__(orders.recv())
        self._keys = dict(keys)
        self._orders = orders
        self.publish()

    def publish(self) -> None:
        self._orders.send({"/.well-known/oauth-authorization-server": self.metadata(), "/jwks": self.jwks()})
        self._orders.recv()


@contextmanager
def running_issuer(keys: dict[str, SigningKey]) -> Iterator[tuple[RemoteIssuer, Callable[[], None]]]:
    """The issuer, and what ends it."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_run, args=(theirs,))
    process.start()

    def end() -> None:
        if process.is_alive():
            ours.send(None)
            process.join()

    try:
        yield RemoteIssuer(ours, keys), end
    finally:
        end()


# --- the probe ---


class Probe:
    """Measures how late the ticks of the event loop come."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK)
            self.longest = max(self.longest, time.perf_counter() - began - TICK)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        watch = asyncio.create_task(self._watch())
        await asyncio.sleep(10 * TICK)
        self.longest = 0.0
        try:
            yield
            await asyncio.sleep(10 * TICK)  # the last stall ends with a tick
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


# --- the situations ---


class Situation:
    """A guard of an issuer on the wire, and many requests at once."""

    def __init__(self, issuer: RemoteIssuer, end: Callable[[], None], algorithm: str) -> None:
        self.issuer = issuer
        self.end_issuer = end
        self.algorithm = algorithm
        self.server = AuthorizationServer(issuer.issuer, clock=issuer.clock)
        self.guard = BearerGuard(JWTValidator(self.server, audience="api"))
        self.probe = Probe()

    def tokens(self, count: int = REQUESTS, **options: Any) -> list[str]:
        return [self.issuer.token(alg=self.algorithm, **options) for _ in range(count)]

    def strangers(self, count: int) -> list[str]:
        return [token for n in range(count) for token in self.tokens(1, header={"kid": f"unknown-{n}"})]

    async def all_at_once(self, tokens: list[str]) -> float:
        """The longest stall, in seconds, while these requests are answered, which come in one turn of the loop."""
        return await self.in_waves(tokens, size=len(tokens))

    async def in_waves(self, tokens: list[str], *, size: int = WAVE) -> float:
        """The same for requests that come one wave a tick."""
        async with self.probe.watching(), asyncio.TaskGroup() as requests:
            for start in range(0, len(tokens), size):
                for token in tokens[start : start + size]:
                    requests.create_task(self._answer(token))
                await asyncio.sleep(TICK)
            await until(lambda: not self.server._keys._flight.is_under_way)  # type: ignore[attr-defined]
        return self.probe.longest

    async def _answer(self, token: str) -> None:
        with suppress(BearerError):
            await self.guard.validate(token)


async def cold_start(situation: Situation) -> float:
    """1000 requests at once on a cold cache"""
    return await situation.all_at_once(situation.tokens())


async def warm(situation: Situation) -> float:
    """for comparison: 1000 requests at once with warm keys"""
    await situation.server.warm_up()
    return await situation.all_at_once(situation.tokens())


async def cold_start_after_warm_up(situation: Situation) -> float:
    """1000 requests at once on a cold cache, in a process that has fetched before"""
    await AuthorizationServer(situation.issuer.issuer).warm_up()
    return await situation.all_at_once(situation.tokens())


async def unknown_kids(situation: Situation) -> float:
    """1000 distinct unknown kids at once"""
    await situation.server.warm_up()
    return await situation.all_at_once(situation.strangers(REQUESTS))


async def rotation(situation: Situation) -> float:
    """rotation under load: 500 tokens of the old key, 500 of the new one, 25 a tick"""
    await situation.server.warm_up()
    tokens = situation.tokens(REQUESTS // 2)
    situation.issuer._keys[situation.algorithm] = SigningKey(situation.algorithm)
    situation.issuer.publish()
    mixed = [token for pair in zip(tokens, situation.tokens(REQUESTS // 2), strict=True) for token in pair]
    return await situation.in_waves(mixed)


async def outage(situation: Situation) -> float:
    """an outage begins under load: 500 good tokens, 500 unknown kids, 25 a tick"""
    await situation.server.warm_up()
    situation.issuer.clock.advance(REFRESH_IS_DUE)
    good, unknown = situation.tokens(REQUESTS // 2), situation.strangers(REQUESTS // 2)
    situation.end_issuer()
    return await situation.in_waves([token for pair in zip(good, unknown, strict=True) for token in pair])


SITUATIONS: list[Callable[[Situation], Awaitable[float]]] = [
    warm,
    cold_start,
    cold_start_after_warm_up,
    unknown_kids,
    rotation,
    outage,
]


async def _stall_in(measure: Callable[[Situation], Awaitable[float]], algorithm: str) -> float:
    with running_issuer(new_keys()) as (issuer, end):
        situation = Situation(issuer, end, algorithm)
        async with situation.guard:
            return await measure(situation)


def stall_in(position: int, algorithm: str) -> float:
    """In milliseconds."""
    logging.disable()
    return 1000 * asyncio.run(_stall_in(SITUATIONS[position], algorithm))


def main() -> None:
    """Prints a line for each situation: the best run, and all of them."""
    algorithm = sys.argv[1] if len(sys.argv) > 1 else "ES256"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:
        for position, measure in enumerate(SITUATIONS):
            stalls = [processes.submit(stall_in, position, algorithm).result() for _ in range(RUNS)]
            print(f"{min(stalls):7.1f} ms  {measure.__doc__}  ({', '.join(f'{stall:.0f}' for stall in stalls)})")  # noqa: T201  that is its use


if __name__ == "__main__":
    main()
