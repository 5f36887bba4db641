"""WebSockets under real servers: accepted with a good token, refused before the handshake is over without one."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from bearer_guard import Reason
from bearer_guard.testing import FakeIssuer
from tests.servers.serving import WEBSOCKET_SERVERS, Serve, Server
from tests.servers.wire import connected, handshake
from tests.servers.words import GONE, LOOKED_UP, LOOKING, PAGE

ENDPOINTS = ["/ws/echo", "/ws/talk", "/ws/ask", "/ws/class/echo", "/ws/class/talk"]
NEEDS_SCOPE = ["/ws/talk", "/ws/ask", "/ws/class/talk"]

MISSING = (401, ["Bearer"])
EXPIRED = (401, ['Bearer error="invalid_token", error_description="The token has expired."'])
NO_SCOPE = (
    403,
    [
        f'Bearer error="insufficient_scope", error_description="{Reason.INSUFFICIENT_SCOPE.description}", scope="talk"',
    ],
)
CROSS_SITE = (400, [f'Bearer error="invalid_request", error_description="{Reason.CROSS_SITE_COOKIE.description}"'])
TWICE = (400, ['Bearer error="invalid_request", error_description="More than one access token was presented."'])


@pytest.fixture(autouse=True)
def directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client would ask a proxy of the environment."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def opened(
    server: Server,
    path: str,
    *,
    token: str | None = None,
    offered: Sequence[str] = (),
    origin: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> ClientConnection:
    authorization = [("Authorization", f"Bearer {token}")] if token else []
    options: dict[str, Any] = {"subprotocols": [Subprotocol(name) for name in offered]} if offered else {}
    if origin is not None:
        options["origin"] = Origin(origin)
    url = f"ws://127.0.0.1:{server.port}{path}"
    connection: ClientConnection = connect(url, additional_headers=[*authorization, *headers], **options)
    return connection


def refusal(server: Server, path: str, **options: Any) -> tuple[int, list[str]]:
    """Status and challenges of a handshake that is expected to fail."""
    with pytest.raises(InvalidStatus) as refused, opened(server, path, **options):
        pass
    response = refused.value.response
    return response.status_code, response.headers.get_all("WWW-Authenticate")


def echoed(websocket: ClientConnection, words: str = "hello") -> bool:
    websocket.send(words)
    return websocket.recv(timeout=5) == words


# --- accepted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_token_in_the_header_opens_it(websocket_server: Server, authority: FakeIssuer, path: str) -> None:
    with opened(websocket_server, path, token=authority.token(scope="talk")) as websocket:
        assert echoed(websocket)
        assert websocket.subprotocol is None


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_token_among_the_subprotocols_opens_it_and_only_the_word_is_echoed(
    websocket_server: Server, authority: FakeIssuer, path: str
) -> None:
    token = authority.token(scope="talk")
    with opened(websocket_server, path, offered=["bearer", token]) as websocket:
        assert echoed(websocket)
        assert websocket.response is not None
        assert websocket.response.headers.get_all("Sec-WebSocket-Protocol") == ["bearer"]


@pytest.mark.parametrize("position", [0, 1], ids=["chat-last", "chat-first"])
def test_a_subprotocol_of_the_applications_own_is_kept_and_the_token_is_out_of_its_sight(
    websocket_server: Server, authority: FakeIssuer, position: int
) -> None:
    pair = ["bearer", authority.token()]
    offered, left = (["chat", *pair], ["chat", "bearer"]) if position else ([*pair, "chat"], ["bearer", "chat"])
    with opened(websocket_server, "/ws/chat", offered=offered) as websocket:
        assert websocket.subprotocol == "chat"
        assert json.loads(websocket.recv(timeout=5)) == {"scope": left, "headers": [", ".join(left)]}


def test_a_cookie_opens_it_for_a_page_of_the_same_origin(websocket_server: Server, authority: FakeIssuer) -> None:
    origin = f"http://127.0.0.1:{websocket_server.port}"
    cookie = ("Cookie", f"session={authority.token()}")
    with opened(websocket_server, "/ws/echo", origin=origin, headers=[cookie]) as websocket:
        assert echoed(websocket)


def test_a_public_one_needs_no_token(websocket_server: Server) -> None:
    with opened(websocket_server, "/health/ws") as websocket:
        assert echoed(websocket)


def test_many_messages_pass_as_they_are(websocket_server: Server, authority: FakeIssuer) -> None:
    with opened(websocket_server, "/ws/echo", token=authority.token()) as websocket:
        assert all(echoed(websocket, "x" * size) for size in (0, 1, 125, 126, 65_536, 300_000))


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*ENDPOINTS, "/ws/nowhere"])
def test_without_a_token_the_handshake_ends_with_401(websocket_server: Server, path: str) -> None:
    assert refusal(websocket_server, path) == MISSING


def test_an_expired_token_is_refused_in_the_words_of_the_contract(
    websocket_server: Server, authority: FakeIssuer
) -> None:
    token = authority.token(exp=-60, iat=-120, scope="talk")
    assert refusal(websocket_server, "/ws/talk", token=token) == EXPIRED
    assert refusal(websocket_server, "/ws/talk", offered=["bearer", token]) == EXPIRED


@pytest.mark.parametrize("path", NEEDS_SCOPE)
def test_a_missing_scope_is_403_and_named(websocket_server: Server, authority: FakeIssuer, path: str) -> None:
    assert refusal(websocket_server, path, token=authority.token()) == NO_SCOPE
    assert refusal(websocket_server, path, offered=["bearer", authority.token(), "chat"]) == NO_SCOPE


@pytest.mark.parametrize("origin", [None, "null", PAGE, "http://127.0.0.1"], ids=str)
def test_a_cookie_from_anywhere_else_is_refused(
    websocket_server: Server, authority: FakeIssuer, origin: str | None
) -> None:
    cookie = ("Cookie", f"session={authority.token()}")
    assert refusal(websocket_server, "/ws/echo", origin=origin, headers=[cookie]) == CROSS_SITE


def test_two_tokens_in_two_places_are_refused(websocket_server: Server, authority: FakeIssuer) -> None:
    token = authority.token()
    assert refusal(websocket_server, "/ws/echo", token=token, offered=["bearer", token]) == TWICE


@pytest.mark.parametrize(
    "path", ["/health/../ws/echo", "/health/..%2fws/echo", "//health/ws", "/health%2fws", "/%2e/health/ws"]
)
def test_no_ambiguous_path_opens_it(websocket_server: Server, path: str) -> None:
    with connected(websocket_server.port) as wire:
        wire.send(handshake(path))
        answer = wire.answer("HEAD")  # some leave the connection open behind a refusal
    assert answer is not None
    assert (answer.status, answer.challenges) == MISSING


@pytest.mark.parametrize("path", ENDPOINTS)
def test_where_the_server_knows_no_denial_response_it_is_closed_before_it_is_accepted(
    websocket_server: Server, authority: FakeIssuer, path: str
) -> None:
    # The ASGI specification: the server answers 403 to a close before the accept.
    assert refusal(websocket_server, f"{path}?denial=unknown") == (403, [])
    assert refusal(websocket_server, f"{path}?denial=unknown", token=authority.token(exp=-60, iat=-120)) == (403, [])


@pytest.mark.parametrize("path", NEEDS_SCOPE)
def test_the_same_for_a_missing_scope(websocket_server: Server, authority: FakeIssuer, path: str) -> None:
    assert refusal(websocket_server, f"{path}?denial=unknown", token=authority.token()) == (403, [])


def test_what_is_asked_after_the_handshake_closes_the_connection(
    websocket_server: Server, authority: FakeIssuer
) -> None:
    with opened(websocket_server, "/ws/ask-later", token=authority.token()) as websocket:
        with pytest.raises(ConnectionClosed):
            websocket.recv(timeout=5)
        assert websocket.close_code == 1008  # RFC 6455 section 7.4.1: policy violation


# --- what the server has to say about it ------------------------------------------------------------------------------

_incomplete = pytest.mark.xfail(
    strict=True,
    reason="uvicorn (sansio) takes a denial response for an unfinished handshake; it needs a turn of the loop",
)


def but(server: str, mark: pytest.MarkDecorator) -> list[Any]:
    """All servers, one of them with a mark."""
    return [pytest.param(name, marks=mark if name == server else ()) for name in WEBSOCKET_SERVERS]


def test_no_server_complains_of_a_refusal(websocket_server: Server, authority: FakeIssuer) -> None:
    server = websocket_server
    with server.listening() as listener:
        for path in ENDPOINTS:
            assert refusal(server, path) == MISSING
            assert refusal(server, path, token=authority.token(exp=-60, iat=-120)) == EXPIRED
        for path in ("/ws/talk", "/ws/class/talk"):
            assert refusal(server, path, token=authority.token()) == NO_SCOPE
        assert listener.complaints() == []


@pytest.mark.parametrize("name", but("uvicorn-h11-sansio", _incomplete))
def test_no_server_complains_of_a_refusal_that_the_handler_raises(
    serve: Serve, authority: FakeIssuer, name: str
) -> None:
    # Starlette sends this one.
    server = serve(name)
    with server.listening() as listener:
        assert refusal(server, "/ws/ask", token=authority.token()) == NO_SCOPE
        assert listener.complaints() == []


def test_no_server_complains_of_a_close_before_the_accept(websocket_server: Server, authority: FakeIssuer) -> None:
    with websocket_server.listening() as listener:
        for path in NEEDS_SCOPE:
            assert refusal(websocket_server, f"{path}?denial=unknown") == (403, [])
            assert refusal(websocket_server, f"{path}?denial=unknown", token=authority.token()) == (403, [])
        assert listener.complaints() == []


def test_no_server_complains_of_a_conversation(websocket_server: Server, authority: FakeIssuer) -> None:
    token = authority.token(scope="talk")
    with websocket_server.listening() as listener:
        for options in ({"token": token}, {"offered": ["bearer", token]}):
            with opened(websocket_server, "/ws/talk", **options) as websocket:
                assert echoed(websocket)
        listener.wait_for(GONE, times=2)
        assert listener.complaints() == []


# --- a client that hangs up in the middle of the handshake ------------------------------------------------------------


def hang_up(server: Server, opening: bytes) -> None:
    for _ in range(3):
        with connected(server.port) as wire:
            wire.send(opening)
            wire.reset()


@pytest.mark.parametrize("kept_back", [10, 100])
def test_a_client_that_hangs_up_in_its_own_request_disturbs_nobody(
    websocket_server: Server, good: str, kept_back: int
) -> None:
    with websocket_server.listening() as listener:
        hang_up(websocket_server, handshake("/ws/talk", good)[:-kept_back])
        assert listener.complaints() == []


@pytest.mark.parametrize("path", ["/ws/talk", "/ws/class/talk", "/ws/ask"])
def test_a_client_that_hangs_up_before_it_is_accepted_disturbs_nobody(
    websocket_server: Server, good: str, path: str
) -> None:
    with websocket_server.listening() as listener:
        hang_up(websocket_server, handshake(path, good))
        assert listener.complaints() == []


def complaints_about_one_that_left(server: Server, opening: bytes) -> list[str]:
    """What a server says when the verdict comes too late."""
    with server.listening() as listener:
        with connected(server.port) as wire:
            wire.send(opening)
            listener.wait_for(LOOKING)
        listener.wait_for(LOOKED_UP)
        return listener.complaints()


def test_a_client_that_is_accepted_too_late_disturbs_nobody(websocket_server: Server, good: str) -> None:
    assert complaints_about_one_that_left(websocket_server, handshake("/ws/late?known=yes", good)) == []


def test_a_client_that_is_refused_too_late_disturbs_nobody(websocket_server: Server, good: str) -> None:
    assert complaints_about_one_that_left(websocket_server, handshake("/ws/late?known=no", good)) == []
