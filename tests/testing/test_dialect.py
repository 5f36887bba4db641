"""Claims in the dialect of an issuer."""

from dataclasses import replace
from typing import Any

import pytest

from bearer_guard import BearerGuard, JWTValidator, Profile, profiles
from bearer_guard.testing import FakeIssuer
from bearer_guard.testing.dialect import in_dialect

NESTED = replace(
    profiles.OAUTH2,
    groups=("https://acme.com/groups", "groups"),
    roles=("realm_access.roles",),
    scope=(("rights", "read.write"),),
)

GIVEN: dict[str, Any] = {"scope": "a b", "groups": ["g"], "roles": ["r"], "client_id": "c", "tenant": "acme"}

PLACES: list[tuple[Profile, dict[str, Any]]] = [
    (profiles.OAUTH2, GIVEN),
    (profiles.RFC_9068, GIVEN),
    (profiles.OKTA, {"scp": "a b", "groups": ["g"], "roles": ["r"], "cid": "c", "tenant": "acme"}),
    (
        NESTED,
        {
            "rights": {"read.write": "a b"},
            "https://acme.com/groups": ["g"],
            "realm_access": {"roles": ["r"]},
            "client_id": "c",
            "tenant": "acme",
        },
    ),
]


@pytest.mark.parametrize(("profile", "placed"), PLACES, ids=["oauth2", "rfc9068", "okta", "nested"])
def test_claims_stand_where_the_profile_reads_them_first(profile: Profile, placed: dict[str, Any]) -> None:
    assert in_dialect(profile, GIVEN) == placed


def test_what_is_not_given_stands_nowhere() -> None:
    assert in_dialect(NESTED, {"tenant": "acme"}) == {"tenant": "acme"}


def test_two_claims_may_share_an_object() -> None:
    profile = replace(profiles.OAUTH2, groups=("access.groups",), roles=("access.roles",))
    placed = in_dialect(profile, {"groups": ["g"], "roles": ["r"], "access": {"level": 3}})
    assert placed == {"access": {"level": 3, "groups": ["g"], "roles": ["r"]}}


def test_what_was_given_stays_as_it_was() -> None:
    given: dict[str, Any] = {"roles": ["r"], "realm_access": {"level": 3}}
    in_dialect(NESTED, given)
    assert given == {"roles": ["r"], "realm_access": {"level": 3}}


@pytest.mark.parametrize(("profile", "placed"), PLACES, ids=["oauth2", "rfc9068", "okta", "nested"])
async def test_a_guard_of_the_profile_understands_the_tokens(profile: Profile, placed: object) -> None:
    issuer = FakeIssuer(profile=profile)
    guard = BearerGuard(JWTValidator(issuer.server, audience="api", profile=profile))
    token = await guard.validate(issuer.token(**GIVEN))
    assert (token.scopes, token.groups, token.roles) == (
        frozenset({"a", "b"}),
        frozenset({"g"}),
        frozenset({"r"}),
    )
    assert (token.client_id, token.claims["tenant"]) == ("c", "acme")


async def test_a_profile_that_reads_no_client_and_no_groups_has_tokens_all_the_same() -> None:
    profile = replace(profiles.OAUTH2, client_id=(), groups=())
    issuer = FakeIssuer(profile=profile)
    guard = BearerGuard(JWTValidator(issuer.server, audience="api", profile=profile))
    token = await guard.validate(issuer.token(groups=["g"]))
    assert (token.client_id, token.groups) == (None, frozenset())


async def test_a_token_is_of_a_type_that_the_profile_accepts() -> None:
    profile = replace(profiles.OAUTH2, typ=frozenset({"jwt"}))
    issuer = FakeIssuer(profile=profile)
    guard = BearerGuard(JWTValidator(issuer.server, audience="api", profile=profile))
    assert (await guard.validate(issuer.token())).subject == "alice"
