"""What a server repeats of what we sent gets nowhere."""

from urllib.parse import quote, quote_plus

import pytest

from bearer_guard import (
    AuthorizationServerUnavailable,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJWT,
    PublicClient,
)
from tests.authorization_server.desk import Desk
from tests.authorization_server.loopback import Wire, document, reply
from tests.authorization_server.telling import KEY, ODD_TOKEN, PAIR, SECRET, TOKEN, causes, leaked, told, told_about

ECHOES = [
    pytest.param(TOKEN, id="as it is"),
    pytest.param(quote(TOKEN, safe=""), id="percent-encoded"),
    pytest.param(quote_plus(TOKEN), id="form-encoded"),
    pytest.param(quote(TOKEN, safe="").replace("%2B", "%2b").replace("%3D", "%3d"), id="in small letters"),
    pytest.param(quote(TOKEN), id="percent-encoded but for the slash"),
    pytest.param(quote(quote(TOKEN, safe=""), safe=""), id="percent-encoded twice"),
    pytest.param(TOKEN[:24], id="the beginning"),
    pytest.param(f"{TOKEN[:16]}...", id="the beginning and dots"),
    pytest.param(f"...{TOKEN[-16:]}", id="the end"),
]


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("member", ["error", "error_description", "errorSummary"])
async def test_a_token_that_the_server_repeats_gets_nowhere(
    desk: Desk, caplog: pytest.LogCaptureFixture, echo: str, member: str
) -> None:
    body = {"error": "server_error", member: f"no such token: {echo}, sorry"}
    text = await told_about(desk, PublicClient("api"), document(body, 500), caplog)
    assert not leaked(TOKEN, text)
    assert "answered 500 (its words are left out, because they repeat what we sent)" in text


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param(quote(ODD_TOKEN), id="percent-encoded but for the slash"),
        pytest.param(quote(ODD_TOKEN, safe=""), id="percent-encoded"),
        pytest.param(quote(ODD_TOKEN, safe="").lower(), id="in small letters"),
        pytest.param(quote(quote(ODD_TOKEN, safe=""), safe=""), id="percent-encoded twice"),
    ],
)
async def test_a_token_of_which_each_letter_is_spelled_out_gets_nowhere(
    desk: Desk, caplog: pytest.LogCaptureFixture, spelled: str
) -> None:
    body = {"error_description": f"no such token: {spelled}"}
    text = await told_about(desk, PublicClient("api"), document(body, 400), caplog, ODD_TOKEN)
    assert spelled not in text


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_a_page_that_repeats_the_token_gets_nowhere(
    desk: Desk, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    page = reply(f"<p>{TOKEN}".encode(), status, content_type=f"text/html; token={quote(TOKEN, safe='')}")
    assert not leaked(TOKEN, await told_about(desk, PublicClient("api"), page, caplog))


async def test_a_page_in_place_of_an_answer_gets_nowhere(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    page = reply(f"<p>{TOKEN}".encode(), content_type="text/html")
    assert not leaked(TOKEN, await told_about(desk, PublicClient("api"), page, caplog))


async def test_a_long_token_whose_beginning_is_repeated_gets_nowhere(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    token = "".join(f"{number:04d}-" for number in range(400))
    body = {"error_description": token[:1000]}
    assert not leaked(token, await told_about(desk, PublicClient("api"), document(body, 400), caplog, token))


async def test_other_words_are_quoted(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    body = {"error": "invalid_client", "error_description": "api may not ask about an access_token"}
    text = await told_about(desk, ClientSecretPost("api", SECRET), document(body, 401), caplog)
    assert "answered 401 (invalid_client: api may not ask about an access_token)" in text


@pytest.mark.parametrize(
    "echo",
    [
        pytest.param(f"Basic {PAIR}", id="the header"),
        pytest.param(PAIR, id="the pair"),
        pytest.param(PAIR[:20], id="a part of the pair"),
        pytest.param(f"api:{SECRET}", id="id and secret"),
        pytest.param(SECRET, id="the secret"),
        pytest.param(quote_plus(SECRET), id="the secret as it was encoded"),
    ],
)
async def test_a_secret_that_the_server_repeats_gets_nowhere(
    desk: Desk, caplog: pytest.LogCaptureFixture, echo: str
) -> None:
    body = {"error": "invalid_client", "error_description": f"wrong: {echo}"}
    text = await told_about(desk, ClientSecretBasic("api", SECRET), document(body, 401), caplog)
    assert not leaked(SECRET, text)
    assert not leaked(PAIR, text)


async def test_a_secret_of_the_form_that_the_server_repeats_gets_nowhere(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"error": "invalid_client", "error_description": f"wrong: {SECRET}"}
    text = await told_about(desk, ClientSecretPost("api", SECRET), document(body, 401), caplog)
    assert not leaked(SECRET, text)


async def test_an_assertion_that_the_server_repeats_gets_nowhere(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    async def repeats(wire: Wire) -> None:
        await document({"error": "invalid_client", "error_description": wire.asked.form["client_assertion"]}, 401)(wire)

    text = await told_about(desk, PrivateKeyJWT("api", KEY, algorithm="ES256"), repeats, caplog)
    assert desk.asked.form["client_assertion"].rpartition(".")[2] not in text


async def test_userinfo_that_repeats_the_token_gets_nowhere(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.says(document({"error_description": f"{TOKEN} is odd"}, 500))
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await desk.server().userinfo(TOKEN, user_id="alice")
    text = told(caught.value, caplog)
    assert not leaked(TOKEN, text)
    assert "its words are left out" in text


async def test_a_token_in_place_of_an_error_code_is_no_attribute_of_the_error(desk: Desk) -> None:
    desk.says(document({"error": TOKEN}, 400))
    assert not leaked(TOKEN, str([vars(cause) for cause in causes(await desk.failure())]))
