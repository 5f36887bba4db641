"""Revocation lists, in memory and in Redis: which tokens are taken back."""

from typing import Any

import pytest

from bearer_guard import JWTValidator, profiles
from bearer_guard.stores.revocations import RevocationList
from bearer_guard.testing import FakeIssuer
from tests.stores.material import ISSUER, NOW, validated


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


@pytest.mark.parametrize("name", ["jti", "sub", "user_id", "sid"])
async def test_the_same_name_at_another_issuer_is_somebody_else(revocations: RevocationList, name: str) -> None:
    await revocations.revoke(issuer=ISSUER, **{OPTIONS[name]: "x"})  # type: ignore[arg-type]
    assert await revocations.is_revoked(validated(**{name: "x"})) is True
    assert await revocations.is_revoked(validated(issuer=ISSUER + "/", **{name: "x"})) is False


OPTIONS = {"jti": "jti", "sub": "subject", "user_id": "user_id", "sid": "session_id"}


@pytest.mark.parametrize("taken", OPTIONS)
async def test_token_subject_user_and_session_of_the_same_name_are_four_things(
    revocations: RevocationList, taken: str
) -> None:
    await revocations.revoke(issuer=ISSUER, **{OPTIONS[taken]: "x"})  # type: ignore[arg-type]
    revoked = [name for name in OPTIONS if await revocations.is_revoked(validated(**{name: "x"}))]
    assert revoked == [taken]


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


@pytest.mark.parametrize("moments", [(NOW, NOW - 100), (NOW - 100, NOW), (0, -100), (float("-inf"), 0)])
async def test_of_two_moments_the_later_one_counts(revocations: RevocationList, moments: tuple[float, float]) -> None:
    for moment in moments:
        await revocations.revoke(issuer=ISSUER, subject="alice", issued_before=moment)
    assert await revocations.is_revoked(validated(sub="alice", iat=max(moments))) is True
    assert await revocations.is_revoked(validated(sub="alice", iat=max(moments) + 1)) is False


# --- a user by another claim than sub ---


async def test_a_user_is_told_by_the_id_that_the_profile_reads(issuer: FakeIssuer, revocations: RevocationList) -> None:
    # Okta's sub is a login name, that may be another's tomorrow.
    validator = JWTValidator(issuer.server, audience="api", profile=profiles.OKTA)
    token, successor = [
        await validator.validate(issuer.token(sub="alice@example.com", uid=uid, cid="shop")) for uid in ("00u1", "00u2")
    ]
    later = token.claims["iat"] + 1
    await revocations.revoke(issuer=issuer.issuer, user_id="00u1", issued_before=later)
    assert [await revocations.is_revoked(each) for each in (token, successor)] == [True, False]
    await revocations.revoke(issuer=issuer.issuer, subject="alice@example.com", issued_before=later)
    assert await revocations.is_revoked(successor)


@pytest.mark.parametrize(("iat", "is_revoked"), [(NOW, True), (NOW + 0.75, True), (NOW + 1, False), (None, True)])
async def test_a_users_tokens_are_taken_back_up_to_now_by_that_id_too(
    revocations: RevocationList, iat: Any, *, is_revoked: bool
) -> None:
    await revocations.revoke(issuer=ISSUER, user_id="00u1")
    assert await revocations.is_revoked(validated(sub="a", user_id="00u1", iat=iat)) is is_revoked
    assert await revocations.is_revoked(validated(sub="a", user_id="00u2", iat=iat)) is False
    assert await revocations.is_revoked(validated(sub="00u1", iat=iat)) is False


async def test_a_moment_of_ones_own_may_be_named_with_that_id_too(revocations: RevocationList) -> None:
    await revocations.revoke(issuer=ISSUER, user_id="00u1", issued_before=NOW + 100)
    assert await revocations.is_revoked(validated(user_id="00u1", iat=NOW + 100)) is True
    assert await revocations.is_revoked(validated(user_id="00u1", iat=NOW + 101)) is False


# --- a session ---


async def test_a_session_that_ended_takes_all_of_its_tokens_along(revocations: RevocationList) -> None:
    await revocations.revoke(issuer=ISSUER, session_id="s1")
    assert await revocations.is_revoked(validated(sub="alice", sid="s1", iat=NOW + 3600)) is True
    assert await revocations.is_revoked(validated(sub="alice", sid="s2")) is False


@pytest.mark.parametrize("sid", [4711, 0, -7, 10**60])
async def test_a_session_may_be_a_number_and_is_named_by_its_text(revocations: RevocationList, sid: int) -> None:
    assert await revocations.is_revoked(validated(sid=sid)) is False
    await revocations.revoke(issuer=ISSUER, session_id=str(sid))
    assert await revocations.is_revoked(validated(sid=sid)) is True
    assert await revocations.is_revoked(validated(sid=str(sid))) is True
    assert await revocations.is_revoked(validated(sid=sid + 1)) is False


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
