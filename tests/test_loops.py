"""What belongs to one event loop: one value for each, closed with it, and nobody who is left without."""

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest

from bearer_guard.loops import PerLoop


class Value:
    """A context manager that remembers what became of it. `may_open`: unset, opening it waits."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.opened_in: asyncio.AbstractEventLoop | None = None
        self.closed_in: asyncio.AbstractEventLoop | None = None
        self.closings = 0
        self.may_open = asyncio.Event()
        self.may_open.set()

    async def __aenter__(self) -> Self:
        await self.may_open.wait()
        if self.failure is not None:
            raise self.failure
        self.opened_in = asyncio.get_running_loop()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.closed_in = asyncio.get_running_loop()
        self.closings += 1


class Made:
    """Makes values. `all`: in the order in which they were made. `failures`: what the next ones raise."""

    def __init__(self) -> None:
        self.all: list[Value] = []
        self.failures: list[Exception] = []
        self.per_loop: PerLoop[Value] = PerLoop(self._make)

    def _make(self) -> Value:
        self.all.append(Value(self.failures.pop(0) if self.failures else None))
        return self.all[-1]

    async def get(self) -> Value:
        return await self.per_loop.get()


@pytest.fixture
def made() -> Made:
    return Made()


def in_a_thread(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(10)


# --- one loop ---


async def test_a_loop_has_one_value_however_many_ask(made: Made) -> None:
    values = await asyncio.gather(*(made.get() for _ in range(100)))
    assert len(set(map(id, values))) == len(made.all) == 1
    assert await made.get() is values[0]


async def test_nothing_is_made_before_it_is_needed(made: Made) -> None:
    await made.per_loop.aclose()
    assert made.all == []


async def test_closing_closes_it_and_the_next_is_another(made: Made) -> None:
    first = await made.get()
    await made.per_loop.aclose()
    assert first.closings == 1
    second = await made.get()
    assert second is not first
    await made.per_loop.aclose()
    await made.per_loop.aclose()
    assert (first.closings, second.closings) == (1, 1)


async def test_one_that_leaves_while_it_is_made_takes_it_from_nobody(made: Made) -> None:
    first, second = asyncio.create_task(made.get()), asyncio.create_task(made.get())
    await asyncio.sleep(0)
    first.cancel()
    assert await second is made.all[0]
    assert first.cancelled()
    assert len(made.all) == 1


async def test_where_making_it_fails_each_raises_it_and_the_next_tries_again(made: Made) -> None:
    made.failures = [FileNotFoundError("ca.pem")]
    outcomes = await asyncio.gather(*(made.get() for _ in range(3)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {FileNotFoundError}
    assert await made.get() is made.all[-1]
    assert len(made.all) == 2


async def test_where_a_function_that_makes_it_fails_the_next_tries_again() -> None:
    failures = [FileNotFoundError("ca.pem")]

    def make() -> Value:
        if failures:
            raise failures.pop()
        return Value()

    per_loop = PerLoop(make)
    with pytest.raises(FileNotFoundError):
        await per_loop.get()
    assert await per_loop.get()


async def test_a_failure_that_nobody_waits_for_is_no_noise(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    made.failures = [FileNotFoundError("ca.pem")]
    leaving = asyncio.create_task(made.get())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})
    (kept,) = made.per_loop._kept.values()
    await asyncio.wait({kept._first})
    del leaving, kept
    made.per_loop._kept.clear()
    made.all.clear()
    gc.collect()
    assert not caplog.records


async def test_closing_while_it_is_made_cancels_nobody_who_waits(made: Made) -> None:
    waiting = asyncio.create_task(made.get())
    await asyncio.sleep(0)
    made.all[0].may_open.clear()
    await asyncio.sleep(0)
    await made.per_loop.aclose()
    made.all[0].may_open.set()
    done, _ = await asyncio.wait({waiting}, timeout=1)
    assert done
    assert not waiting.cancelled()


async def test_a_value_that_is_a_generator_may_be_closed_by_the_loop_first() -> None:
    @asynccontextmanager
    async def value() -> AsyncIterator[str]:
        yield "value"

    per_loop = PerLoop(value)
    assert await per_loop.get() == "value"
    await asyncio.get_running_loop().shutdown_asyncgens()
    await per_loop.aclose()


# --- several ---


def test_each_loop_has_its_own_which_is_closed_with_it(made: Made) -> None:
    for number in range(3):
        asyncio.run(made.get())
        assert [value.closings for value in made.all] == [1] * (number + 1)
    assert all(value.opened_in is value.closed_in for value in made.all)


def test_loops_that_are_over_are_forgotten(made: Made) -> None:
    loops = []

    async def loop() -> None:
        await made.get()
        loops.append(weakref.ref(asyncio.get_running_loop()))

    for _ in range(20):
        asyncio.run(loop())
        made.all.clear()
    assert len(made.per_loop._kept) == 1
    gc.collect()
    assert len([loop for loop in loops if loop() is not None]) <= 1


def test_loops_in_threads_have_theirs_at_the_same_time(made: Made) -> None:
    barrier = threading.Barrier(8)

    async def get() -> bool:
        value = await made.get()
        await asyncio.to_thread(barrier.wait, 10)
        return value.opened_in is asyncio.get_running_loop() and value is await made.get()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: asyncio.run(get()), range(8)))
    assert [value.closings for value in made.all] == [1] * 8


async def test_closing_closes_those_of_other_loops_in_their_loops(made: Made) -> None:
    opened, may_end = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        value = await made.get()
        opened.set()
        await asyncio.to_thread(may_end.wait, 10)
        while not value.closings:  # noqa: ASYNC110  the other loop closes it in its own time
            await asyncio.sleep(0.001)

    thread = threading.Thread(target=lambda: asyncio.run(asyncio.wait_for(elsewhere(), 10)))
    thread.start()
    await asyncio.to_thread(opened.wait, 10)
    here = await made.get()
    await made.per_loop.aclose()
    may_end.set()
    await asyncio.to_thread(thread.join, 10)
    there = made.all[0]
    assert (there.closings, here.closings) == (1, 1)
    assert there.closed_in is there.opened_in is not here.closed_in


def test_a_loop_that_stands_still_or_is_closed_keeps_nobody_from_closing(made: Made) -> None:
    standing, closed = asyncio.new_event_loop(), asyncio.new_event_loop()
    standing.run_until_complete(made.get())
    closed.run_until_complete(made.get())
    closed.run_until_complete(closed.shutdown_asyncgens())
    closed.close()
    asyncio.run(made.per_loop.aclose())
    assert made.per_loop._kept == {}
    standing.run_until_complete(standing.shutdown_asyncgens())
    standing.close()
    assert [value.closings for value in made.all] == [1, 1]


def test_a_loop_that_stood_still_goes_on_with_what_it_has(made: Made) -> None:
    loop = asyncio.new_event_loop()
    first = loop.run_until_complete(made.get())
    asyncio.run(made.get())
    assert loop.run_until_complete(made.get()) is first
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
