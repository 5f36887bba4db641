"""Answers that many share: none lasts longer for it, and a cache that fails is useless and no more."""

import asyncio
import json
import logging
from typing import Any

import pytest

from bearer_guard import MemoryCache, Reason
from bearer_guard.testing import MovableClock
from tests.validators.oracle import NOW, Oracle, Shared, active, refusal


def entry(claims: Any, asked_at: Any = NOW) -> bytes:
    """What a validator puts there."""
    return json.dumps({"asked_at": asked_at, "claims": claims}).encode()


# --- one deadline, wherever an answer goes ----------------------------------------------------------------------------


async def test_what_one_worker_was_told_the_others_need_not_ask() -> None:
    oracle, cache = Oracle(active(sub="alice", groups=["ops"], aud=["api", "files"])), Shared()
    tokens = [await oracle.validator(cache_ttl=60, cache=cache).validate("t") for _ in range(3)]
    assert len(oracle.asked) == 1
    told = [(token.subject, sorted(token.groups), token.audience) for token in tokens]
    assert told == [("alice", ["ops"], ("api", "files"))] * 3
    assert tokens[0].claims == tokens[1].claims


@pytest.mark.parametrize("age", [0, 50, 59])
async def test_two_layers_never_add_up(age: float) -> None:
    oracle, cache = Oracle(), Shared()
    await oracle.validator(cache_ttl=60, cache=cache).validate("t")
    late = oracle.validator(cache_ttl=60, cache=cache)
    oracle.clock.advance(age)
    await late.validate("t")
    cache.kept.clear()
    oracle.clock.advance(60 - age - 0.001)
    await late.validate("t")
    assert len(oracle.asked) == 1
    oracle.clock.advance(0.001)
    await late.validate("t")
    assert len(oracle.asked) == 2


async def test_a_chain_of_workers_does_not_lengthen_it_either() -> None:
    oracle, cache = Oracle(), Shared()
    for _ in range(13):
        await oracle.validator(cache_ttl=60, cache=cache).validate("t")
        oracle.clock.advance(5)
    assert len(oracle.asked) == 2


async def test_who_wants_it_shorter_has_it_shorter() -> None:
    oracle, cache = Oracle(), Shared()
    await oracle.validator(cache_ttl=600, cache=cache).validate("t")
    oracle.clock.advance(10)
    await oracle.validator(cache_ttl=10, cache=cache).validate("t")
    assert len(oracle.asked) == 2


@pytest.mark.parametrize(
    ("answer", "options", "ttls"),
    [
        (active(), {"cache_ttl": 60}, [60]),
        (active(exp=NOW + 20), {"cache_ttl": 60}, [20]),
        (active(exp=NOW + 20), {"cache_ttl": 60, "leeway": 0}, [20]),
        (active(exp=NOW - 29), {"cache_ttl": 60}, []),  # RFC 7662 section 4: not beyond exp
    ],
    ids=str,
)
async def test_an_entry_lives_as_long_as_its_answer_and_its_token(
    answer: dict[str, Any], options: dict[str, Any], ttls: list[float]
) -> None:
    cache = Shared()
    await Oracle(answer).validator(cache=cache, **options).validate("t")
    assert cache.ttls == ttls


async def test_a_no_is_shared_only_where_it_ends_a_yes() -> None:
    oracle, cache = Oracle({"active": False}), Shared()
    validator = oracle.validator(cache_ttl=60, cache=cache)
    await refusal(validator)
    await refusal(validator, max_age=0)
    assert cache.ttls == []
    oracle.answer = active()
    await validator.validate("t", max_age=0)
    oracle.answer = {"active": False}
    await refusal(validator, max_age=0)
    assert cache.ttls == [60, 10]


async def test_rubbish_on_a_fresh_route_pushes_nothing_out_of_the_shared_cache() -> None:
    oracle = Oracle(lambda form: active() if form["token"] == "live" else {"active": False})
    cache = MemoryCache(most_entries=16, clock=oracle.clock)
    validator = oracle.validator(cache_ttl=60, cache=cache)
    await validator.validate("live")
    for number in range(100):
        await refusal(validator, f"rubbish{number}", max_age=0)
    asked = len(oracle.asked)
    await oracle.validator(cache_ttl=60, cache=cache).validate("live")
    assert len(oracle.asked) == asked


async def test_an_entry_is_as_old_as_its_question_and_not_as_its_slow_answer() -> None:
    oracle, cache = Oracle(), Shared()
    oracle.gate = asyncio.Event()
    slow = asyncio.create_task(oracle.validator(cache_ttl=60, cache=cache).validate("t"))
    await oracle.has_been_asked(1)
    oracle.clock.advance(4)
    oracle.gate.set()
    await slow
    assert [json.loads(value)["asked_at"] for value in cache.kept.values()] == [NOW]
    assert cache.ttls == [56]


async def test_a_slow_answer_that_has_no_time_left_is_not_shared() -> None:
    oracle, cache = Oracle(), Shared()
    oracle.gate = asyncio.Event()
    slow = asyncio.create_task(oracle.validator(cache_ttl=3, cache=cache).validate("t"))
    await oracle.has_been_asked(1)
    oracle.clock.advance(3)
    oracle.gate.set()
    assert await slow
    assert cache.kept == {}


async def test_an_old_no_that_a_cache_did_not_forget_is_asked_about_again() -> None:
    oracle = Oracle()
    assert await oracle.validator(cache_ttl=60, cache=Shared(entry({"active": False}, NOW - 11))).validate("t")


# --- clocks that jump -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-86400, -61, 61, 250])
async def test_setting_the_wall_clock_does_not_lengthen_what_is_in_memory(jump: float) -> None:
    oracle = Oracle()
    validator = oracle.validator(cache_ttl=60)
    await validator.validate("t")
    oracle.clock.set_wall(jump)
    oracle.clock.advance(60)
    await validator.validate("t")
    assert len(oracle.asked) == 2


async def test_a_wall_clock_set_beyond_the_expiry_ends_it_at_once() -> None:
    oracle = Oracle()
    validator = oracle.validator(cache_ttl=60)
    await validator.validate("t")
    oracle.clock.set_wall(330)
    assert (await refusal(validator)).reason is Reason.EXPIRED


async def test_a_wall_clock_set_forward_makes_shared_answers_old() -> None:
    oracle, cache = Oracle(), Shared()
    await oracle.validator(cache_ttl=60, cache=cache).validate("t")
    oracle.clock.set_wall(60)
    await oracle.validator(cache_ttl=60, cache=cache).validate("t")
    assert len(oracle.asked) == 2


@pytest.mark.parametrize("ahead", [121, 86400, 1e300, "nan"], ids=str)
async def test_an_answer_from_the_future_is_none(ahead: Any) -> None:
    # The wall clock was set back: how old it is nobody knows, and each worker that reads it would begin anew.
    oracle = Oracle({"active": False})
    cache = Shared(entry(active(), ahead if isinstance(ahead, str) else NOW + ahead))
    assert (await refusal(oracle.validator(cache_ttl=60, cache=cache))).reason is Reason.INACTIVE


async def test_a_cache_whose_clock_stands_still_keeps_nobodys_token_alive() -> None:
    oracle = Oracle()
    cache = MemoryCache(clock=MovableClock())  # the time of day, not the server's
    await oracle.validator(cache_ttl=60, cache=cache).validate("t")
    oracle.clock.advance(59)
    await oracle.validator(cache_ttl=60, cache=cache).validate("t")
    assert len(oracle.asked) == 1
    oracle.clock.advance(1)
    await oracle.validator(cache_ttl=60, cache=cache).validate("t")
    assert len(oracle.asked) == 2


# --- a cache that fails -----------------------------------------------------------------------------------------------

GARBAGE: dict[str, Any] = {
    "nothing": b"",
    "no JSON": b"\x80\x04K\x01.",
    "not UTF-8": b"\xff\xfe{}",
    "null": b"null",
    "true": b"true",
    "an array": b"[]",
    "an empty object": b"{}",
    "the answer without its age": json.dumps(active()).encode(),
    "no age": json.dumps({"claims": active()}).encode(),
    "age null": entry(active(), None),
    "age a word": entry(active(), "now"),
    "age an array": entry(active(), [NOW]),
    "age NaN": b'{"asked_at": NaN, "claims": {"active": true, "aud": "api", "exp": 1700000300}}',
    "no claims": json.dumps({"asked_at": NOW}).encode(),
    "claims null": entry(None),
    "claims true": entry(True),  # noqa: FBT003  what stands there
    "claims an array": entry([active()]),
    "claims a string": entry(json.dumps(active())),
    "twice the same": b'{"asked_at": 1700000000, "claims": {}, "claims": {"active": true}}',
    "too deep": entry({"x": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}),
    "cut off": entry(active())[:-1],
    "a string": entry(active()).decode(),
    "a number": 7,
    "an object": active(),
    "False": False,
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_in_the_cache_is_no_answer(content: Any) -> None:
    for answer, expected in ((active(sub="bob"), None), ({"active": False}, Reason.INACTIVE)):
        oracle = Oracle(answer)
        validator = oracle.validator(cache_ttl=60, cache=Shared(content))
        if expected is None:
            assert (await validator.validate("t")).subject == "bob"
        else:
            assert (await refusal(validator)).reason is expected
        assert len(oracle.asked) == 1


NO_GOOD = [
    {},
    {"active": "true"},
    {"active": 1},
    {"active": True},
    active(aud="other"),
    active(iss="https://evil.test"),
]


@pytest.mark.parametrize("claims", NO_GOOD, ids=str)
async def test_an_entry_with_claims_that_make_no_token_opens_nothing(claims: dict[str, Any]) -> None:
    await refusal(Oracle({"active": False}).validator(cache_ttl=60, cache=Shared(entry(claims))))


@pytest.mark.parametrize("claims", NO_GOOD, ids=str)
async def test_an_entry_with_claims_that_make_no_token_is_not_held_against_it(claims: dict[str, Any]) -> None:
    # No validator puts such claims there: the cache is as useless as one that raises.
    assert await Oracle().validator(cache_ttl=60, cache=Shared(entry(claims))).validate("t")


class Failing(Shared):
    """A cache that is out of order."""

    def __init__(self, *failing: str) -> None:
        super().__init__()
        self.failing = failing

    async def get(self, key: str) -> Any:
        if "get" in self.failing:
            raise ConnectionError("the cache at 10.0.0.7 with the password s3cret is away")
        return await super().get(key)

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        if "set" in self.failing:
            raise TimeoutError("the cache at 10.0.0.7 with the password s3cret is slow")
        await super().set(key, value, ttl)


@pytest.mark.parametrize(
    ("failing", "sentences"),
    [
        (["get"], ["the cache could not be read (ConnectionError): the authorization server is asked"]),
        (["set"], ["the cache could not be written (TimeoutError): the answer stays in this process"]),
    ],
    ids=str,
)
async def test_a_cache_that_raises_is_useless_and_no_more(
    failing: list[str], sentences: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    oracle = Oracle()
    validator = oracle.validator(cache_ttl=60, cache=Failing(*failing))
    token = await validator.validate("t")
    assert await validator.validate("t") is token, "the memory of this process does not depend on it"
    assert len(oracle.asked) == 1
    told = [record for record in caplog.records if record.name == "bearer_guard"]
    assert [record.getMessage() for record in told] == sentences
    assert [record.levelno for record in told] == [logging.WARNING]


async def test_a_question_that_must_be_fresh_does_not_wait_for_the_cache(caplog: pytest.LogCaptureFixture) -> None:
    oracle = Oracle()
    assert await oracle.validator(cache_ttl=60, cache=Failing("get")).validate("t", max_age=0)
    assert caplog.records == [], "it was not read"


@pytest.mark.parametrize("answer", [503, 401], ids=str)
async def test_with_cache_and_server_away_nobody_serves_a_yes(answer: int) -> None:
    oracle = Oracle(answer)
    assert (await refusal(oracle.validator(cache_ttl=60, cache=Failing("get", "set")))).status == 503
