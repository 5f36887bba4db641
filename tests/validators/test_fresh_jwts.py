"""ByFormat with `max_age`: a JWT has to be valid, and the server that issued it has to say that it still is active."""

import asyncio
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationServerUnavailable,
    BearerError,
    BearerGuard,
    ByFormat,
    InvalidToken,
    Reason,
)
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.validators.both import both_of
from tests.validators.oracle import Shared
from tests.validators.test_routing import Desk


class Talkative(FakeIssuer):
    """`answer`: what it says about every token, instead of the truth."""

    answer: dict[str, Any] | None = None

    def introspection(self, token: str) -> dict[str, Any]:
        return super().introspection(token) if self.answer is None else self.answer

    @property
    def asked(self) -> int:
        return self.requests.count("/introspect")


@pytest.fixture
def issuer(signing_keys: dict[str, SigningKey]) -> Talkative:
    issuer = Talkative()
    issuer._keys = dict(signing_keys)
    return issuer


async def refusal(validator: ByFormat | BearerGuard, token: str, max_age: float | None = 0) -> BearerError:
    with pytest.raises(BearerError) as caught:
        await validator.validate(token, max_age=max_age)
    return caught.value


async def test_it_is_asked_anew_each_time(issuer: Talkative) -> None:
    both, token = both_of(issuer), issuer.token(scope="read")
    for times in (1, 2, 3):
        assert (await both.validate(token, max_age=0)).scopes == {"read"}
        assert issuer.asked == times
    await both.validate(token)
    assert issuer.asked == 3


async def test_a_revoked_one_is_refused_where_it_must_be_fresh_and_nowhere_else(issuer: Talkative) -> None:
    guard, token = BearerGuard(both_of(issuer)), issuer.token()
    remembered = await guard.validate(token)
    issuer.revoke(token)
    assert (await refusal(guard, token)).reason is Reason.INACTIVE
    assert await guard.validate(token) is remembered


async def test_with_the_server_down_nobody_can_say(issuer: Talkative) -> None:
    both, token = both_of(issuer), issuer.token()
    await both.validate(token)
    issuer.go_offline()
    error = await refusal(both, token)
    assert isinstance(error, AuthorizationServerUnavailable)
    assert error.reason is Reason.INTROSPECTION_UNAVAILABLE
    assert await both.validate(token), "the keys are here: other routes go on"
    issuer.come_back()
    assert await both.validate(token, max_age=0)


async def test_a_server_that_does_not_answer_about_jwts_says_nothing_about_them() -> None:
    desk = Desk((400, {"error": "unsupported_token_type"}))
    error = await desk.look_at(desk.jwt(), max_age=0)
    assert isinstance(error, AuthorizationServerUnavailable)
    assert error.reason is Reason.INTROSPECTION_UNAVAILABLE


async def test_what_the_answer_leaves_out_the_jwt_says(issuer: Talkative) -> None:
    for answer in ({}, dict.fromkeys(("iss", "aud", "exp", "sub", "client_id", "scope"))):
        issuer.answer = {"active": True, **answer}
        token = await both_of(issuer).validate(issuer.token(aud=["files", "api"], scope="read"), max_age=0)
        assert (token.subject, token.audience) == ("alice", ("files", "api"))
        assert token.scopes == {"read"}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "other"}, Reason.AUDIENCE_MISMATCH),
        ({"aud": []}, Reason.AUDIENCE_MISSING),
        ({"iss": "https://evil.test"}, Reason.ISSUER_MISMATCH),
        ({"exp": 1}, Reason.EXPIRED),
        ({"exp": 0}, Reason.EXPIRED),
        ({"exp": "soon"}, Reason.MALFORMED_CLAIM),
        ({"nbf": 32_503_680_000}, Reason.NOT_YET_VALID),
        ({"token_type": "refresh_token"}, Reason.REFRESH_TOKEN_USED),
        ({"typ": "ID"}, Reason.ID_TOKEN_USED),
        ({"token_type": "DPoP"}, Reason.UNPROVEN_CONFIRMATION),
        ({"cnf": "thumbprint"}, Reason.MALFORMED_CLAIM),
    ],
    ids=str,
)
async def test_an_answer_that_contradicts_the_jwt_ends_it(
    issuer: Talkative, claims: dict[str, Any], reason: Reason
) -> None:
    issuer.answer = {"active": True, **claims}
    assert (await refusal(both_of(issuer), issuer.token())).reason is reason


@pytest.mark.parametrize("active", ["true", 1, None], ids=repr)
async def test_an_answer_that_does_not_say_whether_it_is_active_says_nothing(issuer: Talkative, active: Any) -> None:
    issuer.answer = {"active": active}
    assert (await refusal(both_of(issuer), issuer.token())).status == 503
    issuer.answer = {"error": "server_error"}
    assert (await refusal(both_of(issuer), issuer.token())).status == 503


@pytest.mark.parametrize("answer", [{}, {"active": None}, {"error": "server_error"}], ids=str)
async def test_a_claim_named_active_does_not_answer_for_the_server(issuer: Talkative, answer: dict[str, Any]) -> None:
    # A directory's own attribute, which many have (SCIM, RFC 7643 section 4.1.1), mapped into the token.
    issuer.answer = answer
    assert (await refusal(both_of(issuer), issuer.token(active=True))).status == 503


@pytest.mark.parametrize("cnf", [{"jkt": "t"}, {"x5t#S256": "t"}, {}], ids=str)
async def test_a_key_that_the_answer_alone_binds_the_token_to_must_be_proven_too(
    issuer: Talkative, cnf: dict[str, Any]
) -> None:
    issuer.answer = {"active": True, "cnf": cnf}
    guard = BearerGuard(both_of(issuer))
    assert (await refusal(guard, issuer.token())).reason is Reason.UNPROVEN_CONFIRMATION


async def test_a_jwt_bound_to_a_key_is_refused_though_it_is_active(issuer: Talkative) -> None:
    guard = BearerGuard(both_of(issuer))
    assert (await refusal(guard, issuer.token(cnf={"jkt": "t"}))).reason is Reason.UNPROVEN_CONFIRMATION


# --- not quite so fresh: with a cache ---------------------------------------------------------------------------------


async def test_an_answer_about_a_jwt_may_be_as_old_as_was_said(issuer: Talkative) -> None:
    both, token = both_of(issuer, cache_ttl=60), issuer.token()
    await both.validate(token, max_age=30)
    issuer.clock.advance(29)
    await both.validate(token, max_age=30)
    assert issuer.asked == 1
    issuer.clock.advance(2)
    await both.validate(token, max_age=30)
    assert issuer.asked == 2
    issuer.clock.advance(61)
    await both.validate(token, max_age=600)
    assert issuer.asked == 3, "not older than the cache lets them grow, either"


async def test_a_fresh_no_ends_what_was_remembered_of_a_jwt(issuer: Talkative) -> None:
    both, token = both_of(issuer, cache_ttl=60), issuer.token()
    await both.validate(token, max_age=30)
    issuer.revoke(token)
    assert await both.validate(token, max_age=30)
    assert (await refusal(both, token, 0)).reason is Reason.INACTIVE
    assert (await refusal(both, token, 30)).reason is Reason.INACTIVE
    assert issuer.asked == 2


async def test_that_a_jwt_is_active_says_nothing_of_an_opaque_token_of_the_same_spelling(issuer: Talkative) -> None:
    both, token = both_of(issuer, cache_ttl=60), issuer.token()
    issuer.answer = {"active": True}  # no audience: good for a JWT that names one, and for nothing else
    await both.validate(token, max_age=30)
    with pytest.raises(InvalidToken) as refused:
        await both.opaque.validate(token, max_age=30)
    assert refused.value.reason is Reason.AUDIENCE_MISSING


async def test_what_is_said_of_jwts_stays_in_this_process(issuer: Talkative) -> None:
    cache, token = Shared(), issuer.token()
    both = both_of(issuer, cache_ttl=60, cache=cache)
    await both.validate(token, max_age=30)
    issuer.revoke(token)
    await refusal(both, token)
    assert cache.kept == {}, "nobody would look for it there"


# --- many at once -----------------------------------------------------------------------------------------------------


async def test_many_fresh_questions_about_one_jwt_are_one_call_and_none_that_has_begun_before(
    issuer: Talkative,
) -> None:
    both, token = both_of(issuer), issuer.token()
    await both.validate(token)
    await asyncio.gather(*(both.validate(token, max_age=0) for _ in range(100)))
    assert issuer.asked == 1
    early = asyncio.create_task(both.validate(token, max_age=0))
    async with asyncio.timeout(5):
        while issuer.asked == 1:  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0)
    issuer.revoke(token)
    late = [asyncio.create_task(refusal(both, token)) for _ in range(10)]
    assert {(await task).reason for task in late} == {Reason.INACTIVE}
    await asyncio.gather(early, return_exceptions=True)
    assert issuer.asked == 3
