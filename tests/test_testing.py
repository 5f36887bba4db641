"""FakeIssuer: real keys, tokens and documents, for the tests of applications."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    InvalidToken,
    JWTValidator,
    Reason,
)
from bearer_guard.jose import (
    ALGORITHMS,
    CompactJWS,
    decode_base64url,
    json_in,
    load_verification_key,
    parse_json_object,
)
from bearer_guard.testing import FakeIssuer, MovableClock, SigningKey
from tests.jose import made


def validator_of(issuer: FakeIssuer, **options: Any) -> JWTValidator:
    return JWTValidator(issuer.server, **{"audience": "api", **options})


def claims_in(token: str) -> dict[str, Any]:
    return dict(json_in(CompactJWS(token).payload, parse_json_object))


def header_in(token: str) -> dict[str, Any]:
    return dict(parse_json_object(decode_base64url(token.encode().split(b".")[0])))


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_is_that_of_an_ordinary_user_for_five_minutes(issuer: FakeIssuer) -> None:
    claims = claims_in(issuer.token())
    assert claims.pop("jti") != claims_in(issuer.token())["jti"]
    assert claims.pop("exp") - claims.pop("iat") == 300
    assert claims == {"iss": "https://issuer.test", "sub": "alice", "aud": "api", "client_id": "test-client"}


def test_the_issuer_and_its_audience_are_named_at_construction(signing_keys: dict[str, SigningKey]) -> None:
    issuer = FakeIssuer("https://id.example.com", audience="orders")
    issuer._keys = dict(signing_keys)
    claims = claims_in(issuer.token())
    assert (claims["iss"], claims["aud"]) == ("https://id.example.com", "orders")


def test_times_are_in_seconds_from_now(issuer: FakeIssuer) -> None:
    now = int(issuer.clock.time())
    claims = claims_in(issuer.token(exp=-60, nbf=-90, iat=-120.5))
    assert claims["exp"] == pytest.approx(now - 60, abs=2)
    assert claims["nbf"] - claims["exp"] == -30
    assert claims["iat"] - claims["exp"] == -60.5
    assert "nbf" not in claims_in(issuer.token())


def test_times_follow_the_clock_of_the_issuer(issuer: FakeIssuer) -> None:
    before = claims_in(issuer.token())["exp"]
    issuer.clock.advance(1000)
    assert claims_in(issuer.token())["exp"] - before == pytest.approx(1000, abs=2)


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "client_id", "jti"])
def test_none_leaves_a_claim_out(issuer: FakeIssuer, name: str) -> None:
    left_out: dict[str, Any] = {name: None}
    assert name not in claims_in(issuer.token(**left_out))


@pytest.mark.parametrize("value", [True, "soon", [1], {"a": 1}], ids=repr)
def test_a_time_that_is_none_stands_there_as_it_is(issuer: FakeIssuer, value: object) -> None:
    expected = tuple(value) if isinstance(value, list) else value
    assert claims_in(issuer.token(exp=value, nbf=value))["exp"] == expected


def test_claims_of_your_own_stand_beside_the_usual_and_in_their_place(issuer: FakeIssuer) -> None:
    own: dict[str, Any] = {"sub": "bob", "https://acme.com/groups": ["ops"]}
    claims = claims_in(issuer.token(scope="read", **own))
    assert (claims["sub"], claims["scope"], claims["https://acme.com/groups"]) == ("bob", "read", ("ops",))


def test_header_parameters_can_be_set_and_left_out(issuer: FakeIssuer) -> None:
    key = issuer.signing_key()
    assert header_in(issuer.token()) == {"alg": "RS256", "kid": key.key_id, "typ": "at+jwt"}
    changed = header_in(issuer.token(header={"typ": None, "kid": "other", "jku": "https://evil.test", "alg": "none"}))
    assert changed == {"alg": "none", "kid": "other", "jku": "https://evil.test"}


def test_bearer_is_the_header_of_a_request_with_such_a_token(issuer: FakeIssuer) -> None:
    scheme, _, token = issuer.bearer(alg="ES256", sub="bob")["Authorization"].partition(" ")
    assert scheme == "Bearer"
    assert header_in(token)["alg"] == "ES256"
    assert claims_in(token)["sub"] == "bob"


async def test_another_key_signs_what_nobody_accepts(issuer: FakeIssuer) -> None:
    key = SigningKey("ES256")
    token = issuer.token(key=key)
    assert header_in(token)["kid"] == key.key_id
    with pytest.raises(InvalidToken) as refused:
        await validator_of(issuer).validate(token)
    assert refused.value.reason is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_what_it_signs_with_any_algorithm_its_published_key_verifies(issuer: FakeIssuer, alg: str) -> None:
    jws = CompactJWS(issuer.token(alg=alg))
    (published,) = (jwk for jwk in issuer.jwks()["keys"] if jwk["kid"] == jws.header().key_id)
    assert published["alg"] == alg
    assert made(load_verification_key(published), jws)


@pytest.mark.parametrize("alg", ["HS256", "none", "rs256", ""])
def test_an_algorithm_that_it_does_not_know_is_told_with_those_it_does(issuer: FakeIssuer, alg: str) -> None:
    with pytest.raises(ValueError, match=rf"alg='{alg}' is not known; write one of RS256, .*, EdDSA"):
        issuer.token(alg=alg)


# --- keys, outages, time ----------------------------------------------------------------------------------------------


def test_a_fresh_issuer_makes_its_keys_when_they_are_first_needed() -> None:
    issuer = FakeIssuer()
    assert issuer._keys == {}
    assert len(issuer.jwks()["keys"]) == len(ALGORITHMS)
    assert issuer.jwks() == issuer.jwks()


def test_a_published_key_is_a_public_one(issuer: FakeIssuer) -> None:
    for jwk in issuer.jwks()["keys"]:
        assert jwk["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(jwk)


async def test_rotated_keys_are_picked_up_and_the_old_ones_refused(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    old = issuer.token()
    await validator.validate(old)
    issuer.rotate_keys()
    assert (await validator.validate(issuer.token())).subject == "alice"
    with pytest.raises(InvalidToken) as refused:
        await validator.validate(old)
    assert refused.value.reason is Reason.UNKNOWN_KEY


async def test_offline_it_answers_nobody_and_it_comes_back(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    issuer.go_offline()
    with pytest.raises(AuthorizationServerUnavailable) as unknown:
        await validator.validate(issuer.token())
    assert "the issuer is offline" in str(unknown.value.__cause__)
    assert issuer.requests == [], "nobody can reach it"
    issuer.come_back()
    issuer.clock.advance(unknown.value.retry_after)
    assert (await validator.validate(issuer.token())).subject == "alice"


async def test_keys_that_are_held_outlast_an_outage(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer)
    await validator.validate(issuer.token())
    issuer.go_offline()
    assert (await validator.validate(issuer.token(sub="bob"))).subject == "bob"


async def test_the_validators_go_by_its_clock(issuer: FakeIssuer) -> None:
    validator = validator_of(issuer, leeway=0)
    token = issuer.token(exp=60)
    assert validator.clock is issuer.clock
    await validator.validate(token)
    issuer.clock.advance(61)
    with pytest.raises(InvalidToken) as refused:
        await validator.validate(token)
    assert refused.value.reason is Reason.EXPIRED
    issuer.clock.advance(-61)
    await validator.validate(token)


@pytest.mark.parametrize("read", [MovableClock.time, MovableClock.monotonic], ids=["time", "monotonic"])
def test_a_clock_moves_with_the_real_time_and_by_hand(read: Callable[[MovableClock], float]) -> None:
    clock, reference = MovableClock(), MovableClock()
    clock.advance(100)
    clock.advance(-40)
    assert read(clock) - read(reference) == pytest.approx(60, abs=5)


# --- what it answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("https://issuer.test", ["/.well-known/oauth-authorization-server", "/jwks"]),
        ("https://issuer.test/", ["/.well-known/oauth-authorization-server", "/jwks"]),
        ("https://issuer.test/a/b", ["/.well-known/oauth-authorization-server/a/b", "/a/b/jwks"]),
        ("https://issuer.test/a/", ["/.well-known/oauth-authorization-server/a", "/a/jwks"]),
        ("https://issuer.test:8443/a", ["/.well-known/oauth-authorization-server/a", "/a/jwks"]),
    ],
)
async def test_it_is_found_under_any_name(name: str, asked: list[str], signing_keys: dict[str, SigningKey]) -> None:
    issuer = FakeIssuer(name)
    issuer._keys = dict(signing_keys)
    token = await validator_of(issuer).validate(issuer.token())
    assert token.issuer == name
    assert issuer.requests == asked
    assert (await issuer.server.metadata()).issuer == name


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("https://issuer.test/a", "/.well-known/oauth-authorization-server/a"),  # RFC 8414 section 3.1
        ("https://issuer.test/a", "/a/.well-known/openid-configuration"),  # OpenID Connect Discovery 1.0 section 4
        ("https://issuer.test", "/.well-known/openid-configuration"),
    ],
)
async def test_its_metadata_stands_in_both_places(name: str, path: str) -> None:
    issuer = FakeIssuer(name)
    async with issuer.http_client() as client:
        answer = await client.get(f"https://issuer.test{path}")
        assert answer.json() == issuer.metadata()
        assert (await client.get("https://issuer.test/other")).status_code == 404
    assert issuer.requests == [path]


@contextlib.asynccontextmanager
async def served(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """An application on a real server; whoever calls before it has started waits in the listener's queue."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def listening() -> tuple[socket.socket, str]:
    """A listener on a free port of the loopback, and its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_its_app_runs_on_a_real_server(signing_keys: dict[str, SigningKey]) -> None:
    listener, url = listening()
    issuer = FakeIssuer(f"{url}/tenant")
    issuer._keys = dict(signing_keys)
    async with served(issuer.app, listener):
        validator = JWTValidator(AuthorizationServer(issuer.issuer, clock=issuer.clock), audience="api")
        assert (await validator.validate(issuer.token(alg="ES256"))).issuer == f"{url}/tenant"
        assert issuer.requests == ["/.well-known/oauth-authorization-server/tenant", "/tenant/jwks"]
        issuer.go_offline()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/tenant/jwks")).status_code == 503


@pytest.mark.parametrize(("slip", "claim"), [("audience", "aud"), ("scopes", "scope"), ("subject", "sub")])
def test_the_name_of_a_claim_that_is_none_is_told_what_to_write_instead(
    issuer: FakeIssuer, slip: str, claim: str
) -> None:
    claims: dict[str, Any] = {slip: "other"}
    with pytest.raises(TypeError, match=f"write {claim}="):
        issuer.token(**claims)
