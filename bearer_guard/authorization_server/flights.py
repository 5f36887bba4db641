"""One call under way at a time, shared by whoever waits for it: tasks, event loops and threads.

asyncio's own locks and futures belong to one event loop, and an application may have several (each test client
opens one). So a threading lock elects a leader, and a `concurrent.futures.Future` tells the followers.
"""

import asyncio
import concurrent.futures
import contextvars
import logging
import threading
import time
from collections.abc import Awaitable, Callable

import sniffio

from bearer_guard.errors import ConfigurationError
from bearer_guard.loops import is_being_cancelled

log = logging.getLogger("bearer_guard")

_LOOK_AGAIN = 0.5
"""Seconds after which a follower looks whether the leader's event loop still runs."""


_LONGEST = 20.0
"""Seconds. The work has deadlines of its own, and with all of them it takes less."""

_SLICE = 50
"""Followers released in one turn of the event loop: each goes on to verify a signature, and others want a turn, too."""


class _Attempt:
    """One attempt. `landed`: True once the work is done; False if it was broken off and counts as none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.landed: concurrent.futures.Future[bool] = concurrent.futures.Future()
        self.task: asyncio.Task[None] | None = None
        self.followers = 0
        self.started = time.monotonic()

    @property
    def is_lost(self) -> bool:
        # A loop that does not run (closed, or left standing), or that is blocked, will not end the work soon.
        is_stuck = not self.loop.is_running() or time.monotonic() - self.started > _LONGEST
        return is_stuck and not self.landed.done()

    def end(self, task: asyncio.Task[None]) -> None:
        # Also for a task that was cancelled before its first step.
        self.landed.set_result(not task.cancelled())


class Flight:
    """Runs `work` at most once at a time. `work` keeps its own results and must not raise."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._attempt: _Attempt | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether somebody is on it now."""
        attempt = self._attempt
        return attempt is not None and not attempt.landed.done() and not attempt.is_lost

    def start(self) -> None:
        """Sees to it that the work is under way, without waiting for it."""
        self._join_or_lead()

    async def join(self) -> None:
        """Waits until the work is done once, by whomever. A cancelled leader or a dead loop hands the lead on."""
        while not await self._landed(self._join_or_lead()):
            pass

    async def aclose(self) -> None:
        """Breaks off what is under way."""
        attempt = self._attempt
        if attempt is None or attempt.task is None or attempt.loop.is_closed():
            return
        if attempt.loop is asyncio.get_running_loop():
            attempt.task.cancel()
            await asyncio.gather(attempt.task, return_exceptions=True)
        else:
            attempt.loop.call_soon_threadsafe(attempt.task.cancel)

    def _join_or_lead(self) -> _Attempt:
        with self._lock:
            if self._attempt is not None and self.is_under_way:
                return self._attempt
            _require_asyncio()
            loop = asyncio.get_running_loop()
            self._attempt = attempt = _Attempt(loop)
            # A task of its own with an empty context: the request that happened to come first neither cancels it
            # nor lends it its context variables.
            attempt.task = loop.create_task(self._lead(), context=contextvars.Context())
            attempt.task.add_done_callback(attempt.end)
            return attempt

    async def _lead(self) -> None:
        try:
            await self._work()
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            log.error("the work ended as if cancelled, which nobody did: it counts as done")  # noqa: TRY400  no traceback

    async def _landed(self, attempt: _Attempt) -> bool:
        waiter = asyncio.wrap_future(attempt.landed)
        position = attempt.followers
        attempt.followers += 1
        while not waiter.done():
            # wait() shields: a follower that is cancelled must not cancel the future that all the others wait for.
            await asyncio.wait({waiter}, timeout=_LOOK_AGAIN)
            if attempt.is_lost:
                return False
        await released_in_slices(position)
        return waiter.result()


async def released_in_slices(position: int) -> None:
    """Lets a crowd of followers go on bit by bit. `position`: how many of them came before this one."""
    for _ in range(position // _SLICE):
        await asyncio.sleep(0)


def _require_asyncio() -> None:
    library = sniffio.current_async_library()
    if library != "asyncio":
        raise ConfigurationError(f"bearer_guard runs on asyncio, not on {library}; run the application under asyncio")
