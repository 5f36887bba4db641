"""Several places where a token may be: one token on purpose counts, two are a 400, and a cookie gives way."""

import itertools
from typing import Any

import pytest

from bearer_guard import (
    AuthorizationHeader,
    BearerGuard,
    Cookie,
    Header,
    JWTValidator,
    QueryParameter,
    Reason,
    WebSocketProtocol,
)
from bearer_guard.protocols import TokenSource
from bearer_guard.testing import FakeIssuer
from tests.sources import found, handshake, why_refused

SOURCES: dict[str, TokenSource] = {
    "authorization": AuthorizationHeader(),
    "header": Header("X-Token"),
    "query": QueryParameter(),
    "subprotocol": WebSocketProtocol(),
    "cookie": Cookie("session"),
}
PLACES: dict[str, dict[str, Any]] = {
    "authorization": {"headers": [(b"authorization", b"Bearer authorization")]},
    "header": {"headers": [(b"x-token", b"header")]},
    "query": {"query_string": b"access_token=query"},
    "subprotocol": {"subprotocols": ["bearer", "subprotocol"]},
    "cookie": {"headers": [(b"cookie", b"session=cookie"), (b"sec-fetch-site", b"same-origin")]},
}
EXPLICIT = [place for place in PLACES if place != "cookie"]


def guard_with(*names: str) -> BearerGuard:
    return BearerGuard(
        JWTValidator(FakeIssuer().server, audience="api"), sources=[SOURCES[name] for name in names or SOURCES]
    )


def presented(*places: str) -> dict[str, Any]:
    """A WebSocket handshake (all places exist there) with a token in each of these places, named like the place."""
    headers = [pair for place in places for pair in PLACES[place].get("headers", [])]
    rest = {name: value for place in places for name, value in PLACES[place].items() if name != "headers"}
    return handshake(*headers, **rest)


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_looked_at(place: str) -> None:
    assert found(guard_with(), presented(place)) == place


def test_nowhere_is_nowhere() -> None:
    assert found(guard_with(), presented()) is None


@pytest.mark.parametrize("places", list(itertools.permutations(EXPLICIT, 2)), ids=" + ".join)
def test_two_tokens_on_purpose_are_refused(places: tuple[str, ...]) -> None:
    # RFC 6750 section 2: clients must not use more than one method in each request.
    assert why_refused(guard_with(*places), presented(*places)) is Reason.SEVERAL_TOKENS


@pytest.mark.parametrize("place", EXPLICIT)
@pytest.mark.parametrize("cookie_first", [True, False], ids=["cookie first", "cookie last"])
def test_a_token_on_purpose_wins_over_the_cookie_in_whatever_order(place: str, *, cookie_first: bool) -> None:
    order = ("cookie", place) if cookie_first else (place, "cookie")
    assert found(guard_with(*order), presented(*order)) == place


def test_a_cookie_of_another_site_is_not_even_looked_at_where_a_token_is_presented_on_purpose() -> None:
    scope = presented("authorization")
    scope["headers"] += [(b"cookie", b"session=cookie"), (b"sec-fetch-site", b"cross-site")]
    assert found(guard_with("cookie", "authorization"), scope) == "authorization"


def test_a_malformed_token_on_purpose_is_not_replaced_by_the_cookie() -> None:
    scope = presented("cookie")
    scope["headers"].append((b"authorization", b"Bearer"))
    assert why_refused(guard_with(), scope) is Reason.MALFORMED_AUTHORIZATION


def test_credentials_of_another_scheme_leave_the_cookie_its_say() -> None:
    # A proxy in front of a staging site asks for a password; the browser sends it to us, too.
    scope = presented("cookie")
    scope["headers"].append((b"authorization", b"Basic dXNlcjpwYXNz"))
    assert found(guard_with(), scope) == "cookie"


def test_two_cookies_that_may_carry_a_token_are_refused() -> None:
    guard = BearerGuard(
        JWTValidator(FakeIssuer().server, audience="api"), sources=[Cookie("session"), Cookie("__Host-session")]
    )
    scope = handshake((b"cookie", b"session=a; __Host-session=b"), (b"sec-fetch-site", b"same-origin"))
    assert why_refused(guard, scope) is Reason.SEVERAL_TOKENS


@pytest.mark.parametrize("place", ["header", "query", "subprotocol", "cookie"])
def test_a_place_that_nobody_asked_for_is_not_looked_at(place: str) -> None:
    guard = BearerGuard(JWTValidator(FakeIssuer().server, audience="api"))
    assert found(guard, presented(place)) is None
