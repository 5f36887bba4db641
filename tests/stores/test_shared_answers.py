"""Answers of the authorization server in Redis: who may use them, for how long, and what is to be read there."""

import struct
from collections.abc import Callable

import pytest

from bearer_guard import BearerGuard, IntrospectionValidator, InvalidToken
from bearer_guard.errors import Reason
from bearer_guard.stores.redis import RedisCache, RedisReplayStore, RedisRevocations
from bearer_guard.stores.sealing import Seal
from bearer_guard.testing import FakeIssuer
from tests.redis_server import RedisServer
from tests.stores.conftest import MakeSealed
from tests.stores.material import KEYS

TTL = 60

MakeWorker = Callable[..., IntrospectionValidator]


@pytest.fixture
def worker(issuer: FakeIssuer, redis_server: RedisServer, sealed: MakeSealed) -> MakeWorker:
    """A validator as each worker has one, with nothing in its own memory."""

    def make(*, audience: str = "api", cache_ttl: float = TTL) -> IntrospectionValidator:
        cache = RedisCache(sealed(redis_server))
        return IntrospectionValidator(issuer.server, audience=audience, cache=cache, cache_ttl=cache_ttl)

    return make


def questions(issuer: FakeIssuer) -> int:
    return issuer.requests.count("/introspect")


async def is_accepted(validator: IntrospectionValidator, token: str) -> bool:
    try:
        await validator.validate(token)
    except InvalidToken as error:
        if error.reason is not Reason.INACTIVE:
            raise
        return False
    return True


async def test_the_answer_that_one_worker_got_serves_all(issuer: FakeIssuer, worker: MakeWorker) -> None:
    token = issuer.opaque_token(scope="read", groups=["staff"])
    validated = [await worker().validate(token) for _ in range(5)]
    assert questions(issuer) == 1
    assert {(token.subject, token.scopes, token.groups) for token in validated} == {
        ("alice", frozenset({"read"}), frozenset({"staff"}))
    }


async def test_nothing_in_redis_can_be_read(
    issuer: FakeIssuer, worker: MakeWorker, redis_server: RedisServer, sealed: MakeSealed
) -> None:
    guard = BearerGuard(worker(), revocations=[revocations := RedisRevocations(sealed(redis_server))])
    presented = issuer.opaque_token(sub="alice@example.com", scope="orders:read", sid="session-7", jti="token-7")
    token = await guard.validate(presented)
    await revocations.revoke(token)
    await revocations.revoke(issuer=issuer.issuer, subject="alice@example.com")
    await revocations.revoke(issuer=issuer.issuer, session_id="session-7")
    await RedisReplayStore(sealed(redis_server)).add("0" * 64, 60)
    content = redis_server.content()
    assert len(content) == 5
    everything = b"\n".join([*content, *content.values()])
    secrets = (
        presented,
        "alice",
        issuer.issuer,
        "issuer.test",
        "orders",
        "read",
        "session",
        "token-7",
        "api",
        "active",
    )
    assert [secret for secret in secrets if secret.encode() in everything] == []
    assert KEYS["2026-11"] not in everything
    assert struct.pack(">d", float("inf")) not in everything


async def test_names_in_redis_say_only_what_kind_of_thing_it_is(
    issuer: FakeIssuer, worker: MakeWorker, redis_server: RedisServer
) -> None:
    await worker().validate(issuer.opaque_token())
    (name,) = redis_server.names()
    prefix, kind, digest = name.split(b":")
    assert (prefix, kind, len(bytes.fromhex(digest.decode()))) == (b"bearer_guard", b"token", 32)


# --- for how long ---


@pytest.mark.parametrize(
    ("times", "seconds"),
    [((TTL, 300), TTL), ((TTL, 10), 10), ((3600, 20), 20), ((0.5, 300), 0.5)],  # no leeway
)
async def test_redis_keeps_an_answer_as_long_as_configured_or_until_the_token_expires(
    issuer: FakeIssuer, worker: MakeWorker, redis_server: RedisServer, times: tuple[float, int], seconds: float
) -> None:
    cache_ttl, exp = times
    await worker(cache_ttl=cache_ttl).validate(issuer.opaque_token(exp=exp))
    (left,) = redis_server.milliseconds_left()
    assert (seconds - 2) * 1000 < left <= seconds * 1000


async def test_an_answer_has_one_deadline_wherever_it_goes(issuer: FakeIssuer, worker: MakeWorker) -> None:
    token = issuer.opaque_token()
    assert await is_accepted(worker(), token)
    issuer.revoke(token)
    issuer.clock.advance(TTL - 1)
    late = worker()
    assert await is_accepted(late, token)  # from Redis, with one second left
    issuer.clock.advance(1.1)
    assert not await is_accepted(late, token)
    assert questions(issuer) == 2


async def test_who_asks_afresh_corrects_what_all_others_find(issuer: FakeIssuer, worker: MakeWorker) -> None:
    token = issuer.opaque_token()
    assert await is_accepted(worker(), token)
    issuer.revoke(token)
    with pytest.raises(InvalidToken):
        await worker().validate(token, max_age=0)
    assert not await is_accepted(worker(), token)


# --- whoever writes to Redis ---


async def test_what_was_recorded_and_is_played_back_after_its_time_is_not_used(
    issuer: FakeIssuer, worker: MakeWorker, redis_server: RedisServer
) -> None:
    token = issuer.opaque_token()
    assert await is_accepted(worker(), token)
    recorded = redis_server.content()
    issuer.revoke(token)
    issuer.clock.advance(TTL + 1)
    for name, value in recorded.items():
        redis_server.ask("SET", name, value)
    assert not await is_accepted(worker(), token)


async def test_the_answer_about_one_token_cannot_be_put_in_place_of_anothers(
    issuer: FakeIssuer, worker: MakeWorker, redis_server: RedisServer
) -> None:
    good, revoked = issuer.opaque_token(), issuer.opaque_token()
    await worker().validate(revoked)
    (place,) = redis_server.names()
    issuer.revoke(revoked)
    await worker().validate(good)
    (answer,) = set(redis_server.names()) - {place}
    redis_server.ask("COPY", answer, place, "REPLACE")
    assert not await is_accepted(worker(), revoked)


async def test_the_answer_for_one_audience_is_not_used_for_another(
    issuer: FakeIssuer, worker: MakeWorker, redis_server: RedisServer
) -> None:
    token = issuer.opaque_token(aud=["api", "stock"])
    for audience in ("api", "stock", "api", "stock"):
        assert await is_accepted(worker(audience=audience), token)
    assert (questions(issuer), len(redis_server.names())) == (2, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"asked_at": 1e999, "claims": {}}',
        b'{"asked_at": "now", "claims": {"active": true}}',
        b'{"asked_at": 9e9, "claims": [true]}',
        b"\xff",
    ],
)
async def test_what_a_key_holder_got_wrong_is_asked_anew(
    issuer: FakeIssuer, worker: MakeWorker, redis_server: RedisServer, content: bytes
) -> None:
    token = issuer.opaque_token()
    await worker().validate(token)
    (name,) = redis_server.names()
    redis_server.ask("SET", name, Seal(KEYS).seal(content, name.decode()))
    assert await is_accepted(worker(), token)
    assert questions(issuer) == 2


async def test_strangers_tokens_leave_nothing_in_redis(
    issuer: FakeIssuer, worker: MakeWorker, redis_server: RedisServer
) -> None:
    validator = worker()
    for number in range(20):
        assert not await is_accepted(validator, f"stranger-{number}")
    assert redis_server.names() == []
