"""A real browser, and real web servers: the API's and somebody else's, with TLS and without."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bearer_guard.testing import FakeIssuer, SigningKey
from tests.browser.servers import Server, running
from tests.browser.visitor import Visitor
from tests.browser.webdriver import Browser, browsing
from tests.browser.worlds import PORTS, World, resolver_rules, serving, worlds_on
from tests.processes import free_port, unavailable


@pytest.fixture(scope="session")
def ports() -> dict[str, int]:
    """A loopback port for each server."""
    return {name: free_port() for name in PORTS}


@pytest.fixture(scope="session")
def programs() -> dict[str, str]:
    """Where Chromium and its driver are."""
    paths = {name: shutil.which(name) or "" for name in ("chromium", "chromedriver")}
    if not all(paths.values()):
        missing = " and ".join(name for name, path in paths.items() if not path)
        unavailable(f"The browser tests need {missing}: apt-get install chromium chromium-driver (Debian).")
    return paths


@pytest.fixture(scope="session")
def authorization_server(signing_keys: dict[str, SigningKey]) -> FakeIssuer:
    """Signs with the keys that the APIs were started with."""
    issuer = FakeIssuer()
    issuer._keys = dict(signing_keys)
    return issuer


@pytest.fixture(scope="session")
def worlds(
    programs: dict[str, str],  # without a browser, no server is worth starting
    ports: dict[str, int],
    authorization_server: FakeIssuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, World]]:
    """The servers, under the names of four worlds."""
    directory = tmp_path_factory.mktemp("worlds")
    record = directory / "record"
    record.touch()
    worlds = worlds_on(ports, record)
    with serving(worlds, ports, authorization_server, directory):
        yield worlds


@pytest.fixture(scope="session")
def browser(
    programs: dict[str, str],
    ports: dict[str, int],
    worlds: dict[str, World],  # so it ends before them: a server waits for the connections that a browser keeps
) -> Iterator[Browser]:
    """One browser for all tests; each begins without cookies."""
    # Whatever the browser writes, it writes into one directory that is removed.
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as home:
        port = free_port()
        env = dict.fromkeys(("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), home)
        driver = Server([programs["chromedriver"], f"--port={port}"], Path(home, "chromedriver.log"), port, env)
        options = [f"--user-data-dir={home}/profile", f"--host-resolver-rules={resolver_rules(ports)}"]
        with running(driver), browsing(f"http://127.0.0.1:{port}", programs["chromium"], options) as browser:
            yield browser


@pytest.fixture
def world(request: pytest.FixtureRequest, worlds: dict[str, World]) -> World:
    """The world that a test asks for by its name."""
    return worlds[request.param]


@pytest.fixture
def visitor(browser: Browser, world: World, authorization_server: FakeIssuer) -> Visitor:
    """Somebody whose browser knows nothing yet."""
    browser.forget_cookies()
    return Visitor(browser, world, authorization_server)
