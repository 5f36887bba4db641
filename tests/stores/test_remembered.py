"""The laws of the bounded memory, whatever is done to it: never more than it may, and surely the later half."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearer_guard.stores.remembered import Remembered

SIZE, MOST_BYTES = 8, 40
HALF, HALF_OF_THE_BYTES = SIZE // 2, MOST_BYTES // 2

KEYS = st.integers(min_value=0, max_value=15).map(lambda number: bytes([number]))


def steps(heaviest: int) -> st.SearchStrategy[list[tuple[str, bytes, int]]]:
    weights = st.integers(min_value=0, max_value=heaviest)
    sets, others = (
        st.tuples(st.just("set"), KEYS, weights),
        st.tuples(st.sampled_from(["get", "forget"]), KEYS, st.just(0)),
    )
    return st.lists(st.one_of(sets, sets, others), max_size=80)


@dataclass
class Model:
    """What a memory without bounds would hold, and what was in use when."""

    values: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    uses: list[tuple[bytes, int]] = field(default_factory=list)

    def surely_there(self) -> set[bytes]:
        """The keys in use last, as many as half of the memory holds, less those that were forgotten since."""
        heaviest: dict[bytes, int] = {}
        for key, weight in reversed(self.uses):
            later = {**heaviest, key: max(weight, heaviest.get(key, 0))}
            if len(later) > HALF or sum(later.values()) > HALF_OF_THE_BYTES:
                break
            heaviest = later
        return heaviest.keys() & self.values.keys()


def weight_of(memory: Remembered[int]) -> int:
    """Of all that it holds on to, also of what it would not give any more."""
    return sum(memory._young_weights.values()) + sum(memory._old_weights.values())


def held(memory: Remembered[int]) -> dict[bytes, int]:
    """What it would give, without asking it: to ask is to use."""
    return {**memory._old, **memory.young}


def do(memory: Remembered[int], model: Model, step: tuple[str, bytes, int], value: int) -> None:
    what, key, weight = step
    match what:
        case "set":
            memory.set(key, value, weight)
            model.values[key] = value, weight
            model.uses.append((key, weight))
        case "forget":
            memory.forget(key)
            model.values.pop(key, None)
        case _:
            there = key in held(memory)
            found = memory.get(key)
            assert (found is not None) == there
            if there:
                assert found == model.values[key][0]
                model.uses.append((key, model.values[key][1]))


@given(steps=st.one_of(steps(0), steps(5), steps(HALF_OF_THE_BYTES)))
@settings(max_examples=300)
def test_the_bounds_hold_and_the_later_half_is_there_after_every_step(steps: list[tuple[str, bytes, int]]) -> None:
    memory: Remembered[int] = Remembered(SIZE, MOST_BYTES)
    model = Model()
    for value, step in enumerate(steps):
        do(memory, model, step, value)
        holds = held(memory)
        assert len(memory) == len(holds) <= SIZE
        assert weight_of(memory) <= MOST_BYTES
        assert sum(model.values[key][1] for key in holds) <= MOST_BYTES
        assert memory._weight == sum(memory._young_weights.values())
        assert memory._young_weights.keys() <= memory.young.keys()
        assert memory._old_weights.keys() <= memory._old.keys()
        assert holds.items() <= {key: kept for key, (kept, _) in model.values.items()}.items()
        assert model.surely_there() <= holds.keys()


@pytest.mark.parametrize("weight", [1, 7, 19, 20])
def test_however_many_come_the_bytes_stay_bounded(weight: int) -> None:
    memory: Remembered[int] = Remembered(1000, MOST_BYTES)
    for number in range(500):
        memory.set(number.to_bytes(2), number, weight)
        assert weight_of(memory) <= MOST_BYTES
        assert memory.get(number.to_bytes(2)) == number


def test_what_is_in_use_weighs_as_much_as_it_did() -> None:
    memory: Remembered[int] = Remembered(1000, MOST_BYTES)
    for number in range(50):
        memory.set(bytes([number]), number, 5)
        for used in range(number):
            memory.get(bytes([used]))
        assert 5 * len(memory) <= MOST_BYTES


def test_what_alone_is_heavier_than_half_is_not_remembered_and_pushes_nobody_out() -> None:
    memory: Remembered[int] = Remembered(SIZE, MOST_BYTES)
    memory.set(b"small", 1, 1)
    memory.set(b"big", 2, HALF_OF_THE_BYTES + 1)
    assert (memory.get(b"small"), memory.get(b"big")) == (1, None)


def test_a_value_that_is_too_heavy_is_not_replaced_by_the_one_before_it() -> None:
    memory: Remembered[int] = Remembered(SIZE, MOST_BYTES)
    memory.set(b"a", 1, 1)
    memory.set(b"a", 2, HALF_OF_THE_BYTES + 1)
    assert memory.get(b"a") is None


def test_what_became_heavier_may_push_others_out_and_is_there_itself() -> None:
    memory: Remembered[int] = Remembered(SIZE, MOST_BYTES)
    memory.set(b"a", 1, 15)
    memory.set(b"b", 2, 5)
    memory.set(b"b", 3, 18)
    assert (memory.get(b"b"), weight_of(memory) <= MOST_BYTES) == (3, True)


def test_what_is_forgotten_makes_room_for_as_much() -> None:
    memory: Remembered[int] = Remembered(SIZE, MOST_BYTES)
    memory.set(b"a", 1, 10)
    for number in range(20):
        memory.set(b"b", number, 10)
        memory.forget(b"b")
    assert memory.get(b"a") == 1


def test_without_weights_there_is_no_bound_but_the_size() -> None:
    memory: Remembered[int] = Remembered(SIZE, 0)
    memory.set(b"a", 1)
    assert memory.get(b"a") == 1
