"""Attempts at the public paths, byte by byte over a raw socket: what is behind the guard never comes without a token.

Behind the guard stands a reader of paths that decodes, resolves and cuts off whatever any proxy or framework has ever
decoded, resolved and cut off, so a guard that lets an ambiguous path through is found out.
"""

import pytest

from bearer_guard.testing import FakeIssuer
from tests.servers.serving import Serve, Server
from tests.servers.wire import Answer
from tests.servers.words import PAGE, SECRET

PUBLIC = frozenset({200})
REFUSED = frozenset({401})
MALFORMED = frozenset({400, 401})  # some servers do not let it reach the application
NOTHING_THERE = frozenset({404})  # below a public path, and read by nobody as another
PLAIN_OR_FOREIGN = frozenset({200, 401})  # some servers give the application only the path of an absolute-form target

TARGETS = {
    # the public paths themselves
    "/health": PUBLIC,
    "/health/live": PUBLIC,
    "/docs": PUBLIC,
    "/catalog": PUBLIC,
    "/%68ealth": PUBLIC,  # RFC 3986 section 6.2.2.2: an encoded letter is the letter
    "/health?x=/secret": PUBLIC,
    "/health?/../secret": PUBLIC,
    # what only looks like one
    "/": REFUSED,
    "/secret": REFUSED,
    "/healthz": REFUSED,
    "/HEALTH": REFUSED,
    "/Health": REFUSED,
    "/health/": REFUSED,
    "/health%20": REFUSED,
    "/health%00": REFUSED,
    "/health%0d%0a": REFUSED,
    "/health@secret": REFUSED,
    "/secret?/health": REFUSED,
    "/secret?x=/health": REFUSED,
    "/secret#/health": REFUSED,
    "/secret;/health": REFUSED,
    "/secret%00/health": REFUSED,
    "/?/health": REFUSED,
    # steps upwards
    "/health/../secret": REFUSED,
    "/health/..": REFUSED,
    "/health/../health": REFUSED,
    "/secret/../health": REFUSED,
    "/docs/../secret": REFUSED,
    "/catalog/..%2fsecret": REFUSED,
    "/health/..%2fsecret": REFUSED,
    "/health/..%2Fsecret": REFUSED,
    "/health/%2e%2e/secret": REFUSED,
    "/health/%2E%2E%2Fsecret": REFUSED,
    "/health/.%2e/secret": REFUSED,
    "/health/%00/../secret": REFUSED,
    "/health/%09/../secret": REFUSED,
    "/health/..;/secret": REFUSED,  # Java servers cut off path parameters, and then resolve
    "/health/..;x=y/secret": REFUSED,
    "/health/..%3b/secret": REFUSED,
    "/health/%252e%252e/secret": REFUSED,  # decoded once by the server, and once more by what is behind it
    "/health/..%252fsecret": REFUSED,
    "/health/..%255csecret": REFUSED,
    "/health/..%253b/secret": REFUSED,
    "/health/%25252e%25252e/secret": REFUSED,
    "/health#/../secret": PLAIN_OR_FOREIGN,
    "/health%23/../secret": REFUSED,
    "/health%3f/../secret": REFUSED,
    "/./health": REFUSED,
    "/health/./live": REFUSED,
    "/%2e/health": REFUSED,
    "/health/%c0%ae%c0%ae/secret": NOTHING_THERE,  # an overlong dot: nobody takes it for UTF-8 any more
    "/health/..%c0%afsecret": NOTHING_THERE,
    "/health/%ef%bc%8e%ef%bc%8e/secret": NOTHING_THERE,  # full-width dots
    # separators of other kinds
    "//health": REFUSED,
    "///secret": REFUSED,
    "//health/../secret": REFUSED,
    "/health//live": REFUSED,
    "/%2fhealth": REFUSED,
    "/health%2fx": REFUSED,
    "/health%2flive": REFUSED,
    "/health%5c..%5csecret": REFUSED,
    "/health/%5c../secret": REFUSED,
    r"/health\..\secret": REFUSED,
    r"/health/..\secret": REFUSED,
    "/health;x=/secret": REFUSED,
    "/health;x=/../secret": REFUSED,
    "/health/;/../secret": REFUSED,
    # RFC 9112 section 3.2: the other forms of a target
    "http://host/health": PLAIN_OR_FOREIGN,
    "http://127.0.0.1/secret": REFUSED,
    "http://host/secret": REFUSED,
    "HTTP://HOST/secret": REFUSED,
    "http://user@host/secret": REFUSED,
    "http://health/secret": REFUSED,
    "http://host/health/../secret": REFUSED,
    "//host/secret": REFUSED,
    "http:///secret": MALFORMED,
    "secret": MALFORMED,
    "health": MALFORMED,
    "?": MALFORMED,
    "*": REFUSED,
}


def shut(answer: Answer) -> bool:
    return SECRET.encode() not in answer.body


@pytest.mark.parametrize(("target", "statuses"), TARGETS.items(), ids=TARGETS)
def test_no_reading_of_a_path_leads_past_the_guard(http_server: Server, target: str, statuses: frozenset[int]) -> None:
    answer = http_server.get(target)
    assert shut(answer)
    assert answer.status in statuses
    if answer.status == 401:
        assert answer.challenges == ["Bearer"]


@pytest.mark.parametrize("target", ["x/health", "http:/health", "secret/health"])
def test_a_target_that_does_not_begin_with_a_slash_is_not_public(serve: Serve, target: str) -> None:
    # RFC 9112 section 3.2: none of the four forms. httptools and granian let none of them through.
    assert serve("uvicorn-h11-websockets").get(target).status == 401


@pytest.mark.parametrize("target", ["/secret", "/health/../secret", "//secret", "/x/..%2fsecret", r"/x\..\secret"])
def test_with_a_token_the_generous_reader_gives_it_away(http_server: Server, good: str, target: str) -> None:
    # Else the table above would prove nothing.
    assert not shut(http_server.get(target, good))


@pytest.mark.parametrize(
    "target",
    ["/health/" + "a" * 60_000, "/health" + "/a" * 30_000, "/" + "../" * 20_000 + "secret", "/health" + "/.." * 20_000],
    ids=["long-name", "deep", "far-up", "down-and-up"],
)
def test_very_long_paths_are_answered(http_server: Server, target: str) -> None:
    # RFC 9112 section 3: 414 is the server's own word for it, and others have used 431 and 400.
    answer = http_server.get(target)
    assert shut(answer)
    assert answer.status in ({400, 404, 414, 431} if ".." not in target else {400, 401, 414, 431})
    assert http_server.is_well()


@pytest.mark.parametrize(
    "header",
    ["X-Original-URL: /health", "X-Rewrite-URL: /health", "X-Forwarded-Prefix: /health", "X-Script-Name: /secret"],
)
def test_no_header_makes_a_path_public(http_server: Server, header: str) -> None:
    assert http_server.get("/secret", header).status == 401


# --- methods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "statuses"),
    [
        ("GET", "/catalog", PUBLIC),
        ("HEAD", "/catalog", PUBLIC),  # RFC 9110 section 9.3.2: GET without the content
        ("POST", "/catalog", REFUSED),
        ("PUT", "/catalog", REFUSED),
        ("DELETE", "/catalog", REFUSED),
        ("OPTIONS", "/catalog", REFUSED),
        ("QUERY", "/catalog", REFUSED),
        ("PROPFIND", "/catalog", REFUSED),
        ("POST", "/catalog/x", REFUSED),
        ("GETX", "/catalog", MALFORMED),
        ("HEAD", "/health", PUBLIC),
        ("HEAD", "/secret", REFUSED),
        ("OPTIONS", "/secret", REFUSED),
        ("OPTIONS", "*", REFUSED),
        ("TRACE", "/secret", REFUSED),
        ("CONNECT", "127.0.0.1:443", MALFORMED),
    ],
)
def test_a_path_is_public_for_its_methods(
    http_server: Server, method: str, target: str, statuses: frozenset[int]
) -> None:
    answer = http_server.exchange(method, target)
    assert shut(answer)
    assert answer.status in statuses


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override: GET", "X-HTTP-Method: GET", "X-Method-Override: GET"])
def test_no_header_changes_the_method(http_server: Server, header: str) -> None:
    assert http_server.exchange("POST", "/catalog", header, "Content-Length: 0").status == 401


# --- below a root path ------------------------------------------------------------------------------------------------

_ROOTED = {
    # Proxies take the prefix away, and uvicorn puts it before what arrives.
    "uvicorn-root-path": {"/health": 200, "/%68ealth": 200, "/api/secret": 401, "/api/health/live": 401},
    # These take both: the target with and without the prefix.
    "hypercorn-root-path": {"/health": 200, "/api/health": 200, "/api/health/live": 200, "/api/secret": 401},
    "granian-root-path": {"/health": 200, "/api/health": 200, "/api/health/live": 200, "/api/secret": 401},
}
_NEVER = [
    "/secret",
    "//health",
    "/health/../secret",
    "/health/..%2fsecret",
    "/api//health",
    "/api/../health",
    "/apihealth",
]


@pytest.mark.parametrize(
    ("name", "target", "status"),
    [
        (name, target, status)
        for name, statuses in _ROOTED.items()
        for target, status in {**statuses, **dict.fromkeys(_NEVER, 401)}.items()
    ],
)
def test_below_a_root_path_the_same_is_public(serve: Serve, name: str, target: str, status: int) -> None:
    answer = serve(name).get(target)
    assert shut(answer)
    assert answer.status == status


def test_a_root_path_is_cut_off_only_where_the_router_cuts_it_off(serve: Serve) -> None:
    # The application has a route /api/health of its own, and it is not public. (Hypercorn takes the slash away itself.)
    server = serve("granian-root-path-slash")
    assert server.get("/health").status == 200
    answer = server.get("/api/health")
    assert shut(answer)
    assert answer.status == 401


@pytest.mark.parametrize("name", _ROOTED)
def test_below_a_root_path_a_token_opens_the_rest(serve: Serve, good: str, name: str) -> None:
    answer = serve(name).get("/me", good)
    assert (answer.status, answer.body) == (200, b'{"subject":"alice"}')


@pytest.mark.parametrize(
    ("target", "status"),
    {
        "/shop/health": 200,
        "/shop/%68ealth": 200,
        "/shop/docs": 200,
        "/shop/secret": 401,
        "/shop/shop/health": 401,
        "/shop//health": 401,
        "/shop/health/": 401,
        "/shop/health/../secret": 401,
        "/shop/health/..%2fsecret": 401,
        "/shop%2fhealth": 401,
        "/shop/api/health": 401,
        "/health": 404,  # the outer application has no guard, and no such route
    }.items(),
)
def test_in_a_mounted_application_paths_are_public_below_its_mount(serve: Serve, target: str, status: int) -> None:
    answer = serve("uvicorn-mounted").get(target)
    assert shut(answer)
    assert answer.status == status


# --- CORS: preflights (Fetch standard, section 3.2) -------------------------------------------------------------------

ORIGIN = f"Origin: {PAGE}"
ASKS = "Access-Control-Request-Method: GET"
ASKS_FOR_HEADER = "Access-Control-Request-Headers: authorization"


@pytest.fixture
def shop(serve: Serve) -> Server:
    return serve("uvicorn-mounted")


@pytest.mark.parametrize("place", ["outside", "inside"])
def test_a_preflight_is_answered_by_the_cors_middleware_on_either_side(shop: Server, place: str) -> None:
    answer = shop.exchange("OPTIONS", f"/cors/{place}/secret", ORIGIN, ASKS, ASKS_FOR_HEADER)
    assert (answer.status, answer.all("access-control-allow-origin")) == (200, [PAGE])
    assert shut(answer)


def test_a_preflight_is_answered_by_an_application_that_wants_to(shop: Server) -> None:
    answer = shop.exchange("OPTIONS", "/cors/let-through/own", ORIGIN, ASKS)
    assert (answer.status, answer.all("access-control-allow-origin")) == (204, [PAGE])


def test_no_preflight_is_let_through_where_nobody_answers_it(shop: Server) -> None:
    assert shop.exchange("OPTIONS", "/cors/none/own", ORIGIN, ASKS).status == 401


@pytest.mark.parametrize("place", ["inside", "let-through", "none"])
@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", ()),
        ("OPTIONS", (ORIGIN,)),
        ("OPTIONS", (ASKS,)),
        ("OPTIONS", (ORIGIN, ASKS_FOR_HEADER)),
        ("GET", (ORIGIN, ASKS)),
        ("POST", (ORIGIN, ASKS)),
        ("HEAD", (ORIGIN, ASKS)),
    ],
)
def test_what_is_no_preflight_needs_a_token(shop: Server, place: str, method: str, headers: tuple[str, ...]) -> None:
    answer = shop.exchange(method, f"/cors/{place}/secret", *headers)
    assert (answer.status, answer.challenges) == (401, ["Bearer"])


def test_a_preflight_of_another_site_learns_nothing(shop: Server) -> None:
    answer = shop.exchange("OPTIONS", "/cors/inside/secret", "Origin: https://evil.example", ASKS)
    assert (answer.status, answer.all("access-control-allow-origin")) == (400, [])
    assert shut(answer)


def test_a_page_can_read_a_refusal_where_the_cors_middleware_stands_outside(shop: Server) -> None:
    answer = shop.get("/cors/outside/secret", ORIGIN)
    assert (answer.status, answer.challenges) == (401, ["Bearer"])
    assert answer.all("access-control-allow-origin") == [PAGE]
    assert answer.all("access-control-expose-headers") == ["WWW-Authenticate"]


@pytest.mark.parametrize("place", ["outside", "inside"])
def test_a_page_gets_the_answer_with_a_token(shop: Server, authority: FakeIssuer, place: str) -> None:
    answer = shop.get(f"/cors/{place}/secret", ORIGIN, f"Authorization: Bearer {authority.token()}")
    assert (answer.status, answer.body) == (200, SECRET.encode())
    assert answer.all("access-control-allow-origin") == [PAGE]
