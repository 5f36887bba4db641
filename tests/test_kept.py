"""What was made of a value, kept: never more than so much, and never what has no hash."""

from typing import Any

import pytest

from bearer_guard.kept import MOST, Kept

LONGEST = 8


def counted(made: list[Any]) -> Kept[Any, list[Any]]:
    """What notes each value that something is made of."""

    def make(value: Any) -> list[Any]:
        made.append(value)
        return [value]

    return Kept(make, LONGEST)


def test_it_is_made_once_of_equal_values() -> None:
    made: list[str] = []
    kept = counted(made)
    assert kept["a"] is kept["a"]
    assert kept["b"] == ["b"]
    assert made == ["a", "b"]


@pytest.mark.parametrize(("length", "times"), [(LONGEST, 1), (LONGEST + 1, 2)])
@pytest.mark.parametrize("value", ["a", ("a",)], ids=["string", "tuple"])
def test_what_is_long_is_made_each_time(value: Any, length: int, times: int) -> None:
    made: list[Any] = []
    kept = counted(made)
    assert kept[value * length] == kept[value * length] == [value * length]
    assert len(made) == times


def test_once_full_it_is_emptied_and_holds_what_comes_again() -> None:
    kept = counted([])
    for number in range(MOST):
        kept[f"{number}"]
    assert len(kept) == MOST
    assert kept["new"] is kept["new"]
    assert list(kept) == ["new"]


@pytest.mark.parametrize("value", [["a"], {}, ({},), 7, None], ids=repr)
def test_what_has_no_hash_or_no_length_is_a_type_error_and_is_not_kept(value: Any) -> None:
    kept = counted([])
    with pytest.raises(TypeError):
        kept[value]
    assert not kept


def test_what_cannot_be_made_is_not_kept() -> None:
    def make(value: str) -> str:
        raise ValueError(value)

    kept = Kept(make, LONGEST)
    for _ in range(2):
        with pytest.raises(ValueError, match="a"):
            kept["a"]
    assert not kept
