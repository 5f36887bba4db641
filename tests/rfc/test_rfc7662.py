"""RFC 7662, OAuth 2.0 Token Introspection: what it asks of a protected resource that asks about tokens.

No concern of a protected resource: 2.1 what the server does with the hint, 3 (registries). TLS itself (4) is tested on
real sockets in `tests/authorization_server/`, real servers in `tests/interop/`.
"""

import base64
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import (
    AuthorizationServer,
    BearerGuard,
    ClientSecretBasic,
    ClientSecretPost,
    ConfigurationError,
    IntrospectionValidator,
    access_token,
    require_scopes,
)
from bearer_guard.testing import MovableClock
from tests.conftest import MakeClient
from tests.rfc.material import Answer, ask, authorization, refused_as_invalid

ISSUER = "https://as.test/tenant/"
ENDPOINT = "https://as.test/introspect"
RESOURCE = "https://orders.test/v1"
TOKEN = "mF_9.B5f-4.1JqM"

OPENED = Answer(200, [])
INACTIVE = refused_as_invalid("The token is not active.")
EXPIRED = refused_as_invalid("The token has expired.")
NOT_YET = refused_as_invalid("The token is not valid yet.")
FUTURE = refused_as_invalid("The token was issued in the future.")
NO_AUDIENCE = refused_as_invalid("The token names no audience.")
NOT_THE_AUDIENCE = refused_as_invalid("The token is meant for another audience.")
NOT_THE_ISSUER = refused_as_invalid("The issuer of the token is not accepted.")
LACKS_A_CLAIM = refused_as_invalid("The token lacks a required claim.")
MALFORMED_CLAIM = refused_as_invalid("A claim of the token is malformed.")
NOBODY_KNOWS = Answer(503, [])


class Server:
    """An introspection endpoint. `members`: what it answers; `requests`: what arrived, in order."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.members: Any = self.active()
        self.status, self.headers = 200, {"content-type": "application/json"}
        self.requests: list[httpx.Request] = []

    def active(self, **members: Any) -> dict[str, Any]:
        now = int(self.clock.time())
        return {"active": True, "aud": RESOURCE, "iat": now, "exp": now + 300, **members}

    def http_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def guard(self, *, client_auth: Any = None, endpoint: str = ENDPOINT, **options: Any) -> BearerGuard:
        server = AuthorizationServer(
            ISSUER,
            introspection_endpoint=endpoint,
            client_auth=client_auth or ClientSecretBasic("orders", "secret"),
            http_client=self.http_client,
            clock=self.clock,
        )
        return BearerGuard(IntrospectionValidator(server, audience=RESOURCE, **options))

    @property
    def form(self) -> list[tuple[str, str]]:
        """The parameters of the last request, in order, repeated ones as well."""
        return parse_qsl(self.requests[-1].content.decode(), keep_blank_values=True, strict_parsing=True)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.members, bytes):
            return httpx.Response(self.status, headers=self.headers, content=self.members)
        return httpx.Response(self.status, headers=self.headers, json=self.members)


@require_scopes("read")
async def orders(request: Request) -> JSONResponse:
    token = access_token(request)
    return JSONResponse([token.issuer, token.subject, token.client_id, token.audience, dict(token.claims)])


@pytest.fixture
def server() -> Server:
    return Server()


Open = Callable[..., TestClient]


@pytest.fixture
def opened(server: Server, make_client: MakeClient) -> Open:
    """Opens the application behind a guard with these options."""
    return lambda **options: make_client(server.guard(**options), routes=[Route("/orders", orders)])


def asked(client: TestClient, path: str = "/me") -> Answer:
    return ask(client, authorization(f"Bearer {TOKEN}"), path)


# --- 2: the endpoint --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [
        pytest.param("http://as.test/introspect", "plain http", id="2 not without TLS"),
        pytest.param("as.test/introspect", "not a URL", id="2 a URL"),
        pytest.param("https://as.test/introspect#x", "fragment", id="2 without a fragment"),
        pytest.param("https://user:password@as.test/introspect", "user", id="4 no credentials in the URL"),
    ],
)
def test_an_endpoint_that_is_not_protected_is_never_asked(endpoint: str, sentence: str, server: Server) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        server.guard(endpoint=endpoint)


# --- 2.1: the request -------------------------------------------------------------------------------------------------


def test_2_1_the_token_is_asked_about_in_a_form_that_is_posted(server: Server, opened: Open) -> None:
    assert asked(opened()) == OPENED
    [request] = server.requests
    assert (request.method, str(request.url)) == ("POST", ENDPOINT)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["accept"] == "application/json"
    assert server.form == [("token", TOKEN), ("token_type_hint", "access_token")]


def test_2_1_the_hint_is_optional(server: Server, opened: Open) -> None:
    asked(opened(token_type_hint=None))
    assert server.form == [("token", TOKEN)]


@pytest.mark.parametrize(
    "token", [pytest.param(token, id=f"2.1 {token}") for token in ("a+b/c==", "~.-_", "a" * 4000, "0", "eyJ.e30.")]
)
def test_the_token_is_sent_as_it_was_presented(token: str, server: Server, opened: Open) -> None:
    assert ask(opened(), authorization(f"Bearer {token}")) == OPENED
    assert dict(server.form)["token"] == token


def test_2_1_the_question_says_who_asks(server: Server, opened: Open) -> None:
    asked(opened(client_auth=ClientSecretBasic("orders:1", "p&ss word")))
    scheme, _, credentials = server.requests[-1].headers["authorization"].partition(" ")
    # RFC 6749 section 2.3.1: both halves form-encoded.
    assert (scheme, base64.b64decode(credentials)) == ("Basic", b"orders%3A1:p%26ss+word")


def test_2_1_one_way_of_saying_so_is_enough(server: Server, opened: Open) -> None:
    # RFC 6749 section 2.3: not more than one method in each request.
    asked(opened(client_auth=ClientSecretPost("orders", "secret")))
    assert "authorization" not in server.requests[-1].headers
    assert dict(server.form) == {
        "token": TOKEN,
        "token_type_hint": "access_token",
        "client_id": "orders",
        "client_secret": "secret",
    }


def test_2_1_a_question_of_nobody_is_not_asked() -> None:
    anonymous = AuthorizationServer(ISSUER, introspection_endpoint=ENDPOINT)
    with pytest.raises(ConfigurationError, match="does not say who we are"):
        IntrospectionValidator(anonymous, audience=RESOURCE)


def test_2_1_nothing_else_of_the_clients_request_is_sent_along(server: Server, opened: Open) -> None:
    ask(
        opened(), {"Authorization": f"Bearer {TOKEN}", "Cookie": "session=1", "X-Forwarded-For": "192.0.2.1"}, "/me?q=1"
    )
    sent = server.requests[-1]
    assert "cookie" not in sent.headers
    assert "x-forwarded-for" not in sent.headers
    assert TOKEN not in str(sent.url) + str(sent.headers)


# --- 2.2: the response ------------------------------------------------------------------------------------------------


def test_2_2_the_members_reach_the_application(server: Server, opened: Open) -> None:
    members = server.active(
        iss=ISSUER,
        sub="Zx8",
        client_id="shop",
        username="alice",
        scope="read write",
        token_type="Bearer",
        jti="1",
        more=[1],
    )
    server.members = members
    response = opened().get("/orders", headers=authorization(f"Bearer {TOKEN}"))
    assert response.json() == [ISSUER, "Zx8", "shop", [RESOURCE], members]


@pytest.mark.parametrize(
    ("members", "answer"),
    [
        pytest.param({"active": False}, INACTIVE, id="2.2 active: false"),
        pytest.param({"active": False, "scope": "read", "exp": 1}, INACTIVE, id="2.2 active: false, and more"),
        pytest.param({"active": "true"}, NOBODY_KNOWS, id="2.2 active: a string"),
        pytest.param({"active": 1}, NOBODY_KNOWS, id="2.2 active: a number"),
        pytest.param({"active": None}, NOBODY_KNOWS, id="2.2 active: null"),
        pytest.param({"active": True}, OPENED, id="2.2 active: true"),
        pytest.param({"scope": 7}, MALFORMED_CLAIM, id="2.2 scope: a string"),
        pytest.param({"client_id": 7}, MALFORMED_CLAIM, id="2.2 client_id: a string"),
        pytest.param({"exp": 1}, EXPIRED, id="2.2 exp: past"),
        pytest.param({"exp": "1"}, MALFORMED_CLAIM, id="2.2 exp: a number"),
        pytest.param({"exp": 32_503_680_000.5}, OPENED, id="2.2 exp: RFC 7519 section 2 allows fractions"),
        pytest.param({"iat": 1}, OPENED, id="2.2 iat: long ago"),
        pytest.param({"iat": 32_503_680_000}, FUTURE, id="2.2 iat: to come"),
        pytest.param({"nbf": 1}, OPENED, id="2.2 nbf: past"),
        pytest.param({"nbf": 32_503_680_000}, NOT_YET, id="2.2 nbf: to come"),
        pytest.param({"sub": 7}, MALFORMED_CLAIM, id="2.2 sub: a string"),
        pytest.param({"aud": RESOURCE}, OPENED, id="2.2 aud: a string"),
        pytest.param({"aud": ["https://other.test", RESOURCE]}, OPENED, id="2.2 aud: a list"),
        pytest.param({"aud": "https://other.test"}, NOT_THE_AUDIENCE, id="2.2 aud: of others"),
        pytest.param({"aud": f"{RESOURCE}/"}, NOT_THE_AUDIENCE, id="2.2 aud: exactly"),
        pytest.param({"aud": 7}, MALFORMED_CLAIM, id="2.2 aud: a number"),
        pytest.param({"iss": ISSUER}, OPENED, id="2.2 iss: ours"),
        pytest.param({"iss": ISSUER[:-1]}, NOT_THE_ISSUER, id="2.2 iss: exactly"),
        pytest.param({"jti": 7}, MALFORMED_CLAIM, id="2.2 jti: a string"),
        pytest.param({"username": 7, "token_type": "bearer", "extension": {}}, OPENED, id="2.2 what is of no concern"),
    ],
)
def test_each_member_is_read_as_it_is_defined(
    members: dict[str, Any], answer: Answer, server: Server, opened: Open
) -> None:
    server.members = server.active(**members)
    assert asked(opened()) == answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        pytest.param("active", NOBODY_KNOWS, id="2.2 active is required"),
        pytest.param("exp", LACKS_A_CLAIM, id="2.2 exp is optional: a wanted deviation"),
        pytest.param("aud", NO_AUDIENCE, id="2.2 aud is optional: a wanted deviation"),
        pytest.param("iat", OPENED, id="2.2 iat is optional"),
    ],
)
def test_a_member_may_be_left_out_or_not(name: str, answer: Answer, server: Server, opened: Open) -> None:
    server.members = {member: value for member, value in server.active().items() if member != name}
    assert asked(opened()) == answer


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        pytest.param("read", 200, id="2.2 scope: one"),
        pytest.param("write read", 200, id="2.2 scope: one of several"),
        pytest.param("reader", 403, id="2.2 scope: whole words"),
        pytest.param("READ", 403, id="2.2 scope: case-sensitive"),
        pytest.param("write,read", 403, id="2.2 scope: spaces alone separate"),
        pytest.param("", 403, id="2.2 scope: none"),
    ],
)
def test_the_scopes_of_the_answer_decide(scope: str, status: int, server: Server, opened: Open) -> None:
    server.members = server.active(scope=scope)
    assert asked(opened(), "/orders").status == status


@pytest.mark.parametrize(
    ("status", "members"),
    [
        pytest.param(200, b"", id="2.2 an empty answer"),
        pytest.param(200, b"<html>sign in</html>", id="2.2 no JSON"),
        pytest.param(200, b'"active"', id="2.2 no JSON object"),
        pytest.param(200, b'[{"active": true}]', id="2.2 an array"),
        pytest.param(200, b'{"active": false, "active": true}', id="2.2 a member twice (RFC 8259 section 4)"),
        pytest.param(201, {"active": True}, id="2.2 another status"),
        pytest.param(204, b"", id="2.2 no content"),
        pytest.param(302, b"", id="2.2 a redirect"),
        pytest.param(400, {"error": "invalid_request"}, id="2.3 a question that it does not understand"),
        pytest.param(401, {"error": "invalid_client"}, id="2.3 we are not who we say"),
        pytest.param(401, {"error": "invalid_token"}, id="2.3 our own bearer token is no good"),
        pytest.param(403, b"", id="2.3 we may not ask"),
        pytest.param(404, {"active": False}, id="2.3 an error with the body of an answer"),
        pytest.param(500, {"active": False}, id="2.3 a server in trouble"),
        pytest.param(503, b"", id="2.3 a server at rest"),
    ],
)
def test_what_is_no_answer_is_no_verdict_on_the_token(
    status: int, members: Any, server: Server, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    server.status, server.members = status, members
    assert asked(opened()) == NOBODY_KNOWS
    assert any(record.levelno >= logging.WARNING for record in caplog.records)
    assert TOKEN not in caplog.text


def test_2_3_an_error_about_our_own_credentials_names_its_fix_in_the_log(
    server: Server, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    server.status, server.members = 401, {"error": "invalid_client"}
    asked(opened())
    assert "it does not accept our own credentials; check client_auth=" in caplog.text


# --- 4: security ------------------------------------------------------------------------------------------------------


def test_4_nothing_is_kept_unless_it_is_asked_for(server: Server, opened: Open) -> None:
    client = opened()
    assert asked(client) == OPENED
    server.members = {"active": False}
    assert asked(client) == INACTIVE
    assert len(server.requests) == 2


def test_4_what_is_kept_is_kept_for_a_short_time(server: Server, opened: Open) -> None:
    client = opened(cache_ttl=20)
    assert (asked(client), asked(client), len(server.requests)) == (OPENED, OPENED, 1)
    server.members = {"active": False}
    server.clock.advance(21)
    assert asked(client) == INACTIVE


@pytest.mark.parametrize("beyond", [pytest.param(seconds, id=f"4 {seconds} s beyond exp") for seconds in (1, 20)])
def test_an_answer_is_not_kept_beyond_the_expiry_that_it_names(beyond: float, server: Server, opened: Open) -> None:
    server.members = server.active(exp=int(server.clock.time()) + 10)
    client = opened(cache_ttl=300, leeway=30)
    assert asked(client) == OPENED
    server.clock.advance(10 + beyond)
    asked(client)
    assert len(server.requests) == 2


def test_4_beyond_the_expiry_and_the_leeway_it_is_refused_though_it_was_kept(server: Server, opened: Open) -> None:
    server.members = server.active(exp=int(server.clock.time()) + 10)
    client = opened(cache_ttl=300, leeway=30)
    assert asked(client) == OPENED
    server.clock.advance(41)
    assert asked(client) == EXPIRED


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Bearer", id="4 no token"),
        pytest.param("Bearer a b", id="4 two words"),
        pytest.param("Bearer a&token=b", id="4 another alphabet"),
        pytest.param(f"Bearer {'a' * 20_000}", id="4 too long"),
        pytest.param("Basic YTpi", id="4 another scheme"),
    ],
)
def test_nobody_can_make_us_ask_about_what_is_no_token(value: str, server: Server, opened: Open) -> None:
    assert ask(opened(), authorization(value)).status in (400, 401)
    assert server.requests == []


# --- 5: privacy -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"active": False, "reason": "alice was sacked"}, id="5 inactive"),
        pytest.param({"active": True, "aud": "https://payroll.test", "sub": "alice"}, id="5 of others"),
    ],
)
def test_the_client_learns_nothing_of_what_the_server_said(
    members: dict[str, Any], server: Server, opened: Open
) -> None:
    server.members = members
    response = opened().get("/me", headers=authorization(f"Bearer {TOKEN}"))
    said = response.text + str(response.headers)
    assert response.status_code == 401
    assert [word for word in ("alice", "sacked", "payroll", "orders") if word in said] == []
