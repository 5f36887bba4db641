"""One call for each key at a time: what becomes of those who leave, and of a call that fails."""

import asyncio
import gc
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from bearer_guard import AuthorizationServerUnavailable, InvalidToken, Reason
from bearer_guard.authorization_server.http import NoAnswer
from tests.authorization_server.question import Question, settled


@pytest.fixture
def question() -> Question:
    return Question()


# --- leaving ---


@pytest.mark.parametrize("leaving", [0, 1, 2], ids=["the first", "the second", "the last"])
async def test_one_that_leaves_takes_nobody_along(question: Question, leaving: int) -> None:
    tasks = [await question.asked() for _ in range(3)]
    tasks[leaving].cancel()
    await settled()
    question.let_go(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [outcome for outcome in outcomes if outcome == 0] == [0, 0]
    assert tasks[leaving].cancelled()
    assert (question.began, question.broken_off) == ([0], [])


async def test_when_all_have_left_the_call_is_broken_off(question: Question) -> None:
    tasks = [await question.asked() for _ in range(3)]
    for task in tasks:
        task.cancel()
    await settled()
    assert question.broken_off == [0]


async def test_who_comes_while_a_call_is_broken_off_has_one_of_their_own(question: Question) -> None:
    left = await question.asked()
    left.cancel()
    await asyncio.sleep(0)  # the call knows that it is to end, and has not ended yet
    came = await question.asked()
    question.let_go(1)
    assert await came == 1
    assert (question.broken_off, question.most_at_once) == ([0], 1)


async def test_a_call_that_ends_as_if_cancelled_hangs_nobody(question: Question) -> None:
    async def cancels_itself() -> int:
        raise asyncio.CancelledError

    waiting = [asyncio.ensure_future(question.calls.result("key", cancels_itself)) for _ in range(3)]
    done, pending = await asyncio.wait(waiting, timeout=1)
    assert (len(done), len(pending)) == (3, 0)


# --- failing ---


def with_a_cause(reason: Reason) -> Exception:
    error = AuthorizationServerUnavailable(reason, retry_after=17)
    error.__cause__ = NoAnswer("https://a", "b", reached=False)
    return error


FAILURES: dict[str, Callable[[], Exception]] = {
    "503": lambda: with_a_cause(Reason.INTROSPECTION_UNAVAILABLE),
    "401": lambda: InvalidToken(Reason.USERINFO_MISMATCH, claim="sub"),
    "no answer": lambda: NoAnswer("https://a", "b", reached=True, retry_after=3),
    "of the system": lambda: OSError(111, "refused"),
    "with a note": lambda: _noted(ValueError("a", 1)),
    "of a group": lambda: ExceptionGroup("several", [ValueError("a")]),
}


def _noted(error: Exception) -> Exception:
    error.add_note("seen on Monday")
    return error


@pytest.mark.parametrize("make", FAILURES.values(), ids=FAILURES)
async def test_each_who_waits_raises_an_error_of_their_own_that_says_the_same(
    question: Question, make: Callable[[], Exception]
) -> None:
    original = question.failure = make()
    waiting = [await question.asked() for _ in range(20)]
    question.let_go(0)
    outcomes: list[Any] = await asyncio.gather(*waiting, return_exceptions=True)
    assert len({id(error) for error in (original, *outcomes)}) == 21
    for error in outcomes:
        assert type(error) is type(original)
        assert (str(error), error.args, vars(error)) == (str(original), original.args, vars(original))
        assert error.__cause__ is original.__cause__
        assert error.__suppress_context__ == original.__suppress_context__


async def test_an_error_does_not_grow_with_the_number_of_those_who_raise_it(question: Question) -> None:
    question.failure = with_a_cause(Reason.INTROSPECTION_UNAVAILABLE)
    waiting = [await question.asked() for _ in range(200)]
    question.let_go(0)
    outcomes: list[Any] = await asyncio.gather(*waiting, return_exceptions=True)
    assert {len(traceback.format_exception(error)) for error in outcomes} == {
        len(traceback.format_exception(outcomes[0]))
    }
    assert len(traceback.extract_tb(outcomes[-1].__traceback__)) <= 3


async def test_a_failure_that_nobody_waits_for_is_no_noise(
    question: Question, caplog: pytest.LogCaptureFixture
) -> None:
    question.failure = ValueError()
    task = await question.asked()
    question.let_go(0)
    task.cancel()
    await settled()
    del task
    gc.collect()
    assert not caplog.records
