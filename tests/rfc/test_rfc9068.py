"""RFC 9068, JWT Profile for OAuth 2.0 Access Tokens: what it asks of a resource server, with `profiles.RFC_9068`.

No concern of a resource server: 1 (terms), 2.2.1 (login details), 3 (issuing), 6 (privacy), 7 (registries).
"""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, access_token, require_groups, require_roles, require_scopes
from bearer_guard.jose import ALGORITHMS
from bearer_guard.profiles import RFC_9068
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.conftest import MakeClient
from tests.rfc.material import (
    Answer,
    ask,
    authorization,
    good_claims,
    guard_with,
    refused_as_invalid,
    segment,
)

OPENED = Answer(200, [])
LACKS_A_CLAIM = refused_as_invalid("The token lacks a required claim.")
MALFORMED_CLAIM = refused_as_invalid("A claim of the token is malformed.")
NOT_A_JWT = refused_as_invalid("The token is not a JWT.")
MALFORMED_TOKEN = refused_as_invalid("The token is malformed.")
NOT_THE_TYPE = refused_as_invalid("The token is not of an accepted type.")
NOT_THE_ISSUER = refused_as_invalid("The issuer of the token is not accepted.")
NOT_THE_AUDIENCE = refused_as_invalid("The token is meant for another audience.")
NO_AUDIENCE = refused_as_invalid("The token names no audience.")
NOT_THE_ALGORITHM = refused_as_invalid("The signing algorithm of the token is not allowed.")
UNKNOWN_KEY = refused_as_invalid("The signing key of the token is not known.")
FORGED = refused_as_invalid("The signature of the token is invalid.")
EXPIRED = refused_as_invalid("The token has expired.")
ENCRYPTED = refused_as_invalid("The token is encrypted.")
AN_ID_TOKEN = refused_as_invalid("An ID token is not an access token.")


@require_scopes("orders:read")
async def orders(request: Request) -> PlainTextResponse:
    return PlainTextResponse("orders")


@require_groups("admins")
async def admin(request: Request) -> PlainTextResponse:
    return PlainTextResponse("admin")


@require_roles("editor")
async def drafts(request: Request) -> PlainTextResponse:
    return PlainTextResponse("drafts")


async def whoami(request: Request) -> JSONResponse:
    token = access_token(request)
    return JSONResponse([token.issuer, token.subject, token.client_id, token.audience])


ROUTES = [Route("/orders", orders), Route("/admin", admin), Route("/drafts", drafts), Route("/whoami", whoami)]


@pytest.fixture
def strict(issuer: FakeIssuer) -> BearerGuard:
    """RFC 9068 to the letter."""
    return guard_with(issuer, profile=RFC_9068)


@pytest.fixture
def client(strict: BearerGuard, make_client: MakeClient) -> TestClient:
    return make_client(strict, routes=ROUTES)


# --- 2.1: the header --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typ", "answer"),
    [
        pytest.param("at+jwt", OPENED, id="2.1 the short form"),
        pytest.param("application/at+jwt", OPENED, id="4 the whole media type"),
        pytest.param("AT+JWT", OPENED, id="4 media types are case-insensitive"),
        pytest.param("Application/At+Jwt", OPENED, id="4 the whole one, too"),
        pytest.param("JWT", NOT_THE_TYPE, id="4 any JWT"),
        pytest.param(None, NOT_THE_TYPE, id="4 no type"),
        pytest.param("", NOT_THE_TYPE, id="4 an empty type"),
        pytest.param("at+jwt ", NOT_THE_TYPE, id="4 a space behind it"),
        pytest.param("at+jwt; v=1", NOT_THE_TYPE, id="4 a media type with a parameter"),
        pytest.param("text/at+jwt", NOT_THE_TYPE, id="4 another media type"),
        pytest.param("dpop+jwt", NOT_THE_TYPE, id="5 a DPoP proof"),
        pytest.param("token-introspection+jwt", NOT_THE_TYPE, id="5 an introspection answer"),
        pytest.param("id+jwt", AN_ID_TOKEN, id="5 an ID token by its type"),
    ],
)
def test_the_type_says_that_it_is_an_access_token(
    typ: str | None, answer: Answer, issuer: FakeIssuer, client: TestClient
) -> None:
    assert ask(client, issuer.bearer(header={"typ": typ})) == answer


@pytest.mark.parametrize("algorithm", [pytest.param(name, id=f"2.1 {name}") for name in ALGORITHMS])
def test_every_asymmetric_algorithm_is_supported(algorithm: str, issuer: FakeIssuer, client: TestClient) -> None:
    # Section 2.1: RS256 must be; the others are ours to choose.
    assert ask(client, issuer.bearer(alg=algorithm)) == OPENED


@pytest.mark.parametrize(
    "algorithm", [pytest.param("none", id="2.1 none"), pytest.param("HS256", id="2.1 symmetric: a wanted deviation")]
)
def test_a_token_that_is_not_signed_by_the_server_alone_is_refused(
    algorithm: str, issuer: FakeIssuer, client: TestClient
) -> None:
    # Section 4: none must be rejected. HS256 the section allows; we do not, since whoever verifies could also sign.
    token = f"{segment({'alg': algorithm, 'typ': 'at+jwt'})}.{segment(good_claims(issuer))}."
    assert ask(client, authorization(f"Bearer {token}")) == NOT_THE_ALGORITHM


# --- 2.2: the claims --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "answer"),
    [
        pytest.param({"iss": None}, LACKS_A_CLAIM, id="2.2 iss"),
        pytest.param({"exp": None}, LACKS_A_CLAIM, id="2.2 exp"),
        pytest.param({"aud": None}, NO_AUDIENCE, id="2.2 aud"),
        pytest.param({"sub": None}, LACKS_A_CLAIM, id="2.2 sub"),
        pytest.param({"client_id": None}, LACKS_A_CLAIM, id="2.2 client_id"),
        pytest.param({"client_id": None, "azp": "test-client"}, LACKS_A_CLAIM, id="2.2 azp does not stand for it"),
        pytest.param({"iat": None}, LACKS_A_CLAIM, id="2.2 iat"),
        pytest.param({"jti": None}, LACKS_A_CLAIM, id="2.2 jti"),
        pytest.param({"client_id": 7}, MALFORMED_CLAIM, id="2.2 client_id is a string (RFC 8693 section 4.3)"),
        pytest.param({"scope": 7}, MALFORMED_CLAIM, id="2.2.3 scope is a string"),
        pytest.param({"auth_time": 1, "acr": "2", "amr": ["pwd"]}, OPENED, id="2.2.1 login details may be there"),
        pytest.param({"email": "alice@example.com"}, OPENED, id="2.2.2 identity claims may be there"),
    ],
)
def test_the_required_claims_are_there(
    claims: dict[str, Any], answer: Answer, issuer: FakeIssuer, client: TestClient
) -> None:
    assert ask(client, issuer.bearer(**claims)) == answer


@pytest.mark.parametrize(
    ("path", "claims", "status"),
    [
        pytest.param("/orders", {"scope": "orders:read"}, 200, id="2.2.3 scope, one"),
        pytest.param("/orders", {"scope": "openid orders:read"}, 200, id="2.2.3 scope, one of several"),
        pytest.param("/orders", {"scope": "orders:READ"}, 403, id="2.2.3 scope, case-sensitive"),
        pytest.param("/orders", {"scope": "orders:read:all orders"}, 403, id="2.2.3 scope, whole words"),
        pytest.param("/orders", {"scope": "openid\torders:read"}, 403, id="2.2.3 scope, spaces alone separate"),
        pytest.param("/orders", {"scp": "orders:read"}, 403, id="2.2.3 another claim is not scope"),
        pytest.param("/orders", {}, 403, id="2.2.3 no scope"),
        pytest.param("/admin", {"groups": ["staff", "admins"]}, 200, id="2.2.3.1 groups"),
        pytest.param("/admin", {"groups": ["Admins"]}, 403, id="2.2.3.1 groups, case-sensitive"),
        pytest.param("/admin", {"roles": ["admins"], "scope": "admins"}, 403, id="2.2.3.1 no other claim is groups"),
        # RFC 7643 section 8.2: the name of a group for people is no name to decide by, and may be chosen by them.
        pytest.param(
            "/admin", {"groups": [{"value": "9e9", "display": "admins"}]}, 403, id="2.2.3.1 a display name is no group"
        ),
        pytest.param("/drafts", {"roles": ["editor"]}, 200, id="2.2.3.1 roles"),
        pytest.param("/drafts", {"groups": ["editor"]}, 403, id="2.2.3.1 no other claim is roles"),
    ],
)
def test_authorization_claims_decide(
    path: str, claims: dict[str, Any], status: int, issuer: FakeIssuer, client: TestClient
) -> None:
    assert ask(client, issuer.bearer(**claims), path).status == status


def test_2_2_3_1_groups_may_be_encoded_as_in_scim(issuer: FakeIssuer, client: TestClient) -> None:
    # RFC 7643 section 8.2, to which the section refers: objects with the group under `value`.
    assert ask(client, issuer.bearer(groups=[{"value": "admins", "display": "The admins"}]), "/admin") == OPENED


def test_2_2_the_claims_reach_the_application(issuer: FakeIssuer, client: TestClient) -> None:
    headers = issuer.bearer(sub="alice", client_id="shop", aud=["api", "other"])
    assert client.get("/whoami", headers=headers).json() == [issuer.issuer, "alice", "shop", ["api", "other"]]


# --- 4: validating ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "answer"),
    [
        pytest.param({"iss": "https://other.test"}, NOT_THE_ISSUER, id="4 iss, another"),
        pytest.param({"iss": "https://issuer.test/"}, NOT_THE_ISSUER, id="4 iss, exactly"),
        pytest.param({"aud": "other"}, NOT_THE_AUDIENCE, id="4 aud, another"),
        pytest.param({"aud": ["other", "api"]}, OPENED, id="4 aud, one of several"),
        pytest.param({"exp": -40}, EXPIRED, id="4 exp, past"),
        pytest.param({"exp": -10}, OPENED, id="4 exp, a small leeway"),
    ],
)
def test_the_claims_are_compared_with_what_is_expected(
    claims: dict[str, Any], answer: Answer, issuer: FakeIssuer, client: TestClient
) -> None:
    assert ask(client, issuer.bearer(**claims)) == answer


def test_4_the_leeway_is_no_more_than_a_few_minutes(issuer: FakeIssuer, make_client: MakeClient) -> None:
    client = make_client(guard_with(issuer, profile=RFC_9068, leeway=120))  # as much as can be configured
    assert ask(client, issuer.bearer(exp=-121)) == EXPIRED


def test_4_a_token_that_was_good_a_moment_ago_expires(issuer: FakeIssuer, client: TestClient) -> None:
    headers = issuer.bearer(exp=60)
    assert ask(client, headers) == OPENED
    issuer.clock.advance(91)
    assert ask(client, headers) == EXPIRED


def test_4_the_signature_is_validated_with_the_servers_keys(issuer: FakeIssuer, client: TestClient) -> None:
    stranger = SigningKey("ES256")
    assert ask(client, issuer.bearer(key=stranger)) == UNKNOWN_KEY
    known = {"kid": issuer.signing_key("ES256").key_id}
    assert ask(client, issuer.bearer(key=stranger, header=known)) == FORGED


def test_4_no_other_keys_than_the_servers_are_used(issuer: FakeIssuer, client: TestClient) -> None:
    stranger = SigningKey("ES256")
    brought = {"jwk": stranger.public_jwk(), "jku": "https://mallory.test/jwks", "kid": None}
    assert ask(client, issuer.bearer(key=stranger, header=brought)) == FORGED
    assert issuer.requests == ["/.well-known/oauth-authorization-server", "/jwks"]


def test_4_an_encrypted_token_is_refused_where_no_encryption_was_agreed(client: TestClient) -> None:
    header = segment({"alg": "RSA-OAEP", "enc": "A256GCM", "typ": "at+jwt"})
    assert ask(client, authorization(f"Bearer {header}.a2V5.aXY.Y2lwaGVy.dGFn")) == ENCRYPTED


@pytest.mark.parametrize(
    ("spoil", "answer"),
    [
        pytest.param(lambda token: token[:-2], FORGED, id="4 a signature cut short"),
        pytest.param(lambda token: token.replace(".", "", 1), NOT_A_JWT, id="4 two parts"),
        pytest.param(lambda token: "A" + token, MALFORMED_TOKEN, id="4 a header that is no JSON"),
    ],
)
def test_whatever_fails_the_answer_is_an_invalid_token(
    spoil: Callable[[str], str], answer: Answer, issuer: FakeIssuer, client: TestClient
) -> None:
    # Section 4: with the error code of RFC 6750 section 3.1.
    assert ask(client, authorization(f"Bearer {spoil(issuer.token(alg='ES256'))}")) == answer


def test_4_a_lack_of_rights_is_insufficient_scope(issuer: FakeIssuer, client: TestClient) -> None:
    assert ask(client, issuer.bearer(), "/orders") == Answer(
        403,
        [
            (
                'Bearer error="insufficient_scope",'
                ' error_description="The token lacks a scope that this resource requires.", scope="orders:read"'
            )
        ],
    )


# --- 5: security ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typ", [pytest.param("JWT", id="5 typ JWT"), pytest.param(None, id="5 without typ")])
def test_an_id_token_is_no_access_token_even_if_it_was_made_for_us(
    typ: str | None, issuer: FakeIssuer, client: TestClient
) -> None:
    # OpenID Connect Core section 2: nonce and auth_time stand in ID tokens.
    assert ask(client, issuer.bearer(header={"typ": typ}, nonce="n", auth_time=1)) == AN_ID_TOKEN
    assert ask(client, issuer.bearer(header={"typ": typ})) == NOT_THE_TYPE


def test_5_a_token_for_one_of_our_resources_is_not_good_at_another(issuer: FakeIssuer, make_client: MakeClient) -> None:
    headers = issuer.bearer(aud="https://api.test/orders")
    answers = [
        ask(make_client(guard_with(issuer, audience=f"https://api.test/{name}", profile=RFC_9068)), headers)
        for name in ("orders", "order", "orders/1")
    ]
    assert answers == [OPENED, NOT_THE_AUDIENCE, NOT_THE_AUDIENCE]
