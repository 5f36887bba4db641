"""FakeIssuer.in_place_of(guard) for guards that ask: about opaque tokens, about both kinds, about users."""

from collections.abc import Callable
from typing import Any

import pytest

from bearer_guard import (
    AccessToken,
    AuthorizationServer,
    BearerGuard,
    ByFormat,
    ClientSecretBasic,
    ConfigurationError,
    IntrospectionValidator,
    InvalidToken,
    JWTValidator,
    MemoryCache,
    MemoryRevocations,
    Reason,
    TLSClientAuth,
    UserInfo,
    profiles,
)
from bearer_guard.testing import FakeIssuer, SigningKey

NAME = "https://id.acme.example/realms/ops"


@pytest.fixture(autouse=True)
def substitute_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each issuer of a test has keys of its own; RSA keys take long to make, and elliptic curves prove the same."""
    monkeypatch.setattr("bearer_guard.testing.issuer.new_keys", lambda: {"RS256": SigningKey("ES256")})


def unreachable(**options: Any) -> AuthorizationServer:
    """The server of a guard that is made at import: no test can reach it."""
    return AuthorizationServer(NAME, **{"client_auth": ClientSecretBasic("orders-api", "s3cret"), **options})


def opaque_at_import(server: AuthorizationServer | None = None, **options: Any) -> IntrospectionValidator:
    return IntrospectionValidator(server or unreachable(), **{"audience": "orders", **options})


def both_at_import() -> ByFormat:
    server = unreachable()
    return ByFormat(jwt=JWTValidator(server, audience={"orders", "billing"}), opaque=opaque_at_import(server))


KINDS: dict[str, Callable[[], Any]] = {"opaque": opaque_at_import, "both": both_at_import}


async def why_refused(guard: BearerGuard, token: str, **options: Any) -> Reason:
    with pytest.raises(InvalidToken) as caught:
        await guard.validate(token, **options)
    return caught.value.reason


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
async def test_it_stands_in_for_guards_that_ask(make: Callable[[], Any]) -> None:
    guard = BearerGuard(make())
    validator = guard.validator
    with FakeIssuer.in_place_of(guard) as issuer:
        assert (issuer.issuer, type(guard.validator)) == (NAME, type(validator))
        opaque, jwt = issuer.opaque_token(scope="read", aud="orders"), issuer.token(scope="read", aud="orders")
        for token in (opaque, jwt):
            assert (await guard.validate(token)).scopes == {"read"}
            await guard.validate(token, max_age=0)
            issuer.revoke(token)
            assert await why_refused(guard, token, max_age=0) is Reason.INACTIVE
        assert await why_refused(guard, issuer.opaque_token(aud="other")) is Reason.AUDIENCE_MISMATCH
    assert guard.validator is validator


async def test_of_both_the_audience_is_that_of_the_jwts() -> None:
    with FakeIssuer.in_place_of(BearerGuard(both_at_import())) as issuer:
        assert issuer.audience == "billing"


async def test_the_guard_is_as_strict_as_before() -> None:
    guard = BearerGuard(opaque_at_import(client_ids={"batch"}, profile=profiles.OKTA, cache_ttl=60))
    with FakeIssuer.in_place_of(guard) as issuer:
        assert issuer.profile is profiles.OKTA
        token = issuer.opaque_token(client_id="batch", scope="read")
        assert (await guard.validate(token)).scopes == {"read"}
        assert await why_refused(guard, issuer.opaque_token()) is Reason.CLIENT_NOT_ALLOWED
        issuer.revoke(token)
        await guard.validate(token)  # its answer is kept, as before
        issuer.clock.advance(61)
        assert await why_refused(guard, token) is Reason.INACTIVE


@pytest.mark.parametrize("client_auth", [ClientSecretBasic("orders-api", "s3cret"), TLSClientAuth("orders-api")])
async def test_how_the_guard_shows_who_it_is_does_not_matter(client_auth: Any) -> None:
    options = {"http_client": lambda: pytest.fail("it was asked")} if isinstance(client_auth, TLSClientAuth) else {}
    guard = BearerGuard(opaque_at_import(unreachable(client_auth=client_auth, **options)))
    with FakeIssuer.in_place_of(guard) as issuer:
        await guard.validate(issuer.opaque_token())


async def test_no_answer_is_left_in_the_cache_of_the_guard() -> None:
    cache = MemoryCache()
    guard = BearerGuard(opaque_at_import(cache_ttl=60, cache=cache))
    with FakeIssuer.in_place_of(guard) as issuer:
        token = issuer.opaque_token()
        await guard.validate(token)
        await guard.validate(token, max_age=0)
    assert len(cache._kept) == 0


async def test_an_issuer_that_is_no_url_is_stood_in_for() -> None:
    server = AuthorizationServer(
        "urn:acme:id",
        client_auth=ClientSecretBasic("orders-api", "s3cret"),
        introspection_endpoint="https://id.acme.example/introspect",
        jwks_uri="https://id.acme.example/keys",
    )
    guard = BearerGuard(ByFormat(jwt=JWTValidator(server, audience="orders"), opaque=opaque_at_import(server)))
    with FakeIssuer.in_place_of(guard) as issuer:
        for token in (issuer.token(), issuer.opaque_token()):
            assert (await guard.validate(token)).issuer == "urn:acme:id"


async def test_okta_s_org_server_is_stood_in_for() -> None:
    server = AuthorizationServer("https://acme.okta.com", client_auth=ClientSecretBasic("a", "b"))
    guard = BearerGuard(
        opaque_at_import(server, audience="https://acme.okta.com", client_ids={"0oa1"}, profile=profiles.OKTA)
    )
    with FakeIssuer.in_place_of(guard) as issuer:
        for token in (issuer.token(client_id="0oa1"), issuer.opaque_token(client_id="0oa1")):
            assert (await guard.validate(token)).client_id == "0oa1"


async def test_two_issuers_cannot_be_stood_in_for_by_one() -> None:
    other = AuthorizationServer("https://other.example", client_auth=ClientSecretBasic("a", "b"))
    guard = BearerGuard(ByFormat(jwt=JWTValidator(unreachable(), audience="orders"), opaque=opaque_at_import(other)))
    validator = guard.validator
    with pytest.raises(ConfigurationError, match="is another issuer than"), FakeIssuer.in_place_of(guard):
        pytest.fail("something stands in for it")
    assert guard.validator is validator


# --- users ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["refuse", "go_on"])
async def test_users_are_those_of_the_issuer_meanwhile(policy: Any) -> None:
    ours = UserInfo(unreachable(), when_unavailable=policy)
    guard = BearerGuard(both_at_import(), userinfo=ours)
    with FakeIssuer.in_place_of(guard) as issuer:
        issuer.users["alice"] = {"groups": ["staff"]}
        for token in (issuer.token(), issuer.opaque_token(aud="orders")):
            assert (await guard.validate(token)).groups == {"staff"}
    assert guard.userinfo is ours


async def test_a_source_of_your_own_stays() -> None:
    class Ours:
        async def enriched(self, token: AccessToken, presented: str) -> AccessToken:
            return token

    ours = Ours()
    guard = BearerGuard(both_at_import(), userinfo=ours)
    with FakeIssuer.in_place_of(guard):
        assert guard.userinfo is ours


async def test_lists_of_revocations_stay() -> None:
    revocations = MemoryRevocations()
    guard = BearerGuard(both_at_import(), revocations=[revocations])
    with FakeIssuer.in_place_of(guard) as issuer:
        token = issuer.token()
        await revocations.revoke(await guard.validate(token))
        assert await why_refused(guard, token) is Reason.REVOKED
