"""Which paths are public: whatever could be read in two ways is not."""

import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from bearer_guard import BearerGuard, ConfigurationError
from bearer_guard.paths import PublicPaths
from tests.conftest import MakeClient

PUBLIC = PublicPaths({"/health", "/docs/open", "/café", "/a b"})


def scope_of(target: str, **more: Any) -> dict[str, Any]:
    """The ASGI scope that servers make of a request target: the raw path, and the same decoded once."""
    raw_path = target.encode()
    return {"type": "http", "method": "GET", "path": unquote(target), "raw_path": raw_path, **more}


def is_public(target: str, *, among: PublicPaths = PUBLIC, **more: Any) -> bool:
    return among.contain(scope_of(target, **more))


# --- open -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/health", id="the path itself"),
        pytest.param("/health/live", id="what lies below it"),
        pytest.param("/health/live/now", id="... deeper"),
        pytest.param("/docs/open", id="a path of two segments"),
        pytest.param("/docs/open/index.html", id="a dot inside a segment"),
        pytest.param("/health/...", id="three dots are a name"),
        pytest.param("/health/.well-known", id="a dot in front"),
        pytest.param("/%68ealth", id="encoded letters, which every reader decodes to the same"),
        pytest.param("/caf%C3%A9", id="encoded UTF-8"),
        pytest.param("/a%20b", id="an encoded space"),
        pytest.param("/health/a;b=c", id="a parameter below it"),
    ],
)
def test_a_configured_path_and_what_lies_below_it_is_public(target: str) -> None:
    assert is_public(target)


# --- closed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        # whole segments
        pytest.param("/", id="the root"),
        pytest.param("/healthz", id="a longer name"),
        pytest.param("/healt", id="a shorter name"),
        pytest.param("/health.json", id="another ending"),
        pytest.param("/docs", id="what lies above"),
        pytest.param("/docs/opened", id="a longer last segment"),
        pytest.param("/docs/x/open", id="something in between"),
        pytest.param("/api/health", id="the name further back"),
        pytest.param("/HEALTH", id="other case"),
        pytest.param("/health;x=1", id="a parameter"),
        pytest.param("/health%3Bx=1", id="an encoded parameter"),
        pytest.param("/health%00", id="a zero byte behind it"),
        pytest.param("/health%20", id="a space behind it"),
        pytest.param("/%20health", id="a space in front"),
        pytest.param("/cafe%CC%81", id="the same letters, composed in another way"),
        pytest.param("/\uff48ealth", id="a wide letter"),
        # empty segments
        pytest.param("//health", id="two slashes in front"),
        pytest.param("/health//", id="two slashes behind"),
        pytest.param("/health/", id="a trailing slash"),
        pytest.param("/health//orders", id="two slashes inside"),
        pytest.param("//", id="two slashes alone"),
        pytest.param("//evil.test/health", id="a host in front"),
        pytest.param("", id="nothing"),
        # steps upwards
        pytest.param("/health/../orders", id="a step upwards"),
        pytest.param("/health/..", id="a step upwards at the end"),
        pytest.param("/orders/../health", id="a step upwards, and back in"),
        pytest.param("/health/./orders", id="a step on the spot"),
        pytest.param("/./health", id="a step on the spot in front"),
        pytest.param("/health/%2e%2e/orders", id="encoded dots"),
        pytest.param("/health/%2E./orders", id="one encoded dot, in upper case"),
        pytest.param("/health/.%2e/orders", id="the other one encoded"),
        pytest.param("/health/%2e", id="an encoded step on the spot"),
        pytest.param("/health/index%2ehtml", id="an encoded dot that nobody needs"),
        # other separators
        pytest.param("/health%2forders", id="an encoded slash"),
        pytest.param("/health%2Forders", id="an encoded slash, in upper case"),
        pytest.param("/health/..%2forders", id="a step upwards over an encoded slash"),
        pytest.param("%2fhealth", id="an encoded slash in front"),
        pytest.param("/health\\orders", id="a backslash"),
        pytest.param("/health/..\\orders", id="a step upwards over a backslash"),
        pytest.param("/health%5corders", id="an encoded backslash"),
        pytest.param("/health/%5C..%5Corders", id="a step upwards between encoded backslashes"),
        # targets of other forms (RFC 9112 section 3.2)
        pytest.param("http://api.test/health", id="absolute form"),
        pytest.param("*", id="asterisk form"),
        pytest.param("api.test:443", id="authority form"),
        pytest.param("health", id="no slash in front"),
    ],
)
def test_what_is_not_plainly_below_a_configured_path_is_not_public(target: str) -> None:
    assert not is_public(target)


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("orders/health", id="a path that begins with no slash"),
        pytest.param("http:/health", id="absolute form with one slash"),
        pytest.param("/health/..;/orders", id="a step upwards to servers that cut off parameters"),
        pytest.param("/health/..;a=b/orders", id="... with a parameter"),
        pytest.param("/health/.;/orders", id="a step on the spot to such servers"),
        pytest.param("/health/.%09./orders", id="a step upwards to URL parsers that drop tabs"),
        pytest.param("/health/..%00/orders", id="a step upwards to whoever stops at a zero byte"),
        pytest.param("/health/%252e%252e/orders", id="dots encoded twice"),
    ],
)
def test_other_readings_of_servers_behind_us_are_not_public_either(target: str) -> None:
    assert not is_public(target)


@pytest.mark.parametrize(
    "raw_path", [pytest.param(None, id="None"), pytest.param(b"", id="empty"), pytest.param(..., id="left out")]
)
def test_a_server_that_tells_no_raw_path_is_served(raw_path: Any) -> None:
    # ASGI: raw_path is optional.
    scope = scope_of("/health") | {"raw_path": raw_path}
    if raw_path is ...:
        del scope["raw_path"]
    assert PUBLIC.contain(scope)
    assert not PUBLIC.contain({**scope, "path": "/health/../orders"})
    assert not PUBLIC.contain({**scope, "path": "/health/..\\orders"})


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE"])
def test_no_method_is_public_by_itself(method: str) -> None:
    assert is_public("/health", method=method)
    assert not is_public("/orders", method=method)


METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"GET /catalog"}, {"GET", "HEAD"}),  # RFC 9110 section 9.3.2
        ({"POST /catalog"}, {"POST"}),
        ({"GET /catalog", "PUT /catalog"}, {"GET", "HEAD", "PUT"}),
        ({"/catalog", "GET /catalog"}, set(METHODS)),
        ({"GET /", "GET /catalog"}, {"GET", "HEAD"}),
    ],
    ids=str,
)
def test_an_entry_with_a_method_opens_that_method_alone(entries: set[str], expected: set[str]) -> None:
    among = PublicPaths(entries)
    for target in ("/catalog", "/catalog/1"):
        assert {method for method in METHODS if is_public(target, among=among, method=method)} == expected


def test_an_entry_with_a_method_opens_no_websocket() -> None:
    handshake = scope_of("/catalog", type="websocket")
    del handshake["method"]
    assert not PublicPaths({"GET /catalog", "POST /catalog"}).contain(handshake)
    assert PublicPaths({"/catalog"}).contain(handshake)


@pytest.mark.parametrize(
    "raw", [b"%2f", b"%2F", b"%5c", b"%5C", b"%2e", b"%25", b"\\", b"\x00", b"\x1f", b"\x7f"], ids=repr
)
def test_what_the_raw_path_alone_tells_counts(raw: bytes) -> None:
    assert is_public("/health/x", raw_path=b"/health/x")
    assert not is_public("/health/x", raw_path=b"/health/" + raw + b"x")


@pytest.mark.parametrize("code", [*range(0x20), 0x7F])
def test_no_path_with_a_control_character_is_public(code: int) -> None:
    assert not is_public(f"/health/a{chr(code)}b")
    assert not is_public(f"/health/a%{code:02x}b")


@pytest.mark.parametrize("target", ["orders/health", "api/health", "*/health", "http:/health"])
def test_below_a_prefix_too_a_path_begins_with_a_slash(target: str) -> None:
    assert not is_public(target, root_path="/api")


def test_a_websocket_has_public_paths_too() -> None:
    assert is_public("/health", type="websocket")
    assert not is_public("/orders", type="websocket")


# --- the root ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "expected"),
    [("/", True), ("", False), ("//", False), ("/.", False), ("/orders", False), ("/%2f", False), ("/%2e", False)],
)
def test_a_slash_opens_the_root_page_alone(target: str, *, expected: bool) -> None:
    assert is_public(target, among=PublicPaths({"/"})) is expected


@pytest.mark.parametrize(
    ("target", "root_path", "expected"),
    [
        pytest.param("/api/health", "/api", True, id="below the prefix"),
        pytest.param("/api/v1/health", "/api/v1", True, id="below a longer prefix"),
        pytest.param("/health", "/api", True, id="a server that has cut the prefix off"),
        pytest.param("/api/health", "", False, id="no prefix"),
        pytest.param("/api/health", "/ap", False, id="a prefix that ends inside a segment"),
        pytest.param("/apihealth", "/api", False, id="no slash behind the prefix"),
        pytest.param("/api/orders", "/api", False, id="another path below the prefix"),
        pytest.param("/api//health", "/api", False, id="two slashes behind the prefix"),
        pytest.param("/api", "/api", False, id="the prefix itself"),
        pytest.param("/api/api/health", "/api", False, id="the prefix is cut off once"),
        pytest.param("/API/health", "/api", False, id="other case"),
    ],
)
def test_the_prefix_at_which_the_app_is_mounted_is_no_part_of_the_path(
    target: str, root_path: str, *, expected: bool
) -> None:
    assert is_public(target, root_path=root_path) is expected


def test_a_prefix_that_is_a_public_name_opens_nothing_below_it() -> None:
    assert not is_public("/health/orders", root_path="/health")
    assert is_public("/health/health", root_path="/health")


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("page")


def test_a_router_and_the_guard_read_the_same_path(guard: BearerGuard, make_client: MakeClient) -> None:
    # Starlette decides on the route by the same path, less the same prefix.
    routes = [Route("/health", page), Mount("/docs", routes=[Route("/open", page), Route("/{rest:path}", page)])]
    client = make_client(guard, routes=routes, public={"/health", "/docs/open"})
    targets = ["/health", "/%68ealth", "/docs/open", "/docs/closed", "/docs//open", "/docs/open%2f", "/health%2f"]
    assert [client.get(target).status_code for target in targets] == [200, 200, 200, 401, 401, 401, 401]


def test_a_router_and_the_guard_read_the_same_path_below_a_prefix_with_a_trailing_slash(
    guard: BearerGuard, make_client: MakeClient
) -> None:
    # The router matches /api/health whole: another route than the public /health.
    app = make_client(guard, routes=[Route("/health", page), Route("/api/health", page)], public={"/health"}).app
    with TestClient(app, root_path="/api/") as client:
        assert client.get("/api/health").status_code == 401


# --- configuration ----------------------------------------------------------------------------------------------------


def test_without_configured_paths_nothing_is_public() -> None:
    assert not any(is_public(target, among=PublicPaths(())) for target in ("/", "", "/health"))


@pytest.mark.parametrize("kind", [set, frozenset, list, tuple])
def test_any_collection_of_paths_is_taken(kind: type[Any]) -> None:
    assert is_public("/health", among=PublicPaths(kind(["/health", "/health"])))


@pytest.mark.parametrize(
    "path",
    [
        "health", "", "*", "http://api.test/health", "/health/", "//", "//health", "/a//b", "/./a", "/a/..", "/.",
        "/a%2fb", "/caf%C3%A9", "/static/*", "/a?", "/a?b=c", "/a\\b", "/users/{id}", 7, None, b"/health",
    ],
    ids=repr,
)  # fmt: skip
def test_a_path_that_is_not_plain_is_a_wrong_configuration(path: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^public.*(write one like '/health'|write it plainly)"):
        PublicPaths([path])


def test_one_string_is_not_taken_for_a_collection_of_letters() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("write public={'/health'}")):
        PublicPaths("/health")


# --- the law ----------------------------------------------------------------------------------------------------------

SEGMENTS = st.sampled_from(
    ["health", "docs", "open", "orders", "api", "Health", "a b", "café", "h", "", ".", "..", "%2e"]
)
SEPARATORS = st.sampled_from(["/", "/", "/", "//", "%2f", "%2F", "%5c", "\\", ";", "%252f", ""])
TARGETS = st.lists(st.tuples(SEPARATORS, SEGMENTS).map("".join), max_size=5).map(lambda parts: "/" + "".join(parts))
CONFIGURED = frozenset({("health",), ("docs", "open"), ("café",), ("a b",)})


@given(TARGETS, st.sampled_from(["", "/api", "/api/", "/health"]))
@example("/health", "")
@example("/api/docs/open/x", "/api")
@example("/health/../orders", "")
def test_only_what_begins_with_the_segments_of_a_configured_path_is_public(target: str, root_path: str) -> None:
    if not is_public(target, root_path=root_path):
        return
    assert not re.search("%2f|%5c|%2e", target, re.IGNORECASE)
    root = root_path.rstrip("/")
    decoded = unquote(target)
    below = decoded.removeprefix(root) if decoded.startswith(f"{root}/") else decoded
    first, *segments = below.split("/")
    assert first == ""
    assert not {"", ".", ".."} & set(segments)
    assert "\\" not in below
    assert any(tuple(segments[: len(path)]) == path for path in CONFIGURED)


@given(st.sampled_from(sorted(CONFIGURED)), st.lists(st.sampled_from(["a", "b.c", "...", "d e", "ü"]), max_size=3))
def test_whatever_plain_path_lies_below_a_configured_one_is_public(path: tuple[str, ...], below: list[str]) -> None:
    assert is_public("/" + "/".join([*path, *below]))


def test_head_cannot_be_public_alone() -> None:
    with pytest.raises(ConfigurationError, match="HEAD counts as GET; write 'GET /catalog'"):
        PublicPaths({"HEAD /catalog"})


def test_entries_that_can_be_read_once_are_read_once() -> None:
    assert PublicPaths(entry for entry in ("/health",)).contain(scope_of("/health"))  # type: ignore[arg-type]
