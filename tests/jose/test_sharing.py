"""What tokens have in common is kept once: only what is the same, never without bound, nothing of strangers."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearer_guard import InvalidToken, JWTValidator
from bearer_guard.jose import encode_base64url, parse_json_object, sharing
from bearer_guard.jose.encoding import SHARING
from bearer_guard.kept import LONGEST_ARRAY, LONGEST_TEXT, MOST
from bearer_guard.testing import FakeIssuer
from bearer_guard.tokens import Claims

steady = settings(max_examples=200, deadline=None, derandomize=True)

LARGE = {f"claim {number}": number for number in range(10)}


def read(value: Any) -> Claims:
    return parse_json_object(json.dumps(value).encode(), SHARING)


def kept() -> int:
    """How many values are kept."""
    return len(sharing.TEXTS) + len(sharing.ARRAYS) + len(sharing._objects)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    for table in (sharing._names, sharing.TEXTS, sharing.ARRAYS, sharing._objects):
        table.clear()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["", "a", "b", "1"]),
    lambda members: st.lists(members, max_size=4) | st.dictionaries(st.sampled_from(["iss", "aud", "a", "b"]), members),
    max_leaves=12,
)


@steady
@given(st.lists(st.dictionaries(st.text(max_size=2) | st.sampled_from(["iss", "scope"]), json_values), max_size=4))
def test_what_is_read_is_the_same_as_without_sharing(documents: list[dict[str, Any]]) -> None:
    for document in documents:
        content = json.dumps(document).encode()
        # As JSON text: for Python, 1 and 1.0 and True would be equal.
        assert json.dumps(read(document)) == json.dumps(parse_json_object(content)) == content.decode()


def test_equal_parts_of_tokens_are_one() -> None:
    document = {
        **LARGE,
        "iss": "https://issuer.test",
        "aud": ["api", "files"],
        "groups": ["staff", "ops"],
        "scope": "read write",
        "org": {"id": "acme", "region": "eu"},
    }
    one, other = read({**document, "sub": "alice"}), read({**document, "sub": "bob"})
    for name in ("iss", "aud", "groups", "scope", "org"):
        assert one[name] is other[name]
    assert [id(name) for name in one] == [id(name) for name in other]


@pytest.mark.parametrize(
    ("value", "equal"),
    [([1], [True]), ([1], [1.0]), ([0.0], [-0.0]), (["a", 1], ["a", True]), ([["a"], 0], [["a"], False])],
    ids=str,
)
@pytest.mark.parametrize("place", [{}, LARGE], ids=["small object", "large object"])
def test_values_that_are_equal_and_not_the_same_are_told_apart(
    value: list[Any], equal: list[Any], place: dict[str, Any]
) -> None:
    for each in (value, equal, value):
        assert json.dumps(read({**place, "x": each})["x"]) == json.dumps(each)
        assert json.dumps(read({**place, "x": {"y": each[-1]}})["x"]["y"]) == json.dumps(each[-1])


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":"1","a":"1"}',
        b'{"a":"1","a":"2"}',
        b'{"a":1,"a":1}',
        b'{"x":{"a":"1","a":"1"}}',
        b'{"x":[{"a":[],"a":[]}]}',
        b'{"a":"1","\\u0061":"1"}',
        b'{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"1":1}',
    ],
)
def test_duplicate_members_are_refused_however_often_they_come(content: bytes) -> None:
    read({"a": "1"})
    for _ in range(2):
        with pytest.raises(ValueError, match="duplicate"):
            parse_json_object(content, SHARING)


def test_what_is_shared_cannot_be_changed() -> None:
    shared = read({"org": {"id": "acme"}})["org"]
    with pytest.raises(TypeError):
        shared["id"] = "other"
    assert type(shared) is Claims
    assert read({"org": {"id": "acme"}})["org"] is shared


def test_the_tables_are_bounded_whatever_comes() -> None:
    fullest = [0, 0, 0, 0]
    for number in range(3 * MOST):
        read({f"name {number}": [f"group {number}"], "iss": f"issuer {number}", "org": {"id": f"{number}"}})
        sizes = [len(table) for table in (sharing._names, sharing.TEXTS, sharing.ARRAYS, sharing._objects)]
        fullest = [max(pair) for pair in zip(fullest, sizes, strict=True)]
    assert fullest == [MOST] * 4
    one, other = (read({**LARGE, "iss": "https://new.test", "groups": ["new"]}) for _ in range(2))
    assert one["iss"] is other["iss"]  # full or not: what comes again finds room
    assert one["groups"] is other["groups"]


@pytest.mark.parametrize(("members", "is_kept"), [(1, True), (7, True), (8, False), (20, False)])
def test_only_small_objects_are_kept_as_a_whole(members: int, *, is_kept: bool) -> None:
    read({f"member {number}": "x" for number in range(members)})
    assert bool(sharing._objects) is is_kept


def test_what_is_as_long_as_may_be_is_kept() -> None:
    longest = "x" * LONGEST_TEXT
    read({**LARGE, "iss": longest, longest: 1, "groups": ["x"] * LONGEST_ARRAY, "org": {"id": longest}})
    assert longest in sharing.TEXTS
    assert longest in sharing._names
    assert [len(array) for array in sharing.ARRAYS] == [LONGEST_ARRAY]
    assert [dict(value) for value in sharing._objects.values()] == [{"id": longest}]


def test_what_is_long_is_not_kept() -> None:
    long = "x" * (LONGEST_TEXT + 1)
    many = ["x"] * (LONGEST_ARRAY + 1)
    claims = read({**LARGE, "iss": long, long: 1, "groups": many, "org": {"id": long}})
    assert (claims["iss"], claims[long], len(claims["groups"]), claims["org"]["id"]) == (long, 1, len(many), long)
    assert long not in sharing.TEXTS
    assert long not in sharing._names
    assert not sharing.ARRAYS
    assert not sharing._objects


def test_claims_of_one_person_are_not_kept_beyond_their_token() -> None:
    read({**LARGE, "sub": "alice", "email": "alice@acme.test", "jti": "1"})
    assert not {"alice", "alice@acme.test", "1"} & sharing.TEXTS.keys()


async def test_verified_tokens_share_what_they_have_in_common(issuer: FakeIssuer) -> None:
    validator = JWTValidator(issuer.server, audience="api")
    one, other = [await validator.validate(issuer.token(groups=["staff", "ops"], sub=name)) for name in ("a", "b")]
    assert one.claims["iss"] is other.claims["iss"]
    assert one.claims["groups"] is other.claims["groups"]


async def test_nothing_of_a_token_that_was_not_verified_is_kept(issuer: FakeIssuer) -> None:
    validator = JWTValidator(issuer.server, audience="api")
    await validator.validate(issuer.token(alg="ES256"))
    before = kept()
    genuine = issuer.token(alg="ES256", iss="https://stranger.test", stranger={"a": "b"}, list=["x"])
    header, payload, _ = genuine.split(".")
    unknown = issuer.token(alg="ES256", header={"kid": "unknown"}, another=["y"])
    foreign = issuer.token(alg="ES256", header={"kid": "unknown"}, iss="https://stranger.test", third=["z"])
    for token in (f"{header}.{payload}.{encode_base64url(bytes(64)).decode()}", unknown, foreign):
        with pytest.raises(InvalidToken):
            await validator.validate(token)
    assert kept() == before
