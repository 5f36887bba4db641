"""A route that is fresh cannot be had with an answer that is not, by whatever way it is asked for."""

import asyncio
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import (
    AccessToken,
    BearerGuard,
    BearerGuardMiddleware,
    ByFormat,
    ConfigurationError,
    IntrospectionValidator,
    InvalidToken,
    JWTValidator,
    MemoryCache,
    Reason,
    require,
)
from bearer_guard.testing import FakeIssuer
from tests.decorators import behind
from tests.decorators.fresh import BOTH_FORMS, asking_guard, bearer, calls, facts
from tests.inventory.test_fresh import Ours, by_format


@require(fresh=0)
async def confirmed(request: Request) -> None:
    """A dependency: no route's endpoint, so that nobody finds it at startup."""


def with_dependency(validator: Any) -> TestClient:
    app = FastAPI(middleware=[Middleware(BearerGuardMiddleware, guard=BearerGuard(validator))])

    @app.get("/x")
    async def endpoint(_: Annotated[None, Depends(confirmed)]) -> str:
        return "served"

    return TestClient(app, raise_server_exceptions=False)


# --- a validator that cannot ask --------------------------------------------------------------------------------------


def test_a_dependency_that_nobody_found_is_not_passed_where_nobody_can_be_asked(issuer: FakeIssuer) -> None:
    client = with_dependency(JWTValidator(issuer.server, audience="api"))
    assert client.get("/x", headers=issuer.bearer()).status_code == 500


def test_nor_where_a_validator_does_not_promise_to_ask() -> None:
    assert with_dependency(Ours()).get("/x", headers={"Authorization": "Bearer x"}).status_code == 500


async def test_a_validator_of_jwts_does_not_pretend_to_have_asked(issuer: FakeIssuer) -> None:
    with pytest.raises(ConfigurationError, match="cannot ask whether a token is still good"):
        await BearerGuard(JWTValidator(issuer.server, audience="api")).validate(issuer.token(), max_age=0)
    two = by_format(issuer, FakeIssuer("https://other.test"))
    with pytest.raises(ConfigurationError, match=r"other.test'\) did not issue the JWTs of .*issuer.test'\)"):
        await BearerGuard(two).validate(issuer.token(), max_age=0)
    assert "/introspect" not in issuer.requests


# --- memories ---------------------------------------------------------------------------------------------------------


def guards(issuer: FakeIssuer) -> dict[str, BearerGuard]:
    """With all the memories that there are, between the request and the server."""
    cached = IntrospectionValidator(
        issuer.server, audience="api", cache_ttl=3600, cache=MemoryCache(clock=issuer.clock)
    )
    return {
        "introspection": BearerGuard(cached),
        "both": BearerGuard(ByFormat(jwt=JWTValidator(issuer.server, audience="api"), opaque=cached)),
    }


@BOTH_FORMS
@pytest.mark.parametrize("name", ["introspection", "both"])
def test_no_memory_lets_a_revoked_token_through_a_fresh_route(name: str, form: str, issuer: FakeIssuer) -> None:
    client = behind(guards(issuer)[name], Route("/usual", facts), Route("/fresh", require(fresh=0)(facts)))
    token, headers = bearer(issuer, form)
    for path in ("/usual", "/fresh", "/usual"):
        assert client.get(path, headers=headers).status_code == 200
    issuer.revoke(token)
    refused = client.get("/fresh", headers=headers)
    assert (refused.status_code, refused.json()["error_description"]) == (401, Reason.INACTIVE.description)


@BOTH_FORMS
async def test_nor_does_the_guard_itself_without_a_request(form: str, issuer: FakeIssuer) -> None:
    guard = guards(issuer)["both"]
    token, _ = bearer(issuer, form)
    for age in (None, 0, 3600):
        await guard.validate(token, max_age=age)
    issuer.revoke(token)
    with pytest.raises(InvalidToken) as refused:
        await guard.validate(token, max_age=0)
    assert refused.value.reason is Reason.INACTIVE


@pytest.mark.parametrize("age", [1, 30])
@BOTH_FORMS
async def test_the_age_of_an_answer_is_counted_from_the_question(form: str, age: float, issuer: FakeIssuer) -> None:
    guard = guards(issuer)["both"]
    token, _ = bearer(issuer, form)
    await guard.validate(token, max_age=0)
    calls(issuer)
    issuer.clock.advance(age)
    await guard.validate(token, max_age=age)
    assert calls(issuer) == 1


@BOTH_FORMS
async def test_an_answer_that_was_under_way_when_the_request_came_is_not_fresh(form: str, issuer: FakeIssuer) -> None:
    # The server may have decided before the token was revoked, and the request have come after that.
    slow = Slow(issuer)
    guard = asking_guard(slow)
    token, _ = bearer(slow, form)
    first = asyncio.create_task(guard.validate(token, max_age=0))
    await slow.decided.wait()
    slow.revoke(token)
    second = asyncio.create_task(guard.validate(token, max_age=0))
    await asyncio.sleep(0)
    slow.go.set()
    await first
    with pytest.raises(InvalidToken):
        await second
    await guard.aclose()


class Slow(FakeIssuer):
    """An issuer that decides about a token at once and does not say so before it is told to."""

    def __init__(self, usual: FakeIssuer) -> None:
        super().__init__()
        self._keys = usual._keys
        self.decided, self.go = asyncio.Event(), asyncio.Event()

    def http_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._handled))

    async def _handled(self, request: httpx.Request) -> httpx.Response:
        answer = await httpx.ASGITransport(app=self.app).handle_async_request(request)
        content = await answer.aread()
        if request.url.path == "/introspect":
            self.decided.set()
            await self.go.wait()
        return httpx.Response(answer.status_code, content=content, headers=answer.headers)


# --- requests ---------------------------------------------------------------------------------------------------------


def test_one_request_has_nothing_of_the_answer_to_another(issuer: FakeIssuer) -> None:
    # What was fresh for one request stands in its scope alone, never in the token, which they share.
    client = behind(asking_guard(issuer), Route("/fresh", require(fresh=0)(facts)))
    token, headers = bearer(issuer, "jwt")
    assert client.get("/fresh", headers=headers).status_code == 200
    issuer.revoke(token)
    assert client.get("/fresh", headers=headers).status_code == 401


def test_a_client_cannot_say_that_it_is_fresh(issuer: FakeIssuer) -> None:
    client = behind(asking_guard(issuer), Route("/fresh", require(fresh=0)(facts)))
    token, headers = bearer(issuer, "jwt")
    issuer.revoke(token)
    for more in ({"Cache-Control": "max-age=600, only-if-cached"}, {"If-Modified-Since": "0"}, {"X-Max-Age": "600"}):
        assert client.get("/fresh?fresh=600&max_age=600", headers={**headers, **more}).status_code == 401


@pytest.mark.parametrize("swallowed", [Exception, None], ids=["an endpoint that catches it", "as ever"])
def test_a_refusal_leaves_no_fresh_token_behind(swallowed: Any, issuer: FakeIssuer) -> None:
    seen: list[AccessToken] = []

    async def endpoint(request: Request) -> Response:
        for _ in range(2):
            try:
                await confirmed(request)
            except Exception as error:
                if swallowed is None:
                    raise
                assert error.reason is Reason.INACTIVE  # type: ignore[attr-defined]  # noqa: PT017  both times
            else:
                seen.append(request.auth)
        return PlainTextResponse("went on")

    client = behind(asking_guard(issuer), Route("/x", endpoint))
    token, headers = bearer(issuer, "jwt")
    issuer.revoke(token)
    assert client.get("/x", headers=headers).status_code == (200 if swallowed else 401)
    assert seen == []


def test_what_a_fresh_refusal_tells_gives_no_token_away(issuer: FakeIssuer, caplog: pytest.LogCaptureFixture) -> None:
    client = behind(asking_guard(issuer), Route("/fresh", require(fresh=0)(facts)))
    token, headers = bearer(issuer, "opaque")
    client.get("/fresh", headers=headers)
    issuer.go_offline()
    with caplog.at_level(0):
        refused = client.get("/fresh", headers=headers)
    assert refused.status_code == 503
    told = "".join(record.getMessage() for record in caplog.records if record.name.startswith("bearer_guard"))
    assert "reason=introspection_unavailable" in told
    assert token not in told + refused.text + str(refused.headers)
