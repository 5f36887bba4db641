"""What the authorization server says for a fresh route is what counts there."""

from typing import Any

import pytest
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import AccessToken, Groups, Reason, Scopes, require
from bearer_guard.testing import FakeIssuer
from tests.decorators import behind, scope_in
from tests.decorators.fresh import BOTH_FORMS, asking_guard, bearer, facts, regrant


@require(Scopes("write"), fresh=0)
def in_a_thread(request: Request) -> Response:
    return PlainTextResponse(",".join(sorted(request.auth.groups)))


@pytest.fixture
def client(issuer: FakeIssuer) -> TestClient:
    return behind(
        asking_guard(issuer),
        Route("/usual", facts),
        Route("/fresh", require(fresh=0)(facts)),
        Route("/write", require(Scopes("write"), fresh=0)(facts)),
        Route("/staff", require(Groups("staff"), fresh=0)(facts)),
        Route("/thread", in_a_thread),
    )


def test_what_the_server_says_now_counts(client: TestClient, issuer: FakeIssuer) -> None:
    token, headers = bearer(issuer, "opaque", scope="write", groups=["staff"])
    assert client.get("/usual", headers=headers).json() == {"scopes": ["write"], "groups": ["staff"]}
    regrant(issuer, token, scope="write read", groups=["staff", "ops"])
    assert client.get("/write", headers=headers).json() == {"scopes": ["read", "write"], "groups": ["ops", "staff"]}
    regrant(issuer, token, groups=["board"])
    assert client.get("/thread", headers=headers).text == "board"
    refused = client.get("/staff", headers=headers)  # the kept answer is the one of the last request
    assert (refused.status_code, refused.json()["error_description"]) == (403, Reason.MISSING_GROUP.description)


@pytest.mark.parametrize("path", ["/write", "/thread"])
def test_a_scope_that_was_taken_away_is_missed_with_the_usual_challenge(
    path: str, client: TestClient, issuer: FakeIssuer
) -> None:
    token, headers = bearer(issuer, "opaque", scope="write")
    assert client.get("/usual", headers=headers).status_code == 200
    regrant(issuer, token, scope="read")
    refused = client.get(path, headers=headers)
    assert (refused.status_code, scope_in(refused)) == (403, "write")


def test_a_group_of_a_fresh_answer_is_missed_too(client: TestClient, issuer: FakeIssuer) -> None:
    token, headers = bearer(issuer, "opaque", groups=["staff"])
    client.get("/usual", headers=headers)
    regrant(issuer, token, groups=[])
    assert client.get("/staff", headers=headers).status_code == 403


CHANGES = ({"aud": "other"}, {"exp": 0}, {"iss": "https://other.test"}, {"cnf": {"jkt": "x"}})


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
@BOTH_FORMS
def test_whatever_else_the_answer_says_is_judged_as_ever(
    change: dict[str, Any], form: str, client: TestClient, issuer: FakeIssuer
) -> None:
    token, headers = bearer(issuer, form)
    client.get("/usual", headers=headers)
    regrant(issuer, token, **change)
    assert client.get("/fresh", headers=headers).status_code == 401


def test_checks_see_the_token_of_this_moment(issuer: FakeIssuer) -> None:
    seen: list[AccessToken] = []

    def in_staff(token: AccessToken, connection: HTTPConnection) -> bool:
        seen.append(token)
        assert token is connection.scope["auth"]
        return "staff" in token.groups

    client = behind(asking_guard(issuer), Route("/usual", facts), Route("/x", require(in_staff, fresh=0)(facts)))
    token, headers = bearer(issuer, "opaque", groups=["staff"])
    assert client.get("/usual", headers=headers).status_code == 200
    regrant(issuer, token, groups=["ops"])
    assert client.get("/x", headers=headers).status_code == 403
    assert [token.groups for token in seen] == [{"ops"}]


async def identity(request: Request) -> JSONResponse:
    return JSONResponse([request.user.identity, request.user.is_authenticated])


def test_the_user_is_that_of_the_fresh_token(issuer: FakeIssuer) -> None:
    client = behind(asking_guard(issuer), Route("/who", require(fresh=0)(identity)))
    _, headers = bearer(issuer, "opaque", sub="bob")
    assert client.get("/who", headers=headers).json() == ["bob", True]


def test_the_requirement_of_the_middleware_is_met_by_the_fresh_answer_as_well(issuer: FakeIssuer) -> None:
    routes = (Route("/usual", facts), Route("/fresh", require(fresh=0)(facts)))
    client = behind(asking_guard(issuer), *routes, requirement=Scopes("orders"))
    token, headers = bearer(issuer, "opaque", scope="orders")
    assert client.get("/usual", headers=headers).status_code == 200
    regrant(issuer, token, scope="profile")
    refused = client.get("/fresh", headers=headers)
    assert (refused.status_code, scope_in(refused)) == (403, "orders")
