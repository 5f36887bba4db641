"""The questions in their order, on every request: memory, revocations, the sender, userinfo, the requirement."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bearer_guard import (
    AuthorizationServerUnavailable,
    BearerError,
    BearerGuard,
    InvalidToken,
    JWTValidator,
    MemoryRevocations,
    Reason,
    UserInfo,
    require_scopes,
)
from bearer_guard.testing import FakeIssuer
from tests.conftest import MakeClient
from tests.guard import Listed, Looked, Validator, drained
from tests.test_tokens import token_with

BOUND: dict[str, Any] = {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}


@pytest.fixture
def asked() -> list[str]:
    """Who was asked, in order."""
    return []


def guard_of(
    asked: list[str], *, claims: dict[str, Any] | None = None, verdict: object = False, told: Any = None
) -> BearerGuard:
    return BearerGuard(
        Validator(asked, claims), revocations=[Listed(says=verdict, asked=asked)], userinfo=Looked(told, asked)
    )


async def reason_of(guard: BearerGuard) -> Reason:
    with pytest.raises(BearerError) as refused:
        await guard.validate("token")
    return refused.value.reason


async def test_only_the_validator_is_spared_where_a_token_is_remembered(asked: list[str]) -> None:
    guard = guard_of(asked)
    await guard.validate("token")
    assert drained(asked) == ("validator", "revocations", "userinfo")
    for _ in range(2):
        await guard.validate("token")
        assert drained(asked) == ("revocations", "userinfo")


async def test_a_fresh_answer_goes_through_all_that_a_remembered_one_does(asked: list[str]) -> None:
    guard = guard_of(asked)
    await guard.validate("token")
    drained(asked)
    await guard.validate("token", max_age=0)
    assert drained(asked) == ("validator", "revocations", "userinfo")


async def test_revocations_come_before_the_sender_and_userinfo(asked: list[str]) -> None:
    mismatch = InvalidToken(Reason.USERINFO_MISMATCH)
    guard = guard_of(asked, claims=BOUND, verdict=True, told=mismatch)
    for first in (("validator",), ()):  # ... on every hit
        assert await reason_of(guard) is Reason.REVOKED
        assert drained(asked) == (*first, "revocations")


async def test_the_sender_comes_before_userinfo(asked: list[str]) -> None:
    guard = guard_of(asked, claims=BOUND, told=InvalidToken(Reason.USERINFO_MISMATCH))
    for first in (("validator",), ()):
        assert await reason_of(guard) is Reason.UNPROVEN_CONFIRMATION
        assert drained(asked) == (*first, "revocations")


async def test_userinfo_comes_last_and_its_word_counts_on_every_hit(asked: list[str]) -> None:
    guard = guard_of(asked, told=InvalidToken(Reason.USERINFO_MISMATCH))
    for _ in range(2):
        assert await reason_of(guard) is Reason.USERINFO_MISMATCH
        assert drained(asked)[-2:] == ("revocations", "userinfo")


async def test_what_userinfo_adds_is_never_remembered_by_the_guard(asked: list[str]) -> None:
    told = token_with(groups=frozenset({"staff"}))
    looked = Looked(told)
    guard = BearerGuard(Validator(asked), userinfo=looked)
    assert await guard.validate("token") is told
    looked.answer = None
    assert (await guard.validate("token")).groups == set()
    assert drained(asked) == ("validator",)


async def test_a_token_that_does_not_hold_is_refused_before_anybody_else_is_asked(
    asked: list[str], issuer: FakeIssuer
) -> None:
    guard = BearerGuard(
        JWTValidator(issuer.server, audience="api"),
        revocations=[Listed(asked=asked)],
        userinfo=Looked(asked=asked),
    )
    token = issuer.token()
    await guard.validate(token)
    assert drained(asked) == ("revocations", "userinfo")
    issuer.clock.advance(300 + 30)
    with pytest.raises(InvalidToken) as refused:
        await guard.validate(token)
    assert refused.value.reason is Reason.EXPIRED
    assert drained(asked) == ()


@require_scopes("write")
async def written(request: Request) -> PlainTextResponse:
    return PlainTextResponse("written")


@pytest.mark.parametrize(
    ("verdict", "told", "reason"),
    [
        (True, None, Reason.REVOKED),
        (False, AuthorizationServerUnavailable(Reason.USERINFO_UNAVAILABLE), Reason.USERINFO_UNAVAILABLE),
        (False, None, Reason.INSUFFICIENT_SCOPE),
    ],
    ids=["revocations", "userinfo", "requirement"],
)
def test_the_requirement_is_asked_after_all_of_them(
    verdict: object, told: Any, reason: Reason, asked: list[str], make_client: MakeClient
) -> None:
    client = make_client(guard_of(asked, verdict=verdict, told=told), routes=[Route("/write", written)])
    for _ in range(2):
        refused = client.get("/write", headers={"Authorization": "Bearer token"})
        assert refused.json()["error_description"] == reason.description


async def test_all_of_it_with_the_real_parts(issuer: FakeIssuer) -> None:
    revocations = MemoryRevocations(clock=issuer.clock)
    guard = BearerGuard(
        JWTValidator(issuer.server, audience="api"), revocations=[revocations], userinfo=UserInfo(issuer.server)
    )
    issuer.users["alice"] = {"groups": ["staff"]}
    token, bound = issuer.token(), issuer.token(**BOUND)
    accepted = await guard.validate(token)
    assert accepted.groups == {"staff"}
    with pytest.raises(InvalidToken) as refused:
        await guard.validate(bound)
    assert refused.value.reason is Reason.UNPROVEN_CONFIRMATION
    assert issuer.requests.count("/userinfo") == 1
    await revocations.revoke(issuer=issuer.issuer, subject="alice")
    for presented in (token, bound):
        with pytest.raises(InvalidToken) as refused:
            await guard.validate(presented)
        assert refused.value.reason is Reason.REVOKED
