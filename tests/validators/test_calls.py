"""IntrospectionValidator: about what it asks, and how many requests share one call. Nothing is kept here."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearer_guard import IntrospectionValidator, Reason
from bearer_guard.testing import FakeIssuer
from tests.validators.oracle import Oracle, active, refusal

# --- about what it asks -----------------------------------------------------------------------------------------------

HOPELESS = {
    "nothing": "",
    "a space": "a b",
    "a line break": "a\nb",
    "at the end": "a\n",
    "another alphabet": "t\u00f6ken",
    "digits of another alphabet": "\u0661\u0662",
    "a lone surrogate": "\ud800",
    "a null": "a\x00",
    "a parameter of its own": "t&token=u",
    "percent": "%74",
    "a comma": "t,u",
    "padding in the middle": "a=b",
    "padding alone": "==",
    "too long": "a" * (16 * 1024 + 1),
    "far too long": "a" * 1_000_000,
}


@pytest.mark.parametrize("token", HOPELESS.values(), ids=HOPELESS)
async def test_nobody_is_asked_about_what_nobody_can_have_issued(token: str) -> None:
    oracle = Oracle()
    for cache_ttl in (None, 60):
        for max_age in (None, 0):
            error = await refusal(oracle.validator(cache_ttl=cache_ttl), token, max_age=max_age)
            assert error.reason is Reason.MALFORMED_TOKEN
    assert oracle.asked == []


async def test_the_longest_token_is_asked_about() -> None:
    oracle = Oracle()
    await oracle.validator().validate("a" * (16 * 1024))
    assert len(oracle.asked) == 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.from_regex(r"[A-Za-z0-9\-._~+/]{1,40}={0,3}", fullmatch=True))
def test_every_token_arrives_as_it_was_presented(token: str) -> None:
    oracle = Oracle()
    asyncio.run(oracle.validator().validate(token))
    assert oracle.asked == [{"token": token, "token_type_hint": "access_token"}]


async def test_a_token_that_looks_like_a_jwt_is_asked_about_all_the_same(issuer: FakeIssuer) -> None:
    validator = IntrospectionValidator(issuer.server, audience="api")
    good = issuer.token()
    assert (await validator.validate(good)).subject == "alice"
    for other in (f"{good[:-4]}AAAA", good.rpartition(".")[0] + "."):
        assert (await refusal(validator, other)).reason is Reason.INACTIVE
    assert issuer.requests.count("/introspect") == 3
    assert "/jwks" not in issuer.requests


@pytest.mark.parametrize(
    ("hint", "form"),
    [("refresh_token", {"token": "t", "token_type_hint": "refresh_token"}), (None, {"token": "t"})],
    ids=str,
)
async def test_the_hint_is_sent_as_configured(hint: str | None, form: dict[str, str]) -> None:
    oracle = Oracle()
    await oracle.validator(token_type_hint=hint).validate("t")
    assert oracle.asked == [form]


# --- many at once, without a cache ------------------------------------------------------------------------------------


async def test_a_thousand_requests_with_one_token_are_one_call() -> None:
    oracle = Oracle()
    validator = oracle.validator()
    tokens = await asyncio.gather(*(validator.validate("t") for _ in range(1000)))
    assert len(oracle.asked) == 1
    assert len(set(map(id, tokens))) == 1


async def test_a_hundred_tokens_at_once_get_an_answer_each_of_their_own() -> None:
    oracle = Oracle(lambda form: active(sub=form["token"]))
    validator = oracle.validator()
    names = [f"t{number}" for number in range(100)]
    assert [token.subject for token in await asyncio.gather(*map(validator.validate, names))] == names


async def test_without_a_cache_two_requests_one_after_the_other_are_two_calls() -> None:
    oracle = Oracle()
    validator = oracle.validator()
    await validator.validate("t")
    oracle.answer = {"active": False}
    assert (await refusal(validator)).reason is Reason.INACTIVE, "a revoked token is refused by the very next request"
    assert len(oracle.asked) == 2


async def test_whoever_asks_for_a_fresh_answer_gets_none_to_a_question_put_before() -> None:
    oracle = Oracle()
    validator = oracle.validator()
    oracle.gate = asyncio.Event()
    early = [asyncio.create_task(validator.validate("t", max_age=0)) for _ in range(5)]
    await oracle.has_been_asked(1)
    oracle.answer = {"active": False}
    late = [asyncio.create_task(refusal(validator, max_age=0)) for _ in range(5)]
    await asyncio.sleep(0.01)
    oracle.gate.set()
    assert all([await task for task in early])
    assert {(await task).reason for task in late} == {Reason.INACTIVE}
    assert len(oracle.asked) == 2, "those who come meanwhile share the next call"


async def test_an_ordinary_request_neither_lends_nor_borrows_a_fresh_answer_wrongly() -> None:
    oracle = Oracle()
    validator = oracle.validator()
    oracle.gate = asyncio.Event()
    ordinary = asyncio.create_task(validator.validate("t"))
    await oracle.has_been_asked(1)
    oracle.answer = {"active": False}
    fresh = asyncio.create_task(refusal(validator, max_age=0))
    await oracle.has_been_asked(2)
    oracle.gate.set()
    assert (await fresh).reason is Reason.INACTIVE
    assert await ordinary


@pytest.mark.parametrize("leaving", [0, 1, 4], ids=["the first", "a follower", "the last"])
async def test_one_who_leaves_takes_nobody_along(leaving: int) -> None:
    oracle = Oracle()
    oracle.gate = asyncio.Event()
    validator = oracle.validator()
    tasks = [asyncio.create_task(validator.validate("t")) for _ in range(5)]
    await oracle.has_been_asked(1)
    gone = tasks.pop(leaving)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    oracle.gate.set()
    assert all(await asyncio.gather(*tasks))
    assert len(oracle.asked) == 1


async def test_when_all_have_left_the_call_ends_and_the_next_request_makes_its_own() -> None:
    oracle = Oracle()
    oracle.gate = asyncio.Event()
    validator = oracle.validator(cache_ttl=60)
    tasks = [asyncio.create_task(validator.validate("t")) for _ in range(3)]
    await oracle.has_been_asked(1)
    for task in tasks:
        task.cancel()
    assert all(
        isinstance(error, asyncio.CancelledError) for error in await asyncio.gather(*tasks, return_exceptions=True)
    )
    oracle.gate = None
    assert await validator.validate("t")
    assert len(oracle.asked) == 2


async def test_who_comes_the_moment_the_last_one_left_does_not_leave_too() -> None:
    oracle = Oracle()
    oracle.gate = asyncio.Event()
    validator = oracle.validator()
    last = asyncio.create_task(validator.validate("t"))
    await oracle.has_been_asked(1)
    last.cancel()
    with suppress(asyncio.CancelledError):
        await last
    oracle.gate = None
    assert await validator.validate("t"), "its call is being cancelled, but this one is not"


@pytest.mark.parametrize("answer", [503, 500, 401, 403, 404, 302, b"<html>", b"[]", b""], ids=repr)
async def test_a_failed_call_fails_all_who_wait_for_it_and_nothing_is_kept(answer: Any) -> None:
    oracle = Oracle(answer)
    validator = oracle.validator(cache_ttl=60)
    errors = await asyncio.gather(*(refusal(validator) for _ in range(20)))
    assert {(error.status, error.reason) for error in errors} == {(503, Reason.INTROSPECTION_UNAVAILABLE)}
    assert len(set(map(id, errors))) == 20, "each raises one of its own"
    assert all(error.__cause__ is not None for error in errors)
    assert len(oracle.asked) == 1
    oracle.answer = active()
    assert await validator.validate("t")
