"""What `revoke()` takes, and for how long a revocation lasts: in memory and in Redis."""

import asyncio
import math
from typing import Any

import pytest

from bearer_guard import AccessToken, ConfigurationError, MemoryRevocations
from bearer_guard.stores.revocations import DAY, LONGEST, LONGEST_LEEWAY, RevocationList
from bearer_guard.validators import options
from tests.stores.material import ISSUER, NOW, StillClock, validated

A_MOMENT = 0.05

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
        {"subject": "alice", "user_id": "00u1"},
        {"user_id": ""},
        {"user_id": 7},
        {"session_id": 4711},
        {"jti": "", "subject": "alice"},
    ],
)
async def test_one_thing_must_be_named(revocations: RevocationList, named: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"^revoke\(\) takes a token, or one of jti=, subject=, user_id= and "):
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


@pytest.mark.parametrize("beside", [{"jti": "2"}, {"subject": "alice"}, {"user_id": "a"}, {"session_id": "s"}])
async def test_a_token_and_another_name_are_two_things(revocations: RevocationList, beside: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="takes a token, or one of"):
        await revocations.revoke(validated(jti="1"), **beside)
    assert not await revocations.is_revoked(validated(jti="1", sub="alice", sid="s", user_id="a"))


@pytest.mark.parametrize("issuer", [ISSUER, "https://other.example.com"])
async def test_a_token_says_itself_who_issued_it(revocations: RevocationList, issuer: str) -> None:
    with pytest.raises(ConfigurationError, match=r"takes a validated token alone, or issuer= with what it names"):
        await revocations.revoke(validated(jti="1"), issuer=issuer)


@pytest.mark.parametrize("option", ["issued_before", "lasting"])
@pytest.mark.parametrize("value", [math.nan, "60", True, b"60", [60]])
async def test_what_is_no_time_is_refused_and_nothing_is_noted(
    revocations: RevocationList, option: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{option}=.* is no number of seconds; write one, or leave it out$"):
        await revocations.revoke(issuer=ISSUER, subject="alice", **{option: value})
    assert not await revocations.is_revoked(validated(sub="alice"))


@pytest.mark.parametrize("token", ["eyJhbGciOi", b"eyJhbGciOi", {"jti": "1"}])
async def test_a_token_that_nobody_validated_is_refused_and_not_shown(revocations: RevocationList, token: Any) -> None:
    with pytest.raises(ConfigurationError, match="takes a validated token alone") as caught:
        await revocations.revoke(token)
    assert "eyJ" not in str(caught.value)


# --- for how long ---


def test_no_validator_is_more_lenient_than_a_revocation_lasts() -> None:
    assert LONGEST_LEEWAY >= options.LONGEST_LEEWAY


async def test_what_expired_a_moment_ago_is_still_noted_and_what_expired_long_ago_is_not(
    revocations: RevocationList,
) -> None:
    await revocations.revoke(validated(jti="1", expires_at=NOW - LONGEST_LEEWAY + 60))
    await revocations.revoke(validated(jti="2", expires_at=NOW - LONGEST_LEEWAY))
    await revocations.revoke(validated(jti="3", expires_at=0))
    await asyncio.sleep(A_MOMENT)
    assert [await revocations.is_revoked(validated(jti=jti)) for jti in "123"] == [True, False, False]


@pytest.mark.parametrize("lasting", [0, -1, -1e300, -math.inf])
async def test_what_lasts_no_time_is_over_at_once_and_shortens_nothing(
    revocations: RevocationList, lasting: float
) -> None:
    await revocations.revoke(issuer=ISSUER, jti="1")
    for jti in ("1", "2", "3", "4"):  # and none of them is taken for an outage
        await revocations.revoke(issuer=ISSUER, jti=jti, lasting=lasting)
    await asyncio.sleep(A_MOMENT)
    assert [await revocations.is_revoked(validated(jti=jti)) for jti in "1234"] == [True, False, False, False]


@pytest.mark.parametrize("lasting", [LONGEST, 1e300, 10**30, math.inf])
async def test_for_ever_is_ten_years(revocations: RevocationList, clock: StillClock, lasting: float) -> None:
    await revocations.revoke(issuer=ISSUER, jti="1", lasting=lasting)
    assert await revocations.is_revoked(validated(jti="1"))
    clock.advance(LONGEST - 1)
    assert await revocations.is_revoked(validated(jti="1"))


@pytest.mark.parametrize("name", [{"subject": "alice"}, {"user_id": "alice"}])
async def test_all_that_was_or_will_be_issued_can_be_taken_back(
    revocations: RevocationList, name: dict[str, Any]
) -> None:
    await revocations.revoke(issuer=ISSUER, issued_before=math.inf, **name)
    for iat in (0, NOW, NOW + 10**9, 10**60, None):
        assert await revocations.is_revoked(validated(sub="alice", user_id="alice", sid="alice", iat=iat))


async def test_before_all_time_only_what_has_no_time_was_issued(revocations: RevocationList) -> None:
    await revocations.revoke(issuer=ISSUER, subject="alice", issued_before=-math.inf)
    assert [await revocations.is_revoked(validated(sub="alice", iat=iat)) for iat in (None, 0)] == [True, False]


@pytest.mark.parametrize(
    ("token", "named", "lasting"),
    [
        (validated(jti="1", expires_at=NOW + 300.75), {}, 300 + LONGEST_LEEWAY),
        (validated(jti="1", expires_at=NOW + 300.75, leeway=60), {}, 360 + LONGEST_LEEWAY),
        (validated(jti="1", expires_at=NOW - 20 + 0.75), {}, LONGEST_LEEWAY - 20),
        (validated(jti="1", expires_at=NOW - 1000), {}, None),  # nothing is left to revoke
        (validated(jti="1", expires_at=10**12), {}, LONGEST),
        (validated(jti="1", expires_at=NOW + 300.75), {"lasting": 20}, 20),
        (None, {"issuer": ISSUER, "jti": "1"}, DAY),
        (None, {"issuer": ISSUER, "subject": "alice"}, DAY),
        (None, {"issuer": ISSUER, "user_id": "00u1"}, DAY),
        (None, {"issuer": ISSUER, "session_id": "s", "lasting": math.inf}, LONGEST),
        (None, {"issuer": ISSUER, "session_id": "s", "lasting": 7200}, 7200),
    ],
)
async def test_it_lasts_until_no_guard_accepts_the_token_or_a_day_or_as_told(
    token: AccessToken | None, named: dict[str, Any], lasting: float | None
) -> None:
    times: list[float] = []

    class Recording(RevocationList):
        async def _put(self, key: str, issued_before: float, ttl: float) -> None:
            times.append(ttl)

    await Recording(StillClock()).revoke(token, **named)
    assert times == ([] if lasting is None else [lasting])


@pytest.mark.parametrize("named", [{"jti": "1"}, {"session_id": "s"}])
async def test_a_moment_of_issue_is_for_a_user_s_tokens(named: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="issued_before= is for a user's tokens"):
        await MemoryRevocations().revoke(issuer=ISSUER, issued_before=NOW, **named)


async def test_a_list_of_ones_own_says_how_it_keeps_them() -> None:
    bare = RevocationList(StillClock())
    with pytest.raises(NotImplementedError):
        await bare.revoke(issuer=ISSUER, jti="1")
    with pytest.raises(NotImplementedError):
        await bare.is_revoked(validated(jti="1"))
