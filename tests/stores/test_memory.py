"""The bounded memory of objects."""

import sys
import threading

import pytest

from bearer_guard.stores.remembered import Remembered


def filled(size: int, count: int) -> Remembered[int]:
    memory: Remembered[int] = Remembered(size)
    for number in range(count):
        memory.set(key(number), number)
    return memory


def key(number: int) -> bytes:
    return number.to_bytes(4, "big")


def test_what_was_set_is_got_back_and_what_was_not_is_none() -> None:
    memory = filled(4, 1)
    assert (memory.get(key(0)), memory.get(key(1))) == (0, None)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 15, 20, 1000])
def test_it_never_holds_more_than_its_size(count: int) -> None:
    memory = filled(10, count)
    assert min(count, 5) <= len(memory) <= 10


@pytest.mark.parametrize("count", range(1, 40))
def test_the_later_half_is_surely_remembered(count: int) -> None:
    memory = filled(10, count)
    latest = range(max(0, count - 5), count)
    assert [memory.get(key(number)) for number in latest] == list(latest)


def test_what_is_asked_for_again_and_again_outlives_any_number_of_newcomers() -> None:
    memory = filled(10, 1)
    for number in range(1, 500):
        memory.set(key(number), number)
        assert memory.get(key(0)) == 0


def test_setting_a_key_again_replaces_its_value_wherever_the_old_one_is() -> None:
    memory = filled(4, 3)  # key 0 is in the older generation by now
    memory.set(key(0), 100)
    memory.set(key(2), 102)
    assert (memory.get(key(0)), memory.get(key(2)), len(memory)) == (100, 102, 3)


def test_setting_a_key_again_pushes_nobody_out() -> None:
    memory = filled(4, 2)
    for _ in range(10):
        memory.set(key(1), 1)
    assert memory.get(key(0)) == 0


@pytest.mark.parametrize("number", [0, 3], ids=["in the older generation", "in the younger generation"])
def test_what_is_forgotten_is_gone_and_the_rest_stays(number: int) -> None:
    memory = filled(4, 4)
    memory.forget(key(number))
    assert memory.get(key(number)) is None
    assert len(memory) == 3


def test_a_value_that_was_carried_over_is_forgotten_in_both_generations() -> None:
    memory = filled(4, 3)
    assert memory.get(key(0)) == 0
    memory.forget(key(0))
    assert memory.get(key(0)) is None


def test_forgetting_what_is_not_there_is_no_error() -> None:
    memory = filled(4, 1)
    memory.forget(key(7))
    assert len(memory) == 1


def test_a_memory_of_size_0_remembers_nothing() -> None:
    memory = filled(0, 3)
    assert (len(memory), memory.get(key(2))) == (0, None)


def test_several_threads_may_use_it_at_once() -> None:
    memory: Remembered[int] = Remembered(16)
    wrong: list[object] = []

    def use(offset: int) -> None:
        for number in range(5000):
            mine = (number * 7 + offset) % 64
            memory.set(key(mine), mine)
            found = memory.get(key((mine * 5) % 64))
            if found not in (None, (mine * 5) % 64):
                wrong.append(found)
            memory.forget(key((mine * 3) % 64))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=use, args=(offset,)) for offset in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
    assert len(memory) <= 16 + 2 * len(threads)  # each may carry one over the edge of each generation
