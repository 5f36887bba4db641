"""A call that is shared, and that is let go by hand."""

import asyncio

from bearer_guard.authorization_server import SharedCalls


class Question:
    """Answers with the number of the call, once it is let go. `began`, `ended`, `broken_off`: numbers of calls."""

    def __init__(self) -> None:
        self.calls: SharedCalls[int] = SharedCalls()
        self.began: list[int] = []
        self.ended: list[int] = []
        self.broken_off: list[int] = []
        self.most_at_once = 0
        self.failure: Exception | None = None
        self._may_end: list[asyncio.Event] = []

    async def __call__(self) -> int:
        number = len(self.began)
        self.began.append(number)
        self._may_end.append(asyncio.Event())
        self.most_at_once = max(self.most_at_once, len(self.began) - len(self.ended) - len(self.broken_off))
        try:
            async with asyncio.timeout(5):  # a call that nobody lets go should not have begun
                await self._may_end[number].wait()
        except asyncio.CancelledError:
            self.broken_off.append(number)
            raise
        self.ended.append(number)
        if self.failure is not None:
            raise self.failure
        return number

    def let_go(self, number: int) -> None:
        self._may_end[number].set()

    def ask(self, key: object = "key", *, anew: bool = False) -> asyncio.Task[int]:
        return asyncio.create_task(self.calls.result(key, self, anew=anew))

    async def asked(self, *, anew: bool = False) -> asyncio.Task[int]:
        """One who waits already."""
        task = self.ask(anew=anew)
        await settled()
        return task


async def settled() -> None:
    """Everybody has gone as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)
