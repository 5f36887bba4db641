"""Other tokens of the same issuer, signed with the same keys, in place of access tokens (RFC 8725 section 3.12)."""

from typing import Any, NamedTuple

import pytest

from bearer_guard import profiles
from bearer_guard.errors import Reason
from bearer_guard.testing import FakeIssuer, SigningKey
from tests.conftest import MakeClient
from tests.security.target import FAR_FUTURE, Target, challenge_of, claims_of, signed

ID, REFRESH, LOGOUT = Reason.ID_TOKEN_USED, Reason.REFRESH_TOKEN_USED, Reason.LOGOUT_TOKEN_USED
TYPE, AUDIENCE, CLAIM = Reason.TYPE_NOT_ALLOWED, Reason.AUDIENCE_MISMATCH, Reason.CLAIM_MISSING
BACKCHANNEL: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
REVOKED: dict[str, Any] = {"https://schemas.openid.net/secevent/risc/event-type/account-disabled": {}}
INTROSPECTED = {"token_introspection": {"active": True}}


class Other(NamedTuple):
    """A token that is good in every other respect; its audience is ours, unless its claims say otherwise."""

    header: dict[str, Any]
    claims: dict[str, Any]
    reason: Reason
    at_fault: str


OTHER_TOKENS = {
    # OpenID Connect Core sections 2, 3.1.3.6, 3.3.2.11; FAPI 1.0 for s_hash.
    "ID token with a nonce": Other({"typ": "JWT"}, {"nonce": "n"}, ID, "nonce"),
    "ID token with an empty nonce": Other({}, {"nonce": ""}, ID, "nonce"),
    "ID token with at_hash": Other({}, {"at_hash": "h"}, ID, "at_hash"),
    "ID token with c_hash": Other({}, {"c_hash": "h"}, ID, "c_hash"),
    "ID token with s_hash": Other({}, {"s_hash": "h"}, ID, "s_hash"),
    "ID token that says so in a claim (Keycloak)": Other({}, {"typ": "ID"}, ID, "typ"),
    "ID token that says so in a claim (Cognito)": Other({}, {"token_use": "id"}, ID, "token_use"),
    "ID token that says so in a claim (others)": Other({}, {"token_type": "ID_TOKEN"}, ID, "token_type"),
    "ID token that says so in a claim (more)": Other({}, {"token_class": "id-token"}, ID, "token_class"),
    "ID token that says so in its header": Other({"typ": "id+jwt"}, {}, ID, "typ"),
    "ID token that says so as a media type": Other({"typ": "application/ID_TOKEN+JWT"}, {}, ID, "typ"),
    "ID token in the dress of an access token": Other({"typ": "at+jwt"}, {"nonce": "n", "scope": "read"}, ID, "nonce"),
    "ID token for a client": Other({}, {"nonce": "n", "aud": "client"}, ID, "nonce"),
    "refresh token (Keycloak)": Other({}, {"typ": "Refresh"}, REFRESH, "typ"),
    "offline token (Keycloak)": Other({}, {"typ": "Offline"}, REFRESH, "typ"),
    "refresh token that says so in a claim": Other({}, {"token_use": "refresh_token"}, REFRESH, "token_use"),
    "refresh token that says so in its header": Other({"typ": "refresh+jwt"}, {}, REFRESH, "typ"),
    "refresh token of another kind": Other({"typ": "rt+jwt"}, {}, REFRESH, "typ"),
    # OpenID Connect Back-Channel Logout 1.0 section 2.4.
    "logout token": Other({"typ": "logout+jwt"}, {"events": BACKCHANNEL}, LOGOUT, "typ"),
    "logout token without a type": Other({}, {"events": BACKCHANNEL}, LOGOUT, "events"),
    "logout token (Keycloak)": Other({}, {"typ": "Logout"}, LOGOUT, "typ"),
    # RFC 8417 section 2.3
    "security event": Other({"typ": "secevent+jwt"}, {}, TYPE, "typ"),
    "security event without a type": Other({}, {"events": REVOKED}, LOGOUT, "events"),
    # RFC 9449 section 4.2: its key is in its header.
    "DPoP proof": Other({"typ": "dpop+jwt", "jwk": {"kty": "EC"}}, {"htm": "GET", "htu": "x"}, TYPE, "typ"),
    # RFC 7523 section 3; the type is that of draft-ietf-oauth-rfc7523bis.
    "client assertion": Other({}, {"iss": "client", "sub": "client"}, Reason.ISSUER_MISMATCH, "iss"),
    "client assertion with a type": Other({"typ": "client-authentication+jwt"}, {}, TYPE, "typ"),
    "authorization grant of another domain": Other({"typ": "oauth-id-jag+jwt"}, {}, TYPE, "typ"),
    "request object": Other({"typ": "oauth-authz-req+jwt"}, {"response_type": "code"}, TYPE, "typ"),
    # JARM section 2.1: its audience is the client.
    "authorization response": Other({}, {"code": "c", "state": "s", "aud": "client"}, AUDIENCE, "aud"),
    "authorization response with a type": Other({"typ": "oauth-authz-resp+jwt"}, {"code": "c"}, TYPE, "typ"),
    # RFC 9701 section 5: its audience is the resource server, so its one claim is all that tells without a type.
    "introspection response": Other({"typ": "token-introspection+jwt"}, INTROSPECTED, TYPE, "token_introspection"),
    "introspection response without a type": Other({}, INTROSPECTED, TYPE, "token_introspection"),
    # OpenID Connect Core section 5.3.2: iss and aud should be there, and nothing expires.
    "userinfo": Other({}, {"aud": "client", "email": "a@a.test"}, AUDIENCE, "aud"),
    "userinfo for us": Other({}, {"exp": None, "email": "a@a.test"}, CLAIM, "exp"),
    "metadata (RFC 8414 section 2.1)": Other({}, {"jwks_uri": "x", "aud": None}, Reason.AUDIENCE_MISSING, "aud"),
    "entity statement": Other({"typ": "entity-statement+jwt"}, {"jwks": {"keys": []}}, TYPE, "typ"),
    "verifiable credential": Other({"typ": "vc+sd-jwt"}, {"vct": "x"}, TYPE, "typ"),
    "key binding": Other({"typ": "kb+jwt"}, {"sd_hash": "x"}, TYPE, "typ"),
    "status list": Other({"typ": "statuslist+jwt"}, {"status_list": {}}, TYPE, "typ"),
    "identity assertion": Other({"typ": "passport"}, {}, TYPE, "typ"),
    "JOSE": Other({"typ": "JOSE"}, {}, TYPE, "typ"),
    "an empty type": Other({"typ": ""}, {}, TYPE, "typ"),
    "almost the right type": Other({"typ": "at+jwt "}, {}, TYPE, "typ"),
    "a type of another tree": Other({"typ": "text/at+jwt"}, {}, TYPE, "typ"),
}  # fmt: skip


@pytest.mark.parametrize("other", OTHER_TOKENS.values(), ids=OTHER_TOKENS)
def test_another_token_is_refused(target: Target, key: SigningKey, other: Other) -> None:
    token = signed(key, other.header, claims_of(target.issuer, **other.claims))
    target.refuses(token, other.reason, other.at_fault)


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "application/jwt", "JOSE", "at+jwts"])
def test_a_strict_profile_accepts_no_token_that_is_not_typed(
    issuer: FakeIssuer, make_client: MakeClient, typ: str | None
) -> None:
    # RFC 9068 section 4: the one rule that tells an access token from everything else.
    strict = Target(issuer, profile=profiles.RFC_9068).serve(make_client)
    strict.refuses(issuer.token(header={"typ": typ}), TYPE, "typ")


# --- tokens that are bound to a key -----------------------------------------------------------------------------------

BOUND = {
    "DPoP (RFC 9449 section 6.1)": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},
    "a certificate (RFC 8705 section 3.1)": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"},
    "both": {"jkt": "x", "x5t#S256": "y"},
    "a key (RFC 7800 section 3.2)": {"jwk": {"kty": "EC"}},
    "a key elsewhere": {"jku": "https://attacker.test/jwks", "kid": "1"},
    "a member that nobody knows": {"future": True},
    "an empty member": {"jkt": ""},
    "a null": {"jkt": None},
    "nothing": {},
}


@pytest.mark.parametrize("cnf", BOUND.values(), ids=BOUND)
def test_a_token_that_is_bound_to_a_key_is_refused_each_time(
    target: Target, key: SigningKey, cnf: dict[str, Any]
) -> None:
    token = signed(key, payload=claims_of(target.issuer, cnf=cnf))
    for _ in range(2):  # the second time from memory
        target.refuses(token, Reason.UNPROVEN_CONFIRMATION, "cnf")
        target.refuses_directly(token, Reason.UNPROVEN_CONFIRMATION, "cnf")


@pytest.mark.parametrize("cnf", [None, "", "jkt", 0, 1, True, False, [], [{"jkt": "x"}]], ids=repr)
def test_a_confirmation_that_is_no_object_does_not_hide_it(target: Target, key: SigningKey, cnf: Any) -> None:
    target.refuses(signed(key, payload=claims_of(target.issuer, cnf=cnf)), Reason.MALFORMED_CLAIM, "cnf")


def test_a_proof_that_nobody_checks_proves_nothing(target: Target, key: SigningKey) -> None:
    token = signed(key, payload=claims_of(target.issuer, cnf={"jkt": "x"}, exp=FAR_FUTURE))
    proof = signed(SigningKey("ES256"), {"typ": "dpop+jwt"}, {"htm": "GET", "htu": "https://testserver/me"})
    headers = {"Authorization": f"Bearer {token}", "DPoP": proof}
    response = target.client.get("/me", headers=headers)
    assert (response.status_code, response.headers["www-authenticate"]) == (
        401,
        challenge_of(Reason.UNPROVEN_CONFIRMATION),
    )
