"""The one door to the network, asked over real HTTP."""

import asyncio
import gc
import gzip
import ipaddress
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bearer_guard.authorization_server.http import LARGEST_ANSWER, Door, NoAnswer, check_url, clients, max_age_of
from bearer_guard.authorization_server.http import Answer as HTTPAnswer
from bearer_guard.errors import ConfigurationError
from bearer_guard.urls import is_loopback, shown
from tests.authorization_server.conftest import TLS, Answer, LoopbackServer, Wire, document, reply, silence, until


def httpx_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=TLS)


@pytest.fixture(params=["the default client", "a client", "a factory", "a client of httpx2"])
async def door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    async with httpx_client() as client, httpx2.AsyncClient(verify=TLS) as client2:
        options = {"a client": client, "a factory": httpx_client, "a client of httpx2": client2}
        yield Door(options.get(request.param))


def of_length(length: int) -> bytes:
    """A JSON object of so many bytes."""
    return b'{"a":"%s"}' % (b"x" * (length - len(b'{"a":""}')))


# --- what is an answer ---


async def test_a_json_object_is_an_answer(door: Door, web: LoopbackServer) -> None:
    web.answers["/doc?tenant=a"] = document({"keys": [1, {"a": None}]})
    assert await door.get_json(f"{web.url}/doc?tenant=a") == {"keys": (1, {"a": None})}


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/jwk-set+json; charset=utf-8"},
        {"content_encoding": "identity"},
    ],
    ids=str,
)
async def test_an_answer_is_judged_by_its_content_and_not_by_its_label(
    web: LoopbackServer, headers: dict[str, Any]
) -> None:
    web.answers["/doc"] = reply(b'{"a": 1}', **headers)
    assert await Door().get_json(f"{web.url}/doc") == {"a": 1}


async def test_json_is_asked_for_and_no_compression(door: Door, web: LoopbackServer) -> None:
    web.answers["/doc"] = document({})
    await door.get_json(f"{web.url}/doc")
    asked = web.headers["/doc"]
    assert (asked["accept"], asked["accept-encoding"]) == ("application/json", "identity")


async def test_an_answer_of_the_largest_size_is_read_to_its_end(door: Door, web: LoopbackServer) -> None:
    web.answers["/doc"] = reply(of_length(LARGEST_ANSWER))
    assert len((await door.get_json(f"{web.url}/doc"))["a"]) == LARGEST_ANSWER - len('{"a":""}')


# --- what is none ---


async def drip(wire: Wire) -> None:
    await wire.head(content_length=1000)
    for _ in range(1000):
        await wire.send(b" ")
        await asyncio.sleep(0.2)


async def drip_of_headers(wire: Wire) -> None:
    for number in range(1000):
        await wire.send(b"HTTP/1.1 200 OK\r\n" if number == 0 else b"x-filler: 1\r\n")
        await asyncio.sleep(0.2)


async def reset_at_once(wire: Wire) -> None:
    wire.reset()


async def reset_midway(wire: Wire) -> None:
    await wire.head(content_length=1000)
    await wire.send(b'{"keys": [')
    await asyncio.sleep(0.01)  # so that the head is read before the reset
    wire.reset()


async def end_midway(wire: Wire) -> None:
    await wire.head(content_length=1000)
    await wire.send(b"{}")


async def not_http(wire: Wire) -> None:
    await wire.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


UNUSABLE = {  # answer, what the message says
    "500": (reply(b'{"a": 1}', 500), "answered 500"),
    "503": (reply(b'{"a": 1}', 503), "answered 503"),
    "404": (reply(b'{"a": 1}', 404), "answered 404"),
    "401": (reply(b'{"a": 1}', 401, www_authenticate="Basic"), "answered 401"),
    "201": (reply(b'{"a": 1}', 201), "answered 201"),
    "204": (reply(status=204), "answered 204"),
    "redirect": (reply(b'{"a": 1}', 302, location="/target"), "answered 302"),
    "permanent redirect": (reply(b'{"a": 1}', 308, location="/target"), "answered 308"),
    "HTML": (reply(b"<!doctype html><p>Log in", content_type="text/html"), "not a JSON object"),
    "garbage": (reply(bytes(range(256))), "not a JSON object"),
    "empty": (reply(), "not a JSON object"),
    "array": (document([{"keys": []}]), "not a JSON object"),
    "null": (document(None), "not a JSON object"),
    "two objects": (reply(b"{}{}"), "not a JSON object"),
    "a member twice": (reply(b'{"issuer": "a", "issuer": "b"}'), "not a JSON object"),
    "UTF-16": (reply('{"a": 1}'.encode("utf-16")), "not a JSON object"),
    "nested": (reply(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "not a JSON object"),
    "gzip": (reply(gzip.compress(b"{}"), content_encoding="gzip"), "compressed content that was not asked for"),
    "unknown coding": (reply(b"{}", content_encoding="zstd"), "compressed content that was not asked for"),
    "one byte too long": (reply(of_length(LARGEST_ANSWER + 1)), "longer than 524288 bytes"),
}
NO_SERVER = {
    "reset at once": (reset_at_once, "Error"),
    "reset midway": (reset_midway, "Error"),
    "end midway": (end_midway, "RemoteProtocolError"),
    "not HTTP": (not_http, "RemoteProtocolError"),
    "silence": (silence, "(no complete answer within|ReadTimeout)"),
    "drip": (drip, "no complete answer within"),
    "drip of headers": (drip_of_headers, "no complete answer within"),
}


@pytest.mark.parametrize(("answer", "why"), UNUSABLE.values(), ids=UNUSABLE)
async def test_an_unusable_answer_is_named_and_shows_that_a_server_is_there(
    door: Door, web: LoopbackServer, answer: Answer, why: str
) -> None:
    web.answers["/doc"] = answer
    with pytest.raises(NoAnswer, match=f"^GET {web.url}/doc: .*{why}") as caught:
        await door.get_json(f"{web.url}/doc")
    assert caught.value.reached
    assert web.hits == {"/doc": 1}  # redirects are not followed, and nothing is tried twice


@pytest.mark.parametrize(("answer", "why"), NO_SERVER.values(), ids=NO_SERVER)
async def test_an_answer_that_breaks_off_or_never_ends_is_cut_off_in_time(
    door: Door, web: LoopbackServer, monkeypatch: pytest.MonkeyPatch, answer: Answer, why: str
) -> None:
    monkeypatch.setattr(clients, "DEADLINE", 0.5)
    web.answers["/doc"] = answer
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=f"^GET {web.url}/doc: .*{why}") as caught:
        await door.get_json(f"{web.url}/doc")
    assert not caught.value.reached
    assert time.monotonic() - began < 2.5


async def test_a_closed_port_means_that_the_server_is_away(door: Door, closed_port: int) -> None:
    with pytest.raises(NoAnswer, match=f"^GET http://127.0.0.1:{closed_port}/doc: ConnectError") as caught:
        await door.get_json(f"http://127.0.0.1:{closed_port}/doc")
    assert not caught.value.reached
    assert caught.value.__cause__ is not None  # what the client said: there is no secret in a question for keys


async def test_a_host_that_speaks_no_tls_means_that_the_server_is_away(web: LoopbackServer) -> None:
    with pytest.raises(NoAnswer, match="ConnectError") as caught:
        await Door().get_json(f"https://127.0.0.1:{web.port}/doc")
    assert not caught.value.reached


async def test_a_tls_handshake_that_never_ends_leaves_no_connection_open(
    web: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "DEADLINE", 0.3)
    web.answers["TLS"] = silence
    with suppress(NoAnswer):  # pytest.raises would hold its traceback, and with it the connection
        await Door().get_json(f"https://127.0.0.1:{web.port}/doc")
    try:
        await until(lambda: "TLS" in web.sent, within=1)  # the server saw the end of the connection
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.mark.parametrize("is_declared", [True, False], ids=["with its length", "until the end of the connection"])
async def test_a_flood_is_cut_off_at_the_largest_size(door: Door, web: LoopbackServer, *, is_declared: bool) -> None:
    async def flood(wire: Wire) -> None:
        await wire.head(**({"content_length": 100 * 2**20} if is_declared else {}))
        for _ in range(1600):
            await wire.send(b" " * 2**16)

    web.answers["/flood"] = flood
    with pytest.raises(NoAnswer, match="longer than 524288 bytes"):
        await door.get_json(f"{web.url}/flood")
    await until(lambda: "/flood" in web.sent)  # the server notices it with its next piece
    assert web.sent["/flood"] < 16 * 2**20  # the cap, and what the kernel buffers on both sides


# --- for how long it is fresh ---

FRESHNESS: dict[str, tuple[list[tuple[str, str]], float | None]] = {
    "nothing said": ([], None),
    "empty": ([("cache-control", "")], None),
    "max-age": ([("cache-control", "max-age=120")], 120),
    "in capitals, among others": ([("Cache-Control", "Public, MAX-AGE=120 , must-revalidate")], 120),
    "quoted": ([("cache-control", 'max-age="120"')], 120),  # RFC 9111 section 5.2: both forms are to be read
    "nought": ([("cache-control", "max-age=0")], 0),
    "no-store": ([("cache-control", "no-store")], 0),
    "no-cache before max-age": ([("cache-control", "no-cache, max-age=120")], 0),
    "no-store behind max-age": ([("cache-control", "max-age=120, No-Store")], 0),
    "the first of two": ([("cache-control", "max-age=120, max-age=600")], 120),
    "several headers": ([("cache-control", "public"), ("cache-control", "max-age=120")], 120),
    "several headers that contradict": ([("cache-control", "max-age=120"), ("cache-control", "no-store")], 0),
    "some of it spent": ([("cache-control", "max-age=120"), ("age", "50")], 70),
    "all of it spent": ([("cache-control", "max-age=120"), ("age", "500")], -380),
    "an age alone": ([("age", "50")], None),
    "an age that is none": ([("cache-control", "max-age=120"), ("age", "old")], 120),
    "an age below nought": ([("cache-control", "max-age=120"), ("age", "-50")], 120),
    "two ages": ([("cache-control", "max-age=120"), ("age", "50"), ("age", "60")], 120),
    "for shared caches": ([("cache-control", "s-maxage=5")], None),
    "words": ([("cache-control", "max-age=soon")], None),
    "no number": ([("cache-control", "max-age=, max-age")], None),
    "below nought": ([("cache-control", "max-age=-5")], None),
    "a fraction": ([("cache-control", "max-age=1.5")], None),
    "infinity": ([("cache-control", "max-age=inf")], None),
    "no ASCII": ([("cache-control", "max-age=\u00b2")], None),
    "separators alone": ([("cache-control", ",,=,;\t,")], None),
    "garbage, then a number": ([("cache-control", "max-age=soon, max-age=120")], 120),
    "a huge number": ([("cache-control", "max-age=" + "9" * 5000)], 9_999_999_999),
    "a huge age": ([("cache-control", "max-age=120"), ("age", "9" * 5000)], 120 - 9_999_999_999),
}


@pytest.mark.parametrize(("headers", "seconds"), FRESHNESS.values(), ids=FRESHNESS)
def test_for_how_long_an_answer_is_fresh(headers: list[tuple[str, str]], seconds: float | None) -> None:
    on_the_wire = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    assert max_age_of(httpx.Headers(on_the_wire)) == seconds


async def test_the_freshness_of_an_answer_comes_with_it(door: Door, web: LoopbackServer) -> None:
    web.answers["/doc"] = reply(b"{}", cache_control="public, max-age=120", age=20)
    assert await door.get_json_and_age(f"{web.url}/doc") == ({}, 100)


# --- the client ---


async def test_the_client_of_a_user_is_used_as_it_is_and_stays_open(web: LoopbackServer) -> None:
    web.answers["/doc"] = document({})
    async with httpx.AsyncClient(verify=TLS, headers={"x-mesh": "orders"}) as client:
        await Door(client).get_json(f"{web.url}/doc")
        await Door(client).get_json(f"{web.url}/doc")
        assert not client.is_closed
    assert web.headers["/doc"]["x-mesh"] == "orders"


async def test_a_client_that_follows_redirects_is_told_not_to(web: LoopbackServer) -> None:
    web.answers["/doc"] = reply(status=302, location="/target")
    web.answers["/target"] = document({})
    async with httpx.AsyncClient(verify=TLS, follow_redirects=True) as client:
        with pytest.raises(NoAnswer, match="answered 302"):
            await Door(client).get_json(f"{web.url}/doc")
    assert web.hits["/target"] == 0


async def test_a_factory_makes_one_client_a_call_and_each_is_closed(web: LoopbackServer) -> None:
    made: list[httpx.AsyncClient] = []

    def factory() -> httpx.AsyncClient:
        made.append(httpx_client())
        return made[-1]

    web.answers["/doc"] = document({})
    door = Door(factory)
    await door.get_json(f"{web.url}/doc")
    with pytest.raises(NoAnswer):
        await door.get_json(f"{web.url}/missing")
    assert [client.is_closed for client in made] == [True, True]


async def test_a_factory_that_fails_is_a_missing_answer_with_its_cause(web: LoopbackServer) -> None:
    def factory() -> httpx.AsyncClient:
        raise FileNotFoundError("ca.pem")

    with pytest.raises(NoAnswer, match=r"FileNotFoundError: ca\.pem") as caught:
        await Door(factory).get_json(f"{web.url}/doc")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


async def test_a_client_without_a_timeout_of_its_own_has_ours(
    web: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "DEADLINE", 0.2)
    web.answers["/doc"] = silence
    async with httpx.AsyncClient(verify=TLS, timeout=None) as client:  # noqa: S113  what is tested
        with pytest.raises(NoAnswer, match="no complete answer"):
            await Door(client).get_json(f"{web.url}/doc")


async def test_plain_http_where_that_was_allowed_goes_through_the_proxy_of_the_environment(
    web: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    web.answers["http://keycloak:8080/jwks"] = document({"a": 1})
    assert await Door(allow_insecure_http=True).get_json("http://keycloak:8080/jwks") == {"a": 1}


async def test_loopback_is_asked_without_a_proxy(
    web: LoopbackServer, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    web.answers["/doc"] = document({"a": 1})
    assert await Door().get_json(f"{web.url}/doc") == {"a": 1}


async def test_a_caller_that_is_cancelled_stays_cancelled(web: LoopbackServer) -> None:
    web.answers["/doc"] = silence
    call = asyncio.create_task(Door().get_json(f"{web.url}/doc"))
    await until(lambda: web.hits["/doc"])
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


# --- whose answer it is ---


def certificate_for(address: str, folder: Path) -> Path:
    """A self-signed certificate with its key, as a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    file = folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(signed.public_bytes(pem) + private)
    return file


@asynccontextmanager
async def tls_server(certificate: Path) -> AsyncIterator[LoopbackServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = LoopbackServer(context)
    server.answers["/doc"] = document({"a": 1})
    await server.start()
    yield server
    await server.stop()


def trusting(certificate: Path) -> Callable[[], httpx.AsyncClient]:
    context = ssl.create_default_context(cafile=certificate)
    return lambda: httpx.AsyncClient(verify=context)


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with tls_server(certificate_for("127.0.0.1", tmp_path)) as server:
        with pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED") as caught:
            await Door().get_json(f"{server.url}/doc")
    assert not caught.value.reached
    assert not server.hits


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    certificate = certificate_for("127.0.0.2", tmp_path)
    async with tls_server(certificate) as server:
        with pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
            await Door(trusting(certificate)).get_json(f"{server.url}/doc")
    assert not server.hits


async def test_a_private_certificate_authority_comes_with_the_users_client(tmp_path: Path) -> None:
    certificate = certificate_for("127.0.0.1", tmp_path)
    async with tls_server(certificate) as server:
        assert await Door(trusting(certificate)).get_json(f"{server.url}/doc") == {"a": 1}


# --- what may be asked ---

ACCEPTED = [
    "https://id.example.com",
    "https://id.example.com:8443/realms/a?tenant=b",
    "HTTPS://ID.EXAMPLE.COM",
    "http://localhost:8080",
    "http://LOCALHOST/",
    "http://127.0.0.1",
    "http://127.8.9.10:1/x",
    "http://[::1]:8080/x",
]
NO_URL = [
    "",
    "id.example.com",
    "//id.example.com",
    "https://",
    "https:///path",
    "https:id.example.com",
    "https://:443/",
    "ftp://id.example.com",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://id.example.com:0",
    "https://id.example.com:99999",
    "https://id.example.com:port",
    "https://[::1",
]
PLAIN_HTTP = [
    "http://id.example.com",
    "http://10.0.0.1",
    "http://0.0.0.0",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://127.0.0.1%2eexample.com",
    "http://localhost\\.example.com",
    "http://keycloak:8080",
    "http://[::2]",
]
USER_OR_FRAGMENT = [
    "https://user@id.example.com",
    "https://user:password@id.example.com/x?secret",
    "https://@id.example.com",
    "https://id.example.com/#secret",
    "http://localhost@evil.example.com/",
    "http://evil.example.com\\@localhost/",
]


@pytest.mark.parametrize("url", ACCEPTED)
def test_https_and_loopback_may_be_asked(url: str) -> None:
    check_url(url, "jwks_uri", allow_insecure_http=False)


@pytest.mark.parametrize("url", NO_URL)
def test_what_is_no_url_is_refused_and_said_so(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^jwks_uri .* is not a URL; write one that begins with https://$"):
        check_url(url, "jwks_uri", allow_insecure_http=True)


@pytest.mark.parametrize("url", PLAIN_HTTP)
def test_plain_http_beyond_loopback_takes_a_long_word(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is plain http.* write https://, or allow_insecure_http=True"):
        check_url(url, "jwks_uri", allow_insecure_http=False)
    check_url(url, "jwks_uri", allow_insecure_http=True)


@pytest.mark.parametrize("url", USER_OR_FRAGMENT)
def test_a_user_or_a_fragment_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="neither a user nor a fragment") as caught:
        check_url(url, "jwks_uri", allow_insecure_http=True)
    assert not [word for word in ("user@", "password", "secret") if word in str(caught.value)]


@pytest.mark.parametrize("url", ["http://id.example.com/jwks", "https://user@id.example.com/", "ftp://id.example.com"])
async def test_the_door_asks_no_url_that_must_not_be_asked(url: str) -> None:
    def factory() -> Any:
        raise AssertionError("asked")

    with pytest.raises(NoAnswer, match="the URL '") as caught:
        await Door(factory).get_json(url)
    assert caught.value.reached  # the next place may be a better one


async def test_a_url_that_cannot_be_taken_apart_is_a_missing_answer() -> None:
    with pytest.raises(NoAnswer):
        await Door().get_json("https://[::1/jwks")


# --- what is shown ---


def test_a_url_is_shown_without_its_secrets() -> None:
    assert (
        shown("https://user:password@id.example.com:8443/a/b?code=secret#secret") == "https://id.example.com:8443/a/b"
    )


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [("http://localhost", True), ("http://127.0.0.2", True), ("http:", False), ("http://10.0.0.1", False)],
)
def test_loopback_is_told_from_the_rest(url: str, *, is_ours: bool) -> None:
    assert is_loopback(url) is is_ours


def test_an_answer_shows_its_status_alone() -> None:
    assert repr(HTTPAnswer(401, {"set-cookie": "secret"}, b"secret")) == "Answer(401)"


async def test_a_failure_shows_no_query(web: LoopbackServer) -> None:
    with pytest.raises(NoAnswer) as caught:
        await Door().get_json(f"{web.url}/doc?code=secret")
    assert str(caught.value) == f"GET {web.url}/doc: answered 404"


@pytest.mark.parametrize(
    "url",
    [
        "htps://user:password@id.example.com/",
        "https://user:password@id.example.com:99999/",
        "ftp://id.example.com/?code=password",
        "https://user:password@[::1/",
    ],
)
def test_a_mistyped_url_shows_neither_password_nor_query(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_url(url, "issuer", allow_insecure_http=False)
    assert "password" not in str(caught.value)


async def test_a_failure_of_a_clients_own_hook_shows_no_query(web: LoopbackServer) -> None:
    async def raise_for_status(response: httpx.Response) -> None:
        response.raise_for_status()

    hooks: dict[str, list[Callable[..., Any]]] = {"response": [raise_for_status]}
    async with httpx.AsyncClient(verify=TLS, event_hooks=hooks) as client:
        with pytest.raises(NoAnswer) as caught:
            await Door(client).get_json(f"{web.url}/doc?code=secret")
    assert "secret" not in str(caught.value)
