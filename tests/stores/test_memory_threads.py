"""The stores in memory, used by several threads: what one looks at and then changes, no other changes in between."""

import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bearer_guard import AuthorizationServerUnavailable, MemoryReplayStore, MemoryRevocations
from tests.stores.material import StillClock

LATER, EARLIER = 200.0, 100.0


def done(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it returns, in whatever thread: in memory there is nothing to wait for."""
    with pytest.raises(StopIteration) as finished:
        coroutine.send(None)
    return finished.value.value


class Hesitating(str):
    """A key that lets another thread in between the first look at it and the second."""

    __slots__ = ("looks", "meanwhile")
    looks: int
    meanwhile: threading.Thread

    def __hash__(self) -> int:
        self.looks += 1
        if self.looks == 2:
            self.meanwhile.start()
            self.meanwhile.join(timeout=0.5)  # it waits for us, where there is a lock
        return super().__hash__()


def in_two_threads(use: Callable[[str], None], meanwhile: Callable[[], None]) -> None:
    """Runs one, and in the midst of it the other."""
    key = Hesitating("a")
    key.looks, key.meanwhile = 0, threading.Thread(target=meanwhile)
    use(key)
    assert key.meanwhile.ident is not None, "it did not look twice"
    key.meanwhile.join()


def test_of_two_threads_one_is_told_that_it_is_new() -> None:
    store = MemoryReplayStore()
    answers: list[bool] = []

    def use(key: str) -> None:
        answers.append(done(store.add(key, 60)))

    in_two_threads(use, lambda: use("a"))
    assert sorted(answers) == [False, True]


def test_of_two_revocations_by_two_threads_the_later_moment_and_the_longer_time_stay(clock: StillClock) -> None:
    revocations = MemoryRevocations(clock=clock)
    in_two_threads(
        lambda key: done(revocations._put(key, EARLIER, 900)), lambda: done(revocations._put("a", LATER, 100))
    )
    clock.advance(899)
    assert done(revocations._get(["a"])) == [LATER]


def test_a_full_store_lets_the_next_one_in_after_it_refused_one() -> None:
    store, revocations = MemoryReplayStore(most=1), MemoryRevocations(most=1)
    assert done(store.add("a", 60))
    done(revocations._put("a", EARLIER, 60))
    for _ in range(2):  # the lock of the first is not kept
        with pytest.raises(AuthorizationServerUnavailable):
            store.add("b", 60).send(None)
        with pytest.raises(OverflowError):
            revocations._put("b", LATER, 60).send(None)
    assert done(store.add("a", 60)) is False
    assert done(revocations._get(["a"])) == [EARLIER]
