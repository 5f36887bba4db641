"""Verified claims are read without Python for each member: as by the careful reader, to the letter, or not at all."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bearer_guard import InvalidToken, JWTValidator
from bearer_guard.jose import LONGEST_NAMES, encode_base64url, parse_json_object, shapes, stated_by, stated_in
from bearer_guard.jose.encoding import HIGHEST, LONGEST_NUMBER, LOWEST
from bearer_guard.kept import LONGEST_ARRAY, LONGEST_TEXT, MOST
from bearer_guard.testing import FakeIssuer
from bearer_guard.tokens import DEEPEST_JSON, Claims
from tests.jose import put_together, read_as_verified

steady = settings(max_examples=600, deadline=None, derandomize=True)


def read(content: bytes) -> str | None:
    """The claims, as JSON text: for Python, 1 and 1.0 and True would be equal. None: refused."""
    try:
        return json.dumps(read_as_verified(content))
    except ValueError:
        return None


def carefully_read(content: bytes) -> str | None:
    try:
        return json.dumps(parse_json_object(content))
    except ValueError:
        return None


names = st.sampled_from(["iss", "scope", "a", "b", "", ":", "{", "é", 'a"', "a\\"])
numbers = st.sampled_from(["0", "-1", "1.5", "1e3", "1e400", "9" * 24, "9" * 25, f"-{'9' * 23}", f"-{'9' * 24}", "-0"])
words = st.sampled_from(["true", "false", "null", "NaN", "-Infinity"])
texts = st.sampled_from(['""', '"a"', '"{"', '":"', '"[1]"', '"é"', '"\\n"', '"\\ud800"', '"a b"', '"\\""'])
simple = numbers | words | texts
spaces = st.sampled_from(["", "", "", " ", "\n", "\t"])


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    members = draw(st.lists(st.tuples(names, spaces, spaces, values), max_size=5))
    inside = ",".join(f"{json.dumps(name, ensure_ascii=False)}{a}:{b}{value}" for name, a, b, value in members)
    return f"{draw(spaces)}{{{inside}}}{draw(spaces)}"


arrays = st.lists(simple, max_size=3).map(lambda items: f"[{','.join(items)}]")
nested = st.recursive(
    simple | arrays,
    lambda inner: objects(inner) | st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
    max_leaves=6,
)


@steady
@given(objects(nested | simple | arrays))
@example('{"a":1,"a":1}')
@example('{"a":"1","a":"1"}')
@example('{"a":1,"a" :1}')
@example('{"a":[],"a":["b"]}')
@example('{"a":":","a":1}')
@example('{"a":1,"b":2}x')
@example('["a"]')
@example('"a"')
@example("")
def test_what_is_read_is_what_the_careful_reader_reads(text: str) -> None:
    content = text.encode()
    for _ in range(2):  # the second time its shape is known
        assert read(content) == carefully_read(content)


@steady
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_neither_reads_what_is_no_object(content: bytes) -> None:
    assert read(content) == carefully_read(content)


@steady
@given(objects(simple | arrays), st.integers(0, 200), st.sampled_from(list(b'"{}[]:,\\ \x00a1')))
def test_a_byte_in_the_wrong_place_is_seen_by_both(text: str, place: int, byte: int) -> None:
    content = bytearray(text.encode())
    content[place % (len(content) + 1) : place % (len(content) + 1)] = [byte]
    assert read(bytes(content)) == carefully_read(bytes(content))


@pytest.mark.parametrize("levels", [1, 7, 8, 9, 30, 31, 32, 33, 1000, 200_000])
@pytest.mark.parametrize("left", ['{"a":', '{"a":1,"b":', '{"a":["x"],"b":["y",'])
def test_arrays_nested_beyond_reason_are_refused_by_both(left: str, levels: int) -> None:
    close = "]}" if left.endswith(",") else "}"
    content = (left + "[" * levels + "]" * levels + close).encode()
    assert read(content) == carefully_read(content)
    assert (read(content) is None) == (levels + len(close) - 1 > DEEPEST_JSON - 1)


@pytest.mark.parametrize("content", [b'{"cnf":{}}', b'{"a":1,"cnf":{}}', b'{"cnf":[{}]}', b'{"cnf":{"a":{}}}'])
def test_an_object_is_frozen_even_if_there_is_nothing_in_it(content: bytes) -> None:
    for _ in range(2):
        _, values = stated_in(content)
        inner = values[-1][0] if isinstance(values[-1], tuple) else values[-1]
        assert type(inner) is Claims


@pytest.mark.parametrize("number", [LOWEST, LOWEST + 1, HIGHEST - 1, HIGHEST, 0, -1])
def test_integers_are_bounded_as_by_their_digits(number: int) -> None:
    assert (read(b'{"a":%d}' % number) is None) == (len(str(number)) > LONGEST_NUMBER)


def test_arrays_of_strings_are_frozen_and_nothing_is_a_list() -> None:
    shape, values = stated_in(b'{"a":["x","y"],"b":[],"c":[["z"]],"d":[1]}')
    assert shape.names == ("a", "b", "c", "d")
    assert values == [("x", "y"), (), (("z",),), (1,)]


def test_claims_of_one_shape_share_their_names() -> None:
    (one, _), (other, _) = stated_in(b'{"sub":"a","exp":1}'), stated_in(b'{"sub":"b","exp":2}')
    assert one is other
    assert stated_in(b'{"exp":1,"sub":"a"}')[0] is not one
    assert stated_in(b'{"sub":"a","exp":1.0}')[0] is not one
    assert stated_by(Claims({"sub": "c", "exp": 3})) == (one, ["c", 3])


def test_the_usual_claims_are_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def careful(*_: object) -> None:
        raise AssertionError("the careful reader was asked")

    monkeypatch.setattr(shapes, "parse_json_object", careful)
    plain = '"sub":"é","exp":1,"groups":["a"],"x":null,"y":true,"z":1.5'
    content = f'{{{plain},"realm_access":{{"roles":["r"]}},"a":[{{"b":1,"c":"d"}}]}}'
    assert stated_in(content.encode())


# --- what tokens have in common is kept once --------------------------------------------------------------------------

LARGE = {f"claim {number}": number for number in range(10)}


def claims_in(document: dict[str, Any]) -> Claims:
    return read_as_verified(json.dumps(document, ensure_ascii=False).encode())


def kept() -> int:
    """How many values are kept."""
    return len(shapes._texts) + len(shapes._arrays) + len(shapes._shapes)


@pytest.fixture
def _nothing_kept() -> None:
    for table in (shapes._texts, shapes._arrays, shapes._shapes):
        table.clear()


@pytest.mark.parametrize("escaped", ["é", "x"], ids=["written plainly", "with an escape"])
def test_equal_parts_of_tokens_are_one(escaped: str) -> None:
    document = {
        "iss": "https://issuer.test",
        "aud": ["api", "files"],
        "groups": ["staff", "ops"],
        "scope": "read write",
    }
    contents = (json.dumps({**document, "sub": f"{name} {escaped}"}).encode() for name in ("alice", "bob"))
    one, other = map(read_as_verified, contents)
    for name in ("iss", "scope"):
        assert one[name] is other[name]
    assert [id(name) for name in one] == [id(name) for name in other]


def test_equal_arrays_and_the_names_in_objects_are_one() -> None:
    document = {"aud": ["api", "files"], "realm_access": {"roles": ["reader"]}}
    one, other = claims_in(document), claims_in({**document, "sub": "bob"})
    assert one["aud"] is other["aud"]
    assert one["realm_access"]["roles"] is other["realm_access"]["roles"]
    assert [id(name) for name in one["realm_access"]] == [id(name) for name in other["realm_access"]]


@pytest.mark.parametrize(
    ("value", "equal"),
    [([1], [True]), ([1], [1.0]), ([0.0], [-0.0]), (["a", 1], ["a", True]), ([["a"], 0], [["a"], False])],
    ids=str,
)
def test_values_that_are_equal_and_not_the_same_are_told_apart(value: list[Any], equal: list[Any]) -> None:
    for each in (value, equal, value):
        assert json.dumps(claims_in({"x": each})["x"]) == json.dumps(each)
        assert json.dumps(claims_in({"x": each[-1]})["x"]) == json.dumps(each[-1])
        assert json.dumps(claims_in({"x": {"y": each[-1]}})["x"]["y"]) == json.dumps(each[-1])


@pytest.mark.usefixtures("_nothing_kept")
def test_the_tables_are_bounded_whatever_comes() -> None:
    fullest = [0, 0, 0]
    for number in range(3 * MOST):
        claims_in({f"name {number}": [f"group {number}"], "iss": f"issuer {number}"})
        sizes = [len(table) for table in (shapes._texts, shapes._arrays, shapes._shapes)]
        fullest = [max(pair) for pair in zip(fullest, sizes, strict=True)]
    assert fullest == [MOST] * 3
    one, other = (claims_in({**LARGE, "iss": "https://new.test", "groups": ["new"]}) for _ in range(2))
    assert one["iss"] is other["iss"]  # full or not: what comes again finds room
    assert one["groups"] is other["groups"]


@pytest.mark.usefixtures("_nothing_kept")
@pytest.mark.parametrize(("more", "is_kept"), [(0, True), (1, False)], ids=["as long as may be", "longer"])
def test_what_is_long_is_not_kept(more: int, *, is_kept: bool) -> None:
    text, many = "x" * (LONGEST_TEXT + more), ["x"] * (LONGEST_ARRAY + more)
    claims = claims_in({"iss": text, f"n{text[1:]}": 1, "groups": many, "org": {f"m{text[1:]}": 1}})
    assert (claims["iss"], claims["groups"], claims["org"]) == (text, tuple(many), {f"m{text[1:]}": 1})
    assert ({text, f"n{text[1:]}", f"m{text[1:]}"} <= shapes._texts.keys()) is is_kept
    assert bool(shapes._arrays) is is_kept


@pytest.mark.usefixtures("_nothing_kept")
@pytest.mark.parametrize(("more", "is_kept"), [(0, True), (1, False)], ids=["as many as may be", "more"])
def test_shapes_of_many_claims_are_not_kept(more: int, *, is_kept: bool) -> None:
    document = {f"claim {number}": number for number in range(LONGEST_ARRAY + more)}
    assert claims_in(document) == document
    assert bool(shapes._shapes) is is_kept


@pytest.mark.usefixtures("_nothing_kept")
@pytest.mark.parametrize(("more", "is_kept"), [(0, True), (1, False)], ids=["as long as may be", "longer"])
def test_shapes_with_long_names_are_not_kept(more: int, *, is_kept: bool) -> None:
    document = {"a" * (LONGEST_NAMES - 1 + more): 1, "b": 2}
    stated = stated_in(json.dumps(document).encode())
    assert put_together(stated) == put_together(stated_by(put_together(stated))) == document
    assert len(stated[0]) == LONGEST_NAMES + more
    assert bool(shapes._shapes) is is_kept


@pytest.mark.usefixtures("_nothing_kept")
def test_claims_of_one_person_are_not_kept_beyond_their_token() -> None:
    claims_in({**LARGE, "sub": "alice", "email": "alice@acme.test", "jti": "1", "address": {"city": "Wien"}})
    assert not {"alice", "alice@acme.test", "1", "Wien"} & shapes._texts.keys()


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
