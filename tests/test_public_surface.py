"""What users may rely on: the names of the face, each documented."""

import inspect
import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

import bearer_guard
from bearer_guard import Reason


def test_the_public_names_are_sorted_and_complete() -> None:
    names = {
        name
        for name, value in vars(bearer_guard).items()
        if not name.startswith("_") and not (isinstance(value, ModuleType) and name != "profiles")
    }
    assert bearer_guard.__all__ == sorted(names | bearer_guard._ON_DEMAND.keys())


@pytest.mark.parametrize("name", bearer_guard._ON_DEMAND)
def test_what_is_loaded_on_demand_is_there_when_it_is_asked_for(name: str) -> None:
    assert getattr(bearer_guard, name).__module__ == bearer_guard._ON_DEMAND[name]


def test_what_is_loaded_on_demand_is_not_loaded_before() -> None:
    modules = sorted(set(bearer_guard._ON_DEMAND.values()))
    program = f"import sys, bearer_guard; print([name for name in {modules} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_they_are_listed_before() -> None:
    assert set(dir(bearer_guard)) >= set(bearer_guard.__all__)


def test_no_other_name_is_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Guard'"):
        bearer_guard.__getattr__("Guard")


@pytest.mark.parametrize("name", bearer_guard.__all__)
def test_a_public_name_is_documented(name: str) -> None:
    documentation = getattr(bearer_guard, name).__doc__
    assert documentation
    assert not documentation.startswith(f"{name}("), "dataclass wrote this, nobody else did"


def public_methods() -> list[Any]:
    classes = [value for name in bearer_guard.__all__ if inspect.isclass(value := getattr(bearer_guard, name))]
    return [
        pytest.param(owner, name, id=f"{owner.__name__}.{name}")
        for owner in classes
        for name, member in vars(owner).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    ]


@pytest.mark.parametrize(("owner", "name"), public_methods())
def test_a_public_method_is_documented(owner: type, name: str) -> None:
    assert inspect.getdoc(getattr(owner, name)), "neither it nor what it overrides says what it does"


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_a_stable_word_with_a_sentence_that_may_stand_in_a_challenge(reason: Reason) -> None:
    assert reason.value == reason.name.lower()
    assert reason.description.endswith(".")
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", reason.description)  # RFC 6750 section 3


def test_the_two_sentences_of_the_contract() -> None:
    assert Reason.EXPIRED.description == "The token has expired."
    assert Reason.MISSING_TOKEN.description == "The access token is missing."
