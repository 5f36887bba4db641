"""userinfo (OpenID Connect Core section 5.3): how it is asked, what is an answer, and about whom it must be."""

from typing import Any

import pytest

from bearer_guard import AuthorizationServer, AuthorizationServerUnavailable, InvalidToken, Reason
from tests.authorization_server.desk import ME, TOKEN, Desk
from tests.authorization_server.loopback import Answer, document, reply

USER = "00uid4BxXw6I6TV4m0g3"
PROFILE: dict[str, Any] = {
    "family_name": "Doe",
    "groups": ["Everyone", "orders-admins"],
    "updated_at": 1490198843,
    "zoneinfo": "America/Los_Angeles",
}


async def asked(desk: Desk, **options: Any) -> Any:
    return await desk.server(**options).userinfo(TOKEN, user_id=USER)


async def failure(desk: Desk) -> AuthorizationServerUnavailable:
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await asked(desk)
    assert (caught.value.status, caught.value.reason) == (503, Reason.USERINFO_UNAVAILABLE)
    return caught.value


async def test_it_is_asked_with_the_token_in_the_header_and_nothing_else(desk: Desk) -> None:
    desk.says(document({"sub": USER}))
    await asked(desk)
    question = desk.asked
    assert (question.method, question.path, question.body) == ("GET", "/userinfo", b"")
    question.headers.pop("user-agent")
    assert question.headers == {
        "host": f"127.0.0.1:{desk.web.port}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "keep-alive",
        "authorization": f"Bearer {TOKEN}",
    }


async def test_the_document_comes_as_it_is(desk: Desk) -> None:
    desk.says(document({"sub": USER, **PROFILE}))
    claims = await asked(desk)
    assert claims == {**PROFILE, "sub": USER, "groups": ("Everyone", "orders-admins")}
    assert type(claims["updated_at"]) is int


async def test_it_needs_no_client_authentication(desk: Desk) -> None:
    server = AuthorizationServer(desk.web.url, userinfo_endpoint=f"{desk.web.url}/userinfo")
    desk.servers.append(server)
    assert await server.userinfo(TOKEN, user_id="alice") == ME


@pytest.mark.parametrize("status", [401, 403])
async def test_where_the_token_will_not_do_there_is_nothing_to_be_had(desk: Desk, status: int) -> None:
    desk.says(document({"error": "insufficient_scope"}, status, www_authenticate="Bearer"))
    assert await asked(desk) is None


@pytest.mark.parametrize("sub", ["mallory", "", USER.lower(), f"{USER} ", "00uid"])
async def test_what_it_says_about_somebody_else_is_not_used(desk: Desk, sub: str) -> None:
    desk.says(document({**PROFILE, "sub": sub}))
    with pytest.raises(InvalidToken) as caught:
        await asked(desk)
    assert (caught.value.reason, caught.value.claim) == (Reason.USERINFO_MISMATCH, "sub")


@pytest.mark.parametrize("about", [{}, {"sub": None}, {"sub": 7}, {"sub": [USER]}, {"sub": {"id": USER}}], ids=repr)
async def test_what_does_not_say_about_whom_it_is_is_no_answer(desk: Desk, about: dict[str, Any]) -> None:
    desk.says(document({**PROFILE, **about}))
    assert str((await failure(desk)).__cause__) == (
        f"GET {desk.web.url}/userinfo: the answer does not say about whom it is: it has no sub"
    )


NO_ANSWERS: dict[str, tuple[Answer, str]] = {
    "500": (reply(status=500), "answered 500"),
    "404": (
        reply(status=404),
        "answered 404: there is no such endpoint; check the URL, or give it with userinfo_endpoint=",
    ),
    "302": (
        reply(status=302, location="/"),
        "answered 302: redirects are not followed; give the final URL with userinfo_endpoint=",
    ),
    "a signed answer (section 5.3.2)": (
        reply(b"eyJ.e30.", content_type="application/jwt"),
        "the answer is not a JSON object (content-type 'application/jwt')",
    ),
    "an array": (document([USER]), "the answer is not a JSON object (content-type 'application/json')"),
    "204": (reply(status=204), "answered 204"),
}


@pytest.mark.parametrize(("answer", "why"), NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_what_is_no_answer_is_a_503_and_no_verdict(desk: Desk, answer: Answer, why: str) -> None:
    desk.says(answer)
    assert str((await failure(desk)).__cause__) == f"GET {desk.web.url}/userinfo: {why}"


async def test_when_to_come_back_is_passed_on(desk: Desk) -> None:
    desk.says(reply(status=429, retry_after=40))
    assert (await failure(desk)).retry_after == 40


async def test_a_refused_token_is_not_blamed_on_our_credentials(desk: Desk) -> None:
    desk.says(document({"error": "invalid_token"}, 400))
    assert "client_auth=" not in str((await failure(desk)).__cause__)
