"""What belongs to one event loop: made in it when first needed, kept for it, closed with it.

Connections, clients and asyncio's locks do not survive the event loop that they were first used in, and an
application may have several: each test client opens one.
"""

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Generic, TypeVar

Value = TypeVar("Value")


def is_being_cancelled() -> bool:
    """Whether somebody cancels the current task, or a CancelledError only came out of what it awaited."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


@contextmanager
def cancelled_by_nobody_is_a_failure() -> Iterator[None]:
    """For code of others: a CancelledError that it raises of its own accord is an error like any other."""
    try:
        yield
    except asyncio.CancelledError:
        if is_being_cancelled():
            raise
        raise ConnectionAbortedError("it ended as if cancelled, which nobody did") from None


async def within(seconds: float, call: Awaitable[Value]) -> Value:
    """What code of others answers in time. Raises `TimeoutError`, and `ConnectionAbortedError` as above."""
    with cancelled_by_nobody_is_a_failure():
        async with asyncio.timeout(seconds):
            return await call


class _Kept(Generic[Value]):
    """One value, as long as its loop lives."""

    def __init__(self, context: AbstractAsyncContextManager[Value]) -> None:
        # A generator, because event loops close those that are still open when they end (asyncio.run() sees to it).
        self._life = self._lifetime(context)
        self.is_over = False
        # With an empty context: the request that happened to come first is not kept as long as the value.
        self._first = asyncio.get_running_loop().create_task(self._opened(), context=contextvars.Context())
        self._first.add_done_callback(lambda first: first.cancelled() or first.exception())  # nobody may be waiting

    async def value(self) -> Value:
        if not self._first.done():
            # wait() shields: whoever is cancelled while it is made must not take it from the others.
            await asyncio.wait({self._first})
        if self._first.cancelled():
            raise ConnectionAbortedError("it was closed while it was being opened")
        return self._first.result()

    async def _opened(self) -> Value:
        try:
            return await anext(self._life)
        except BaseException:
            self.is_over = True
            raise

    async def close(self) -> None:
        self.is_over = True
        self._first.cancel()
        await asyncio.gather(self._first, return_exceptions=True)
        await self._life.aclose()

    async def _lifetime(self, context: AbstractAsyncContextManager[Value]) -> AsyncGenerator[Value]:
        value = await context.__aenter__()
        try:
            yield value
        finally:
            self.is_over = True
            # Closed as if all went well. One that is a generator itself may have been closed by the loop already.
            with suppress(RuntimeError):
                await context.__aexit__(None, None, None)


class PerLoop(Generic[Value]):
    """A value for each event loop. `make`: makes the context manager that opens and closes one."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[Value]]) -> None:
        self._make = make
        self._kept: dict[asyncio.AbstractEventLoop, _Kept[Value]] = {}

    async def get(self) -> Value:
        """The value of the running loop. Raises what making it raises, and tries again the next time."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(loop)
        if kept is None or kept.is_over:
            self._forget_closed_loops()
            kept = self._kept[loop] = _Kept(self._make())
        return await kept.value()

    async def aclose(self) -> None:
        """Closes all values: that of this loop now, those of other running loops there, in their own time."""
        here = asyncio.get_running_loop()
        for loop, kept in list(self._kept.items()):
            self._kept.pop(loop, None)
            if loop is here:
                await kept.close()
            elif loop.is_running():
                asyncio.run_coroutine_threadsafe(kept.close(), loop)

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in list(self._kept) if loop.is_closed()]:
            self._kept.pop(loop, None)
