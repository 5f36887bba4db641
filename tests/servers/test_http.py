"""HTTP under real servers: a refusal leaves the connection in a state in which the next request is still itself."""

import pytest

from bearer_guard.testing import FakeIssuer
from tests.servers.serving import Server
from tests.servers.wire import Answer, Wire, connected, request
from tests.servers.words import GONE

LONGEST_TOKEN = 16 * 1024
ALICE = b'{"subject":"alice"}'
NO_JWT = 'Bearer error="invalid_token", error_description="The token is not a JWT."'
TOO_LONG = 'Bearer error="invalid_request", error_description="The access token is too long."'
TWO = 'Bearer error="invalid_request", error_description="More than one access token was presented."'

# A body that a confused server would take for the next requests.
CONTENT = request("GET", "/catalog") * 4000
PIECES = [CONTENT[start : start + 65_536] for start in range(0, len(CONTENT), 65_536)]

ANNOUNCED = (f"Content-Length: {len(CONTENT)}", [CONTENT])
CHUNKED = ("Transfer-Encoding: chunked", [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*PIECES, b""]])


def only(answer: Answer | None) -> Answer:
    assert answer is not None, "the server hung up"
    return answer


def refused(answer: Answer | None, challenge: str = "Bearer", status: int = 401) -> bool:
    answer = only(answer)
    return (answer.status, answer.challenges) == (status, [challenge])


def is_next(wire: Wire, good: str) -> bool:
    """Whether the next request on this connection gets its own answer, or the server has closed it."""
    if not wire.send(request("GET", "/me", good)):
        return True
    answer = wire.answer()
    return answer is None or (answer.status, answer.body) == (200, ALICE)


@pytest.mark.parametrize(("header", "parts"), [ANNOUNCED, CHUNKED], ids=["announced", "chunked"])
def test_an_upload_is_refused_before_it_arrives_and_what_arrives_is_no_request(
    http_server: Server, good: str, header: str, parts: list[bytes]
) -> None:
    with connected(http_server.port) as wire:
        wire.send(request("POST", "/upload", header))
        assert refused(wire.answer("POST"))
        assert not all(wire.send(part) for part in parts) or is_next(wire, good)
    assert http_server.is_well()


def test_an_upload_that_asks_first_is_not_told_to_go_on(http_server: Server) -> None:
    # RFC 9110 section 10.1.1. Hypercorn says 100 by itself, before the application is asked.
    with connected(http_server.port) as wire:
        wire.send(request("POST", "/upload", ANNOUNCED[0], "Expect: 100-continue"))
        answer = only(wire.answer("POST"))
        if answer.status == 100 and http_server.name == "hypercorn":
            answer = only(wire.answer("POST"))
        assert refused(answer)


@pytest.mark.parametrize(("header", "parts"), [ANNOUNCED, CHUNKED], ids=["announced", "chunked"])
def test_an_upload_with_a_token_arrives_whole(http_server: Server, good: str, header: str, parts: list[bytes]) -> None:
    with connected(http_server.port) as wire:
        wire.send(request("POST", "/upload", header, good) + b"".join(parts))
        assert only(wire.answer("POST")).body == b'{"received":%d}' % len(CONTENT)
        assert is_next(wire, good)


def test_a_small_body_of_a_refused_request_is_not_the_next_one(http_server: Server, good: str) -> None:
    hidden = request("GET", "/me", good)
    with connected(http_server.port) as wire:
        wire.send(request("POST", "/upload", f"Content-Length: {len(hidden)}", body=hidden))
        wire.send(request("GET", "/me"))
        assert refused(wire.answer("POST"))
        assert refused(wire.answer())


def test_a_refusal_keeps_the_connection_alive(http_server: Server, good: str) -> None:
    with connected(http_server.port) as wire:
        for _ in range(3):
            wire.send(request("GET", "/me"))
            assert refused(wire.answer())
            wire.send(request("GET", "/me", good))
            assert only(wire.answer()).body == ALICE


def test_pipelined_requests_are_judged_one_by_one(http_server: Server, good: str) -> None:
    forged = f"{good[:-8]}AAAAAAAA"
    headers = [(), (good,), ("Authorization: Basic Zm9vOmJhcg==",), (good,), (forged,), (good, good), (good,), ()]
    with connected(http_server.port) as wire:
        wire.send(b"".join(request("GET", "/me", *lines) for lines in headers))
        answers = [only(wire.answer()) for _ in headers]
    assert [answer.status for answer in answers] == [401, 200, 401, 200, 401, 400, 200, 401]
    assert {answer.body for answer in answers if answer.status == 200} == {ALICE}


def test_the_refusal_of_a_head_request_has_no_body(http_server: Server, good: str) -> None:
    with connected(http_server.port) as wire:
        wire.send(request("HEAD", "/me") + request("GET", "/me", good))
        head = only(wire.answer("HEAD"))
        assert refused(head)
        # RFC 9110 section 8.6: the length that GET would have had.
        assert head.all("content-length") == http_server.get("/me").all("content-length")
        assert only(wire.answer()).body == ALICE


def test_each_header_of_a_refusal_is_sent_once(http_server: Server) -> None:
    answer = http_server.get("/me")
    assert refused(answer)
    for name in ("content-length", "content-type", "cache-control", "www-authenticate"):
        assert len(answer.all(name)) == 1


@pytest.mark.parametrize("second", [None, "Authorization: Basic Zm9vOmJhcg==", "authorization:"])
@pytest.mark.parametrize("order", [1, -1], ids=["good-first", "good-last"])
def test_two_authorization_headers_are_refused(http_server: Server, good: str, second: str | None, order: int) -> None:
    pair = (good, second or good)
    assert refused(http_server.get("/me", *pair[::order]), TWO, 400)


def test_two_tokens_in_one_header_are_refused(http_server: Server, good: str) -> None:
    answer = http_server.get("/me", f"{good}, {good.removeprefix('Authorization: ')}")
    assert answer.status == 400


def test_the_longest_token_is_looked_at_and_a_longer_one_is_not(http_server: Server) -> None:
    token = "a" * LONGEST_TOKEN
    assert refused(http_server.get("/me", f"Authorization: Bearer {token}"), NO_JWT)
    assert refused(http_server.get("/me", f"Authorization: Bearer {token}a"), TOO_LONG, 400)


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_a_token_beyond_all_measure_disturbs_nobody(http_server: Server, size: int) -> None:
    with connected(http_server.port) as wire:
        wire.send(request("GET", "/me", f"Authorization: Bearer {'a' * size}"))
        answer = wire.answer()  # None: it was closed before all was sent
    assert answer is None or answer.status in (400, 431)
    assert http_server.is_well()


@pytest.mark.parametrize(
    "value", ["Bearer \xff\xfe", "Bearer a\tb", "Bearer a b", "Bearer", "Bearer ,", "\xa0Bearer x"]
)
def test_hostile_bytes_in_the_header_are_a_bad_request(http_server: Server, value: str) -> None:
    assert http_server.get("/me", f"Authorization: {value}").status == 400


def test_a_client_of_the_last_century_is_refused_like_all_others(http_server: Server, good: str) -> None:
    with connected(http_server.port) as wire:
        wire.send(b"GET /me HTTP/1.0\r\n\r\n")
        assert refused(wire.answer())
    with connected(http_server.port) as wire:
        wire.send(f"GET /me HTTP/1.0\r\n{good}\r\n\r\n".encode())
        assert only(wire.answer()).body == ALICE


def test_a_client_that_goes_in_the_middle_of_a_stream_ends_it(http_server: Server, good: str) -> None:
    with http_server.listening() as listener:
        with connected(http_server.port) as wire:
            wire.send(request("GET", "/endless", good))
            assert wire.first_chunk() == b"more"
            wire.reset()
        listener.wait_for(GONE)
        assert listener.complaints() == []


def test_an_exception_in_the_middle_of_a_response_cuts_it_short_and_no_second_one_follows(
    http_server: Server, good: str
) -> None:
    with connected(http_server.port) as wire:
        wire.send(request("GET", "/broken", good))
        rest = wire.rest()
    assert rest.startswith(b"HTTP/1.1 200")
    assert rest.count(b"HTTP/1.1") == 1
    assert not rest.endswith(b"0\r\n\r\n")  # RFC 9112 section 7.1: an end that the client could take for the end
    assert http_server.is_well()


def test_a_refused_client_that_does_not_wait_disturbs_nobody(http_server: Server, authority: FakeIssuer) -> None:
    expired = f"Authorization: Bearer {authority.token(exp=-60, iat=-120)}"
    with http_server.listening() as listener:
        for _ in range(5):
            with connected(http_server.port) as wire:
                wire.send(request("GET", "/me", expired))
                wire.reset()
        assert listener.complaints() == []
