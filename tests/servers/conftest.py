"""Real servers, started when first asked for and kept until the last test; one issuer whose keys they all know."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bearer_guard.testing import FakeIssuer
from tests.servers.serving import HTTP_SERVERS, WEBSOCKET_SERVERS, Serve, Server, serving


@pytest.fixture(scope="session")
def authority() -> FakeIssuer:
    """The issuer. Nobody moves its clock: the servers have the machine's."""
    return FakeIssuer()


@pytest.fixture(scope="session")
def serve(authority: FakeIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Gives the server of a name, and starts it the first time."""
    env = {
        "SERVERS_ISSUER": authority.issuer,
        "SERVERS_JWKS": json.dumps(authority.jwks()),
        "NO_PROXY": "127.0.0.1",
    }
    directory = tmp_path_factory.mktemp("servers")
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def serve(name: str) -> Server:
            if name not in started:
                started[name] = stack.enter_context(serving(name, directory, env))
            return started[name]

        yield serve


@pytest.fixture(params=HTTP_SERVERS)
def http_server(request: pytest.FixtureRequest, serve: Serve) -> Server:
    """Each server, for HTTP."""
    return serve(request.param)


@pytest.fixture(params=WEBSOCKET_SERVERS)
def websocket_server(request: pytest.FixtureRequest, serve: Serve) -> Server:
    """Each server and implementation of WebSockets."""
    return serve(request.param)


@pytest.fixture
def good(authority: FakeIssuer) -> str:
    """The header of a request with a good token."""
    return f"Authorization: Bearer {authority.token(scope='talk')}"
