"""RFC 6750, Bearer Token Usage: what it asks of a resource server, seen from the wire.

No concern of a resource server: 1 (terms), 4 (token response), 5.1 (threats), 6 (registries).
Optional for it and not offered: 2.2 (form body) and 2.3 (query).
"""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bearer_guard import BearerGuard, JWTValidator, Reason, require_groups, require_scopes
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.conftest import MakeClient
from tests.rfc.challenge_grammar import parse_challenge
from tests.rfc.material import Answer, ask, authorization, refused_as_invalid

MALFORMED = Answer(400, ['Bearer error="invalid_request", error_description="The Authorization header is malformed."'])
NO_CREDENTIALS = Answer(401, ["Bearer"])
OPENED = Answer(200, [])


@require_scopes("orders:read", "orders:write")
async def orders(request: Request) -> PlainTextResponse:
    return PlainTextResponse("orders")


@require_groups("admins")
async def admin(request: Request) -> PlainTextResponse:
    return PlainTextResponse("admin")


ROUTES = [Route("/orders", orders), Route("/admin", admin)]


# --- 2: where the token stands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param("Bearer {}", id="2.1 as the RFC writes it"),
        # RFC 9110 section 11.1: the name of a scheme is case-insensitive.
        pytest.param("bearer {}", id="2.1 scheme in lower case"),
        pytest.param("BEARER {}", id="2.1 scheme in upper case"),
        pytest.param("Bearer   {}", id="2.1 more than one space"),
    ],
)
def test_a_token_in_the_authorization_header_opens_the_resource(
    shape: str, issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    assert ask(make_client(guard), authorization(shape.format(issuer.token()))) == OPENED


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        pytest.param("Bearer aZ09-._~+/==", refused_as_invalid("The token is not a JWT."), id="2.1 all of b64token"),
        pytest.param("Bearer", MALFORMED, id="2.1 no token"),
        pytest.param("Bearer ", MALFORMED, id="2.1 an empty token"),
        pytest.param("Bearer =", MALFORMED, id="2.1 padding alone"),
        pytest.param("Bearer a=b", MALFORMED, id="2.1 padding inside"),
        pytest.param("Bearer a b", MALFORMED, id="2.1 two words"),
        pytest.param("Bearer a,b", MALFORMED, id="2.1 a comma"),
        pytest.param('Bearer "a"', MALFORMED, id="2.1 quotes"),
        pytest.param('Bearer token="a"', MALFORMED, id="2.1 parameters in place of a token"),
        pytest.param("Bearer\ta", MALFORMED, id="2.1 a tab in place of the space"),
        pytest.param("Bearer:a", MALFORMED, id="2.1 a colon in place of the space"),
        pytest.param("Bearer ä".encode(), MALFORMED, id="2.1 beyond ASCII"),
        pytest.param("Bearer a, Bearer b", MALFORMED, id="2.1 a list"),
    ],
)
def test_a_token_has_the_syntax_of_b64token(
    value: str | bytes, answer: Answer, guard: BearerGuard, make_client: MakeClient
) -> None:
    assert ask(make_client(guard), authorization(value)) == answer


def test_2_more_than_one_token_is_an_invalid_request(
    issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    headers = [("Authorization", f"Bearer {issuer.token()}")] * 2
    assert ask(make_client(guard), headers) == Answer(
        400, ['Bearer error="invalid_request", error_description="More than one access token was presented."']
    )


# Sections 2.2 and 2.3 leave it to the server whether it takes tokens from there; this one does not, so what stands
# there are no credentials, and neither does it make a second method out of a good header.


def test_2_2_a_token_in_the_body_is_not_looked_for(
    issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    client = make_client(guard)
    form = {"access_token": issuer.token()}
    response = client.post("/me", data=form)
    assert Answer(response.status_code, response.headers.get_list("www-authenticate")) == NO_CREDENTIALS
    assert client.post("/me", data=form, headers=issuer.bearer()).status_code == 200


def test_2_3_a_token_in_the_query_is_not_looked_for(
    issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    client = make_client(guard)
    path = f"/me?access_token={issuer.token()}"
    assert ask(client, path=path) == NO_CREDENTIALS
    assert ask(client, issuer.bearer(), path=path) == OPENED


def test_5_3_a_token_in_a_cookie_is_not_looked_for(
    issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    cookie = {"Cookie": f"access_token={issuer.token()}; Authorization=Bearer {issuer.token()}"}
    assert ask(make_client(guard), cookie) == NO_CREDENTIALS


# --- 3: the challenge -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="3.1 no credentials"),
        pytest.param(authorization("Basic YTpi"), id="3.1 credentials of another scheme"),
        pytest.param(authorization("Bearerish abc"), id="3.1 a scheme that begins like ours"),
        pytest.param(authorization(""), id="3.1 an empty field"),
    ],
)
def test_a_request_without_credentials_hears_of_no_error(
    headers: Any, guard: BearerGuard, make_client: MakeClient
) -> None:
    # Wanted deviation: section 3 asks for one or more parameters in each challenge. Without a realm there is nothing
    # true to say, so the challenge is the scheme alone, as RFC 9110 section 11.6.1 allows and our contract promises.
    assert ask(make_client(guard), headers) == NO_CREDENTIALS


def test_3_the_realm_stands_first_and_satisfies_the_letter_of_the_section(
    issuer: FakeIssuer, make_client: MakeClient
) -> None:
    client = make_client(BearerGuard(JWTValidator(issuer.server, audience="api"), realm="x"))
    assert ask(client) == Answer(401, ['Bearer realm="x"'])
    assert ask(client, issuer.bearer(exp=-60)) == Answer(
        401, ['Bearer realm="x", error="invalid_token", error_description="The token has expired."']
    )


def test_3_1_a_missing_token_may_be_an_invalid_request_by_configuration(
    issuer: FakeIssuer, make_client: MakeClient
) -> None:
    guard = BearerGuard(JWTValidator(issuer.server, audience="api"), missing_token="invalid_request")
    assert ask(make_client(guard)) == Answer(
        400, ['Bearer error="invalid_request", error_description="The access token is missing."']
    )


TokenOptions = Callable[[FakeIssuer], dict[str, Any]]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(lambda _: {"exp": -60}, "The token has expired.", id="3.1 expired"),
        pytest.param(lambda _: {"nbf": 60}, "The token is not valid yet.", id="3.1 not yet valid"),
        pytest.param(lambda _: {"iss": "https://other"}, "The issuer of the token is not accepted.", id="3.1 issuer"),
        pytest.param(lambda _: {"iss": None}, "The token lacks a required claim.", id="3.1 without a claim"),
        pytest.param(lambda _: {"exp": "soon"}, "A claim of the token is malformed.", id="3.1 malformed claim"),
        pytest.param(lambda _: {"nonce": "n"}, "An ID token is not an access token.", id="3.1 an ID token"),
        # Section 5.2: the recipients are named in the token, and a server that is not among them must refuse it.
        pytest.param(lambda _: {"aud": "other"}, "The token is meant for another audience.", id="5.2 audience"),
        pytest.param(lambda _: {"aud": None}, "The token names no audience.", id="5.2 no audience"),
        pytest.param(
            # Section 5.2: the contents are protected against change, here by a signature.
            lambda issuer: {"key": SigningKey("ES256"), "header": {"kid": issuer.signing_key("ES256").key_id}},
            "The signature of the token is invalid.",
            id="5.2 forged",
        ),
    ],
)
def test_a_token_that_is_no_good_is_refused_in_the_words_of_the_contract(
    options: TokenOptions, sentence: str, issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    assert ask(make_client(guard), issuer.bearer(**options(issuer))) == refused_as_invalid(sentence)


def test_3_1_a_lack_of_scope_is_answered_with_all_scopes_that_are_needed(
    issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    client = make_client(guard, routes=ROUTES)
    assert ask(client, issuer.bearer(scope="orders:read"), "/orders") == Answer(
        403,
        [
            (
                'Bearer error="insufficient_scope",'
                ' error_description="The token lacks a scope that this resource requires.",'
                ' scope="orders:read orders:write"'
            )
        ],
    )
    assert ask(client, issuer.bearer(scope="orders:write orders:read"), "/orders") == OPENED


def test_3_1_no_scope_is_named_where_none_would_help(
    issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    assert ask(make_client(guard, routes=ROUTES), issuer.bearer(), "/admin") == Answer(
        403,
        ['Bearer error="insufficient_scope", error_description="The token lacks a group that this resource requires."'],
    )


def test_3_the_scope_may_be_named_before_a_token_was_seen(
    issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    client = make_client(guard, routes=ROUTES, optional=True)
    assert ask(client, path="/orders") == Answer(401, ['Bearer scope="orders:read orders:write"'])


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: f"3 {reason}")
def test_every_description_stays_within_the_allowed_characters(reason: Reason) -> None:
    # Section 3: %x20-21 / %x23-5B / %x5D-7E.
    assert reason.description
    assert all(" " <= character <= "~" and character not in '"\\' for character in reason.description)


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        pytest.param(lambda _: {}, "/orders", id="3 no credentials"),
        pytest.param(lambda _: authorization("Bearer"), "/orders", id="3 malformed"),
        pytest.param(lambda issuer: issuer.bearer(exp=-60), "/orders", id="3 expired"),
        pytest.param(lambda issuer: issuer.bearer(), "/orders", id="3 insufficient scope"),
        pytest.param(lambda issuer: issuer.bearer(), "/admin", id="3 insufficient group"),
    ],
)
def test_a_refusal_has_one_challenge_and_each_parameter_once(
    headers: Callable[[FakeIssuer], Any], path: str, issuer: FakeIssuer, make_client: MakeClient
) -> None:
    guard = BearerGuard(JWTValidator(issuer.server, audience="api"), realm="orders of ACME")
    (challenge,) = ask(make_client(guard, routes=ROUTES), headers(issuer), path).challenges
    scheme, parameters = parse_challenge(challenge)  # raises for a second parameter of one name
    assert scheme == "Bearer"
    assert parameters.pop("realm") == "orders of ACME"
    assert parameters.keys() <= {"error", "error_description", "scope"}


def test_5_3_a_refusal_repeats_nothing_of_the_token(
    issuer: FakeIssuer, guard: BearerGuard, make_client: MakeClient
) -> None:
    token = issuer.token(sub="mallory-7", aud="the-other-api")
    response = make_client(guard).get("/me", headers=authorization(f"Bearer {token}"))
    wire = f"{response.headers} {response.text}"
    assert response.status_code == 401
    assert not any(part in wire for part in (*token.split("."), "mallory-7", "the-other-api", issuer.issuer))
