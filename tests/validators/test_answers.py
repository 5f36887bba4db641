"""What introspection remembers: for how long, how much, and what ends it. Shared answers: test_shared_answers.py."""

import asyncio
from typing import Any

import pytest

from bearer_guard import Reason
from bearer_guard.validators import answers
from tests.validators.oracle import NOW, Oracle, Shared, active, refusal

INACTIVE = {"active": False}


# --- for how long -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ttl", [0.5, 60, 3600])
async def test_an_answer_is_used_for_so_many_seconds_and_not_one_more(ttl: float) -> None:
    oracle = Oracle(active(exp=NOW + 7200))
    validator = oracle.validator(cache_ttl=ttl)
    token = await validator.validate("t")
    oracle.clock.advance(ttl - 0.001)
    assert await validator.validate("t") is token
    oracle.clock.advance(0.001)
    oracle.answer = INACTIVE
    assert (await refusal(validator)).reason is Reason.INACTIVE
    assert len(oracle.asked) == 2


async def test_the_time_counts_from_the_question_and_not_from_a_slow_answer() -> None:
    oracle = Oracle()
    oracle.gate = asyncio.Event()
    validator = oracle.validator(cache_ttl=60)
    slow = asyncio.create_task(validator.validate("t"))
    await oracle.has_been_asked(1)
    oracle.clock.advance(4)
    oracle.gate.set()
    await slow
    oracle.clock.advance(56)
    await validator.validate("t")
    assert len(oracle.asked) == 2


async def test_hits_do_not_lengthen_it() -> None:
    oracle = Oracle()
    validator = oracle.validator(cache_ttl=60)
    for _ in range(121):
        await validator.validate("t")
        oracle.clock.advance(0.5)
    assert len(oracle.asked) == 2


@pytest.mark.parametrize("leeway", [0, 30])
async def test_an_answer_ends_with_its_token(leeway: float) -> None:
    oracle = Oracle(active(exp=NOW + 20))
    validator = oracle.validator(cache_ttl=600, leeway=leeway)
    await validator.validate("t")
    oracle.clock.advance(19.9)
    await validator.validate("t")
    assert len(oracle.asked) == 1
    oracle.clock.advance(0.1 + leeway)
    assert (await refusal(validator)).reason is Reason.EXPIRED
    assert len(oracle.asked) == 2


async def test_a_token_that_is_no_good_is_asked_about_each_time() -> None:
    oracle = Oracle(active(aud="other"))
    validator = oracle.validator(cache_ttl=60)
    for times in (1, 2):
        assert (await refusal(validator)).reason is Reason.AUDIENCE_MISMATCH
        assert len(oracle.asked) == times


@pytest.mark.parametrize(("ttl", "lasts"), [(60, 10), (10, 10), (3, 3)])
async def test_a_token_that_is_not_active_is_remembered_for_a_short_time_of_its_own(ttl: float, lasts: float) -> None:
    oracle = Oracle(INACTIVE)
    validator = oracle.validator(cache_ttl=ttl)
    await refusal(validator)
    oracle.clock.advance(lasts - 0.001)
    assert (await refusal(validator)).reason is Reason.INACTIVE
    assert len(oracle.asked) == 1
    oracle.clock.advance(0.001)
    oracle.answer = active()
    assert await validator.validate("t")


# --- how much ---------------------------------------------------------------------------------------------------------


def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_TOKENS", 8)
    monkeypatch.setattr(answers, "_MOST_INACTIVE", 4)


def _all_that_is_kept(validator: Any) -> tuple[int, int]:
    return len(validator._memory._active), len(validator._memory._inactive)


async def test_rubbish_pushes_out_nothing_but_rubbish(monkeypatch: pytest.MonkeyPatch) -> None:
    _small(monkeypatch)
    oracle = Oracle(lambda form: active() if form["token"].startswith("live") else INACTIVE)
    validator = oracle.validator(cache_ttl=60)
    live = [f"live{number}" for number in range(4)]
    for token in live:
        await validator.validate(token)
    for number in range(200):
        await refusal(validator, f"rubbish{number}")
    asked = len(oracle.asked)
    for token in live:
        await validator.validate(token)
    assert len(oracle.asked) == asked
    assert _all_that_is_kept(validator)[1] <= 4


async def test_memory_is_bounded_however_many_tokens_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    _small(monkeypatch)
    validator = Oracle().validator(cache_ttl=60)
    for number in range(100):
        await validator.validate(f"t{number}")
        assert _all_that_is_kept(validator)[0] <= 8


async def test_it_is_bounded_in_bytes_too() -> None:
    oracle = Oracle(active(claim="x" * 400_000))
    validator = oracle.validator(cache_ttl=60)
    for number in range(60):
        await validator.validate(f"t{number}")
    assert _all_that_is_kept(validator)[0] <= 40  # 16 MiB


# --- what ends it: a fresh no -----------------------------------------------------------------------------------------


async def test_a_fresh_no_ends_a_remembered_yes_in_both_layers() -> None:
    oracle, cache = Oracle(), Shared()
    here, there = (oracle.validator(cache_ttl=60, cache=cache) for _ in range(2))
    await here.validate("t")
    oracle.answer = INACTIVE
    assert (await refusal(here, max_age=0)).reason is Reason.INACTIVE
    assert (await refusal(here)).reason is Reason.INACTIVE
    assert (await refusal(there)).reason is Reason.INACTIVE
    assert len(oracle.asked) == 2, "those who ask afterwards need not ask the server"


async def test_a_fresh_yes_ends_a_remembered_no_in_both_layers() -> None:
    oracle, cache = Oracle(INACTIVE), Shared()
    here, there = (oracle.validator(cache_ttl=60, cache=cache) for _ in range(2))
    await refusal(here, max_age=0)
    oracle.answer = active()
    assert await here.validate("t", max_age=0)
    assert await here.validate("t")
    assert await there.validate("t")
    assert len(oracle.asked) == 2


FRESH_REFUSALS: list[tuple[dict[str, Any], Reason]] = [
    (active(aud="other"), Reason.AUDIENCE_MISMATCH),
    (active(exp=NOW - 60), Reason.EXPIRED),
    (active(token_use="refresh"), Reason.REFRESH_TOKEN_USED),
]


@pytest.mark.parametrize(("answer", "reason"), FRESH_REFUSALS, ids=str)
@pytest.mark.parametrize("where", ["here", "there"])
async def test_a_fresh_answer_that_is_no_good_ends_a_remembered_yes_as_well(
    answer: dict[str, Any], reason: Reason, where: str
) -> None:
    oracle, cache = Oracle(), Shared()
    validators = {name: oracle.validator(cache_ttl=60, cache=cache) for name in ("here", "there")}
    await validators["here"].validate("t")
    oracle.answer = answer
    assert (await refusal(validators["here"], max_age=0)).reason is reason
    assert (await refusal(validators[where])).reason is reason


async def test_a_late_answer_to_an_older_question_does_not_end_a_fresh_no() -> None:
    oracle = Oracle()
    validator = oracle.validator(cache_ttl=60)
    gate = oracle.gate = asyncio.Event()
    slow = asyncio.create_task(validator.validate("t"))
    await oracle.has_been_asked(1)
    oracle.clock.advance(1)
    oracle.answer, oracle.gate = INACTIVE, None
    assert (await refusal(validator, max_age=0)).reason is Reason.INACTIVE
    gate.set()
    await slow
    assert (await refusal(validator)).reason is Reason.INACTIVE


async def test_where_nobody_can_say_a_fresh_question_has_no_answer_and_changes_nothing() -> None:
    oracle = Oracle()
    validator = oracle.validator(cache_ttl=60)
    token = await validator.validate("t")
    oracle.answer = 503
    assert (await refusal(validator, max_age=0)).status == 503
    assert await validator.validate("t") is token
    oracle.clock.advance(60)
    assert (await refusal(validator)).status == 503, "beyond its time no yes is served from anywhere"


@pytest.mark.parametrize("layer", ["memory", "shared"])
async def test_an_answer_may_be_as_old_as_was_said(layer: str) -> None:
    oracle, cache = Oracle(), Shared()
    one, other = (oracle.validator(cache_ttl=60, cache=cache) for _ in range(2))
    await one.validate("t")
    asker = one if layer == "memory" else other
    oracle.clock.advance(4.9)
    await asker.validate("t", max_age=5)
    assert len(oracle.asked) == 1
    oracle.clock.advance(0.1)
    await asker.validate("t", max_age=5)
    assert len(oracle.asked) == 2
    await asker.validate("t", max_age=0)
    assert len(oracle.asked) == 3


@pytest.mark.parametrize("max_age", [float("nan"), -1, 0.0, False])
async def test_an_age_that_is_none_is_never_met(max_age: float) -> None:
    oracle, cache = Oracle(), Shared()
    for validator in (oracle.validator(cache_ttl=60, cache=cache) for _ in range(2)):
        await validator.validate("t")
        oracle.asked.clear()
        await validator.validate("t", max_age=max_age)
        assert len(oracle.asked) == 1


# --- many at once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cache", [None, Shared()], ids=["in this process", "shared"])
async def test_a_thousand_requests_with_one_token_are_one_call(cache: Shared | None) -> None:
    oracle = Oracle()
    validator = oracle.validator(cache_ttl=60, cache=cache)
    assert len(set(map(id, await asyncio.gather(*(validator.validate("t") for _ in range(1000)))))) == 1
    assert len(oracle.asked) == 1
    await validator.validate("t")
    assert len(oracle.asked) == 1
