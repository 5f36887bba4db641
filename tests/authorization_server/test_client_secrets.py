"""Secrets as functions: asked for before each call, and what becomes of the call when they fail."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest

from bearer_guard import (
    ClientSecretBasic,
    ClientSecretPost,
)
from bearer_guard.authorization_server import endpoints
from bearer_guard.authorization_server.http import secrets_in
from tests.authorization_server.desk import ACTIVE, TOKEN, Desk
from tests.authorization_server.loopback import Asked, document


def pair(asked: Asked) -> str:
    """What a Basic header says, before anything is decoded but the base64 (RFC 7617 section 2)."""
    scheme, credentials = asked.headers["authorization"].split(" ")
    assert scheme == "Basic"
    return base64.b64decode(credentials, validate=True).decode()


class Rotating:
    """A secret that is another one each time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        return f"secret-{self.calls}"

    async def later(self) -> str:
        await asyncio.sleep(0)
        return self()


WITH_A_SECRET: dict[str, tuple[Callable[[Any], Any], Callable[[Asked], str]]] = {
    "basic": (lambda secret: ClientSecretBasic("api", secret), lambda asked: pair(asked).removeprefix("api:")),
    "post": (lambda secret: ClientSecretPost("api", secret), lambda asked: asked.form["client_secret"]),
}
each_with_a_secret = pytest.mark.parametrize(("make", "read"), WITH_A_SECRET.values(), ids=WITH_A_SECRET)


@each_with_a_secret
@pytest.mark.parametrize("is_async", [False, True])
async def test_a_function_is_asked_for_the_secret_before_each_call_and_not_before(
    desk: Desk, make: Callable[[Any], Any], read: Callable[[Asked], str], *, is_async: bool
) -> None:
    secret = Rotating()
    server = desk.server(make(secret.later if is_async else secret))
    assert secret.calls == 0
    for number in (1, 2, 3):
        assert await server.introspect("token") == ACTIVE
        assert read(desk.asked) == f"secret-{number}"


@each_with_a_secret
@pytest.mark.parametrize("nothing", [None, "", b""])
async def test_a_function_that_returns_nothing_is_a_503_that_says_whose_fault_it_is(
    desk: Desk, make: Callable[[Any], Any], read: Callable[[Asked], str], nothing: Any
) -> None:
    client = make(lambda: nothing)
    why = await desk.why(desk.server(client))
    assert why == f"our own credentials are not to be had: {type(client).__name__}: ValueError"
    assert not desk.hits


@pytest.mark.parametrize("no_text", [b"s3cret", 12345, ["s3cret"], object()], ids=repr)
@pytest.mark.parametrize("form_encoded", [False])
async def test_a_function_that_returns_no_text_is_a_503_and_nothing_is_sent(
    desk: Desk, no_text: Any, *, form_encoded: bool
) -> None:
    await desk.why(desk.server(ClientSecretBasic("api", lambda: no_text, form_encoded=form_encoded)))
    assert not desk.hits


async def test_a_refusal_of_a_secret_that_is_no_text_is_a_503_too(desk: Desk) -> None:
    desk.says(document({"error": "invalid_client"}, 401))
    await desk.failure(desk.server(ClientSecretPost("api", lambda: b"s3cret")))  # type: ignore[arg-type, return-value]


async def test_a_function_that_never_returns_is_a_503(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "LONGEST_AUTHENTICATION", 0.05)

    async def never() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    why = await desk.why(desk.server(ClientSecretBasic("api", never)))
    assert why == "our own credentials are not to be had: ClientSecretBasic: TimeoutError"


async def test_a_function_that_ends_as_if_cancelled_cancels_nobody(desk: Desk) -> None:
    async def cancels_itself() -> str:
        raise asyncio.CancelledError

    why = await desk.why(desk.server(ClientSecretBasic("api", cancels_itself)))
    assert why == "our own credentials are not to be had: ClientSecretBasic: ConnectionAbortedError"


async def test_who_leaves_while_a_secret_is_fetched_is_cancelled(desk: Desk) -> None:
    asked = asyncio.Event()

    async def never() -> str:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    leaving = asyncio.create_task(desk.server(ClientSecretBasic("api", never)).introspect(TOKEN))
    await asked.wait()
    leaving.cancel()
    await asyncio.wait({leaving})
    assert leaving.cancelled()


async def test_a_homemade_header_that_is_no_base64_is_sent_as_it_is(desk: Desk) -> None:
    class Homemade:
        client_id = "api"

        async def authenticate(self, form: Any, headers: Any, *, issuer: str, now: float) -> None:
            headers["authorization"] = "Basic api:secret"

    assert (await desk.question(Homemade())).headers["authorization"] == "Basic api:secret"


def test_a_homemade_header_that_is_no_base64_is_a_secret_as_it_is() -> None:
    assert set(secrets_in({"authorization": "Basic api:secret"}, None)) == {"api:secret", ""}
