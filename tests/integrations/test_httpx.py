"""Forward: the presented token on its way to the other services of the same API, and to nobody else."""

import copy
import pickle
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from bearer_guard import BearerGuard, ConfigurationError, Forward, GuardedRequest, MissingToken
from bearer_guard.testing import FakeIssuer
from bearer_guard.web import NotGuarded

STOCK = "https://stock.internal"


class Service:
    """A real server on loopback that remembers who presented what, and redirects where it is asked to."""

    def __init__(self, server: ThreadingHTTPServer, host: str) -> None:
        self.origin = f"http://{host}:{server.server_address[1]}"
        self.seen: list[tuple[str, str | None]] = []


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, target = self.path.partition("?to=")
            service.seen.append((path, self.headers["Authorization"]))
            self.send_response(307 if target else 200)
            if target:
                self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002  its name there

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = Service(server, host)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def stock() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.fixture
def stranger() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, follow_redirects=True) as client:
        yield client


@pytest.fixture
async def async_client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        yield client


@pytest.fixture
def token(issuer: FakeIssuer) -> str:
    return issuer.token()


@pytest.fixture
async def connection(guard: BearerGuard, token: str) -> HTTPConnection:
    """A request that our guard has let in."""
    scope: dict[str, Any] = {"type": "http", "headers": [(b"authorization", f"bearer {token}".encode())]}
    GuardedRequest(guard, guard.find(scope), await guard.authenticate(scope), "required").enter(scope)
    return HTTPConnection(scope)


def sent_to(url: str, forward: Forward) -> str | None:
    """What a request to this URL carries."""
    headers = next(forward.auth_flow(httpx.Request("GET", url))).headers
    value: str | None = headers.get("Authorization")
    return value


# --- to whom ----------------------------------------------------------------------------------------------------------


def test_the_token_is_sent_to_a_listed_origin(
    stock: Service, client: httpx.Client, connection: HTTPConnection, token: str
) -> None:
    client.get(f"{stock.origin}/a", auth=Forward(connection, to={stock.origin}))
    assert stock.seen == [("/a", f"Bearer {token}")]


async def test_an_async_client_sends_it_as_well(
    stock: Service, async_client: httpx.AsyncClient, connection: HTTPConnection, token: str
) -> None:
    await async_client.get(f"{stock.origin}/a", auth=Forward(connection, to=[stock.origin, STOCK]))
    assert stock.seen == [("/a", f"Bearer {token}")]


def test_a_client_may_have_it_for_all_its_calls(
    stock: Service, stranger: Service, connection: HTTPConnection, token: str
) -> None:
    with httpx.Client(trust_env=False, auth=Forward(connection, to={stock.origin})) as client:
        for service in (stock, stranger, stock):
            assert client.get(service.origin).status_code == 200
    assert stock.seen == [("/", f"Bearer {token}")] * 2
    assert stranger.seen == [("/", None)]


def test_another_port_is_another_origin(
    stock: Service, stranger: Service, client: httpx.Client, connection: HTTPConnection
) -> None:
    assert client.get(stranger.origin, auth=Forward(connection, to={stock.origin})).status_code == 200
    assert stranger.seen == [("/", None)]


def test_another_name_of_the_same_host_is_another_origin(client: httpx.Client, connection: HTTPConnection) -> None:
    with serving("localhost") as service:
        listed = service.origin.replace("localhost", "127.0.0.1")
        assert client.get(service.origin, auth=Forward(connection, to={listed})).status_code == 200
    assert service.seen == [("/", None)]


@pytest.mark.parametrize(
    ("listed", "url"),
    [
        (STOCK, f"{STOCK}/orders?x=1"),
        (STOCK, f"{STOCK}:443/orders"),
        (f"{STOCK}:443", f"{STOCK}/orders"),
        (f"{STOCK}/", f"{STOCK}/"),
        ("https://STOCK.internal", STOCK),
        (STOCK, "https://STOCK.INTERNAL/"),
        (f"{STOCK}:8443", f"{STOCK}:8443/"),
        ("https://bücher.example", "https://xn--bcher-kva.example/"),
        ("http://[::1]:8000", "http://[::1]:8000/"),
        ("http://localhost", "http://localhost:80/"),
    ],
)
def test_two_spellings_of_an_origin_are_one(listed: str, url: str, connection: HTTPConnection, token: str) -> None:
    assert sent_to(url, Forward(connection, to={listed})) == f"Bearer {token}"


@pytest.mark.parametrize(
    "url",
    [
        "http://stock.internal/",
        "http://stock.internal:443/",
        f"{STOCK}:8443/",
        f"{STOCK}.evil.example/",
        "https://evil.example/stock.internal",
        "https://stock.internal@evil.example/",
        "https://evil.example?https://stock.internal",
        "https://x.stock.internal/",
        "https://internal/",
        "wss://stock.internal/",
    ],
)
def test_an_origin_that_only_looks_alike_gets_nothing(url: str, connection: HTTPConnection) -> None:
    assert sent_to(url, Forward(connection, to={STOCK})) is None


def test_what_the_caller_has_put_there_is_replaced_only_where_the_token_goes(
    connection: HTTPConnection, token: str
) -> None:
    forward, headers = Forward(connection, to={STOCK}), {"Authorization": "Basic eA=="}
    ours = next(forward.auth_flow(httpx.Request("GET", STOCK, headers=headers)))
    theirs = next(forward.auth_flow(httpx.Request("GET", "https://evil.example", headers=headers)))
    assert ours.headers.get_list("Authorization") == [f"Bearer {token}"]
    assert theirs.headers.get_list("Authorization") == ["Basic eA=="]


# --- redirects --------------------------------------------------------------------------------------------------------


def test_a_redirect_within_the_origin_keeps_it(
    stock: Service, client: httpx.Client, connection: HTTPConnection, token: str
) -> None:
    client.get(f"{stock.origin}/a?to=/b", auth=Forward(connection, to={stock.origin}))
    assert stock.seen == [("/a", f"Bearer {token}"), ("/b", f"Bearer {token}")]


def test_a_redirect_to_another_origin_loses_it(
    stock: Service, stranger: Service, client: httpx.Client, connection: HTTPConnection, token: str
) -> None:
    client.get(f"{stock.origin}/a?to={stranger.origin}/b", auth=Forward(connection, to={stock.origin}))
    assert (stock.seen, stranger.seen) == ([("/a", f"Bearer {token}")], [("/b", None)])


async def test_a_redirect_to_another_origin_loses_it_with_an_async_client(
    stock: Service, stranger: Service, async_client: httpx.AsyncClient, connection: HTTPConnection, token: str
) -> None:
    await async_client.get(f"{stock.origin}/a?to={stranger.origin}/b", auth=Forward(connection, to={stock.origin}))
    assert (stock.seen, stranger.seen) == ([("/a", f"Bearer {token}")], [("/b", None)])


def test_a_stranger_cannot_send_it_to_a_listed_origin_by_a_redirect(
    stock: Service, stranger: Service, client: httpx.Client, connection: HTTPConnection
) -> None:
    # It would be the stranger who chooses what is asked in the subject's name.
    client.get(f"{stranger.origin}/a?to={stock.origin}/delete", auth=Forward(connection, to={stock.origin}))
    assert (stranger.seen, stock.seen) == ([("/a", None)], [("/delete", None)])


# --- what it gives away -----------------------------------------------------------------------------------------------


def test_neither_its_repr_nor_what_it_holds_shows_the_token(connection: HTTPConnection, token: str) -> None:
    forward = Forward(connection, to={STOCK})
    assert "stock.internal" in repr(forward)
    assert token not in repr(forward) + repr(vars(forward))


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_cannot_be_pickled_or_copied(take: Any, connection: HTTPConnection) -> None:
    with pytest.raises(TypeError, match="holds a secret"):
        take(Forward(connection, to={STOCK}))


# --- what it needs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["optional", "public"])
def test_a_request_without_a_token_is_a_401(mode: Any, guard: BearerGuard) -> None:
    scope: dict[str, Any] = {"type": "http", "headers": []}
    GuardedRequest(guard, None, None, mode).enter(scope)
    with pytest.raises(MissingToken) as caught:
        Forward(HTTPConnection(scope), to={STOCK})
    assert isinstance(caught.value, HTTPException)
    assert (caught.value.status_code, caught.value.headers) == (
        401,
        {"cache-control": "no-store", "www-authenticate": "Bearer"},
    )


def test_a_request_that_no_guard_has_seen_is_a_defect() -> None:
    with pytest.raises(NotGuarded):
        Forward(HTTPConnection({"type": "http", "headers": []}), to={STOCK})


@pytest.mark.parametrize("to", [STOCK, "", (), set(), None], ids=repr)
def test_it_takes_origins_and_not_one(to: Any, connection: HTTPConnection) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("write to={'https://...'}")):
        Forward(connection, to=to)


@pytest.mark.parametrize(
    ("origin", "sentence"),
    [
        ("http://stock.internal", "is plain http"),
        ("stock.internal", "is not a URL"),
        ("https://", "is not a URL"),
        ("https://[::", "is not a URL"),
        ("https://stock.internal:0", "is not a URL"),
        ("ftp://stock.internal", "is not a URL"),
        ("*", "is not a URL"),
        (5, "is not a URL"),
        (f"{STOCK}/orders", "is more than an origin"),
        (f"{STOCK}?x=1", "is more than an origin"),
        (f"{STOCK}#x", "must have neither a user nor a fragment"),
        ("https://me:secret@stock.internal", "must have neither a user nor a fragment"),
    ],
)
def test_an_origin_that_is_none_is_refused_with_advice(origin: Any, sentence: str, connection: HTTPConnection) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(sentence)) as caught:
        Forward(connection, to={STOCK, origin})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("to", [5, True, httpx.URL(STOCK)], ids=repr)
def test_what_is_no_collection_is_refused_with_advice(to: Any, connection: HTTPConnection) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("write to={'https://...'}")):
        Forward(connection, to=to)
