"""ByFormat: the form of a token alone decides who looks at it, and a JWT that was refused stays refused."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bearer_guard import (
    AuthorizationServer,
    AuthorizationServerUnavailable,
    BearerError,
    BearerGuard,
    ByFormat,
    ConfigurationError,
    InvalidToken,
    JWTValidator,
    Reason,
    StaticKeys,
)
from bearer_guard.jose import encode_base64url, sign_compact
from bearer_guard.testing import FakeIssuer, SigningKey
from bearer_guard.tokens import AccessToken
from tests.validators.both import both_of
from tests.validators.oracle import ISSUER, Oracle, active

KEY = SigningKey("ES256")


def segment(content: bytes) -> str:
    return encode_base64url(content).decode()


def header(**members: Any) -> str:
    return segment(json.dumps(members).encode())


class Desk:
    """Both validators of one server, whose key is here and who is asked about the rest."""

    def __init__(self, answer: Any = None, **options: Any) -> None:
        self.oracle = Oracle(answer)
        server = self.oracle.server(keys=StaticKeys({"keys": [KEY.public_jwk()]}))
        self.validator = ByFormat(
            jwt=JWTValidator(server, audience="api"), opaque=self.oracle.validator(server=server, **options)
        )

    async def look_at(self, token: str, **options: Any) -> AccessToken | BearerError:
        try:
            return await self.validator.validate(token, **options)
        except BearerError as error:
            return error

    def jwt(self, **claims: Any) -> str:
        payload = {"iss": ISSUER, "aud": "api", "exp": self.oracle.clock.time() + 300, "sub": "alice", **claims}
        return self.signed(json.dumps({"alg": KEY.algorithm, "kid": KEY.key_id}).encode(), payload)

    def signed(self, head: bytes, payload: dict[str, Any]) -> str:
        return sign_compact(head, json.dumps(payload).encode(), algorithm=KEY.algorithm, private_key=KEY.private_key)


# --- the form decides -------------------------------------------------------------------------------------------------

steady = settings(max_examples=100, deadline=None, derandomize=True)
opaque_tokens = st.from_regex(r"[A-Za-z0-9\-._~+/]{1,60}={0,2}", fullmatch=True)
words = st.from_regex(r"[A-Za-z0-9_\-]{0,20}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(st.text(max_size=8), values, max_size=4)


def is_asked_about(token: str) -> bool:
    """Whether the server is asked; otherwise the token must have been refused."""
    desk = Desk()
    outcome = asyncio.run(desk.look_at(token))
    assert isinstance(outcome, AccessToken) == bool(desk.oracle.asked)
    return [form["token"] for form in desk.oracle.asked] == [token]


@steady
@given(opaque_tokens)
def test_a_token_without_exactly_two_dots_is_asked_about(token: str) -> None:
    assume(token.count(".") != 2)
    assert is_asked_about(token)


@steady
@given(opaque_tokens, opaque_tokens, opaque_tokens)
def test_a_token_whose_first_of_three_segments_is_no_json_is_asked_about(first: str, second: str, third: str) -> None:
    token = f"{first.replace('.', '').rstrip('=')}.{second.replace('.', '').rstrip('=')}.{third.replace('.', '')}"
    assume(not first.startswith("e"))  # JSON objects begin with a brace, and so with this letter
    assert is_asked_about(token)


@steady
@given(objects, words, words)
def test_a_token_whose_first_segment_is_an_object_without_alg_is_asked_about(
    members: dict[str, Any], second: str, third: str
) -> None:
    # As itsdangerous makes them of a session: payload, time, signature.
    members.pop("alg", None)
    assert is_asked_about(f"{header(**members)}.{second}.{third}")


@steady
@given(objects, values, words, words)
def test_a_token_with_the_header_of_a_jwt_is_never_asked_about(
    members: dict[str, Any], alg: Any, second: str, third: str
) -> None:
    assert not is_asked_about(f"{header(**{**members, 'alg': alg})}.{second}.{third}")


OPAQUE = {
    "random": "2YotnFZFEjr1zCsicMWpAA",
    "of GitHub": "gho_16C7e42F292c6912E7710c838347Ae178B4a",
    "of Google": "ya29.a0AfH6SMBx-1",
    "of Ory": "ory_at_Zm9v.YmFy",
    "a JWE": f"{header(alg='RSA-OAEP', enc='A256GCM')}.a2V5.aXY.Y2lwaGVy.dGFn",
    "a JWE with a key agreed on before": f"{header(alg='dir', enc='A256GCM')}..aXY.Y2lwaGVy.dGFn",
    "a JWT and a segment more": f"{header(alg='ES256')}.e30.c2ln.",
    "a JWT without its signature": f"{header(alg='ES256')}.e30",
    "a header alone": header(alg="ES256"),
    "two dots": "..",
    "two dots and an e": "e.e.e",
    "an array": f"{segment(b'[1]')}.e30.c2ln",
    "a string": f"{segment(json.dumps('alg').encode())}.e30.c2ln",
    "a Fernet of sorts": "gAAAAABk.x.y",
    "a PASETO": "v4.public.eyJzdWIiOiJhIn0",
    "a macaroon": "MDAxY2xvY2F0aW9u",
    "a header that says alg twice": segment(b'{"alg":"ES256","alg":"none"}') + ".e30.c2ln",
    "a header that is not canonical": f"{header(alg='ES256')[:-1]}~.e30.c2ln",
    "a header with another name": f"{header(ALG='ES256')}.e30.c2ln",
}


@pytest.mark.parametrize("token", OPAQUE.values(), ids=OPAQUE)
async def test_what_is_no_jwt_is_asked_about(token: str) -> None:
    desk = Desk(active(sub="bob"))
    outcome = await desk.look_at(token)
    assert isinstance(outcome, AccessToken)
    assert outcome.subject == "bob"
    assert [form["token"] for form in desk.oracle.asked] == [token]


async def test_a_good_jwt_is_validated_without_asking() -> None:
    desk = Desk({"active": False})
    outcome = await desk.look_at(desk.jwt())
    assert isinstance(outcome, AccessToken)
    assert outcome.subject == "alice"
    assert desk.oracle.asked == []


@pytest.mark.parametrize("space", [b" ", b"\n", b"\r\n\t"], ids=repr)
async def test_a_jwt_whose_header_begins_with_white_space_is_one(space: bytes) -> None:
    # RFC 8259 section 2 lets it stand there, and JWTValidator alone accepts it.
    desk = Desk({"active": False})
    head = space + json.dumps({"alg": KEY.algorithm, "kid": KEY.key_id}).encode()
    payload = {"iss": ISSUER, "aud": "api", "exp": desk.oracle.clock.time() + 300}
    assert isinstance(await desk.look_at(desk.signed(head, payload)), AccessToken)


# --- a refused JWT is refused -----------------------------------------------------------------------------------------

FORGER = SigningKey("ES256")


def pieces(issuer: FakeIssuer) -> list[str]:
    return issuer.token().split(".")


BAD_JWTS: dict[str, tuple[Callable[[FakeIssuer], str], Reason]] = {
    "a signature of nobody": (lambda issuer: ".".join([*pieces(issuer)[:2], "A" * 342]), Reason.INVALID_SIGNATURE),
    "no signature": (lambda issuer: ".".join([*pieces(issuer)[:2], ""]), Reason.INVALID_SIGNATURE),
    "a signature that is no base64url": (lambda issuer: f"{issuer.token()[:-2]}=", Reason.MALFORMED_TOKEN),
    "a signature of a forger": (
        lambda issuer: issuer.token(key=FORGER, header={"kid": issuer.signing_key("ES256").key_id}),
        Reason.INVALID_SIGNATURE,
    ),
    "a payload that is no JSON": (
        lambda issuer: f"{pieces(issuer)[0]}.AAAA.{pieces(issuer)[2]}",
        Reason.MALFORMED_TOKEN,
    ),
    "an unknown key": (lambda issuer: issuer.token(header={"kid": "stranger"}), Reason.UNKNOWN_KEY),
    "none": (lambda issuer: f"{header(alg='none')}.{pieces(issuer)[1]}.", Reason.ALGORITHM_NOT_ALLOWED),
    "HMAC": (lambda issuer: f"{header(alg='HS256')}.{pieces(issuer)[1]}.c2ln", Reason.ALGORITHM_NOT_ALLOWED),
    "an algorithm that is no name": (
        lambda issuer: f"{header(alg=7)}.{pieces(issuer)[1]}.c2ln",
        Reason.MALFORMED_TOKEN,
    ),
    "crit": (lambda issuer: issuer.token(header={"crit": ["x"]}), Reason.UNSUPPORTED_HEADER),
    "a JWT in a JWT": (lambda issuer: issuer.token(header={"cty": "JWT"}), Reason.UNSUPPORTED_HEADER),
    "expired": (lambda issuer: issuer.token(exp=-60), Reason.EXPIRED),
    "not yet valid": (lambda issuer: issuer.token(nbf=3600), Reason.NOT_YET_VALID),
    "another audience": (lambda issuer: issuer.token(aud="other"), Reason.AUDIENCE_MISMATCH),
    "no audience": (lambda issuer: issuer.token(aud=None), Reason.AUDIENCE_MISSING),
    "another issuer": (lambda issuer: issuer.token(iss="https://evil.test"), Reason.ISSUER_MISMATCH),
    "an ID token": (lambda issuer: issuer.token(nonce="n"), Reason.ID_TOKEN_USED),
    "a refresh token": (lambda issuer: issuer.token(typ="Refresh"), Reason.REFRESH_TOKEN_USED),
}


class Gullible(FakeIssuer):
    """Whatever it is asked about, it says yes. `keys_are_away`: its key set cannot be fetched."""

    keys_are_away = False

    def introspection(self, token: str) -> dict[str, Any]:
        return {"active": True, "aud": "api", "exp": self.clock.time() + 300, "sub": "mallory"}

    def jwks(self) -> dict[str, Any]:
        if self.keys_are_away:
            raise RuntimeError("no keys today")
        return super().jwks()


@pytest.fixture
def gullible(signing_keys: dict[str, SigningKey]) -> Gullible:
    issuer = Gullible()
    issuer._keys = dict(signing_keys)
    return issuer


@pytest.mark.parametrize(("make", "reason"), BAD_JWTS.values(), ids=BAD_JWTS)
@pytest.mark.parametrize("max_age", [None, 0], ids=["as usual", "fresh"])
async def test_nobody_is_asked_for_a_second_opinion_on_a_refused_jwt(
    gullible: Gullible, make: Callable[[FakeIssuer], str], reason: Reason, max_age: float | None
) -> None:
    with pytest.raises(InvalidToken) as refused:
        await both_of(gullible).validate(make(gullible), max_age=max_age)
    assert refused.value.reason is reason
    assert "/introspect" not in gullible.requests


@pytest.mark.parametrize("max_age", [None, 0], ids=["as usual", "fresh"])
async def test_nor_on_one_whose_keys_are_not_to_be_had(gullible: Gullible, max_age: float | None) -> None:
    gullible.keys_are_away = True
    with pytest.raises(AuthorizationServerUnavailable) as unknown:
        await both_of(gullible).validate(gullible.token(), max_age=max_age)
    assert unknown.value.reason is Reason.KEYS_UNAVAILABLE
    assert "/introspect" not in gullible.requests


async def test_an_opaque_token_needs_no_keys(gullible: Gullible) -> None:
    gullible.keys_are_away = True
    assert (await both_of(gullible).validate("opaque")).subject == "mallory"
    assert "/jwks" not in gullible.requests


async def test_the_server_the_clock_and_the_memory_are_those_of_the_jwts(issuer: FakeIssuer) -> None:
    both = both_of(issuer)
    assert (both.server, both.clock, both.honours_max_age) == (issuer.server, issuer.clock, True)
    guard, jwt, opaque = BearerGuard(both), issuer.token(), issuer.opaque_token()
    assert await guard.validate(jwt) is await guard.validate(jwt)
    assert await guard.validate(opaque) is not await guard.validate(opaque)


async def test_with_another_server_both_ask_that_one(issuer: FakeIssuer) -> None:
    other = FakeIssuer()
    twin = both_of(issuer).with_server(other.server)
    assert (await twin.validate(other.token(sub="bob"))).subject == "bob"
    assert (await twin.validate(other.opaque_token(sub="eve"))).subject == "eve"
    assert issuer.requests == []


async def test_a_server_that_did_not_issue_the_jwts_is_not_asked_about_them(issuer: FakeIssuer) -> None:
    elsewhere = Oracle(active(sub="bob"))
    both = ByFormat(
        jwt=JWTValidator(issuer.server, audience="api"),
        opaque=elsewhere.validator(server=elsewhere.server("https://other.test")),
    )
    assert not both.honours_max_age
    assert (await both.validate(issuer.token())).subject == "alice"
    assert (await both.validate("opaque", max_age=0)).subject == "bob"
    with pytest.raises(ConfigurationError, match=r"'https://other.test'\) did not issue .*: it is not asked"):
        await both.validate(issuer.token(), max_age=0)
    assert len(elsewhere.asked) == 1


def test_an_issuer_by_name_is_another_server_object_of_the_same_issuer() -> None:
    jwt = JWTValidator(AuthorizationServer(ISSUER), audience="api")
    assert ByFormat(jwt=jwt, opaque=Oracle().validator()).honours_max_age
