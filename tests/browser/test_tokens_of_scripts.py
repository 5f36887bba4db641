"""A token that a script presents itself: in the subprotocols of a WebSocket, and in a header across origins."""

from typing import Any

import pytest

from bearer_guard.testing import FakeIssuer
from tests.browser.visitor import Visitor
from tests.browser.worlds import World

ALICE = '{"subject":"alice"}'
EXPIRED = 'Bearer error="invalid_token", error_description="The token has expired."'

in_all_worlds = pytest.mark.parametrize("world", ["https", "loopback", "http"], indirect=True)
in_https = pytest.mark.parametrize("world", ["https"], indirect=True)


def with_token(authorization_server: FakeIssuer, **claims: Any) -> dict[str, Any]:
    return {"headers": authorization_server.bearer(alg="ES256", **claims), "credentials": "omit"}


# --- new WebSocket(url, ["bearer", token])


@in_all_worlds
@pytest.mark.parametrize("page", ["own", "neighbour", "stranger"])
def test_a_token_in_the_subprotocols_opens_a_websocket_from_any_page(
    world: World, visitor: Visitor, page: str, authorization_server: FakeIssuer
) -> None:
    visitor.visits(page)
    read, seen = visitor.opens_a_websocket("bearer", authorization_server.token(alg="ES256"))
    assert seen == [world.seen("WEBSOCKET", page, 101, cookie=False)]
    assert read == {"opened": True, "protocol": "bearer", "text": ALICE}


@in_https
def test_the_token_of_a_script_counts_and_not_the_cookie_that_came_along(
    world: World, visitor: Visitor, authorization_server: FakeIssuer
) -> None:
    visitor.logs_in("None")
    visitor.visits("stranger")
    read, seen = visitor.opens_a_websocket("bearer", authorization_server.token(alg="ES256", sub="bob"))
    assert seen == [world.seen("WEBSOCKET", "stranger", 101, cookie=True)]
    assert read["text"] == '{"subject":"bob"}'


@in_https
def test_an_expired_token_in_the_subprotocols_opens_nothing(
    world: World, visitor: Visitor, authorization_server: FakeIssuer
) -> None:
    visitor.visits("own")
    read, seen = visitor.opens_a_websocket("bearer", authorization_server.token(alg="ES256", exp=-60))
    assert seen == [world.seen("WEBSOCKET", "own", 401, "expired", cookie=False)]
    assert read["opened"] is False


# --- fetch() with an Authorization header, which browsers ask about first (a preflight)


@in_https
@pytest.mark.parametrize("path", ["/me", "/plain-cors/me"])
def test_a_script_of_a_listed_page_presents_its_token(
    world: World, visitor: Visitor, path: str, authorization_server: FakeIssuer
) -> None:
    visitor.visits("friend")
    read, seen = visitor.fetches(path, **with_token(authorization_server))
    assert seen == [world.seen(method, "friend", 200, cookie=False) for method in ("OPTIONS", "GET")]
    assert read["text"] == ALICE


@in_https
@pytest.mark.parametrize(
    ("path", "challenge"),
    [pytest.param("/me", EXPIRED, id="cors()"), pytest.param("/plain-cors/me", None, id="CORSMiddleware")],
)
def test_a_script_reads_why_it_was_refused_where_our_helper_stands_outside(
    world: World, visitor: Visitor, path: str, challenge: str | None, authorization_server: FakeIssuer
) -> None:
    visitor.visits("friend")
    read, seen = visitor.fetches(path, **with_token(authorization_server, exp=-60))
    preflight = world.seen("OPTIONS", "friend", 200, cookie=False)
    assert seen == [preflight, world.seen("GET", "friend", 401, "expired", cookie=False)]
    assert (read["status"], read["challenge"]) == (401, challenge)


@in_https
def test_a_script_of_a_page_that_is_not_listed_does_not_even_get_to_present_a_token(
    world: World, visitor: Visitor, authorization_server: FakeIssuer
) -> None:
    visitor.visits("stranger")
    read, seen = visitor.fetches(**with_token(authorization_server))
    assert seen == [world.seen("OPTIONS", "stranger", 400, cookie=False)]
    assert read == {"error": "TypeError"}
