"""A cookie with the token, in a real browser: pages of the API get through, pages of others do not.

Each case asserts that the browser attached the cookie: without it a refusal would prove the browser and not the guard.
"""

from collections.abc import Callable

import pytest

from tests.browser.visitor import Attempt, Visitor
from tests.browser.worlds import World

STRICT = "Strict"  # the cookie comes with requests of pages of the same site
NONE = "None"  # ... of all pages

ALICE = '{"subject":"alice"}'
REFUSED = (400, "cross_site_cookie")
# What a script can read of an answer that is none of its business.
NOTHING: dict[str, object] = {"error": "TypeError"}
OPAQUE: dict[str, object] = {"type": "opaque", "status": 0, "challenge": None, "text": ""}
NOT_OPENED = {"opened": False, "code": 1006}  # RFC 6455 section 7.1.5: whatever the server said

in_all_worlds = pytest.mark.parametrize("world", ["https", "loopback", "http"], indirect=True)
in_https = pytest.mark.parametrize("world", ["https"], indirect=True)
behind_a_proxy = pytest.mark.parametrize("world", ["proxied"], indirect=True)
# Pages of others, with the strictest cookie that comes with their requests. Over plain http there is no SameSite=None.
from_all_others = pytest.mark.parametrize(
    ("world", "page", "same_site"),
    [
        ("https", "neighbour", STRICT),
        ("loopback", "neighbour", STRICT),
        ("http", "neighbour", STRICT),
        ("https", "stranger", NONE),
        ("loopback", "stranger", NONE),
    ],
    indirect=["world"],
)


def no_cors_posts(visitor: Visitor) -> Attempt:
    """What a script may send to anybody without asking."""
    return visitor.posts(mode="no-cors")


# Three ways to post, and what a script of a page of others can read of the answer to each.
POSTS: dict[Callable[[Visitor], Attempt], dict[str, object]] = {
    Visitor.posts: NOTHING,
    no_cors_posts: OPAQUE,
    Visitor.submits_a_form: {},  # the browser leaves the page, and its script with it
}


# --- Pages of the API itself


@in_all_worlds
def test_a_script_of_our_own_page_reads(world: World, visitor: Visitor) -> None:
    visitor.logs_in(STRICT)
    visitor.visits("own")
    read, seen = visitor.fetches()
    assert seen == [world.seen("GET", "own", 200)]
    assert read["text"] == ALICE


@in_all_worlds
def test_a_script_of_our_own_page_posts(world: World, visitor: Visitor) -> None:
    visitor.logs_in(STRICT)
    visitor.visits("own")
    read, seen = visitor.posts()
    assert seen == [world.seen("POST", "own", 200)]
    assert read["text"] == ALICE


@in_all_worlds
def test_a_form_of_our_own_page_posts(world: World, visitor: Visitor) -> None:
    visitor.logs_in(STRICT)
    visitor.visits("own")
    assert visitor.submits_a_form().seen == [world.seen("POST", "own", 200)]


@in_all_worlds
def test_a_script_of_our_own_page_opens_a_websocket(world: World, visitor: Visitor) -> None:
    visitor.logs_in(STRICT)
    visitor.visits("own")
    read, seen = visitor.opens_a_websocket()
    assert seen == [world.seen("WEBSOCKET", "own", 101)]
    assert read == {"opened": True, "protocol": "", "text": ALICE}


# --- Pages of others: on another port of our host, which SameSite takes for ours, and on another site


@from_all_others
@pytest.mark.parametrize("post", POSTS)
def test_a_page_of_others_cannot_post(
    world: World, visitor: Visitor, page: str, same_site: str, post: Callable[[Visitor], Attempt]
) -> None:
    visitor.logs_in(same_site)
    visitor.visits(page)
    read, seen = post(visitor)
    assert seen == [world.seen("POST", page, *REFUSED)]
    assert read == POSTS[post]


@from_all_others
def test_a_page_of_others_cannot_open_a_websocket(world: World, visitor: Visitor, page: str, same_site: str) -> None:
    visitor.logs_in(same_site)
    visitor.visits(page)
    read, seen = visitor.opens_a_websocket()
    assert seen == [world.seen("WEBSOCKET", page, *REFUSED)]
    assert read == NOT_OPENED


@from_all_others
def test_a_page_of_others_may_get_and_cannot_read(world: World, visitor: Visitor, page: str, same_site: str) -> None:
    # Safe methods change nothing (RFC 9110 section 9.2.1), and it is CORS that keeps the answer from the script.
    visitor.logs_in(same_site)
    visitor.visits(page)
    read, seen = visitor.fetches()
    assert seen == [world.seen("GET", page, 200)]
    assert read == NOTHING


@in_all_worlds
def test_a_form_of_a_stranger_cannot_post_by_the_grace_of_two_minutes(world: World, visitor: Visitor) -> None:
    # Chromium takes a cookie without SameSite for Lax, but sends it for two minutes with a POST that leads to us.
    visitor.logs_in(None)
    visitor.visits("stranger")
    assert visitor.submits_a_form().seen == [world.seen("POST", "stranger", *REFUSED)]


@in_all_worlds
def test_a_script_cannot_say_of_itself_that_it_is_ours(world: World, visitor: Visitor) -> None:
    # Fetch standard: a name that begins with Sec- is a forbidden request-header, and so is Origin.
    visitor.logs_in(STRICT)
    visitor.visits("neighbour")
    read, seen = visitor.posts(mode="no-cors", headers={"Sec-Fetch-Site": "same-origin", "Origin": world.api})
    assert seen == [world.seen("POST", "neighbour", *REFUSED)]
    assert read == OPAQUE


# --- Pages of others that `allowed_origins` lists


@pytest.mark.parametrize("world", ["https", "http"], indirect=True)
def test_a_page_of_a_listed_origin_posts_and_opens_a_websocket(world: World, visitor: Visitor) -> None:
    visitor.logs_in(STRICT)
    visitor.visits("friend")
    posted, opened = visitor.posts(), visitor.opens_a_websocket()
    assert posted.seen == [world.seen("POST", "friend", 200)]
    assert opened.seen == [world.seen("WEBSOCKET", "friend", 101)]
    assert posted.read["text"] == opened.read["text"] == ALICE


# --- Pages whose origin is "null"


@pytest.mark.parametrize("world", ["https", "loopback"], indirect=True)
@pytest.mark.parametrize("post", POSTS)
def test_a_sandboxed_document_of_our_own_cannot_post(
    world: World, visitor: Visitor, post: Callable[[Visitor], Attempt]
) -> None:
    # How a site serves what its users have uploaded.
    visitor.logs_in(NONE)
    visitor.visits("own", content_security_policy="sandbox allow-scripts allow-forms")
    read, seen = post(visitor)
    assert seen == [world.seen("POST", "nobody", *REFUSED)]
    assert read == POSTS[post]


@pytest.mark.parametrize("world", ["https", "loopback"], indirect=True)
def test_a_sandboxed_document_of_our_own_cannot_open_a_websocket(world: World, visitor: Visitor) -> None:
    visitor.logs_in(NONE)
    visitor.visits("own", content_security_policy="sandbox allow-scripts")
    read, seen = visitor.opens_a_websocket()
    assert seen == [world.seen("WEBSOCKET", "nobody", *REFUSED)]
    assert read == NOT_OPENED


@in_all_worlds
def test_a_form_of_our_own_page_without_referrer_posts_where_the_browser_says_whose_it_is(
    world: World, visitor: Visitor
) -> None:
    # Fetch standard, "append a request Origin header": under this policy a form's Origin is null, be it ours or not.
    visitor.logs_in(STRICT)
    visitor.visits("own", referrer_policy="no-referrer")
    [seen] = visitor.submits_a_form().seen
    assert (seen.origin, seen.site, seen.cookie) == ("null", "same-origin" if world.is_trusted else None, True)
    assert (seen.status, seen.reason) == ((200, None) if world.is_trusted else REFUSED)


@in_https
def test_a_redirect_by_a_stranger_takes_our_name_off_a_request_of_our_own(world: World, visitor: Visitor) -> None:
    # Otherwise whoever can make our page post to his server could post to us in its name.
    visitor.logs_in(NONE)
    visitor.visits("own")
    read, seen = visitor.posts_by_way_of("stranger")
    assert seen == [world.seen("POST", "nobody", *REFUSED)]
    assert read == NOTHING


# --- Behind a proxy that ends TLS and does not say so: the API takes https for http


@behind_a_proxy
def test_behind_a_proxy_our_own_page_posts_because_the_browser_says_whose_it_is(world: World, visitor: Visitor) -> None:
    visitor.logs_in(STRICT)
    visitor.visits("own")
    read, seen = visitor.posts()
    assert seen == [world.seen("POST", "own", 200)]
    assert read["text"] == ALICE


@behind_a_proxy
def test_behind_a_proxy_our_own_page_opens_a_websocket_by_a_cookie_that_only_https_can_set(
    world: World, visitor: Visitor
) -> None:
    visitor.logs_in(STRICT)
    visitor.visits("own")
    read, seen = visitor.opens_a_websocket()
    assert seen == [world.seen("WEBSOCKET", "own", 101)]
    assert read["opened"] is True


@behind_a_proxy
def test_behind_a_proxy_a_page_that_was_slipped_in_over_http_cannot_post(world: World, visitor: Visitor) -> None:
    visitor.logs_in(NONE)
    visitor.visits("interceptor")
    read, seen = visitor.posts()
    assert seen == [world.seen("POST", "interceptor", *REFUSED)]
    assert read == NOTHING


@behind_a_proxy
def test_behind_a_proxy_a_page_that_was_slipped_in_over_http_cannot_open_a_websocket(
    world: World, visitor: Visitor
) -> None:
    visitor.logs_in(NONE)
    visitor.visits("interceptor")
    read, seen = visitor.opens_a_websocket()
    assert seen == [world.seen("WEBSOCKET", "interceptor", *REFUSED)]
    assert read == NOT_OPENED
