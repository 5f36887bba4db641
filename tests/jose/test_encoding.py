"""Base64url and JSON, read strictly: one spelling for each content, or none."""

import base64
import itertools
import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearer_guard import InvalidToken
from bearer_guard.jose import decode_base64url, encode_base64url, parse_json_object
from bearer_guard.jose.encoding import LONGEST_NUMBER
from bearer_guard.tokens import DEEPEST_JSON, Claims
from tests.jose import read_as_verified

ALPHABET = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_").encode()
steady = settings(max_examples=300, deadline=None, derandomize=True)
Reader = Callable[[bytes], Claims]
both_readers = pytest.mark.parametrize("read", [parse_json_object, read_as_verified], ids=["a stranger's", "verified"])


def is_decoded(segment: bytes) -> bool:
    try:
        decode_base64url(segment)
    except InvalidToken:
        return False
    return True


def lenient(segment: bytes) -> bytes:
    """What the usual libraries make of a spelling: they skip what they do not know, and throw spare bits away."""
    return base64.b64decode(segment.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=") + b"==")


# --- base64url --------------------------------------------------------------------------------------------------------


@steady
@given(st.binary(max_size=100))
def test_what_was_encoded_is_decoded(content: bytes) -> None:
    encoded = encode_base64url(content)
    assert encoded == base64.urlsafe_b64encode(content).rstrip(b"=")
    assert decode_base64url(encoded) == content


@steady
@given(st.binary(max_size=40) | st.text(ALPHABET.decode() + "+/= \n", max_size=40).map(str.encode))
def test_whatever_is_decoded_is_the_one_spelling_of_its_content(segment: bytes) -> None:
    assert not is_decoded(segment) or encode_base64url(decode_base64url(segment)) == segment


def test_of_all_pairs_of_bytes_exactly_the_spellings_of_one_byte_are_decoded() -> None:
    decoded = {bytes(pair) for pair in itertools.product(range(256), repeat=2) if is_decoded(bytes(pair))}
    assert decoded == {encode_base64url(bytes([byte])) for byte in range(256)}


def test_of_all_triples_of_the_alphabet_exactly_the_spellings_of_two_bytes_are_decoded() -> None:
    decoded = {bytes(triple) for triple in itertools.product(ALPHABET, repeat=3) if is_decoded(bytes(triple))}
    assert decoded == {encode_base64url(bytes(pair)) for pair in itertools.product(range(256), repeat=2)}


def other_spellings(encoded: bytes) -> set[bytes]:
    """What lenient libraries take for the same content."""
    padded = {encoded + padding for padding in (b"=", b"==", b"A===")}
    standard = {encoded.translate(bytes.maketrans(b"-_", b"+/"))}
    ignored = {encoded[:at] + junk + encoded[at:] for at in (0, 1, len(encoded)) for junk in (b" ", b"\n", b"\t", b"!")}
    spare_bits = {encoded[:-1] + bytes([last]) for last in ALPHABET}
    same = {segment for segment in standard | ignored | spare_bits if lenient(segment) == lenient(encoded)}
    return (same | padded) - {encoded}


@steady
@given(st.binary(min_size=1, max_size=40))
def test_every_other_spelling_of_the_same_content_is_refused(content: bytes) -> None:
    encoded = encode_base64url(content)
    others = other_spellings(encoded)
    assert len(others) >= 14
    assert [other for other in others if is_decoded(other)] == []


# --- JSON -------------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)  # a lone surrogate is no text
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def thawed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [thawed(item) for item in value]
    return {name: thawed(member) for name, member in value.items()} if isinstance(value, dict) else value


@steady
@given(value=st.dictionaries(texts, json_values, max_size=5), escaped=st.booleans())
def test_every_json_object_is_read_as_the_standard_library_reads_it(*, value: dict[str, Any], escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped).encode()
    assert thawed(parse_json_object(text)) == value


@steady
@given(st.binary(max_size=60) | st.text('{}[]":,\\u0d8e19.-+ abtrue', max_size=40).map(str.encode))
def test_whatever_bytes_come_the_answer_is_an_object_or_a_value_error(content: bytes) -> None:
    try:
        value = parse_json_object(content)
    except ValueError:
        return
    assert thawed(value) == json.loads(content)


@both_readers
def test_what_was_read_cannot_be_changed_at_any_depth(read: Reader) -> None:
    value = read(b'{"a": [[{"b": [1, {"c": {}}]}]], "d": [[], [1], {"e": "f"}]}')
    assert value["d"] == ((), (1,), {"e": "f"})
    innermost = value["a"][0][0]["b"]
    assert innermost == (1, {"c": {}})
    assert isinstance(innermost, tuple)
    assert all(type(found) is Claims for found in (value, value["a"][0][0], innermost[1], innermost[1]["c"]))


REFUSED = {
    "nothing": b"",
    "white space": b"  ",
    "an array": b"[]",
    "an array of objects": b'[{"a":1}]',
    "a string": b'"a"',
    "a number": b"1",
    "null": b"null",
    "an open object": b'{"a":1',
    "two objects": b"{}{}",
    "something behind it": b"{} x",
    "a NUL behind it": b"{}\x00",
    "a comma too many": b'{"a":1,}',
    "no name": b"{1:1}",
    "single quotes": b"{'a':1}",
    "a comment": b"{/**/}",
    "a form feed": b"\x0c{}",
    "a no-break space": "{\u00a0}".encode(),
    "a line break in a string": b'{"a":"\n"}',
    "an unknown escape": b'{"a":"\\x"}',
    "duplicate members": b'{"a":1,"a":1}',
    "duplicate members, one of them escaped": b'{"a":1,"\\u0061":1}',
    "duplicate members, deep inside": b'{"x":[{"y":{"a":1,"b":2,"a":3}}]}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "-Infinity": b'{"a":-Infinity}',
    "a float that overflows": b'{"a":1e400}',
    "a negative float that overflows": b'{"a":[-1e400]}',
    "an integer of 5000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "a fraction of 5000 digits": b'{"a":0.' + b"9" * 5000 + b"}",
    "an exponent of 5000 digits": b'{"a":1e-' + b"0" * 5000 + b"1}",
    "hexadecimal": b'{"a":0x1}',
    "a leading zero": b'{"a":01}',
    "a plus sign": b'{"a":+1}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16, little endian without a mark": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32-be"),
    "Latin-1": '{"a":"é"}'.encode("latin-1"),
    "an overlong slash": b'{"a":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "a lone high surrogate": b'{"a":"\\ud800"}',
    "a lone low surrogate": b'{"a":["\\udc00"]}',
    "surrogates in the wrong order": b'{"a":"\\udc00\\ud800"}',
    "a lone surrogate in a name": b'{"x":{"\\uD800":1}}',
    "100000 open arrays": b'{"a":' + b"[" * 100_000,
    "100000 open objects": b'{"a":' * 100_000,
    "100000 arrays": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@both_readers
@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_is_not_plain_json_is_refused(content: bytes, read: Reader) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any ValueError will do: its words come from several parsers
        read(content)


ACCEPTED = {
    "white space around it": (b" \t\r\n{ } \n", {}),
    "a pair of surrogates": (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    "an escaped backslash before a u": (b'{"a":"\\\\ud800"}', {"a": "\\ud800"}),
    "names that differ in case": (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    "the same name on two levels": (b'{"a":{"a":1}}', {"a": {"a": 1}}),
    "a long integer": (b'{"a":-9223372036854775808}', {"a": -(2**63)}),
    "a float that underflows": (b'{"a":1e-400}', {"a": 0.0}),
    "plain UTF-8": ('{"a":"é"}'.encode(), {"a": "é"}),
}


@pytest.mark.parametrize(("content", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_plain_json_is_accepted(content: bytes, value: Any) -> None:
    assert parse_json_object(content) == value


def nested(levels: int, opening: str, closing: str) -> bytes:
    """An object that holds `levels` - 1 more of something, one inside the other."""
    return f'{{"a":{opening * (levels - 1)}1{closing * (levels - 1)}}}'.encode()


@both_readers
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
def test_nesting_is_accepted_to_the_limit_and_not_beyond(opening: str, closing: str, read: Reader) -> None:
    assert read(nested(DEEPEST_JSON, opening, closing))
    with pytest.raises(ValueError, match="nested"):
        read(nested(DEEPEST_JSON + 1, opening, closing))


def mixed(levels: int, arrays: int) -> bytes:
    """Objects inside each other, with so many arrays around each but the outermost."""
    kinds = [*[("[", "]")] * arrays, ('{"a":', "}")] * levels
    opening, closing = zip(*kinds[: levels - 1], strict=True)
    return f'{{"a":{"".join(opening)}1{"".join(reversed(closing))}}}'.encode()


@both_readers
@pytest.mark.parametrize("arrays", [1, 2, 7])
def test_arrays_and_objects_inside_each_other_are_counted_together(arrays: int, read: Reader) -> None:
    assert read(mixed(DEEPEST_JSON, arrays))
    for levels in range(DEEPEST_JSON + 1, DEEPEST_JSON + 9):
        with pytest.raises(ValueError, match="nested"):
            read(mixed(levels, arrays))


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert parse_json_object(b'{"a":[' + b"[]," * 200 + b"{}]}")


@pytest.mark.parametrize("sign", ["", "-"])
def test_integers_are_accepted_to_the_limit_and_not_beyond(sign: str) -> None:
    longest = f"{sign:9<{LONGEST_NUMBER}}"
    assert parse_json_object(f'{{"a":{longest}}}'.encode()) == {"a": int(longest)}
    with pytest.raises(ValueError, match="beyond reason"):
        parse_json_object(f'{{"a":{longest}9}}'.encode())


@pytest.mark.parametrize("sign", ["", "-"])
def test_fractions_are_accepted_to_twice_that_and_not_beyond(sign: str) -> None:
    longest = f"{sign}0.1".ljust(2 * LONGEST_NUMBER, "1")
    assert parse_json_object(f'{{"a":{longest}}}'.encode()) == {"a": float(longest)}
    with pytest.raises(ValueError, match="beyond reason"):
        parse_json_object(f'{{"a":{longest}1}}'.encode())
