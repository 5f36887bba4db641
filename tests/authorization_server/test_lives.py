"""One AuthorizationServer and many event loops: one after another, in threads, closed or left to themselves."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bearer_guard import AuthorizationServer, PublicClient
from tests.authorization_server.conftest import TLS
from tests.authorization_server.desk import ACTIVE, TOKEN
from tests.authorization_server.loopback import LoopbackServer, document, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """An authorization server that lives in a loop and a thread of its own."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving() as web:
        yield web


@contextmanager
def serving() -> Iterator[LoopbackServer]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    web = LoopbackServer()
    web.answers["/introspect"] = document(ACTIVE, connection="keep-alive")
    web.answers["/.well-known/oauth-authorization-server"] = document({})
    asyncio.run_coroutine_threadsafe(web.start(), loop).result(5)
    about = {"issuer": web.url, "introspection_endpoint": f"{web.url}/introspect", "jwks_uri": f"{web.url}/jwks"}
    web.answers["/.well-known/oauth-authorization-server"] = document(about)
    try:
        yield web
    finally:
        asyncio.run_coroutine_threadsafe(web.stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def server_at(web: LoopbackServer, **options: Any) -> AuthorizationServer:
    return AuthorizationServer(web.url, client_auth=PublicClient("api"), **options)


def factory() -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=TLS)


ways = pytest.mark.parametrize("options", [{}, {"http_client": factory}], ids=["our client", "a factory"])


@ways
def test_one_loop_after_another_may_ask(elsewhere: LoopbackServer, options: dict[str, Any]) -> None:
    server = server_at(elsewhere, **options)
    for _ in range(3):
        assert asyncio.run(server.introspect(TOKEN)) == ACTIVE
    assert elsewhere.hits == {"/.well-known/oauth-authorization-server": 1, "/introspect": 3}
    asyncio.run(until(lambda: elsewhere.open_connections == 0))


@ways
def test_loops_in_many_threads_may_ask_at_once(elsewhere: LoopbackServer, options: dict[str, Any]) -> None:
    server = server_at(elsewhere, **options)

    async def many() -> list[Any]:
        return await asyncio.gather(*(server.introspect(TOKEN) for _ in range(20)))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: asyncio.run(many()), range(8)))
    assert answers == [[ACTIVE] * 20] * 8
    asyncio.run(until(lambda: elsewhere.open_connections == 0))


def test_closing_in_one_loop_closes_the_connections_of_another_that_runs(elsewhere: LoopbackServer) -> None:
    server = server_at(elsewhere)
    asked, closed = threading.Event(), threading.Event()

    async def asks() -> Any:
        await server.introspect(TOKEN)
        asked.set()
        await asyncio.to_thread(closed.wait, 10)
        await until(lambda: elsewhere.open_connections == 0)
        return await server.introspect(TOKEN)  # it can be used again

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(asyncio.run, asks())
        assert asked.wait(10)
        asyncio.run(server.aclose())
        closed.set()
        assert other.result(10) == ACTIVE
    assert elsewhere.connections == 3  # one for the metadata


async def test_closing_while_somebody_asks_is_a_503_and_hangs_nobody(elsewhere: LoopbackServer) -> None:
    async def never(wire: Any) -> None:
        await wire.until_hung_up()

    elsewhere.answers["/introspect"] = never
    server = server_at(elsewhere)
    asking = asyncio.create_task(server.introspect(TOKEN))
    await until(lambda: elsewhere.hits["/introspect"])
    await server.aclose()
    done, _ = await asyncio.wait({asking}, timeout=10)
    assert done
    assert type(asking.exception()).__name__ == "AuthorizationServerUnavailable"
    await server.aclose()


PROGRAM = """
import asyncio, sys
from bearer_guard import AuthorizationServer, BearerGuard, IntrospectionValidator, PublicClient

def server():
    return AuthorizationServer(sys.argv[1], client_auth=PublicClient("api"))

async def asks(server):
    asyncio.get_running_loop().slow_callback_duration = 10  # a busy machine is no finding
    await asyncio.gather(*(server.introspect(f"token-{number}") for number in range(40)))
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left

kept = server()
asyncio.run(asks(kept))
asyncio.run(asks(kept))
asyncio.run(asks(server()))  # and nobody holds it any longer

async def guards():
    asyncio.get_running_loop().slow_callback_duration = 10
    async with BearerGuard(IntrospectionValidator(server(), audience="api")) as guard:
        await guard.validate("token")

asyncio.run(guards())

async def closes():
    await asks(kept)
    await kept.aclose()

asyncio.run(closes())
print("done")
"""


def test_a_program_that_never_closes_leaves_nothing_behind(elsewhere: LoopbackServer) -> None:
    answer = {"active": True, "iss": elsewhere.url, "sub": "alice", "aud": "api", "exp": 2**33}
    elsewhere.answers["/introspect"] = document(answer, connection="keep-alive")
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, elsewhere.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


FIRST_CALL = """
import asyncio, sys
from bearer_guard import AuthorizationServer, PublicClient
from bearer_guard.authorization_server.http import clients

async def first():
    await clients.loaded()
    loaded = set(sys.modules)
    endpoint = f"{sys.argv[1]}/introspect"
    server = AuthorizationServer(sys.argv[1], client_auth=PublicClient("api"), introspection_endpoint=endpoint)
    await server.introspect("token")
    await server.aclose()
    print(sorted(name for name in set(sys.modules) - loaded if name.partition(".")[0] in ("httpcore", "h11", "anyio")))

asyncio.run(first())
"""


def test_the_first_call_imports_nothing_large_in_the_event_loop(elsewhere: LoopbackServer) -> None:
    command = [sys.executable, "-c", FIRST_CALL, elsewhere.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n")
