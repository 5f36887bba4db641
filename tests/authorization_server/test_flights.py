"""One call under way at a time: for tasks, event loops and threads, and when one of them dies."""

import asyncio
import contextvars
import gc
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sniffio

from bearer_guard.authorization_server import flights
from bearer_guard.authorization_server.flights import Flight
from bearer_guard.errors import ConfigurationError
from tests.authorization_server.conftest import until


class Job:
    """Work that counts how often it began and ended, and waits until it is let go."""

    def __init__(self, *, is_quick: bool = False) -> None:
        self.began = self.ended = 0
        self.may_end = threading.Event()
        if is_quick:
            self.may_end.set()
        self.flight = Flight(self)

    async def __call__(self) -> None:
        self.began += 1
        while not self.may_end.is_set():  # noqa: ASYNC110  let go from any thread
            await asyncio.sleep(0.001)
        self.ended += 1

    def waiting(self) -> int:
        """How many wait for the attempt that is under way."""
        attempt = self.flight._attempt
        return len(vars(attempt.landed)["_done_callbacks"]) if attempt else 0

    def leader(self) -> asyncio.Task[None]:
        """The task that does the work now."""
        attempt = self.flight._attempt
        assert attempt is not None
        assert attempt.task is not None
        return attempt.task

    async def followed_by(self, count: int) -> list[asyncio.Task[None]]:
        """So many tasks that wait for it."""
        tasks = [asyncio.create_task(self.flight.join()) for _ in range(count)]
        await until(lambda: self.began and self.waiting() == count)
        return tasks


@contextmanager
def in_a_thread(work: Callable[[], object]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def job() -> Job:
    return Job()


# --- one loop ---


async def test_the_work_is_done_once_for_all_who_wait(job: Job) -> None:
    tasks = await job.followed_by(1000)
    job.may_end.set()
    await asyncio.gather(*tasks)
    assert (job.began, job.ended) == (1, 1)


async def test_whoever_comes_after_the_end_starts_it_anew() -> None:
    job = Job(is_quick=True)
    await job.flight.join()
    await job.flight.join()
    assert job.ended == 2


async def test_starting_does_not_wait_and_does_it_once(job: Job) -> None:
    assert not job.flight.is_under_way
    job.flight.start()
    job.flight.start()
    assert job.flight.is_under_way
    job.may_end.set()
    await job.flight.join()
    assert not job.flight.is_under_way
    assert job.ended == 1


async def test_a_caller_that_goes_away_neither_ends_the_work_nor_hurts_the_others(job: Job) -> None:
    first, second, third = await job.followed_by(3)
    first.cancel()
    second.cancel()
    await asyncio.wait({first, second})
    assert job.flight.is_under_way
    job.may_end.set()
    await third
    assert (job.began, job.ended) == (1, 1)


async def test_the_work_goes_on_when_all_who_waited_are_gone(job: Job) -> None:
    tasks = await job.followed_by(3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    job.may_end.set()
    await job.leader()
    assert job.ended == 1


async def test_a_leader_that_is_cancelled_hands_the_lead_on(job: Job) -> None:
    tasks = await job.followed_by(10)
    job.leader().cancel()
    await until(lambda: job.began == 2)
    job.may_end.set()
    await asyncio.gather(*tasks)
    assert (job.began, job.ended) == (2, 1)


async def test_the_work_sees_no_context_of_the_request_that_came_first() -> None:
    variable = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []

    async def work() -> None:
        seen.append(variable.get())

    variable.set("of the first request")
    await Flight(work).join()
    assert seen == ["none"]


async def test_work_with_a_bug_keeps_nobody_waiting_and_is_reported() -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    outcomes = [ZeroDivisionError("a bug"), None]

    async def work() -> None:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    flight = Flight(work)
    await asyncio.gather(*(flight.join() for _ in range(10)))
    await flight.join()
    gc.collect()
    assert not outcomes
    assert [repr(report["exception"]) for report in reports] == ["ZeroDivisionError('a bug')"]


async def test_work_that_ends_as_if_cancelled_is_not_begun_again_for_ever() -> None:
    began = 0

    async def work() -> None:
        nonlocal began
        began += 1
        raise asyncio.CancelledError  # as a client does whose inner task was cancelled by somebody else

    async with asyncio.timeout(0.2):
        await Flight(work).join()
    assert began == 1


async def test_followers_are_released_in_slices_so_that_others_have_a_turn_in_between(job: Job) -> None:
    turn = 0
    released: list[int] = []

    async def follow() -> None:
        await job.flight.join()
        released.append(turn)

    followers = [asyncio.create_task(follow()) for _ in range(1000)]
    await until(lambda: job.waiting() == 1000)
    job.may_end.set()
    while len(released) < 1000:
        await asyncio.sleep(0)
        turn += 1
    await asyncio.gather(*followers)
    assert max(Counter(released).values()) <= flights._SLICE


# --- several loops and threads ---


async def test_threads_with_loops_of_their_own_share_one_attempt(job: Job) -> None:
    threads = [threading.Thread(target=lambda: asyncio.run(job.flight.join())) for _ in range(8)]
    for thread in threads:
        thread.start()
    await until(lambda: job.waiting() == 8)
    job.may_end.set()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert (job.began, job.ended) == (1, 1)


async def begin_and_leave(job: Job, may_leave: threading.Event) -> None:
    """Takes the lead and ends the loop without the work being done."""
    job.flight.start()
    await until(may_leave.is_set)


def run_and_close_without_cancelling(work: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # "Task was destroyed but it is pending": so it was
    loop.run_until_complete(work)
    loop.close()


@pytest.mark.parametrize("run", [asyncio.run, run_and_close_without_cancelling], ids=["cancelled", "just closed"])
async def test_the_end_of_the_leaders_loop_hands_the_lead_on(
    job: Job, run: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights, "_LOOK_AGAIN", 0.02)
    may_leave = threading.Event()
    with in_a_thread(lambda: run(begin_and_leave(job, may_leave))):
        await until(lambda: job.began)
        followers = [asyncio.create_task(job.flight.join()) for _ in range(5)]
        await until(lambda: job.waiting() == 5)
        may_leave.set()
        await until(lambda: job.began == 2)
        job.may_end.set()
        await asyncio.gather(*followers)
    assert job.ended == 1


async def test_an_attempt_of_a_loop_that_is_long_closed_is_not_waited_for(job: Job) -> None:
    may_leave = threading.Event()
    may_leave.set()
    with in_a_thread(lambda: run_and_close_without_cancelling(begin_and_leave(job, may_leave))) as thread:
        await asyncio.to_thread(thread.join)
    assert not job.flight.is_under_way
    job.may_end.set()
    await job.flight.join()
    assert job.ended == 1


async def test_a_loop_that_was_left_standing_keeps_nobody_waiting(job: Job) -> None:
    # As in programs that call run_until_complete() now and then, and keep the loop.
    standing = asyncio.new_event_loop()
    may_leave = threading.Event()
    may_leave.set()
    with in_a_thread(lambda: standing.run_until_complete(begin_and_leave(job, may_leave))):
        pass
    left_behind = job.leader()
    job.may_end.set()
    try:
        async with asyncio.timeout(1):
            await job.flight.join()
    finally:
        with in_a_thread(lambda: standing.run_until_complete(left_behind)):
            pass
        standing.close()


async def test_a_follower_whose_loop_is_gone_leaves_no_trace(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    [task] = await job.followed_by(1)
    with in_a_thread(lambda: asyncio.run(give_up(job))) as thread:
        await asyncio.to_thread(thread.join)
    job.may_end.set()
    await task
    assert not caplog.records


async def give_up(job: Job) -> None:
    task = asyncio.create_task(job.flight.join())
    await until(lambda: job.waiting() == 2)
    task.cancel()


# --- the end ---


async def test_closing_ends_the_work_before_it_returns(job: Job) -> None:
    job.flight.start()
    await until(lambda: job.began)
    leader = job.leader()
    await job.flight.aclose()
    assert leader.cancelled()
    assert not job.flight.is_under_way


async def test_closing_twice_or_with_nothing_under_way_is_no_error() -> None:
    job = Job(is_quick=True)
    await job.flight.aclose()
    await job.flight.join()
    await job.flight.aclose()
    await job.flight.aclose()
    assert job.ended == 1


async def test_a_closed_flight_can_be_used_again(job: Job) -> None:
    job.flight.start()
    await until(lambda: job.began)
    await job.flight.aclose()
    job.may_end.set()
    await job.flight.join()
    assert (job.began, job.ended) == (2, 1)


async def test_a_flight_closed_in_the_moment_of_its_start_can_be_used_again(job: Job) -> None:
    job.may_end.set()
    job.flight.start()
    await job.flight.aclose()
    async with asyncio.timeout(0.5):
        await job.flight.join()


async def test_closing_from_another_loop_ends_the_work_where_it_runs(job: Job) -> None:
    job.flight.start()
    await until(lambda: job.began)
    leader = job.leader()
    with in_a_thread(lambda: asyncio.run(job.flight.aclose())):
        await asyncio.wait({leader}, timeout=5)
    assert leader.cancelled()
    assert not job.flight.is_under_way


async def test_closing_after_the_leaders_loop_is_closed_is_no_error(job: Job) -> None:
    may_leave = threading.Event()
    may_leave.set()
    with in_a_thread(lambda: run_and_close_without_cancelling(begin_and_leave(job, may_leave))) as thread:
        await asyncio.to_thread(thread.join)
    await job.flight.aclose()
    assert not job.flight.is_under_way


# --- other libraries ---


@pytest.mark.parametrize("ask", [Flight.join, lambda flight: asyncio.sleep(0, flight.start())], ids=["join", "start"])
async def test_under_trio_a_sentence_says_what_to_do(ask: Callable[[Flight], Awaitable[None]]) -> None:
    job = Job(is_quick=True)
    before = sniffio.current_async_library_cvar.set("trio")
    try:
        with pytest.raises(ConfigurationError, match=r"^bearer_guard runs on asyncio, not on trio; run "):
            await ask(job.flight)
    finally:
        sniffio.current_async_library_cvar.reset(before)
    assert not job.flight.is_under_way
    await job.flight.join()
    assert job.ended == 1
