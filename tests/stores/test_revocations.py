"""Revocation lists, in memory and in Redis: which tokens are taken back, and for how long."""

from typing import Any

import pytest

from bearer_guard import AccessToken, ConfigurationError, MemoryRevocations
from bearer_guard.stores.redis import RedisRevocations
from bearer_guard.stores.revocations import DAY, RevocationList
from bearer_guard.testing import MovableClock
from tests.stores.conftest import MakeSealed
from tests.stores.material import ISSUER, validated

NOW = 1_800_000_000


class StillClock(MovableClock):
    """A clock that stands at a moment between two whole seconds."""

    now = NOW + 0.75

    def time(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "redis"])
def revocations(request: pytest.FixtureRequest, sealed: MakeSealed) -> RevocationList:
    if request.param == "memory":
        return MemoryRevocations(clock=StillClock())
    return RedisRevocations(sealed(request.getfixturevalue("redis_server")), clock=StillClock())


async def test_nothing_is_revoked_before_somebody_does(revocations: RevocationList) -> None:
    assert await revocations.is_revoked(validated(jti="1", sub="alice", sid="s", iat=NOW)) is False


async def test_a_token_that_names_nothing_cannot_have_been_revoked(revocations: RevocationList) -> None:
    assert await revocations.is_revoked(validated()) is False
    assert await revocations.is_revoked(validated(jti=7, sub=["alice"], sid=None)) is False


# --- by its name ---


async def test_a_validated_token_is_taken_back_and_no_other(revocations: RevocationList) -> None:
    await revocations.revoke(validated(jti="1", sub="alice"))
    assert await revocations.is_revoked(validated(jti="1", sub="alice")) is True
    assert await revocations.is_revoked(validated(jti="2", sub="alice")) is False


async def test_a_token_is_taken_back_by_issuer_and_jti(revocations: RevocationList) -> None:
    await revocations.revoke(issuer=ISSUER, jti="1")
    assert await revocations.is_revoked(validated(jti="1", iat=NOW + 10**6)) is True


@pytest.mark.parametrize("name", ["jti", "sub", "sid"])
async def test_the_same_name_at_another_issuer_is_somebody_else(revocations: RevocationList, name: str) -> None:
    option = {"jti": "jti", "sub": "subject", "sid": "session_id"}[name]
    await revocations.revoke(issuer=ISSUER, **{option: "x"})  # type: ignore[arg-type]
    assert await revocations.is_revoked(validated(**{name: "x"})) is True
    assert await revocations.is_revoked(validated(issuer=ISSUER + "/", **{name: "x"})) is False


@pytest.mark.parametrize("taken", ["jti", "subject", "session_id"])
async def test_token_user_and_session_of_the_same_name_are_three_things(
    revocations: RevocationList, taken: str
) -> None:
    await revocations.revoke(issuer=ISSUER, **{taken: "x"})  # type: ignore[arg-type]
    revoked = {name: await revocations.is_revoked(validated(**{name: "x"})) for name in ("jti", "sub", "sid")}
    assert revoked == {"jti": taken == "jti", "sub": taken == "subject", "sid": taken == "session_id"}


# --- all that a user got ---


@pytest.mark.parametrize(
    ("iat", "is_revoked"),
    [
        (NOW - 3600, True),
        (NOW, True),  # whole seconds: it may have been issued before that moment
        (NOW + 0.5, True),
        (NOW + 0.75, True),
        (NOW + 0.76, False),
        (NOW + 1, False),
        (None, True),
        (True, True),
        ("later", True),
        (str(NOW + 10), True),
    ],
)
async def test_a_users_tokens_are_taken_back_up_to_now(
    revocations: RevocationList, iat: Any, *, is_revoked: bool
) -> None:
    await revocations.revoke(issuer=ISSUER, subject="alice")
    claims = {"sub": "alice", "jti": "1"} if iat is None else {"sub": "alice", "jti": "1", "iat": iat}
    assert await revocations.is_revoked(validated(**claims)) is is_revoked
    assert await revocations.is_revoked(validated(**{**claims, "sub": "bob"})) is False


async def test_a_moment_of_ones_own_may_be_named(revocations: RevocationList) -> None:
    await revocations.revoke(issuer=ISSUER, subject="alice", issued_before=NOW - 100)
    assert await revocations.is_revoked(validated(sub="alice", iat=NOW - 100)) is True
    assert await revocations.is_revoked(validated(sub="alice", iat=NOW - 99)) is False


async def test_a_moment_that_is_none_counts_as_older_than_any(revocations: RevocationList) -> None:
    await revocations.revoke(issuer=ISSUER, subject="alice", issued_before=0.5)
    assert await revocations.is_revoked(validated(sub="alice", iat=True)) is True
    assert await revocations.is_revoked(validated(sub="alice", iat=1)) is False


@pytest.mark.parametrize("moments", [(NOW, NOW - 100), (NOW - 100, NOW)])
async def test_of_two_moments_the_later_one_counts(revocations: RevocationList, moments: tuple[float, float]) -> None:
    for moment in moments:
        await revocations.revoke(issuer=ISSUER, subject="alice", issued_before=moment)
    assert await revocations.is_revoked(validated(sub="alice", iat=NOW)) is True
    assert await revocations.is_revoked(validated(sub="alice", iat=NOW + 1)) is False


async def test_a_session_that_ended_takes_all_of_its_tokens_along(revocations: RevocationList) -> None:
    await revocations.revoke(issuer=ISSUER, session_id="s1")
    assert await revocations.is_revoked(validated(sub="alice", sid="s1", iat=NOW + 3600)) is True
    assert await revocations.is_revoked(validated(sub="alice", sid="s2")) is False


# --- names ---

ODD = ["a|b", "a:b", "a\0b", "a\nb", " ", "*", "ключ", "\ud800", "x" * 5000, "../..", '{"a"}']


@pytest.mark.parametrize("name", ODD)
async def test_odd_names_are_names(revocations: RevocationList, name: str) -> None:
    await revocations.revoke(issuer=ISSUER, jti=name)
    assert await revocations.is_revoked(validated(jti=name)) is True
    assert await revocations.is_revoked(validated(jti=name + " ")) is False


@pytest.mark.parametrize(
    ("issuer", "jti"), [("a", "bc"), ("ab", "c"), ("a:b", "c"), ("a", "b:c"), ("a\0", "b"), ("a", "\0b")]
)
async def test_what_stands_at_the_end_of_one_name_is_not_the_beginning_of_the_next(
    revocations: RevocationList, issuer: str, jti: str
) -> None:
    await revocations.revoke(issuer=issuer, jti=jti)
    both = issuer + jti
    for cut in range(1, len(both)):
        token = validated(issuer=both[:cut], jti=both[cut:])
        assert await revocations.is_revoked(token) is (cut == len(issuer))


# --- what to revoke ---


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"jti": ""},
        {"jti": 7},
        {"jti": b"1"},
        {"jti": "1", "subject": "alice"},
        {"subject": "alice", "session_id": "s"},
        {"jti": "", "subject": "alice"},
    ],
)
async def test_one_thing_must_be_named(revocations: RevocationList, named: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"revoke\(\) takes a token, or one of jti=, subject= and session_id="):
        await revocations.revoke(issuer=ISSUER, **named)


@pytest.mark.parametrize("issuer", [None, "", 7])
async def test_its_issuer_must_be_named(revocations: RevocationList, issuer: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"whose token is it\? write revoke\(issuer=\.\.\., \.\.\.\)"):
        await revocations.revoke(issuer=issuer, jti="1")


@pytest.mark.parametrize("claims", [{}, {"jti": 7}, {"sub": "alice", "sid": "s"}])
async def test_a_token_without_a_name_cannot_be_taken_back_alone(
    revocations: RevocationList, claims: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="the token has no jti to name it by; revoke its user's instead"):
        await revocations.revoke(validated(**claims))


async def test_a_token_and_a_user_are_two_things(revocations: RevocationList) -> None:
    with pytest.raises(ConfigurationError, match="takes a token, or one of"):
        await revocations.revoke(validated(jti="1"), subject="alice")


@pytest.mark.parametrize("beside", [{"jti": "2"}, {"issuer": "https://other.example.com"}])
async def test_a_token_and_another_name_are_two_things(revocations: RevocationList, beside: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        await revocations.revoke(validated(jti="1"), **beside)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "option", [{"issued_before": float("nan")}, {"lasting": float("nan")}, {"issued_before": "now"}, {"lasting": "60"}]
)
async def test_what_is_no_time_is_refused(revocations: RevocationList, option: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        await revocations.revoke(issuer=ISSUER, subject="alice", **option)


async def test_a_token_that_nobody_validated_is_refused(revocations: RevocationList) -> None:
    with pytest.raises(ConfigurationError):
        await revocations.revoke("eyJhbGciOi")  # type: ignore[arg-type]


# --- for how long ---


async def test_a_token_that_has_expired_needs_no_revocation(revocations: RevocationList) -> None:
    await revocations.revoke(validated(jti="1", accepted_until=NOW))
    assert await revocations.is_revoked(validated(jti="1")) is False


@pytest.mark.parametrize(
    ("token", "named", "lasting"),
    [
        (validated(jti="1", accepted_until=NOW + 300.75), {}, 300),
        (validated(jti="1", accepted_until=NOW + 300.75), {"lasting": 20}, 20),
        (None, {"issuer": ISSUER, "jti": "1"}, DAY),
        (None, {"issuer": ISSUER, "subject": "alice"}, DAY),
        (None, {"issuer": ISSUER, "session_id": "s", "lasting": 7200}, 7200),
    ],
)
async def test_it_lasts_until_the_token_expires_or_a_day_or_as_told(
    token: AccessToken | None, named: dict[str, Any], lasting: float
) -> None:
    times: list[float] = []

    class Recording(RevocationList):
        async def _put(self, key: str, issued_before: float, ttl: float) -> None:
            times.append(ttl)

    await Recording(StillClock()).revoke(token, **named)
    assert times == [lasting]


async def test_a_list_of_ones_own_says_how_it_keeps_them() -> None:
    bare = RevocationList(StillClock())
    with pytest.raises(NotImplementedError):
        await bare.revoke(issuer=ISSUER, jti="1")
    with pytest.raises(NotImplementedError):
        await bare.is_revoked(validated(jti="1"))
