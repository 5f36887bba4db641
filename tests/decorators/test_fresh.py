"""require(..., fresh=): routes for which the authorization server is asked, whatever is remembered."""

import asyncio
import math
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import (
    ConfigurationError,
    Groups,
    MemoryRevocations,
    Reason,
    Scopes,
    require,
    require_groups,
    require_scopes,
)
from bearer_guard.testing import FakeIssuer
from tests.decorators import behind, scope_in
from tests.decorators.fresh import BOTH_FORMS, asking_guard, bearer, calls, facts


@require(Scopes("write"), fresh=0)
def in_a_thread(request: Request) -> Response:
    return PlainTextResponse(",".join(sorted(request.auth.groups)))


ROUTES = (
    Route("/usual", facts),
    Route("/fresh", require(fresh=0)(facts)),
    Route("/half-a-minute", require(fresh=30)(facts)),
    Route("/write", require(Scopes("write"), fresh=0)(facts)),
    Route("/staff", require(Groups("staff"), fresh=0)(facts)),
    Route("/thread", in_a_thread),
)


@pytest.fixture
def client(issuer: FakeIssuer) -> TestClient:
    return behind(asking_guard(issuer), *ROUTES)


# --- when it is asked -------------------------------------------------------------------------------------------------


@BOTH_FORMS
def test_the_server_is_asked_for_every_request_to_a_fresh_route_and_to_no_other(
    form: str, client: TestClient, issuer: FakeIssuer
) -> None:
    _, headers = bearer(issuer, form)
    assert client.get("/usual", headers=headers).status_code == 200
    assert calls(issuer) == (1 if form == "opaque" else 0)
    for _ in range(3):
        assert client.get("/usual", headers=headers).status_code == 200
    assert calls(issuer) == 0
    for _ in range(3):
        assert client.get("/fresh", headers=headers).status_code == 200
        assert calls(issuer) == 1


def test_a_revoked_jwt_is_refused_there_at_once_while_other_routes_go_by_its_signature(
    client: TestClient, issuer: FakeIssuer
) -> None:
    token, headers = bearer(issuer, "jwt")
    assert client.get("/fresh", headers=headers).status_code == 200
    issuer.revoke(token)
    refused = client.get("/fresh", headers=headers)
    assert (refused.status_code, refused.json()["error_description"]) == (401, Reason.INACTIVE.description)
    assert client.get("/usual", headers=headers).status_code == 200


def test_a_revoked_opaque_token_is_refused_there_at_once_and_then_everywhere(
    client: TestClient, issuer: FakeIssuer
) -> None:
    token, headers = bearer(issuer, "opaque")
    assert client.get("/usual", headers=headers).status_code == 200
    issuer.revoke(token)
    assert client.get("/usual", headers=headers).status_code == 200  # its answer is kept
    assert client.get("/fresh", headers=headers).status_code == 401
    assert client.get("/usual", headers=headers).status_code == 401  # the later answer counts


@BOTH_FORMS
def test_fresh_30_takes_answers_of_up_to_thirty_seconds(form: str, client: TestClient, issuer: FakeIssuer) -> None:
    token, headers = bearer(issuer, form)
    assert client.get("/half-a-minute", headers=headers).status_code == 200
    assert calls(issuer) == 1
    issuer.clock.advance(28)
    assert client.get("/half-a-minute", headers=headers).status_code == 200
    assert calls(issuer) == 0
    issuer.revoke(token)
    issuer.clock.advance(2.5)
    assert client.get("/half-a-minute", headers=headers).status_code == 401
    assert calls(issuer) == 1


@BOTH_FORMS
def test_an_answer_that_was_given_to_one_fresh_route_serves_another(
    form: str, client: TestClient, issuer: FakeIssuer
) -> None:
    _, headers = bearer(issuer, form)
    client.get("/fresh", headers=headers)
    calls(issuer)
    assert client.get("/half-a-minute", headers=headers).status_code == 200
    assert calls(issuer) == 0


@BOTH_FORMS
def test_where_no_answers_are_kept_none_can_be_of_up_to_thirty_seconds(form: str, issuer: FakeIssuer) -> None:
    client = behind(asking_guard(issuer, cache_ttl=None), *ROUTES)
    _, headers = bearer(issuer, form)
    for _ in range(2):
        assert client.get("/half-a-minute", headers=headers).status_code == 200
        assert calls(issuer) == (1 if form == "jwt" else 2)  # one for the middleware, as on any route


@BOTH_FORMS
def test_of_stacked_decorators_the_smallest_age_counts_in_one_call(form: str, issuer: FakeIssuer) -> None:
    stacks = {
        "/a": require(fresh=0)(require(fresh=30)(require_scopes("a")(facts))),
        "/b": require_scopes("a")(require(fresh=30)(require(fresh=0)(facts))),
        "/c": require(fresh=60)(require(Scopes("a"), fresh=30)(facts)),
    }
    client = behind(asking_guard(issuer), *(Route(path, endpoint) for path, endpoint in stacks.items()))
    _, headers = bearer(issuer, form, scope="a")
    assert client.get("/a", headers=headers).status_code == 200
    calls(issuer)
    asked = {}
    for path in stacks:
        assert client.get(path, headers=headers).status_code == 200
        asked[path] = calls(issuer)
    assert asked == {"/a": 1, "/b": 1, "/c": 0}
    issuer.clock.advance(31)
    assert client.get("/c", headers=headers).status_code == 200
    assert calls(issuer) == 1
    assert scope_in(client.get("/a")) == ""


# --- when it is not ---------------------------------------------------------------------------------------------------


@BOTH_FORMS
def test_nobody_is_asked_about_a_token_that_would_not_do_anyway(
    form: str, client: TestClient, issuer: FakeIssuer
) -> None:
    _, headers = bearer(issuer, form, scope="read")
    client.get("/usual", headers=headers)
    calls(issuer)
    refused = client.get("/write", headers=headers)
    assert (refused.status_code, scope_in(refused)) == (403, "write")
    assert client.get("/write").status_code == 401
    assert client.get("/write", headers={"Authorization": "Bearer a b"}).status_code == 400
    assert client.get("/write", headers=issuer.bearer(scope="write", exp=-60)).status_code == 401
    assert calls(issuer) == 0


def test_nobody_is_asked_about_a_token_that_our_own_list_has_revoked(issuer: FakeIssuer) -> None:
    revocations = MemoryRevocations(clock=issuer.clock)
    client = behind(asking_guard(issuer, revocations=[revocations]), *ROUTES)
    _, headers = bearer(issuer, "jwt", jti="7")
    assert client.get("/fresh", headers=headers).status_code == 200
    calls(issuer)
    asyncio.run(revocations.revoke(issuer=issuer.issuer, jti="7"))
    refused = client.get("/fresh", headers=headers)
    assert (refused.status_code, refused.json()["error_description"]) == (401, Reason.REVOKED.description)
    assert calls(issuer) == 0


@BOTH_FORMS
def test_while_the_server_is_down_fresh_routes_are_503_and_the_others_are_served(
    form: str, client: TestClient, issuer: FakeIssuer
) -> None:
    _, headers = bearer(issuer, form)
    assert client.get("/fresh", headers=headers).status_code == 200
    issuer.go_offline()
    answer = client.get("/fresh", headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "www-authenticate" not in answer.headers
    assert client.get("/usual", headers=headers).status_code == 200
    assert client.get("/half-a-minute", headers=headers).status_code == 200
    issuer.come_back()
    assert client.get("/fresh", headers=headers).status_code == 200


# --- slips ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [-1, -0.001, math.nan, True, False, "0", "now", [0], (), 0j], ids=repr)
def test_what_is_no_age_is_told_what_to_write_instead(age: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"is no age; write seconds, such as fresh=0"):
        require(Scopes("write"), fresh=age)


@pytest.mark.parametrize("age", [0, 0.0, 0.5, 30, math.inf])
def test_an_age_alone_is_something_to_require(age: float) -> None:
    assert callable(require(fresh=age))


def test_without_an_age_the_decorator_must_require_something_else() -> None:
    with pytest.raises(ConfigurationError, match="the decorator requires nothing"):
        require()
    with pytest.raises(ConfigurationError, match="the decorator requires nothing"):
        require(fresh=None)


def test_the_short_decorators_stack_with_it(issuer: FakeIssuer) -> None:
    client = behind(asking_guard(issuer), Route("/x", require(fresh=0)(require_groups("staff")(facts))))
    _, headers = bearer(issuer, "jwt", groups=["staff"])
    assert client.get("/x", headers=headers).status_code == 200
    assert client.get("/x", headers=bearer(issuer, "jwt")[1]).status_code == 403
    assert calls(issuer) == 1
