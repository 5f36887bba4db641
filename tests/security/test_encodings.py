"""One token, one spelling: extensions, duplicate members, hostile JSON, and other ways to write base64."""

import json
import string
from collections.abc import Callable
from typing import Any

import pytest

from bearer_guard.errors import Reason
from bearer_guard.jose import encode_base64url
from bearer_guard.jose.algorithms import IMPLEMENTATIONS
from bearer_guard.sources.reading import LONGEST_TOKEN
from bearer_guard.testing import SigningKey
from tests.security.target import FAR_FUTURE, Target, as_bytes, claims_of, sent, signed

HEADER, PAYLOAD, SIGNATURE = range(3)

# --- extensions of the header -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "crit",
    [["exp"], ["alg"], ["b64"], ["kid", "typ"], ["https://a.test/x"], [""], [], {}, "exp", "", 0, True, False, None],
    ids=repr,
)
def test_a_critical_extension_is_refused_whatever_it_says(target: Target, key: SigningKey, crit: Any) -> None:
    # RFC 7515 section 4.1.11: an empty list and known names are wrong in themselves.
    header = {"crit": crit, "exp": FAR_FUTURE, "https://a.test/x": 1}
    target.refuses(signed(key, header, claims_of(target.issuer)), Reason.UNSUPPORTED_HEADER, "crit")


@pytest.mark.parametrize("b64", [False, True, None, "false", 0], ids=repr)
def test_an_unencoded_payload_is_refused(target: Target, key: SigningKey, b64: Any) -> None:
    target.refuses(signed(key, {"b64": b64}, claims_of(target.issuer)), Reason.UNSUPPORTED_HEADER, "b64")


def over_content(key: SigningKey, header: dict[str, Any], content: bytes, shown: bytes) -> str:
    """A token whose signature is over `content`, and that shows something else in its place."""
    first = encode_base64url(as_bytes({"alg": key.algorithm, "kid": key.key_id, **header}))
    signature = IMPLEMENTATIONS[key.algorithm].sign(first + b"." + content, key.private_key)
    return b".".join((first, shown, encode_base64url(signature))).decode()


def test_a_detached_payload_is_refused(target: Target, key: SigningKey) -> None:
    claims = as_bytes(claims_of(target.issuer))
    # RFC 7797 section 5.1, and RFC 7515 appendix F.
    target.refuses(over_content(key, {"b64": False}, claims, b""), Reason.UNSUPPORTED_HEADER, "b64")
    target.refuses(over_content(key, {}, encode_base64url(claims), b""), Reason.INVALID_SIGNATURE)
    target.refuses(over_content(key, {}, b"", b""), Reason.MALFORMED_TOKEN)


# --- JSON -------------------------------------------------------------------------------------------------------------


def with_members(document: dict[str, Any], members: bytes) -> bytes:
    """A JSON object that is good, with more members behind."""
    return as_bytes(document)[:-1] + b"," + members + b"}"


DUPLICATES_IN_HEADER = {
    "alg twice": b'"alg":"ES256"',
    "alg and none": b'"alg":"none"',
    "kid": b'"kid":"other"',
    "typ": b'"x":1,"x":1',
    "an escaped name": b'"\\u0061lg":"none"',
    "nested": b'"jwk":{"kty":"EC","kty":"RSA"}',
    "crit": b'"crit":[],"crit":[]',
}
DUPLICATES_IN_PAYLOAD = {
    "iss": b'"iss":"https://issuer.test"',
    "iss of another": b'"iss":"https://attacker.test"',
    "aud": b'"aud":["api","other"]',
    "exp": b'"exp":32503680001',
    "sub": b'"sub":"admin"',
    "sub, escaped": b'"\\u0073\\u0075\\u0062":"admin"',
    "scope": b'"scope":"read","scope":"admin"',
    "cnf": b'"cnf":{},"cnf":null',
    "nested": b'"realm_access":{"roles":[],"roles":["admin"]}',
    "nested in arrays": b'"x":[[{"a":[{"b":1,"b":2}]}]]',
}
HOSTILE_MEMBERS = {
    "1e400": b'"x":1e400',
    "-1e400": b'"x":[-1e400]',
    "NaN": b'"x":NaN',
    "Infinity": b'"x":Infinity',
    "-Infinity": b'"x":{"y":-Infinity}',
    "5000 digits": b'"x":' + b"7" * 5000,
    "5000 digits behind the point": b'"x":0.' + b"7" * 5000,
    "deep arrays": b'"x":' + b"[" * 2000 + b"]" * 2000,
    "deep objects": b'"x":' + b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "deeper than allowed": b'"x":' + b"[" * 32 + b"]" * 32,
    "a lone surrogate": b'"x":"\\ud800"',
    "a lone surrogate in a name": b'"\\udfff":1',
    "a line break in a string": b'"x":"\n"',
    "a NUL in a string": b'"x":"\x00"',
    "Latin-1": b'"x":"\xe9"',
    "an overlong slash": b'"x":"\xc0\xaf"',
    "a surrogate in UTF-8": b'"x":"\xed\xa0\x80"',
    "a comma too many": b'"x":1,',
    "a comment": b'"x":1/**/',
    "no value": b'"x":',
    "an expression": b'"x":1+1',
    "single quotes": b"'x':1",
}


def hostile_documents(good: bytes) -> dict[str, bytes]:
    return {
        "nothing": b"",
        "white space": b" \n",
        "null": b"null",
        "true": b"true",
        "a number": b"1",
        "a string": b'"' + good.replace(b'"', b"'") + b'"',
        "an empty array": b"[]",
        "an array": b"[" + good + b"]",
        "cut short": good[:-1],
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "UTF-16 without a mark": good.decode().encode("utf-16-le"),
        "UTF-32": good.decode().encode("utf-32-be"),
        "UTF-7": b"+AHsAfQ-",
        "garbage behind": good + b"x",
        "a NUL behind": good + b"\x00",
        "an object behind": good + good,
        "a function call": b"f(" + good + b")",
        "not text": b"\xff\xfe\xfd",
        "a pickle": b"\x80\x04}\x94.",
        "XML": b"<claims/>",
        "CBOR": b"\xa1\x63sub\x65alice",
        "compressed": b"x\x9c\xab\xae\x05\x00\x01u\x00\xf9",
    }


def hostile(document: dict[str, Any], duplicates: dict[str, bytes]) -> dict[str, bytes]:
    members = {title: with_members(document, members) for title, members in {**duplicates, **HOSTILE_MEMBERS}.items()}
    return {**members, **hostile_documents(as_bytes(document))}


# The key's real name is put in by the test.
HEADER_DOCUMENT = {"alg": "ES256", "kid": "KEY-ID", "typ": "at+jwt"}
PAYLOAD_DOCUMENT = {"iss": "https://issuer.test", "sub": "alice", "aud": "api", "exp": FAR_FUTURE}
HOSTILE_HEADERS = hostile(HEADER_DOCUMENT, DUPLICATES_IN_HEADER)
HOSTILE_PAYLOADS = hostile(PAYLOAD_DOCUMENT, DUPLICATES_IN_PAYLOAD)


@pytest.mark.parametrize("content", HOSTILE_HEADERS.values(), ids=HOSTILE_HEADERS)
def test_a_header_that_is_not_one_plain_json_object_is_refused(target: Target, key: SigningKey, content: bytes) -> None:
    header = content.replace(b"KEY-ID", key.key_id.encode())
    target.refuses(signed(key, header, PAYLOAD_DOCUMENT), Reason.MALFORMED_TOKEN)


@pytest.mark.parametrize("content", HOSTILE_PAYLOADS.values(), ids=HOSTILE_PAYLOADS)
def test_a_payload_that_is_not_one_plain_json_object_is_refused(
    target: Target, key: SigningKey, content: bytes
) -> None:
    target.refuses(signed(key, payload=content), Reason.MALFORMED_TOKEN)


def test_the_documents_that_were_made_hostile_are_good(target: Target, key: SigningKey) -> None:
    header = as_bytes(HEADER_DOCUMENT).replace(b"KEY-ID", key.key_id.encode())
    assert target.status(signed(key, header, with_members(PAYLOAD_DOCUMENT, b'"x":[1,{"y":"\\u00e9"}]'))) == 200


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'], ids=["arrays", "objects", "both"])
@pytest.mark.parametrize("place", [HEADER, PAYLOAD], ids=["header", "payload"])
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "open"])
def test_a_hundred_thousand_levels_are_refused(
    target: Target, key: SigningKey, opening: bytes, place: int, *, is_closed: bool
) -> None:
    closing = opening.replace(b'"a":', b"").translate(bytes.maketrans(b"[{", b"]}"))[::-1]
    deep = b'"x":' + opening * 100_000 + b"1" + (closing * 100_000 if is_closed else b"")
    header = with_members({"alg": "ES256", "kid": key.key_id}, deep) if place == HEADER else None
    token = signed(key, header, with_members(PAYLOAD_DOCUMENT, deep) if place == PAYLOAD else PAYLOAD_DOCUMENT)
    target.refuses_directly(token, Reason.MALFORMED_TOKEN)


# --- base64 -----------------------------------------------------------------------------------------------------------

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def well_spelled(key: SigningKey) -> list[str]:
    """The segments of a good token; each has `-` and `_` to exchange, and spare bits at its end."""
    for filler in range(10_000):
        text = "\u00ff\u00fe?>~" * 3 + " " * (filler % 7)
        header = json.dumps({"alg": key.algorithm, "kid": key.key_id, "x": text}, ensure_ascii=False).encode()
        payload = json.dumps({**PAYLOAD_DOCUMENT, "x": text, "y": filler}, ensure_ascii=False).encode()
        segments = signed(key, header, payload).split(".")
        if all(len(segment) % 4 > 1 and "-" in segment and "_" in segment for segment in segments):
            return segments
    raise AssertionError("no such token was found")


def spare_bits_set(segment: str) -> str:
    """The same content with another last character: bits that are thrown away are set."""
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1]


SPELLINGS: dict[str, Callable[[str], str]] = {
    "padded": lambda segment: segment + "=" * (-len(segment) % 4),
    "padded too much": lambda segment: segment + "====",
    "padded in the middle": lambda segment: segment[:4] + "=" + segment[4:],
    "in the standard alphabet": lambda segment: segment.replace("-", "+").replace("_", "/"),
    "with one +": lambda segment: segment.replace("-", "+", 1),
    "with one /": lambda segment: segment.replace("_", "/", 1),
    "with spare bits set": spare_bits_set,
    "with a dangling character": lambda segment: segment + "A" * (5 - len(segment) % 4),
    "with an ignored character": lambda segment: segment[:4] + "~" + segment[4:],
    "with a character that is no base64": lambda segment: segment[:4] + "!" + segment[4:],
    "escaped for URLs": lambda segment: segment.replace("-", "%2D"),
    "with a space inside": lambda segment: segment[:4] + " " + segment[4:],
    "with a space before": lambda segment: " " + segment,
    "with a tab inside": lambda segment: segment[:4] + "\t" + segment[4:],
    "with a line break": lambda segment: segment + "\n",
    "with a line break of MIME": lambda segment: segment[:8] + "\r\n" + segment[8:],
    "with a NUL": lambda segment: segment + "\x00",
}


def respelled(key: SigningKey, segments: list[str], place: int, spelling: Callable[[str], str]) -> str:
    """A token with one segment spelled otherwise, and a signature over that very spelling."""
    changed = [spelling(segment) if at == place else segment for at, segment in enumerate(segments)]
    if place != SIGNATURE:
        signature = IMPLEMENTATIONS[key.algorithm].sign(".".join(changed[:SIGNATURE]).encode(), key.private_key)
        changed[SIGNATURE] = encode_base64url(signature).decode()
    return ".".join(changed)


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("place", [HEADER, PAYLOAD, SIGNATURE], ids=["header", "payload", "signature"])
def test_a_good_token_in_another_spelling_is_refused(
    target: Target, key: SigningKey, place: int, spelling: Callable[[str], str]
) -> None:
    segments = well_spelled(key)
    assert spelling(segments[place]) != segments[place]
    token = respelled(key, segments, place, spelling)
    target.refuses_directly(token, Reason.MALFORMED_TOKEN)
    assert sent(target.guard, b"Bearer " + token.encode()).status in (400, 401)


def test_the_token_that_was_spelled_otherwise_is_good(target: Target, key: SigningKey) -> None:
    assert target.status(respelled(key, well_spelled(key), PAYLOAD, str)) == 200


def test_a_segment_in_letters_that_are_not_ascii_is_refused(target: Target, key: SigningKey) -> None:
    segments = well_spelled(key)
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in segments[SIGNATURE])
    target.refuses_directly(f"{segments[HEADER]}.{segments[PAYLOAD]}.{wide}", Reason.NOT_A_JWT)


# --- size -------------------------------------------------------------------------------------------------------------


def test_a_token_of_the_greatest_length_is_read_and_a_longer_one_is_not(target: Target, key: SigningKey) -> None:
    filler = 11_500
    while len(token := signed(key, payload=claims_of(target.issuer, x="x" * filler))) < LONGEST_TOKEN - 3:
        filler += 1
    assert sent(target.guard, b"Bearer " + token.encode()).status == 200
    longer = signed(key, payload=claims_of(target.issuer, x="x" * (filler + 6)))
    assert len(longer) > LONGEST_TOKEN
    assert sent(target.guard, b"Bearer " + longer.encode()).status == 400
