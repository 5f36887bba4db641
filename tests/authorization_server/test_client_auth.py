"""Client authentication by a secret, or by nothing: what goes over the wire, decoded by others than who encoded it."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearer_guard import (
    AuthorizationServer,
    ClientSecretBasic,
    ClientSecretPost,
    ConfigurationError,
    PublicClient,
)
from tests.authorization_server.desk import TOKEN, Desk
from tests.authorization_server.loopback import Asked


def pair(asked: Asked) -> str:
    """What a Basic header says, before anything is decoded but the base64 (RFC 7617 section 2)."""
    scheme, credentials = asked.headers["authorization"].split(" ")
    assert scheme == "Basic"
    return base64.b64decode(credentials, validate=True).decode()


def form_decoded(text: str) -> str:
    """By the standard library's reader of forms (RFC 6749 appendix B)."""
    return parse_qs(f"it={text}", keep_blank_values=True, strict_parsing=True)["it"][0]


# --- the request ---


async def test_the_request_is_the_one_that_okta_documents_with_a_hint(desk: Desk) -> None:
    asked = await desk.question(ClientSecretBasic("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw"), "TOKEN")
    assert (asked.method, asked.path) == ("POST", "/introspect")
    agent = asked.headers.pop("user-agent")
    assert agent.startswith("python-httpx/")
    assert asked.headers == {
        "host": f"127.0.0.1:{desk.web.port}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "keep-alive",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": "40",
        "authorization": "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",  # RFC 6749 section 2.3.1
    }
    assert asked.body == b"token=TOKEN&token_type_hint=access_token"


@pytest.mark.parametrize("hint", ["refresh_token", "access_token"])
async def test_the_hint_is_sent_as_it_is_given(desk: Desk, hint: str) -> None:
    await desk.server().introspect("TOKEN", token_type_hint=hint)
    assert desk.asked.form == {"token": "TOKEN", "token_type_hint": hint, "client_id": "api"}


@pytest.mark.parametrize("hint", [None, ""])
async def test_the_hint_can_be_left_out(desk: Desk, hint: str | None) -> None:
    await desk.server(ClientSecretBasic("a", "b")).introspect("TOKEN", token_type_hint=hint)
    assert desk.asked.body == b"token=TOKEN"


@pytest.mark.parametrize("token", ["a+b/c==", "a~b-c._d", "%41", "a&client_id=b", "a b", "\u20ac", "-" * 16_384])
async def test_a_token_of_any_form_arrives_as_it_was_presented(desk: Desk, token: str) -> None:
    assert (await desk.question(ClientSecretBasic("a", "b"), token)).form["token"] == token


# --- client_secret_basic ---

ODD = {
    "appendix B": " %&+\u00a3\u20ac",
    "colon": "a:b",
    "form": "a=b&c=d+e",
    "escaped already": "%41%2541",
    "unreserved": "-._~",
    "reserved": "!*'();:@$,/?#[]",
    "controls": "\t\r\n\x00",
    "emoji": "\U0001f511",
    "quotes": "\"'\\",
    "spaces around": " a ",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_both_halves_are_form_encoded_each_for_itself(desk: Desk, odd: str) -> None:
    client_id, colon, secret = pair(await desk.question(ClientSecretBasic(odd, odd[::-1]))).partition(":")
    assert colon
    assert (form_decoded(client_id), form_decoded(secret)) == (odd, odd[::-1])
    assert client_id.isascii()


async def test_the_example_of_rfc_6749_appendix_b(desk: Desk) -> None:
    asked = await desk.question(ClientSecretBasic("id", " %&+\u00a3\u20ac"))
    assert pair(asked) == "id:+%25%26%2B%C2%A3%E2%82%AC"


@settings(deadline=None)  # an event loop each time, on a machine that may be busy
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(min_size=1).filter(str.isascii))
def test_whatever_is_form_encoded_can_be_told_apart_again(client_id: str, secret: str) -> None:
    headers: dict[str, str] = {}
    client = ClientSecretBasic(client_id, secret)
    asyncio.run(client.authenticate({}, headers, issuer="https://id.example.com", now=0))
    first, _, second = pair(Asked("POST", "/", headers, b"")).partition(":")
    assert (form_decoded(first), form_decoded(second)) == (client_id, secret)


@pytest.mark.parametrize("odd", [odd for name, odd in ODD.items() if name != "colon"])
async def test_servers_that_take_them_raw_get_them_raw(desk: Desk, odd: str) -> None:
    asked = await desk.question(ClientSecretBasic("0oaN/+ %", odd, form_encoded=False))
    assert pair(asked) == f"0oaN/+ %:{odd}"


@pytest.mark.parametrize("form_encoded", [True, False])
async def test_of_letters_and_digits_both_ways_make_the_same(desk: Desk, *, form_encoded: bool) -> None:
    asked = await desk.question(ClientSecretBasic("0oa-N.f_1", "s3cr3t-._", form_encoded=form_encoded))
    assert pair(asked) == "0oa-N.f_1:s3cr3t-._"


# --- client_secret_post, none ---


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_in_the_form_both_arrive_as_they_are_and_no_header_is_sent(desk: Desk, odd: str) -> None:
    asked = await desk.question(ClientSecretPost(odd, odd[::-1]))
    expected = {"token": TOKEN, "token_type_hint": "access_token", "client_id": odd, "client_secret": odd[::-1]}
    assert asked.form == expected
    assert "authorization" not in asked.headers


async def test_a_public_client_sends_its_id_and_nothing_that_proves_it(desk: Desk) -> None:
    asked = await desk.question(PublicClient("spa"))
    assert asked.form == {"token": TOKEN, "token_type_hint": "access_token", "client_id": "spa"}
    assert "authorization" not in asked.headers


# --- construction ---

WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "no id": (lambda: PublicClient(""), r"^client_id='' is none; write the id of your API at the server$"),
    "an id that is None": (lambda: ClientSecretBasic(None, "s3cret"), r"^client_id=None is none"),  # type: ignore[arg-type]
    "an id that is a number": (lambda: ClientSecretPost(7, "s3cret"), r"^client_id=7 is none"),  # type: ignore[arg-type]
    "no secret": (lambda: ClientSecretBasic("api", ""), r"^client_secret= is empty or no string; write the secret, or"),
    "a secret that is None": (lambda: ClientSecretPost("api", None), r"^client_secret= is empty"),  # type: ignore[arg-type]
    "a secret in bytes": (lambda: ClientSecretBasic("api", b"s3cret"), r"^client_secret= is empty"),  # type: ignore[arg-type]
    "a switch as text": (
        lambda: ClientSecretBasic("api", "s3cret", form_encoded="no"),  # type: ignore[arg-type]
        r"^form_encoded='no' is neither True nor False; write one of them$",
    ),
}


@pytest.mark.parametrize(("make", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_at_construction_without_the_secret(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        make()
    assert "s3cret" not in str(caught.value)


async def test_without_a_client_nobody_is_asked_and_what_to_write_is_said(desk: Desk) -> None:
    server = AuthorizationServer(desk.web.url, introspection_endpoint=f"{desk.web.url}/introspect")
    sentence = (
        r"does not say who we are, .* write client_auth=ClientSecretBasic\('orders-api', secret\), or PublicClient"
    )
    with pytest.raises(ConfigurationError, match=sentence):
        await server.introspect("token")
    with pytest.raises(ConfigurationError, match=sentence):
        server.require("introspection_endpoint")
    assert not desk.hits
