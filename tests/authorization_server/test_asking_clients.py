"""Whose client asks, through which proxies, and what it must not carry from one call to the next."""

from typing import Any

import httpx
import httpx2
import pytest

from bearer_guard import AuthorizationServer, PublicClient
from bearer_guard.authorization_server.http import Door, NoAnswer
from tests.authorization_server.conftest import TLS
from tests.authorization_server.desk import ACTIVE, ME, TOKEN, Desk
from tests.authorization_server.loopback import LoopbackServer, Wire, document, reply


async def reset(wire: Wire) -> None:
    wire.reset()


# --- the user's own client ---


def make_httpx() -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=TLS, headers={"x-mesh": "orders"})


def make_httpx2() -> Any:
    return httpx2.AsyncClient(verify=TLS, headers={"x-mesh": "orders"})


@pytest.mark.parametrize("make", [make_httpx, make_httpx2])
@pytest.mark.parametrize("is_factory", [True, False])
async def test_the_client_of_a_user_asks(desk: Desk, make: Any, *, is_factory: bool) -> None:
    made: list[Any] = []

    def factory() -> Any:
        made.append(make())
        return made[-1]

    server = desk.server(http_client=factory if is_factory else factory())
    for _ in range(3):
        assert await server.introspect(TOKEN) == ACTIVE
    assert desk.asked.headers["x-mesh"] == "orders"
    assert desk.asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (len(made), desk.web.connections) == (1, 1)
    await server.aclose()
    assert made[0].is_closed == is_factory  # what was handed over is closed by its owner
    await made[0].aclose()


@pytest.mark.parametrize("make", [make_httpx, make_httpx2])
async def test_the_failures_of_their_clients_are_503_too(desk: Desk, closed_port: int, make: Any) -> None:
    server = desk.server(http_client=make, introspection_endpoint=f"http://127.0.0.1:{closed_port}/introspect")
    assert "ConnectError" in str((await desk.failure(server)).__cause__)
    desk.says(reset)
    await desk.failure(desk.server(http_client=make))
    assert desk.hits == {"/introspect": 2}


async def test_a_client_that_follows_redirects_is_told_not_to(desk: Desk) -> None:
    desk.web.answers["/introspect"] = reply(status=307, location=f"{desk.web.url}/target")
    async with httpx.AsyncClient(verify=TLS, follow_redirects=True) as client:
        await desk.failure(desk.server(http_client=client))
    assert desk.hits == {"/introspect": 1}


async def test_a_factory_that_fails_is_a_503_and_may_succeed_later(desk: Desk) -> None:
    failures = [FileNotFoundError("ca.pem")]

    def factory() -> Any:
        if failures:
            raise failures.pop()
        return make_httpx()

    server = desk.server(http_client=factory)
    assert await desk.why(server) == "no client to ask with: FileNotFoundError"
    assert await server.introspect(TOKEN) == ACTIVE


@pytest.mark.parametrize("options", [{}, {"http_client": make_httpx}, {"http_client": make_httpx2}], ids=str)
async def test_a_session_of_one_call_does_not_go_along_with_the_next(desk: Desk, options: dict[str, Any]) -> None:
    desk.says(document(ME, connection="keep-alive", set_cookie="session=alice; Path=/"))
    server = desk.server(**options)
    for _ in range(2):
        await server.introspect(TOKEN)
        assert "cookie" not in desk.asked.headers
        await server.userinfo(TOKEN, user_id="alice")
        assert "cookie" not in desk.asked.headers


# --- which ways are taken ---


async def test_loopback_is_asked_without_a_proxy(desk: Desk, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    assert await desk.server().introspect(TOKEN) == ACTIVE


async def test_other_hosts_are_asked_through_the_proxy_of_the_environment(
    web: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    web.answers["http://keycloak:8080/introspect"] = document(ACTIVE)
    server = AuthorizationServer(
        "http://keycloak:8080",
        introspection_endpoint="http://keycloak:8080/introspect",
        client_auth=PublicClient("api"),
        allow_insecure_http=True,
    )
    assert await server.introspect(TOKEN) == ACTIVE
    await server.aclose()


async def test_no_url_is_asked_that_must_not_be_asked(web: LoopbackServer) -> None:
    async def prepare() -> Any:
        raise AssertionError("asked")

    with pytest.raises(NoAnswer, match="is plain http"):
        await Door().ask("POST", "http://id.example.com/introspect", prepare)


async def test_a_body_that_is_too_long_is_closed_at_once() -> None:
    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            while True:
                yield b" " * 2**16

    class Response(httpx.Response):
        is_left = True

        async def aiter_bytes(self, chunk_size: int | None = None) -> Any:
            try:
                async for chunk in super().aiter_bytes(chunk_size):
                    yield chunk
            finally:
                Response.is_left = False

    class Endless(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return Response(200, stream=Body())

    async with httpx.AsyncClient(transport=Endless()) as client:
        with pytest.raises(NoAnswer) as caught:  # it holds the frames in which the generator would be collected
            await Door(client).get_json("https://id.example.com")
    assert "longer than" in str(caught.value)
    assert not Response.is_left
