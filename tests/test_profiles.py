"""Dialects of issuers: where scopes, groups, roles and the client stand."""

import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bearer_guard import (
    ConfigurationError,
    IntrospectionValidator,
    InvalidToken,
    JWTValidator,
    Profile,
    Reason,
    profiles,
)
from bearer_guard.kept import LONGEST_ARRAY, MOST
from bearer_guard.profiles import reading
from bearer_guard.testing import FakeIssuer
from bearer_guard.tokens import ClaimPath, Claims, claim_at, frozen


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "read write"}, {"read", "write"}),
        ({"scope": "read  write "}, {"read", "write"}),
        ({"scope": "read\twrite other"}, {"read\twrite", "other"}),
        ({"scope": "read\u00a0write"}, {"read\u00a0write"}),
        ({"scope": "read\nwrite"}, {"read\nwrite"}),
        ({"scope": ""}, set()),
        ({"scope": ["read", "write"]}, {"read", "write"}),
        ({"scope": ["read write"]}, {"read write"}),
        ({"scope": ["read", ""]}, {"read"}),
        ({"scope": []}, set()),
        ({"scp": ["read"]}, {"read"}),
        ({"scp": "read write"}, {"read", "write"}),
        ({"scope": None, "scp": "read"}, {"read"}),
        ({"scope": "", "scp": "read"}, set()),
        ({"scope": "read", "scp": "write"}, {"read"}),
        ({}, set()),
    ],
    ids=repr,
)
def test_scopes_are_split_on_spaces_alone_and_never_inside_an_array(claims: dict[str, Any], scopes: set[str]) -> None:
    assert profiles.OAUTH2.scopes_of(frozen(claims)) == scopes


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (["staff", "ops"], {"staff", "ops"}),
        ("staff", {"staff"}),
        ("two words", {"two words"}),
        (["staff", 7, None, ["ops"], {"name": "board"}, ""], {"staff"}),
        ("", set()),
        (True, set()),
        (7, set()),
        ({"staff": True}, set()),
        (None, set()),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["groups", "roles"])
def test_groups_and_roles_are_strings_and_anything_else_grants_nothing(kind: str, value: Any, names: set[str]) -> None:
    read = {"groups": profiles.OAUTH2.groups_of, "roles": profiles.OAUTH2.roles_of}[kind]
    assert read(frozen({kind: value})) == names


def test_all_group_and_role_claims_are_read_and_the_first_scope_and_client_claim() -> None:
    profile = Profile(
        name="mine",
        scope=("permissions.scopes", "scope"),
        groups=("groups", "https://acme.com/groups"),
        roles=(("resource_access", "api.v1", "roles"), "realm_access.roles"),
        client_id=("cid", "azp"),
    )
    claims = frozen(
        {
            "permissions": {"scopes": "read"},
            "scope": "ignored",
            "groups": ["staff"],
            "https://acme.com/groups": ["ops"],
            "resource_access": {"api.v1": {"roles": ["writer"]}, "api": {"v1": {"roles": ["stranger"]}}},
            "realm_access": {"roles": ["reader"]},
            "azp": "app",
        }
    )
    assert profile.scopes_of(claims) == {"read"}
    assert profile.groups_of(claims) == {"staff", "ops"}
    assert profile.roles_of(claims) == {"writer", "reader"}
    assert profile.client_id_claim(claims) == "app"


@pytest.mark.parametrize("name", ["client_id", "azp", "cid", "appid"])
def test_the_default_knows_the_usual_names_of_the_client(name: str) -> None:
    assert profiles.OAUTH2.client_id_claim(frozen({name: "app"})) == "app"


def test_okta_reads_scp_and_cid_and_nothing_else() -> None:
    claims = frozen({"scope": "admin", "scp": ["orders"], "azp": "stranger", "cid": "0oa1"})
    assert profiles.OKTA.scopes_of(claims) == {"orders"}
    assert profiles.OKTA.client_id_claim(claims) == "0oa1"
    assert profiles.OKTA.scopes_of(frozen({"scope": "admin"})) == set()


def test_rfc_9068_reads_scope_and_client_id_and_nothing_else() -> None:
    # RFC 9068 sections 2.2 and 2.2.3
    claims = frozen({"scope": "orders", "client_id": "app", "scp": ["admin"], "azp": "stranger"})
    assert profiles.RFC_9068.scopes_of(claims) == {"orders"}
    assert profiles.RFC_9068.client_id_claim(claims) == "app"
    strangers = frozen({"scp": ["admin"], "azp": "stranger"})
    assert profiles.RFC_9068.scopes_of(strangers) == set()
    assert profiles.RFC_9068.client_id_claim(strangers) is None


def test_a_profile_of_your_own_is_one_line_and_leaves_the_original_alone() -> None:
    mine = replace(profiles.OKTA, groups=("https://acme.com/groups",))
    claims = frozen({"https://acme.com/groups": ["ops"]})
    assert mine.groups_of(claims) == {"ops"}
    assert profiles.OKTA.groups_of(claims) == set()
    with pytest.raises(FrozenInstanceError):
        profiles.OKTA.name = "mine"  # type: ignore[misc]


@pytest.mark.parametrize("option", ["scope", "groups", "roles", "client_id", "user_id", "required", "kind_claims"])
@pytest.mark.parametrize("value", ["name", ["name"], None], ids=repr)
def test_a_claim_that_is_no_tuple_is_told_what_to_write_instead(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"{option}= of a profile is a tuple .*; write {option}=\('name',\)"):
        replace(profiles.OAUTH2, **{option: value})


@pytest.mark.parametrize("read", [profiles.OAUTH2.scopes_of, profiles.OAUTH2.groups_of, profiles.OAUTH2.roles_of])
def test_names_are_read_anew_where_values_are_equal_and_not_the_same(read: Callable[[Any], frozenset[str]]) -> None:
    # What was read once is remembered, and for Python 1 == True == 1.0.
    naming: list[Any] = [[1, "1"], [True, "1"], [1.0, "1"], ["1", 1], ["1"], "1"]
    void: list[Any] = [1, True, 1.0, [], [1], [True], {"value": "1"}]
    for value in [*naming, *void, *naming]:
        names = read(frozen({"scope": value, "groups": value, "roles": value}))
        assert names == ({"1"} if value in naming else set())


PATHS = ("a", "b", "c", "x.y", "x.z", ("x", "y"), "a.b", "https://acme.com/groups")
some_paths = st.lists(st.sampled_from(PATHS), max_size=3).map(tuple)
some_values = st.sampled_from(
    [None, "", "a", "a b", "a,b", [], ["a"], ["b", "c d"], [{"value": "d"}, 7], 7, True, {"b": "e"}]
)
some_claims = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("a", "b", "c", "https://acme.com/groups"), some_values)
    | {"x": st.dictionaries(st.sampled_from(["y", "z"]), some_values)},
)


def plainly_read(claims: Claims, paths: tuple[ClaimPath, ...]) -> list[Any]:
    """What stands at each of these paths, read one by one."""
    return [value for path in paths if (value := claim_at(claims, path)) is not None]


def plainly_named(values: list[Any], separator: str | None) -> set[str]:
    """The groups or roles in these values."""
    named: set[Any] = set()
    for value in values:
        if isinstance(value, str):
            named |= {value} if separator is None else {name.strip() for name in value.split(separator)}
        elif isinstance(value, tuple):
            named |= {each.get("value") if isinstance(each, dict) else each for each in value}
    return {name for name in named if isinstance(name, str) and name}


@settings(max_examples=2000, deadline=None, derandomize=True)
@example({"x": {"y": "g"}, "b": "r"}, ((), (), (), ("x.y",), ("b",)), None)
@example({"x": {"y": "g"}, "b": "r"}, ((), (), (), ("b",), ("x.y",)), None)
@given(some_claims, st.tuples(*[some_paths] * 5), st.sampled_from([None, ","]))
def test_a_profile_reads_what_stands_at_its_paths(
    content: dict[str, Any], paths: tuple[tuple[ClaimPath, ...], ...], separator: str | None
) -> None:
    claims = frozen(content)
    scope, client_id, user_id, groups, roles = paths
    mine = Profile(
        name="mine",
        scope=scope,
        client_id=client_id,
        user_id=user_id,
        groups=groups,
        roles=roles,
        groups_separator=separator,
    )
    first = [next(iter(plainly_read(claims, each)), None) for each in (scope, client_id, user_id)]
    assert list(mine.read(claims)) == [
        *first,
        plainly_named(plainly_read(claims, groups), separator),
        plainly_named(plainly_read(claims, roles), None),
    ]
    assert (mine.client_id_claim(claims), mine.user_id_claim(claims)) == tuple(first[1:])


def test_a_token_without_scopes_costs_no_set_of_its_own() -> None:
    silent: list[dict[str, Any]] = [{}, {"scope": ""}, {"scope": []}, {"scope": 7}]
    without = [profiles.OAUTH2.scopes_of(frozen(claims)) for claims in silent]
    assert without == [frozenset()] * 4
    assert len({id(scopes) for scopes in without}) == 1


def test_what_was_read_is_remembered_within_bounds() -> None:
    for number in range(3000):
        claims = frozen({"scope": f"scope {number}", "groups": [f"group {number}"]})
        assert profiles.OAUTH2.scopes_of(claims) == {"scope", f"{number}"}
        assert profiles.OAUTH2.groups_of(claims) == {f"group {number}"}
    assert profiles.OAUTH2.scopes_of(claims) is profiles.OAUTH2.scopes_of(claims)
    assert len(reading._kept_names) <= MOST
    assert len(reading._kept_scopes) <= MOST


def test_what_is_long_is_read_each_time() -> None:
    many = frozen({"groups": [f"group {number}" for number in range(LONGEST_ARRAY + 1)]})
    kept = len(reading._kept_names)
    assert len(profiles.OAUTH2.groups_of(many)) == LONGEST_ARRAY + 1
    assert len(reading._kept_names) == kept


def test_a_profile_that_was_used_is_still_a_value() -> None:
    claims = frozen({"scope": "a", "scp": "b"})
    mine = replace(profiles.OAUTH2, name="mine")
    assert mine.scopes_of(claims) == {"a"}
    other = replace(mine, scope=("scp",))
    assert other.scopes_of(claims) == {"b"}
    assert replace(other, scope=mine.scope) == mine
    assert pickle.loads(pickle.dumps(mine)) == mine  # noqa: S301  our own


# --- who the user is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "user_id"),
    [
        ({"sub": "alice"}, "alice"),
        ({"sub": "alice", "client_id": "app"}, "alice"),
        ({"sub": "app", "client_id": "app"}, None),  # RFC 9068 section 2.2: in a client's own token
        ({"sub": "app", "azp": "app"}, None),
        ({"sub": "alice", "uid": "00u1"}, "alice"),
        ({"sub": None, "client_id": "app"}, None),
        ({"client_id": "app"}, None),
        ({}, None),
    ],
    ids=repr,
)
def test_the_user_is_the_subject_unless_that_is_the_client(claims: dict[str, Any], user_id: str | None) -> None:
    assert profiles.OAUTH2.user_id_of(frozen(claims)) == user_id


@pytest.mark.parametrize(
    ("claims", "user_id"),
    [
        ({"sub": "alice@acme.example", "uid": "00u1", "cid": "0oa1"}, "00u1"),
        ({"sub": "0oa1", "cid": "0oa1"}, None),  # a client's own token has no uid
        ({"sub": "alice@acme.example", "cid": "0oa1"}, None),  # never the login name: people get new ones
        ({"sub": "alice@acme.example", "uid": None}, None),
        ({"sub": "x", "uid": "0oa1", "cid": "0oa1"}, None),
    ],
    ids=repr,
)
def test_okta_s_users_are_known_by_uid_and_by_nothing_else(claims: dict[str, Any], user_id: str | None) -> None:
    assert profiles.OKTA.user_id_of(frozen(claims)) == user_id


def test_the_first_user_claim_that_is_there_counts() -> None:
    mine = replace(profiles.OAUTH2, user_id=("oid", ("user", "id"), "sub"))
    assert mine.user_id_of(frozen({"sub": "pairwise", "oid": "7"})) == "7"
    assert mine.user_id_of(frozen({"sub": "pairwise", "user": {"id": "8"}})) == "8"
    assert mine.user_id_of(frozen({"sub": "pairwise"})) == "pairwise"


@pytest.mark.parametrize("value", [7, True, ["00u1"], {"id": "00u1"}], ids=repr)
@pytest.mark.parametrize("claim", ["sub", "uid"])
async def test_a_user_that_is_no_string_makes_a_malformed_token(claim: str, value: Any, issuer: FakeIssuer) -> None:
    validator = JWTValidator(issuer.server, audience="api", profile=profiles.OKTA)
    odd: dict[str, Any] = {claim: value}
    with pytest.raises(InvalidToken) as refused:
        await validator.validate(issuer.token(**odd))
    assert refused.value.reason is Reason.MALFORMED_CLAIM


@pytest.mark.parametrize(
    ("profile", "claims", "user_id"),
    [
        (profiles.OAUTH2, {"sub": "alice"}, "alice"),
        (profiles.OKTA, {"sub": "alice@acme.example", "uid": "00u1"}, "00u1"),
        (profiles.OAUTH2, {"sub": "test-client"}, None),
    ],
)
async def test_a_validated_token_has_its_user(
    profile: Profile, claims: dict[str, Any], user_id: str | None, issuer: FakeIssuer
) -> None:
    jwt = JWTValidator(issuer.server, audience="api", profile=profile)
    opaque = IntrospectionValidator(issuer.server, audience="api", profile=profile)
    assert (await jwt.validate(issuer.token(**claims))).user_id == user_id
    assert (await opaque.validate(issuer.opaque_token(**claims))).user_id == user_id


# --- groups that are one string ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "groups"),
    [
        ("staff", {"staff"}),
        ("staff,ops", {"staff", "ops"}),
        (" staff , two words ,,", {"staff", "two words"}),
        ("", set()),
        (",", set()),
        (["staff,ops"], {"staff,ops"}),  # an item of an array is one group, as it is
        (["staff", "ops"], {"staff", "ops"}),
        ([{"value": "a,b"}], {"a,b"}),
        (7, set()),
        (None, set()),
        ({"staff": "ops"}, set()),
    ],
    ids=repr,
)
def test_groups_in_one_string_are_separated_where_the_profile_says_by_what(value: Any, groups: set[str]) -> None:
    comma = replace(profiles.OAUTH2, groups_separator=",")
    assert comma.groups_of(frozen({"groups": value})) == groups


def test_without_a_separator_such_a_string_is_one_group() -> None:
    assert profiles.OAUTH2.groups_of(frozen({"groups": "staff,ops"})) == {"staff,ops"}


def test_each_group_claim_is_separated_for_itself_and_no_other_claim_is() -> None:
    mine = replace(profiles.OAUTH2, groups=("groups", "teams"), groups_separator="; ")
    claims = frozen({"groups": "a; b", "teams": ["c; d"], "roles": "e; f", "scope": "g; h"})
    assert mine.groups_of(claims) == {"a", "b", "c; d"}
    assert mine.roles_of(claims) == {"e; f"}
    assert mine.scopes_of(claims) == {"g;", "h"}


def test_a_group_that_looks_like_several_joined_ones_is_lost_to_none() -> None:
    mine = replace(profiles.OAUTH2, groups=("groups", "teams"), groups_separator=",")
    assert mine.groups_of(frozen({"groups": "a,b", "teams": ["c"]})) == {"a", "b", "c"}


@pytest.mark.parametrize("separator", ["", 7, True, [","], b","], ids=repr)
def test_what_separates_nothing_is_told_what_to_write_instead(separator: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"groups_separator= of a profile is a string; write groups_separator"):
        replace(profiles.OAUTH2, groups_separator=separator)


# --- slips ------------------------------------------------------------------------------------------------------------

SLIPS: dict[str, Callable[[], Profile]] = {
    "typ is one string": lambda: replace(profiles.OAUTH2, typ="at+jwt"),  # type: ignore[arg-type]
    "a path is a list": lambda: replace(profiles.OAUTH2, groups=(["a", "b"],)),  # type: ignore[arg-type]
    "a path is a number": lambda: replace(profiles.OAUTH2, roles=(5,)),  # type: ignore[arg-type]
    "a path is empty": lambda: replace(profiles.OAUTH2, roles=("",)),
}


@pytest.mark.parametrize("construct", SLIPS.values(), ids=SLIPS)
def test_a_slip_in_a_profile_is_found_when_it_is_made(construct: Callable[[], Profile]) -> None:
    with pytest.raises(ConfigurationError):
        construct()
