"""What an attacker can present where the authorization server is asked about tokens, and what a server can answer."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import httpx
import pytest

from bearer_guard import (
    AuthorizationServer,
    BearerError,
    BearerGuard,
    ByFormat,
    ClientSecretBasic,
    ClientSecretPost,
    IntrospectionValidator,
    JWTValidator,
    StaticKeys,
)
from bearer_guard.challenges import Refusal
from bearer_guard.errors import Reason
from bearer_guard.protocols import ClientAuthentication
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.security.target import Answer, challenge_of, claims_of, sent, signed, unsigned
from tests.security.test_other_tokens import BOUND
from tests.security.test_secrecy import chain_of, texts_within, told_by

ISSUER, SECRET = "https://as.test", "s3cr3t-of-our-client"
FAR_FUTURE = 32_503_680_000
TOKEN = "2YotnFZFEjr1zCsicMWpAA-c4n4ry"


class Server:
    """An authorization server of any kind. `tokens`: what it says of each; `body`: what it says instead, whatever it is
    asked; `forms`: what it was asked; `places`: where."""

    def __init__(self) -> None:
        self.tokens: dict[str, Any] = {}
        self.body: bytes | None = None
        self.status, self.headers = 200, {"content-type": "application/json"}
        self.forms: list[dict[str, str]] = []
        self.places: list[str] = []

    def knows(self, token: str = TOKEN, **members: Any) -> None:
        self.tokens[token] = {"active": True, "aud": "api", "exp": FAR_FUTURE, **members}

    def as_server(self, **options: Any) -> AuthorizationServer:
        usual = {
            "client_auth": ClientSecretBasic("orders", SECRET),
            "introspection_endpoint": f"{ISSUER}/introspect",
            "http_client": lambda: httpx.AsyncClient(transport=httpx.MockTransport(self._respond)),
        }
        return AuthorizationServer(ISSUER, **{**usual, **options})

    def guard(self, **options: Any) -> BearerGuard:
        return BearerGuard(IntrospectionValidator(self.as_server(), audience="api", **options))

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.places.append(str(request.url))
        form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        self.forms.append(form)
        said = self.tokens.get(form.get("token", ""), {"active": False})
        body = json.dumps(said).encode() if self.body is None else self.body
        return httpx.Response(self.status, headers=self.headers, content=body)


@pytest.fixture
def server() -> Server:
    return Server()


def presented(guard: BearerGuard, token: str = TOKEN) -> Answer:
    return sent(guard, b"Bearer " + token.encode())


async def verdict(guard: BearerGuard, token: str = TOKEN, **options: Any) -> Reason | None:
    try:
        await guard.validate(token, **options)
    except BearerError as error:
        return error.reason
    return None


# --- other tokens than access tokens for us, all of them active -------------------------------------------------------


class Active(NamedTuple):
    """What a server says of a token that it finds active, and why it opens nothing."""

    members: dict[str, Any]
    reason: Reason


REFRESH, ID, TYPE = Reason.REFRESH_TOKEN_USED, Reason.ID_TOKEN_USED, Reason.TYPE_NOT_ALLOWED
ACTIVE = {
    "a refresh token": Active({"token_type": "refresh_token"}, REFRESH),
    "a refresh token, and it names no audience": Active({"token_type": "refresh_token", "aud": None}, REFRESH),
    "a refresh token (Keycloak)": Active({"typ": "Refresh", "token_type": "Bearer"}, REFRESH),
    "an offline token (Keycloak)": Active({"typ": "Offline"}, REFRESH),
    "a refresh token of a class": Active({"token_class": "refresh_token"}, REFRESH),
    "a refresh token of a use": Active({"token_use": "refresh", "token_type": "access_token"}, REFRESH),
    "an ID token": Active({"nonce": "n"}, ID),
    "an ID token (Keycloak)": Active({"typ": "ID"}, ID),
    "an ID token with a hash": Active({"at_hash": "h", "token_type": "Bearer"}, ID),
    "a logout token": Active({"events": {}}, Reason.LOGOUT_TOKEN_USED),
    "an introspection answer as a JWT": Active({"token_introspection": {"active": True}}, TYPE),
    "a token for another API": Active({"aud": "billing"}, Reason.AUDIENCE_MISMATCH),
    "a token for the client itself": Active({"aud": "shop", "client_id": "shop"}, Reason.AUDIENCE_MISMATCH),
    "a token whose audience begins like ours": Active({"aud": "api2"}, Reason.AUDIENCE_MISMATCH),
    "a token whose audience is a list in a string": Active({"aud": "api billing"}, Reason.AUDIENCE_MISMATCH),
    "a token for an audience that is an object": Active({"aud": {"api": True}}, Reason.MALFORMED_CLAIM),
    "a token for nobody": Active({"aud": None}, Reason.AUDIENCE_MISSING),
    "a token for no one": Active({"aud": []}, Reason.AUDIENCE_MISSING),
    "a token of another tenant": Active({"iss": f"{ISSUER}/other"}, Reason.ISSUER_MISMATCH),
    "a token that has expired": Active({"exp": 1}, Reason.EXPIRED),
    "a token that expired at nought": Active({"exp": 0}, Reason.EXPIRED),
    "a token that never expires": Active({"exp": None}, Reason.CLAIM_MISSING),
    "a token that expires at a word": Active({"exp": "never"}, Reason.MALFORMED_CLAIM),
    "a token for later": Active({"nbf": FAR_FUTURE}, Reason.NOT_YET_VALID),
    "a token from the future": Active({"iat": FAR_FUTURE}, Reason.ISSUED_IN_FUTURE),
    "a DPoP token without its key": Active({"token_type": "DPoP"}, Reason.UNPROVEN_CONFIRMATION),
    "a DPoP token whose key is null": Active({"token_type": "DPoP", "cnf": None}, Reason.MALFORMED_CLAIM),
    **{f"bound to {name}": Active({"cnf": cnf}, Reason.UNPROVEN_CONFIRMATION) for name, cnf in BOUND.items()},
}


@pytest.mark.parametrize("token", ACTIVE.values(), ids=ACTIVE)
@pytest.mark.parametrize("options", [{}, {"cache_ttl": 60}], ids=["each time", "with a cache"])
def test_a_token_that_is_active_and_still_not_for_us_opens_nothing(
    server: Server, token: Active, options: dict[str, Any]
) -> None:
    guard = server.guard(**options)
    server.knows("good")
    server.knows(**token.members)
    for _ in range(2):
        answer = presented(guard)
        assert (answer.status, answer.challenge) == (401, challenge_of(token.reason).encode())
        assert presented(guard, "good").status == 200


@pytest.mark.parametrize("token", ACTIVE.values(), ids=ACTIVE)
async def test_vouching_for_the_audience_opens_to_tokens_without_one_and_to_nothing_else(
    server: Server, token: Active
) -> None:
    server.knows(**token.members)
    expected = None if token.reason is Reason.AUDIENCE_MISSING else token.reason
    assert await verdict(server.guard(server_vouches_for_audience=True)) is expected


def test_expired_revoked_and_unknown_tokens_are_told_apart_by_nobody(server: Server) -> None:
    server.tokens = {"expired": {"active": False, "exp": 1}, "revoked": {"active": False, "revoked": True}}
    answers = {presented(server.guard(), token).body for token in ("expired", "revoked", "unknown")}
    assert len(answers) == 1


# --- what a server may answer instead of an answer --------------------------------------------------------------------

YES = {"active": True, "aud": "api", "exp": FAR_FUTURE}
AS_JSON = json.dumps(YES).encode()
NO_ANSWERS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "active twice, no and yes": (200, b'{"active":false,' + AS_JSON[1:], {}),
    "active twice, yes and no": (200, AS_JSON[:-1] + b',"active":false}', {}),
    "audience twice": (200, AS_JSON[:-1] + b',"aud":"billing"}', {}),
    "two objects": (200, b'{"active":false}' + AS_JSON, {}),
    "a yes in an array": (200, b"[" + AS_JSON + b"]", {}),
    "a yes in a string": (200, json.dumps(AS_JSON.decode()).encode(), {}),
    "a yes as a JWT": (200, unsigned({"alg": "none"}, YES).encode(), {"content-type": "application/jwt"}),
    "a yes in UTF-16": (200, AS_JSON.decode().encode("utf-16"), {}),
    "a yes behind a byte order mark": (200, b"\xef\xbb\xbf" + AS_JSON, {}),
    "a yes that is compressed": (200, AS_JSON, {"content-encoding": "br"}),
    "a yes beyond measure": (200, AS_JSON[:-1] + b',"x":"%s"}' % (b"x" * 600_000), {}),
    "a yes with a number beyond reason": (200, AS_JSON[:-1] + b',"x":%s}' % (b"9" * 5000), {}),
    "a yes with NaN": (200, AS_JSON[:-1] + b',"x":NaN}', {}),
    "a yes with infinity for an expiry": (200, b'{"active":true,"aud":"api","exp":1e999}', {}),
    "a yes that is too deep": (200, AS_JSON[:-1] + b',"x":%s%s}' % (b"[" * 5000, b"]" * 5000), {}),
    "a yes with half a character": (200, AS_JSON[:-1] + b',"sub":"\\ud800"}', {}),
    "a yes that is cut off": (200, AS_JSON[:-1], {}),
    "a yes elsewhere": (307, AS_JSON, {"location": "https://attacker.test/yes"}),
    "a yes created": (201, AS_JSON, {}),
    "a yes accepted": (202, AS_JSON, {}),
    "a yes of others": (203, AS_JSON, {}),
    "a yes in an error": (401, AS_JSON, {}),
    "a yes in another error": (500, AS_JSON, {}),
    "a yes in words": (200, b'{"active":"true","aud":"api","exp":32503680000}', {}),
    "a page to sign in": (200, b"<html><form>", {"content-type": "text/html"}),
    "nothing": (200, b"", {}),
}


@pytest.mark.parametrize(("status", "body", "headers"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_not_a_plain_answer_is_neither_a_yes_nor_a_no(
    server: Server, status: int, body: bytes, headers: dict[str, str]
) -> None:
    server.status, server.body, server.headers = status, body, {**server.headers, **headers}
    guard = server.guard(cache_ttl=60)
    assert presented(guard).status == 503
    assert set(server.places) == {f"{ISSUER}/introspect"}, "nobody else is asked, and hears nothing of our secret"
    server.status, server.body, server.headers = 200, b'{"active": false}', {}
    assert presented(guard).status == 401, "and nothing of it is remembered"


# --- what an attacker can make us ask ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer a&token=good",
        b"Bearer good%26client_id=admin",
        b"Bearer good&client_secret=x",
        b"Bearer a\r\nX: y",
        b"Bearer g\xc3\xb6\xc3\xb6d",
        b"Bearer good good",
        b"Bearer good,good",
        b"Bearer 'good'",
        b"Bearer",
        b"Bearer " + b"a" * 17_000,
    ],
)
def test_no_parameter_and_no_line_of_an_attackers_own_reaches_the_server(server: Server, value: bytes) -> None:
    server.knows("good")
    assert sent(server.guard(), value).status in (400, 401)
    assert server.forms == []


@pytest.mark.parametrize("token", ["a+b", "a/b", "a~b", "good.token_type_hint", "a=", "..", "secret"])
def test_a_token_is_one_value_of_one_parameter_whatever_it_says(server: Server, token: str) -> None:
    guard = BearerGuard(
        IntrospectionValidator(server.as_server(client_auth=ClientSecretPost("orders", SECRET)), audience="api")
    )
    presented(guard, token)
    assert server.forms == [
        {"token": token, "token_type_hint": "access_token", "client_id": "orders", "client_secret": SECRET}
    ]


async def test_rubbish_neither_fills_memory_nor_pushes_anybody_out(server: Server) -> None:
    guard = server.guard(cache_ttl=60)
    server.knows()
    assert await verdict(guard) is None
    for number in range(3000):
        assert await verdict(guard, f"rubbish-{number}") is Reason.INACTIVE
    server.forms.clear()
    assert await verdict(guard) is None
    assert server.forms == []
    assert len(guard.validator._memory._inactive) <= 1024  # type: ignore[attr-defined]


async def test_rubbish_at_once_is_not_more_than_a_few_calls_at_once(server: Server) -> None:
    under_way, most = 0, 0

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return httpx.Response(200, json={"active": False})

    as_server = server.as_server(http_client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(slow)))
    guard = BearerGuard(IntrospectionValidator(as_server, audience="api"))
    assert set(await asyncio.gather(*(verdict(guard, f"rubbish-{number}") for number in range(500)))) == {
        Reason.INACTIVE
    }
    assert most <= 16


# --- a JWT that was refused, in another dress -------------------------------------------------------------------------


def dresses(token: str) -> Iterator[str]:
    """The same JWT, written so that it might pass for another kind of token."""
    head, payload, signature = token.split(".")
    yield token
    yield f"{token}."
    yield f".{token}"
    yield f"{token}.{signature}.{signature}"
    yield f"{head}.{payload}"
    yield f"{head}.{payload}."
    yield f"{head}=.{payload}.{signature}"
    yield f"{token}="
    yield f"{head.swapcase()}.{payload}.{signature}"
    yield f"{head}~.{payload}.{signature}"
    yield f"{unsigned({'kid': 'x'}, {}).partition('.')[0]}.{payload}.{signature}"


async def test_a_jwt_that_was_refused_does_not_come_in_by_the_other_door(issuer: FakeIssuer, key: SigningKey) -> None:
    """The server knows each JWT that it issued by its spelling, and says yes even where it is for another API."""
    server = AuthorizationServer(
        issuer.issuer,
        keys=StaticKeys(issuer.jwks()),
        client_auth=ClientSecretBasic(issuer.client_id, issuer.client_secret),
        introspection_endpoint="https://issuer.test/introspect",
        http_client=issuer.http_client,
        clock=issuer.clock,
    )
    both = ByFormat(
        jwt=JWTValidator(server, audience="api"),
        opaque=IntrospectionValidator(server, audience="api", server_vouches_for_audience=True),
    )
    for refused in (
        issuer.token(alg="ES256", aud=None),
        issuer.token(alg="ES256", nonce="n"),
        signed(key, payload=claims_of(issuer, exp=1)),
        signed(SigningKey("ES256"), {"kid": key.key_id}, claims_of(issuer)),
    ):
        for dress in dresses(refused):
            assert await verdict(BearerGuard(both), dress) is not None, dress


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The records of all loggers, of all levels."""
    for name in ("", *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


OUTCOMES: dict[str, tuple[int, Any]] = {
    "good": (200, YES),
    "inactive": (200, {"active": False}),
    "of others": (200, {**YES, "aud": "billing"}),
    "no boolean": (200, {**YES, "active": "true"}),
    "refused, and it repeats the token": (400, {"error": "invalid_request", "error_description": f"bad {TOKEN}"}),
    "in trouble": (500, {"trace": [TOKEN, SECRET]}),
}


async def told_of(
    server: Server, everything: pytest.LogCaptureFixture, client_auth: ClientAuthentication | None = None
) -> str:
    """All that is said about one request: the answer, the errors, and every log record."""
    errors: list[BearerError] = []

    def note(error: BearerError, refusal: Refusal) -> Refusal:
        errors.append(error)
        return refusal

    as_server = server.as_server(**({} if client_auth is None else {"client_auth": client_auth}))
    guard = BearerGuard(IntrospectionValidator(as_server, audience="api", cache_ttl=60), on_error=note)
    answer = await asyncio.to_thread(presented, guard)
    links = [link for error in errors for link in chain_of(error)]
    shown = [
        answer,
        guard,
        as_server,
        as_server.client_auth,
        *links,
        *map(repr, links),
        *(vars(link) for link in links),
    ]
    return "\n".join(map(str, [*shown, *map(told_by, everything.records)]))


@pytest.mark.parametrize(("status", "body"), OUTCOMES.values(), ids=OUTCOMES)
async def test_neither_token_nor_secret_shows_in_logs_errors_or_answers(
    server: Server, everything: pytest.LogCaptureFixture, status: int, body: Any
) -> None:
    server.status, server.body = status, json.dumps(body).encode()
    told = await told_of(server, everything)
    assert [secret for secret in (TOKEN, SECRET, "c4n4ry") if secret in told] == []


@pytest.mark.parametrize("method", [ClientSecretPost, ClientSecretBasic], ids=["in the form", "in the header"])
async def test_a_server_that_repeats_our_secret_is_not_quoted(
    server: Server, everything: pytest.LogCaptureFixture, method: type[ClientSecretPost | ClientSecretBasic]
) -> None:
    server.status, server.body = (
        401,
        json.dumps({"error": "invalid_client", "error_description": f"{SECRET}?"}).encode(),
    )
    told = await told_of(server, everything, method("orders", SECRET))
    assert "it does not accept our own credentials" in told
    assert SECRET not in told


async def test_nothing_of_a_presented_token_can_be_reached_from_a_guard(server: Server) -> None:
    def answered(request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode()))
        return httpx.Response(200, json=YES if "c4n4ry" in form["token"] else {"active": False})

    as_server = server.as_server(http_client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(answered)))
    guard = BearerGuard(IntrospectionValidator(as_server, audience="api", cache_ttl=60))
    tokens = [f"{TOKEN}-{number}" for number in range(5)] + [f"c4n-inactive-{number}" for number in range(5)]
    for token in tokens:
        for max_age in (None, 0):
            await verdict(guard, token, max_age=max_age)
    assert len(guard.validator._memory._active) == 5  # type: ignore[attr-defined]
    reached = "\n".join(texts_within(guard))
    assert "introspect" in reached
    assert [token for token in [TOKEN, *tokens] if token in reached] == []
