"""Verified claims are read without Python for each member: as by the careful reader, to the letter, or not at all."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bearer_guard.jose import parse_json_object, shapes, stated_by, stated_in
from bearer_guard.jose.encoding import HIGHEST, LONGEST_NUMBER, LOWEST
from bearer_guard.kept import LONGEST_ARRAY, MOST
from bearer_guard.tokens import Claims

steady = settings(max_examples=600, deadline=None, derandomize=True)


def read(content: bytes) -> str | None:
    """The claims, as JSON text: for Python, 1 and 1.0 and True would be equal. None: refused."""
    try:
        shape, values = stated_in(content)
    except ValueError:
        return None
    claims = Claims(zip(shape.names, values, strict=True))
    assert list(map(type, values)) == [tuple if kind is list else kind for kind in shape.kinds]
    return json.dumps(claims)


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


def test_no_more_shapes_are_kept_than_issuers_write() -> None:
    for number in range(2 * MOST):
        stated_in(b'{"claim %d":1}' % number)
    assert 0 < len(shapes._shapes) <= MOST
    many: dict[str, Any] = {f"claim {number}": number for number in range(LONGEST_ARRAY + 1)}
    content = json.dumps(many).encode()
    assert stated_in(content)[0] is not stated_in(content)[0]
    assert read(content) == carefully_read(content)


def test_the_usual_claims_are_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def careful(*_: object) -> None:
        raise AssertionError("the careful reader was asked")

    monkeypatch.setattr(shapes, "parse_json_object", careful)
    assert stated_in('{"sub":"é","exp":1,"groups":["a"],"x":null,"y":true,"z":1.5}'.encode())
