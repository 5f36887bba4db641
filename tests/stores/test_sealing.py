"""Values sealed for a store that others can read and write."""

import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearer_guard import ConfigurationError
from bearer_guard.stores.sealing import Seal, Unreadable

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
PLACE = "bearer_guard:token:1"
NONCE, TAG = 12, 16


@given(value=st.binary(max_size=200), place=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_what_was_sealed_is_opened_at_its_place(value: bytes, place: str) -> None:
    seal = Seal({"a": OLD})
    assert seal.open(seal.seal(value, place), place) == value


@pytest.mark.parametrize("elsewhere", ["bearer_guard:token:2", "bearer_guard:token:", "", "bearer_guard:token:1 "])
def test_what_was_moved_to_another_place_is_not_opened(elsewhere: str) -> None:
    seal = Seal({"a": OLD})
    with pytest.raises(Unreadable):
        seal.open(seal.seal(b"yes", PLACE), elsewhere)


def test_a_single_changed_bit_anywhere_makes_it_unreadable() -> None:
    seal = Seal({"a": OLD})
    sealed = seal.seal(b"yes", PLACE)
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(Unreadable):
            seal.open(bytes(changed), PLACE)


def test_whatever_is_cut_off_or_added_makes_it_unreadable() -> None:
    seal = Seal({"a": OLD})
    sealed = seal.seal(b"yes", PLACE)
    pieces = [sealed[:length] for length in range(len(sealed))]
    for piece in (*pieces, sealed + b"\0", b"\0" + sealed, sealed * 2):
        with pytest.raises(Unreadable):
            seal.open(piece, PLACE)


@given(junk=st.binary(max_size=64))
def test_what_somebody_made_up_is_unreadable(junk: bytes) -> None:
    with pytest.raises(Unreadable):
        Seal({"a": OLD}).open(junk, PLACE)


@given(junk=st.binary(max_size=64))
def test_what_somebody_made_up_under_the_name_of_our_key_is_unreadable(junk: bytes) -> None:
    with pytest.raises(Unreadable):
        Seal({"a": OLD}).open(b"\x01a" + junk, PLACE)


def test_an_empty_value_is_sealed_like_any_other() -> None:
    seal = Seal({"a": OLD})
    sealed = seal.seal(b"", PLACE)
    assert (seal.open(sealed, PLACE), len(sealed)) == (b"", 1 + 1 + NONCE + TAG)


def test_the_same_value_never_looks_the_same_twice() -> None:
    seal = Seal({"a": OLD})
    assert len({seal.seal(b"yes", PLACE) for _ in range(1000)}) == 1000


def test_neither_value_nor_place_can_be_read_in_what_is_stored() -> None:
    sealed = Seal({"a": OLD}).seal(b"alice@example.com", PLACE)
    assert b"alice" not in sealed
    assert PLACE.encode() not in sealed


# --- exchanging keys ---


@pytest.mark.parametrize(
    "then", [{"new": NEW, "old": OLD}, {"old": OLD, "new": NEW}], ids=["new in front", "old in front"]
)
def test_during_an_exchange_all_machines_open_what_any_of_them_sealed(then: dict[str, bytes]) -> None:
    both = Seal(then)
    for key_id, key in (("old", OLD), ("new", NEW)):
        assert both.open(Seal({key_id: key}).seal(b"yes", PLACE), PLACE) == b"yes"
    assert Seal({"old": OLD, "new": NEW}).open(both.seal(b"yes", PLACE), PLACE) == b"yes"


@pytest.mark.parametrize(("first", "second"), [("old", "new"), ("new", "old")])
def test_the_first_key_seals(first: str, second: str) -> None:
    keys = {"old": OLD, "new": NEW}
    sealed = Seal({first: keys[first], second: keys[second]}).seal(b"yes", PLACE)
    assert Seal({first: keys[first]}).open(sealed, PLACE) == b"yes"
    with pytest.raises(Unreadable):
        Seal({second: keys[second]}).open(sealed, PLACE)


def test_a_key_that_was_taken_out_opens_nothing_any_more() -> None:
    sealed = Seal({"old": OLD}).seal(b"yes", PLACE)
    with pytest.raises(Unreadable, match="none of our keys"):
        Seal({"new": NEW}).open(sealed, PLACE)


def test_another_key_of_the_same_name_opens_nothing() -> None:
    sealed = Seal({"a": OLD}).seal(b"yes", PLACE)
    with pytest.raises(Unreadable, match="changed or moved"):
        Seal({"a": NEW}).open(sealed, PLACE)


def test_one_key_in_front_of_a_value_of_the_other_opens_nothing() -> None:
    seal = Seal({"a": OLD, "b": NEW})
    sealed = seal.seal(b"yes", PLACE)
    with pytest.raises(Unreadable, match="changed or moved"):
        seal.open(b"\x01b" + sealed[2:], PLACE)


# --- keys and their names ---


@pytest.mark.parametrize("key_id", ["a", "a" * 255, "2026-11", " ", "\0"])
def test_an_ascii_name_of_up_to_255_characters_will_do(key_id: str) -> None:
    seal = Seal({key_id: OLD})
    assert seal.open(seal.seal(b"yes", PLACE), PLACE) == b"yes"


@pytest.mark.parametrize("key_id", ["", "a" * 256, "é", "2026-é", "\ud800", b"2026-11", 7, None])
def test_no_other_name_will_do_and_it_is_not_shown(key_id: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^a key is called by something .*; write keys=\{'2026-11': key\}"):
        Seal({key_id: OLD})


@pytest.mark.parametrize("key", [OLD.hex(), OLD.hex().upper(), OLD])
def test_a_key_is_32_bytes_or_64_hex_digits(key: str | bytes) -> None:
    assert Seal({"a": key}).open(Seal({"a": OLD}).seal(b"yes", PLACE), PLACE) == b"yes"


@pytest.mark.parametrize("keys", [None, {}, OLD, OLD.hex(), [("a", OLD)], {"a"}])
def test_without_keys_nothing_is_stored(keys: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"values are not stored in the clear; write keys=\{'2026-11': key\}"):
        Seal(keys)


BAD_KEYS = ["", b"", "a password of thirty-two letters", OLD[:31], OLD + b"x", OLD.hex()[:32], OLD.hex().encode()]


@pytest.mark.parametrize("key", [*BAD_KEYS, bytearray(OLD), None, 123456789])
def test_what_is_no_key_is_refused_and_not_shown(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="a key is not 32 bytes long; write keys=") as caught:
        Seal({"a": OLD, "b": key})
    assert not key or str(key) not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_shows_a_seal_shows_the_names_of_its_keys_alone() -> None:
    assert repr(Seal({"2026-11": OLD, "2026-05": NEW.hex()})) == "Seal(['2026-11', '2026-05'])"


@pytest.mark.parametrize("key", [OLD, OLD.hex()])
def test_a_key_that_was_given_in_place_of_its_name_is_not_shown(key: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Seal({key: "2026-11"})
    assert repr(key)[1:-1] not in str(caught.value)
    assert caught.value.__context__ is None


def test_an_error_of_opening_says_nothing_of_key_value_and_place() -> None:
    seal = Seal({"a": OLD})
    with pytest.raises(Unreadable) as caught:
        seal.open(seal.seal(b"alice", PLACE), "elsewhere")
    assert caught.value.args == ("it was changed or moved",)
    assert caught.value.__context__ is None
