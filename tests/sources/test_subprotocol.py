"""The token in the subprotocols of a WebSocket handshake."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearer_guard import InvalidRequest, Reason, WebSocketProtocol
from bearer_guard.sources.reading import LONGEST_TOKEN
from tests.sources import TOKEN, found, handshake, request, why_refused

source = WebSocketProtocol()


@pytest.mark.parametrize(
    "offered",
    [["bearer", TOKEN], ["chat", "bearer", TOKEN], ["bearer", TOKEN, "chat"], ["Bearer", "bearer", TOKEN]],
    ids=", ".join,
)
def test_the_token_stands_behind_the_word_bearer(offered: list[str]) -> None:
    credentials = source.find(handshake(subprotocols=offered))
    assert credentials is not None
    assert (credentials.token, credentials.subprotocol) == (TOKEN, "bearer")


@pytest.mark.parametrize("offered", [None, (), ["chat"], ["Bearer", TOKEN], ["bearer.chat"]], ids=repr)
def test_without_the_word_there_are_no_credentials(offered: list[str] | None) -> None:
    assert found(source, handshake(subprotocols=offered)) is None


def test_a_scope_without_subprotocols_has_no_credentials() -> None:
    scope = handshake()
    del scope["subprotocols"]
    assert found(source, scope) is None


def test_it_says_nothing_about_http_requests() -> None:
    assert found(source, request((b"sec-websocket-protocol", b"bearer, a.b.c"), subprotocols=["bearer", TOKEN])) is None


@pytest.mark.parametrize(
    "offered",
    [["bearer"], ["chat", "bearer"], ["bearer", ""], ["bearer", "a b"], ["bearer", "tökén"], ["bearer", "日本"]],
    ids=", ".join,
)
def test_the_word_without_a_token_behind_it_is_malformed(offered: list[str]) -> None:
    assert why_refused(source, handshake(subprotocols=offered)) is Reason.MALFORMED_SUBPROTOCOL


@pytest.mark.parametrize("offered", [["bearer", "bearer"], ["bearer", "a", "bearer", "b"]], ids=", ".join)
def test_the_word_twice_is_refused(offered: list[str]) -> None:
    assert why_refused(source, handshake(subprotocols=offered)) is Reason.SEVERAL_TOKENS


def test_the_longest_token_is_found_and_one_byte_more_is_refused() -> None:
    longest = "a" * LONGEST_TOKEN
    assert found(source, handshake(subprotocols=["bearer", longest])) == longest
    assert why_refused(source, handshake(subprotocols=["bearer", longest + "a"])) is Reason.TOKEN_TOO_LONG


# Surrogates as well: servers decode header bytes as they please.
@given(st.lists(st.one_of(st.just("bearer"), st.text(st.characters(codec=None))), max_size=4))
def test_whatever_is_offered_is_a_token_or_none_or_refused(offered: list[str]) -> None:
    try:
        credentials = source.find(handshake(subprotocols=offered))
    except InvalidRequest:
        return
    assert credentials is None or re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", credentials.token)


def test_it_is_shown_by_its_name() -> None:
    assert repr(source) == "WebSocketProtocol()"
