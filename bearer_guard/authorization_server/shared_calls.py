"""One call for each key at a time in an event loop, shared by whoever wants its answer."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Hashable
from contextlib import nullcontext
from typing import Generic, TypeVar

from bearer_guard.authorization_server.flights import released_in_slices
from bearer_guard.loops import PerLoop

Result = TypeVar("Result")
Call = Callable[[], Awaitable[Result]]


class _Shared(Generic[Result]):
    """One call, under way or about to be, and how many wait for it."""

    def __init__(self, call: Call[Result], before: "_Shared[Result] | None", position: int) -> None:
        self.has_begun = False
        self.before = before
        self.waiting = self.joined = 0
        # A task of its own with an empty context: the request that happened to come first neither cancels it nor lends
        # it its context variables.
        loop = asyncio.get_running_loop()
        self.task = loop.create_task(self._run(call, position), context=contextvars.Context())

    async def _run(self, call: Call[Result], position: int) -> Result | Exception:
        await released_in_slices(position)  # a crowd of calls begins bit by bit, too
        if self.before is not None:
            await asyncio.wait({self.before.task})
        self.before = None  # else each would hold all that came before it, as long as they come one after the other
        self.has_begun = True
        try:
            return await call()
        except Exception as error:  # noqa: BLE001  each of those who wait raises it
            return error

    async def result(self) -> Result:
        position, self.joined = self.joined, self.joined + 1
        self.waiting += 1
        try:
            await asyncio.wait({self.task})  # shields: one that is cancelled must not take the others along
        finally:
            self.waiting -= 1
            if not self.waiting and not self.task.done():
                self.task.cancel()  # nobody wants to know any more
        await released_in_slices(position)
        outcome = self.task.result()
        if isinstance(outcome, Exception):
            raise _again(outcome)
        return outcome


class SharedCalls(Generic[Result]):
    """Calls that are shared by those who ask with the same key in the same event loop."""

    def __init__(self) -> None:
        self._calls: PerLoop[dict[Hashable, _Shared[Result]]] = PerLoop(lambda: nullcontext({}))

    async def result(self, key: Hashable, call: Call[Result], *, anew: bool = False) -> Result:
        """What `call` returns, or whatever it raises.

        `anew`: a call that has begun already will not do: its answer may be older than the question. Those who come
        while one is under way share the next, which begins when that one has ended.
        """
        calls = await self._calls.get()
        shared = calls.get(key)
        if shared is None or (anew and shared.has_begun) or shared.task.cancelling():
            before = shared if shared is None or shared.has_begun else shared.before
            shared = calls[key] = _Shared(call, before, position=len(calls))
            shared.task.add_done_callback(lambda _: _forget(calls, key, shared))
        return await shared.result()


def _forget(calls: dict[Hashable, _Shared[Result]], key: Hashable, ended: _Shared[Result]) -> None:
    if calls.get(key) is not ended:
        return
    before = ended.before
    if not ended.has_begun and before is not None and not before.task.done():
        calls[key] = before  # given up before its turn: the one before it is still under way
    else:
        del calls[key]


def _again(error: Exception) -> Exception:
    # Each raises one of its own: a shared one would grow a traceback through all of them.
    twin = type(error).__new__(type(error), *error.args)
    twin.args = error.args
    twin.__dict__.update(error.__dict__)
    twin.__cause__ = error.__cause__
    twin.__suppress_context__ = error.__suppress_context__
    return twin
