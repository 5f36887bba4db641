"""Claims of wrong types, whose signature is good: an issuer may be careless, the guard is not."""

from itertools import chain
from typing import Any

import pytest

from bearer_guard.errors import Reason
from bearer_guard.testing import SigningKey
from tests.security.target import FAR_FUTURE, Target, claims_of, error_of, signed

MALFORMED, MISSING = Reason.MALFORMED_CLAIM, Reason.CLAIM_MISSING
NUMBERS: tuple[Any, ...] = (0, 1, -1, 1.5)
BOOLS: tuple[Any, ...] = (True, False)
NULL: tuple[Any, ...] = (None,)
ARRAYS: tuple[Any, ...] = ([], ["x"], [["x"]], [None], [{}])
OBJECTS: tuple[Any, ...] = ({}, {"x": "y"}, {"value": {}})
MOMENTS: tuple[Any, ...] = ("", "soon", str(FAR_FUTURE), f"{FAR_FUTURE}.0", "2999-12-31T00:00:00Z", [FAR_FUTURE])
NOT_STRINGS = (*NUMBERS, *BOOLS, *ARRAYS, *OBJECTS)

WRONG: tuple[tuple[str, Reason, tuple[Any, ...]], ...] = (
    ("iss", MALFORMED, (*NOT_STRINGS, ["https://issuer.test"], {"https://issuer.test": True})),
    ("iss", MISSING, NULL),
    ("iss", Reason.ISSUER_MISMATCH, ("",)),
    ("sub", MALFORMED, (*NOT_STRINGS, ["alice"], {"sub": "alice"})),
    ("aud", MALFORMED, (*NUMBERS, *BOOLS, *OBJECTS, [["api"]], [["x"]], ["api", 1], ["api", None], [{}])),
    ("aud", Reason.AUDIENCE_MISSING, (None, [])),
    ("aud", Reason.AUDIENCE_MISMATCH, ("", "API", "api ", " api", "api/", "ap", "apis", "api other", "*", [""])),
    ("exp", MALFORMED, (*BOOLS, *ARRAYS, *OBJECTS, *MOMENTS)),
    ("exp", MISSING, NULL),
    ("exp", Reason.EXPIRED, (0, -1, -0.0, 1.5, -(10**22), -1e300)),
    ("nbf", MALFORMED, (*BOOLS, *NULL, *ARRAYS, *OBJECTS, *MOMENTS)),
    ("nbf", Reason.NOT_YET_VALID, (FAR_FUTURE, 10**22, 1e300)),
    ("iat", MALFORMED, (*BOOLS, *NULL, *ARRAYS, *OBJECTS, *MOMENTS)),
    ("iat", Reason.ISSUED_IN_FUTURE, (FAR_FUTURE, 10**22, 1e300)),
    ("scope", MALFORMED, (*NUMBERS, *BOOLS, *OBJECTS, [["admin"]], ["admin", 1], ["admin", None], [{}])),
    ("client_id", MALFORMED, (*NOT_STRINGS, ["client"])),
)  # fmt: skip
CASES = tuple(chain.from_iterable(((claim, value, reason) for value in values) for claim, reason, values in WRONG))


@pytest.mark.parametrize(
    ("claim", "value", "reason"), CASES, ids=[f"{claim}={value!r:.30}-{reason}" for claim, value, reason in CASES]
)
def test_a_claim_of_a_wrong_type_or_value_is_refused_by_its_name(
    target: Target, key: SigningKey, claim: str, value: Any, reason: Reason
) -> None:
    target.refuses(signed(key, payload=claims_of(target.issuer, **{claim: value})), reason, claim)


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({"scp": 1}, "scope"),
        ({"scp": {"admin": True}}, "scope"),
        ({"scope": False, "scp": "admin"}, "scope"),  # what is malformed is not passed over for what stands behind it
        ({"scope": {}, "scp": "admin"}, "scope"),
        ({"azp": 1}, "client_id"),
        ({"cid": ["client"]}, "client_id"),
        ({"appid": {}}, "client_id"),
        ({"client_id": False, "azp": "client"}, "client_id"),
    ],
    ids=str,
)
def test_another_spelling_of_a_claim_must_be_well_formed_too(
    target: Target, key: SigningKey, claims: dict[str, Any], named: str
) -> None:
    target.refuses(signed(key, payload=claims_of(target.issuer, **claims)), MALFORMED, named)


@pytest.mark.parametrize("value", [*NOT_STRINGS, ["at+jwt"]], ids=repr)
def test_a_type_that_is_no_string_is_refused(target: Target, key: SigningKey, value: Any) -> None:
    target.refuses(signed(key, {"typ": value}, claims_of(target.issuer)), Reason.MALFORMED_TOKEN, "typ")


@pytest.mark.parametrize("name", ["ISS", "Aud", "EXP", "aud ", "\u0430ud"])
def test_the_name_of_a_claim_is_compared_exactly(target: Target, key: SigningKey, name: str) -> None:
    # With a Cyrillic letter in the last of them.
    claim = {"i": "iss", "a": "aud", "e": "exp", "\u0430": "aud"}[name[0].lower()]
    claims = claims_of(target.issuer)
    payload = {name if member == claim else member: value for member, value in claims.items()}
    target.refuses(signed(key, payload=payload), Reason.AUDIENCE_MISSING if claim == "aud" else MISSING, claim)


def test_claims_in_the_header_count_for_nothing(target: Target, key: SigningKey) -> None:
    # RFC 7519 section 5.3 lets them stand there, for encrypted tokens.
    claims = claims_of(target.issuer)
    target.refuses(signed(key, claims, {}), MISSING, "iss")
    target.refuses(signed(key, {"aud": "api"}, {**claims, "aud": "other"}), Reason.AUDIENCE_MISMATCH, "aud")
    target.refuses(signed(key, {"exp": FAR_FUTURE}, {**claims, "exp": 1}), Reason.EXPIRED, "exp")


@pytest.mark.parametrize("claim", ["groups", "roles"])
@pytest.mark.parametrize(
    "value",
    [*NUMBERS, *BOOLS, None, "", [], {}, {"admins": True}, [["admins"]], [{"admins": "admins"}], ["", None, 1, True]],
    ids=repr,
)
async def test_groups_and_roles_of_a_wrong_type_grant_nothing(
    target: Target, key: SigningKey, claim: str, value: Any
) -> None:
    token = await target.guard.validate(signed(key, payload=claims_of(target.issuer, **{claim: value})))
    assert (token.groups, token.roles) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    "scope", ["admin\tread", "admin\nread", "admin\u00a0read", "admin,read", "xadmin", "ADMIN", ["admin read"]]
)
async def test_a_scope_is_one_word_between_single_spaces(target: Target, key: SigningKey, scope: Any) -> None:
    token = await target.guard.validate(signed(key, payload=claims_of(target.issuer, scope=scope)))
    assert len(token.scopes) == 1
    assert "admin" not in token.scopes


@pytest.mark.parametrize("value", [5, ["https://issuer.test"], {}], ids=repr)
def test_the_reason_is_the_same_before_and_after_the_keys_were_fetched(
    target: Target, key: SigningKey, value: Any
) -> None:
    token = signed(key, payload=claims_of(target.issuer, iss=value))
    warm = error_of(target.guard, token)
    cold = error_of(Target(target.issuer).guard, token)
    assert (warm.reason, cold.reason) == (MALFORMED, MALFORMED)
