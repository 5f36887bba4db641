"""One call for each key at a time: who shares it, who may not, and what becomes of those who leave."""

import asyncio
import contextvars
import gc
import weakref

import pytest

from bearer_guard import InvalidToken, Reason
from bearer_guard.authorization_server import SharedCalls
from tests.authorization_server.loopback import until
from tests.authorization_server.question import Question, settled


@pytest.fixture
def question() -> Question:
    return Question()


# --- sharing ---


async def test_all_who_ask_the_same_share_one_call(question: Question) -> None:
    waiting = [question.ask() for _ in range(1000)]
    await until(lambda: question.began)
    question.let_go(0)
    assert await asyncio.gather(*waiting) == [0] * 1000
    assert question.began == [0]


async def test_other_keys_have_calls_of_their_own(question: Question) -> None:
    first, second = question.ask("a"), question.ask("b")
    await settled()
    question.let_go(1)
    assert await second == 1
    assert not first.done()
    question.let_go(0)
    assert await first == 0


async def test_nothing_is_remembered(question: Question) -> None:
    for number in range(3):
        task = await question.asked()
        question.let_go(number)
        assert await task == number
    assert await question.calls._calls.get() == {}


async def test_the_call_sees_nothing_of_who_came_first() -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")
    request.set("alice's")

    async def call() -> str:
        return request.get()

    assert await SharedCalls[str]().result("key", call) == "none"


async def test_a_crowd_is_released_bit_by_bit(question: Question) -> None:
    waiting = [question.ask() for _ in range(1000)]
    await until(lambda: question.began)
    question.let_go(0)
    at_once = []
    while not all(task.done() for task in waiting):
        done = sum(task.done() for task in waiting)
        await asyncio.sleep(0)
        at_once.append(sum(task.done() for task in waiting) - done)
    assert max(at_once) <= 100


# --- anew ---


async def test_anew_shares_a_call_that_is_about_to_begin(question: Question) -> None:
    tasks = [question.ask(), question.ask(anew=True), question.ask(anew=True)]
    await settled()
    question.let_go(0)
    assert await asyncio.gather(*tasks) == [0, 0, 0]


async def test_anew_does_not_share_a_call_that_has_begun_and_begins_when_that_has_ended(question: Question) -> None:
    first = await question.asked()
    second = await question.asked(anew=True)
    assert question.began == [0]
    question.let_go(0)
    assert await first == 0
    await settled()
    assert question.began == [0, 1]
    assert not second.done()
    question.let_go(1)
    assert await second == 1


async def test_all_who_come_anew_while_one_is_under_way_share_the_next(question: Question) -> None:
    first = await question.asked()
    anew = [question.ask(anew=True) for _ in range(100)]
    await settled()
    question.let_go(0)
    await settled()
    question.let_go(1)
    assert await asyncio.gather(first, *anew) == [0] + [1] * 100
    assert (question.began, question.most_at_once) == ([0, 1], 1)


async def test_each_generation_has_its_own(question: Question) -> None:
    tasks = []
    for number in range(4):
        tasks.append(await question.asked(anew=True))
        if number:
            question.let_go(number - 1)
            await settled()
    question.let_go(3)
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3]
    assert question.most_at_once == 1


async def test_who_does_not_ask_anew_takes_what_is_there(question: Question) -> None:
    first, anew, third = await question.asked(), await question.asked(anew=True), await question.asked()
    question.let_go(0)
    await settled()
    question.let_go(1)
    assert [await task for task in (first, anew, third)] == [0, 1, 1]


async def test_anew_begins_also_when_the_call_before_failed(question: Question) -> None:
    question.failure = InvalidToken(Reason.INACTIVE)
    first, anew = await question.asked(), await question.asked(anew=True)
    question.let_go(0)
    with pytest.raises(InvalidToken):
        await first
    question.failure = None
    await until(lambda: question.began == [0, 1])
    question.let_go(1)
    assert await anew == 1


async def test_anew_begins_also_when_the_call_before_was_broken_off(question: Question) -> None:
    first, anew = await question.asked(), await question.asked(anew=True)
    first.cancel()
    await until(lambda: question.began == [0, 1])
    assert question.broken_off == [0]
    question.let_go(1)
    assert await anew == 1


async def test_a_next_call_that_nobody_waits_for_never_begins(question: Question) -> None:
    first, anew = await question.asked(), await question.asked(anew=True)
    anew.cancel()
    await settled()
    question.let_go(0)
    assert await first == 0
    await settled()
    assert question.began == [0]


@pytest.mark.parametrize("anew", [True, False])
async def test_there_is_one_at_a_time_also_after_the_next_was_given_up(question: Question, *, anew: bool) -> None:
    first, given_up = await question.asked(), await question.asked(anew=True)
    given_up.cancel()
    await settled()
    third = await question.asked(anew=anew)
    most = question.most_at_once
    for number in range(len(question.began)):
        question.let_go(number)
    await first
    third.cancel()
    await settled()
    assert most == 1


# --- loops ---


def test_each_event_loop_has_calls_of_its_own() -> None:
    question = Question()

    async def once(number: int) -> int:
        task = await question.asked()
        question.let_go(number)
        return await task

    assert [asyncio.run(once(number)) for number in range(3)] == [0, 1, 2]


async def test_a_long_row_of_calls_holds_on_to_none_of_those_that_are_over() -> None:
    shared: SharedCalls[int] = SharedCalls()
    begun: asyncio.Queue[None] = asyncio.Queue()
    gate = asyncio.Event()
    tasks: list[weakref.ref[asyncio.Task[int]]] = []

    async def call() -> int:
        tasks.append(weakref.ref(asyncio.current_task()))  # type: ignore[arg-type]
        begun.put_nowait(None)
        await (gate.wait() if len(tasks) == 20 else asyncio.sleep(0))
        return 1

    row: list[asyncio.Task[int]] = []
    for _ in range(20):  # each comes while the one before is under way
        row.append(asyncio.create_task(shared.result("key", call, anew=True)))
        await begun.get()
    await asyncio.gather(*row[:-1])
    del row[:-1]
    gc.collect()
    # The last is still under way, and knows the one before it; the others are nobody's.
    assert [task() for task in tasks[:-2]] == [None] * 18
    gate.set()
    assert await row[0] == 1
