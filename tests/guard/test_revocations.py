"""revocations= on a guard: asked about every token on every request, whatever is remembered."""

import asyncio
from typing import Any

import pytest
from starlette.routing import WebSocketRoute
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocket

from bearer_guard import (
    AccessToken,
    AuthorizationServerUnavailable,
    BearerGuard,
    IntrospectionValidator,
    InvalidToken,
    JWTValidator,
    MemoryRevocations,
    Reason,
)
from bearer_guard.testing import FakeIssuer
from tests.conftest import MakeClient
from tests.guard import Listed, Validator, drained

TOKEN = {"Authorization": "Bearer token"}


@pytest.fixture
def revocations(issuer: FakeIssuer) -> MemoryRevocations:
    """A list on the issuer's clock."""
    return MemoryRevocations(clock=issuer.clock)


@pytest.fixture
def guard(issuer: FakeIssuer, revocations: MemoryRevocations) -> BearerGuard:
    """A guard of JWTs that asks the list."""
    return BearerGuard(JWTValidator(issuer.server, audience="api"), revocations=[revocations])


async def why_refused(guard: BearerGuard, token: str) -> Reason:
    with pytest.raises(InvalidToken) as refused:
        await guard.validate(token)
    return refused.value.reason


# --- the very next request --------------------------------------------------------------------------------------------


def test_a_remembered_jwt_that_is_revoked_is_refused_by_the_very_next_request(
    guard: BearerGuard, revocations: MemoryRevocations, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client, headers = make_client(guard), issuer.bearer(jti="7")
    assert [client.get("/me", headers=headers).status_code for _ in range(2)] == [200, 200]
    calls = len(issuer.requests)
    asyncio.run(revocations.revoke(issuer=issuer.issuer, jti="7"))
    refused = client.get("/me", headers=headers)
    assert (refused.status_code, refused.json()["error_description"]) == (401, "The token was revoked.")
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert client.get("/me", headers=issuer.bearer(jti="8")).status_code == 200
    assert len(issuer.requests) == calls


@pytest.mark.parametrize(
    "named",
    [{"jti": "7"}, {"subject": "alice"}, {"session_id": "s1"}],
    ids=lambda named: next(iter(named)),
)
@pytest.mark.parametrize("form", ["jwt", "opaque", "opaque, cached"])
async def test_a_token_is_revoked_by_its_id_its_user_or_its_session(
    named: dict[str, Any], form: str, revocations: MemoryRevocations, issuer: FakeIssuer
) -> None:
    validator = (
        JWTValidator(issuer.server, audience="api")
        if form == "jwt"
        else IntrospectionValidator(issuer.server, audience="api", cache_ttl=60 if "cached" in form else None)
    )
    make = issuer.token if form == "jwt" else issuer.opaque_token
    guard = BearerGuard(validator, revocations=[revocations])
    token, other = make(jti="7", sid="s1"), make(jti="8", sid="s2", sub="bob")
    await guard.validate(token)
    await guard.validate(other)
    await revocations.revoke(issuer="https://other.test", **named)
    await guard.validate(token)
    await revocations.revoke(issuer=issuer.issuer, **named)
    assert await why_refused(guard, token) is Reason.REVOKED
    await guard.validate(other)


async def test_the_validated_token_itself_can_be_revoked(
    guard: BearerGuard, revocations: MemoryRevocations, issuer: FakeIssuer
) -> None:
    token, same_user = issuer.token(), issuer.token()
    await revocations.revoke(await guard.validate(token))
    assert await why_refused(guard, token) is Reason.REVOKED
    await guard.validate(same_user)


async def test_tokens_that_a_user_got_after_the_moment_are_good(
    guard: BearerGuard, revocations: MemoryRevocations, issuer: FakeIssuer
) -> None:
    before = issuer.token()
    await revocations.revoke(issuer=issuer.issuer, subject="alice")
    assert await why_refused(guard, before) is Reason.REVOKED
    issuer.clock.advance(2)
    await guard.validate(issuer.token())
    assert await why_refused(guard, before) is Reason.REVOKED


# --- which tokens it is asked about -----------------------------------------------------------------------------------


async def test_it_is_asked_about_each_valid_token_each_time_and_about_no_other(issuer: FakeIssuer) -> None:
    listed = Listed()
    guard = BearerGuard(JWTValidator(issuer.server, audience="api"), revocations=[listed])
    token = issuer.token()
    accepted = await guard.validate(token)
    assert await guard.validate(token) is accepted  # remembered
    assert listed.seen == [accepted, accepted]
    assert await why_refused(guard, issuer.token(aud="other")) is Reason.AUDIENCE_MISMATCH
    assert len(listed.seen) == 2


async def test_one_list_of_several_is_enough_to_refuse_and_all_must_let_a_token_pass() -> None:
    asked: list[str] = []
    lists = [Listed(asked=asked, name=name) for name in ("first", "second", "third")]
    guard = BearerGuard(Validator(), revocations=lists)
    await guard.validate("token")
    assert drained(asked) == ("first", "second", "third")
    for listed, expected in zip(lists, [("first",), ("first", "second"), ("first", "second", "third")], strict=True):
        listed.says = True
        assert await why_refused(guard, "token") is Reason.REVOKED
        assert drained(asked) == expected
        listed.says = False
    await guard.validate("token")


def test_a_websocket_with_a_revoked_token_is_denied(make_client: MakeClient) -> None:
    async def chat(websocket: WebSocket) -> None:
        pytest.fail("it was reached")

    client = make_client(
        BearerGuard(Validator(), revocations=[Listed(says=True)]),
        routes=[WebSocketRoute("/chat", chat)],
    )
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/chat", headers=TOKEN):
        pytest.fail("it was accepted")
    assert denied.value.status_code == 401


# --- what is no clean bill --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [None, 0, 0.0, "", "False", (), 1, "yes", "false", b"", object()], ids=repr)
async def test_whatever_is_not_false_is_no_clean_bill(verdict: object) -> None:
    guard = BearerGuard(Validator(), revocations=[Listed(says=verdict)])
    for _ in range(2):
        assert await why_refused(guard, "token") is Reason.REVOKED


@pytest.mark.parametrize(
    "error",
    [RuntimeError("down"), TimeoutError(), OSError("no route"), KeyError("x"), ExceptionGroup("two", [OSError()])],
)
def test_a_list_that_cannot_say_is_a_503_and_not_a_verdict(error: Exception, make_client: MakeClient) -> None:
    listed = Listed()
    client = make_client(BearerGuard(Validator(), revocations=[listed]))
    assert client.get("/me", headers=TOKEN).status_code == 200
    listed.says = error
    answer = client.get("/me", headers=TOKEN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error_description"] == Reason.REVOCATIONS_UNAVAILABLE.description
    assert "www-authenticate" not in answer.headers
    listed.says = False
    assert client.get("/me", headers=TOKEN).status_code == 200


async def test_a_list_that_is_cancelled_by_nobody_is_one_that_cannot_say() -> None:
    # Such as where its connection's task was: the request was not, and has to be answered.
    with pytest.raises(AuthorizationServerUnavailable) as unavailable:
        await BearerGuard(Validator(), revocations=[Listed(says=asyncio.CancelledError())]).validate("token")
    assert unavailable.value.reason is Reason.REVOCATIONS_UNAVAILABLE


async def test_the_cause_of_the_503_is_kept_for_the_log() -> None:
    down = OSError("down")
    guard = BearerGuard(Validator(), revocations=[Listed(says=down)])
    with pytest.raises(AuthorizationServerUnavailable) as unavailable:
        await guard.validate("token")
    assert unavailable.value.reason is Reason.REVOCATIONS_UNAVAILABLE
    assert unavailable.value.__cause__ is down


async def test_a_clean_bill_of_one_list_does_not_make_up_for_another_that_cannot_say() -> None:
    guard = BearerGuard(Validator(), revocations=[Listed(), Listed(says=OSError()), Listed()])
    with pytest.raises(AuthorizationServerUnavailable):
        await guard.validate("token")


async def test_a_list_may_refuse_in_its_own_words() -> None:
    theirs = InvalidToken(Reason.INACTIVE)
    with pytest.raises(InvalidToken) as refused:
        await BearerGuard(Validator(), revocations=[Listed(says=theirs)]).validate("token")
    assert refused.value is theirs


async def test_a_list_that_answers_without_being_awaited_lets_nobody_in() -> None:
    class Sync:
        def is_revoked(self, token: AccessToken) -> bool:
            return False

    with pytest.raises(AuthorizationServerUnavailable):
        await BearerGuard(Validator(), revocations=[Sync()]).validate("token")  # type: ignore[list-item]


async def test_a_request_that_is_given_up_while_a_list_hangs_has_no_answer_and_leaves_nothing_behind() -> None:
    reached, hangs = asyncio.Event(), True

    class Hanging:
        async def is_revoked(self, token: AccessToken) -> bool:
            reached.set()
            if hangs:
                await asyncio.Event().wait()
            return False

    guard = BearerGuard(Validator(), revocations=[Hanging()])
    request = asyncio.create_task(guard.validate("token"))
    await reached.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert asyncio.all_tasks() == {asyncio.current_task()}
    hangs = False
    await guard.validate("token")
