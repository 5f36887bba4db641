"""The API and the pages around it, by the names under which a browser knows them.

Two words matter (https://html.spec.whatwg.org/#sites). An origin is scheme, host and port; a site is scheme and
registrable domain. Cookies know sites and no ports (RFC 6265 section 8.5), so a page on another port, or on another
host of the domain, is of the same site: `SameSite=Strict` cookies come with what it sends.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bearer_guard.testing import FakeIssuer
from tests.browser.certificate import write_certificate
from tests.browser.servers import Server, running, uvicorn
from tests.browser.witness import Seen

PORTS = ("api", "tls_api", "pages", "tls_pages", "tls_proxy")
SITES = {
    "own": "same-origin",
    "neighbour": "same-site",
    "friend": "same-site",  # a neighbour that `allowed_origins` lists
    "stranger": "cross-site",
    "interceptor": "cross-site",  # the API's own host without TLS: who sits on the line can answer for it
    "nobody": "cross-site",  # a document whose origin is opaque: browsers write "null"
}


@dataclass(frozen=True)
class World:
    """One API and the pages around it. `pages`: their origins, by the names of `SITES`."""

    record: Path
    pages: Mapping[str, str]
    is_trusted: bool = True
    """Whether the browser trusts the API's origin, as it does https and loopback. Then it sends it `Sec-Fetch-Site`,
    and takes `Secure` cookies from it."""

    @property
    def api(self) -> str:
        """The origin of the API, which serves pages, too."""
        return self.pages["own"]

    @property
    def cookie(self) -> str:
        """The name of the cookie with the token: the safest that the browser takes from the API."""
        return "__Host-access_token" if self.is_trusted else "access_token"

    def seen(self, method: str, page: str, status: int, reason: str | None = None, *, cookie: bool = True) -> Seen:
        """What the API is to have seen of a request that a page made."""
        # Chromium sends no Sec-Fetch-Site with a WebSocket handshake: Origin is all that there is.
        site = SITES[page] if self.is_trusted and method != "WEBSOCKET" else None
        origin = None if (method, page) == ("GET", "own") else self.pages.get(page, "null")
        return Seen(method=method, origin=origin, site=site, cookie=cookie, status=status, reason=reason)


def worlds_on(ports: Mapping[str, int], record: Path) -> dict[str, World]:
    """The same servers under four sets of names."""
    api, tls_api, pages, tls_pages = (ports[name] for name in PORTS[:4])
    return {
        "https": World(
            record,
            {
                "own": f"https://good.test:{tls_api}",
                "neighbour": f"https://good.test:{tls_pages}",
                "friend": f"https://app.good.test:{tls_pages}",
                "stranger": f"https://evil.test:{tls_pages}",
            },
        ),
        "loopback": World(
            record,
            {
                "own": f"http://127.0.0.1:{api}",
                "neighbour": f"http://127.0.0.1:{pages}",
                "stranger": f"http://localhost:{pages}",
            },
        ),
        "http": World(
            record,
            {
                "own": f"http://good.test:{api}",
                "neighbour": f"http://good.test:{pages}",
                "friend": f"http://app.good.test:{pages}",
                "stranger": f"http://evil.test:{pages}",
            },
            is_trusted=False,
        ),
        # On the ports 443 and 80, as far as the browser knows: it is the scheme alone that differs.
        "proxied": World(record, {"own": "https://proxied.test", "interceptor": "http://proxied.test"}),
    }


def resolver_rules(ports: Mapping[str, int]) -> str:
    """What the names mean to the browser. No others lead anywhere, so nothing leaves the machine."""
    rules = {
        "proxied.test:443": f"127.0.0.1:{ports['tls_proxy']}",
        "proxied.test:80": f"127.0.0.1:{ports['pages']}",
        "*.test": "127.0.0.1",
        "localhost": "127.0.0.1",
    }
    mapped = [f"MAP {name} {address}" for name, address in rules.items()]
    return ", ".join([*mapped, "EXCLUDE 127.0.0.1", "MAP * ~NOTFOUND"])


@contextmanager
def serving(
    worlds: Mapping[str, World], ports: Mapping[str, int], issuer: FakeIssuer, directory: Path
) -> Iterator[None]:
    """Run all servers until the block ends. The APIs accept the tokens of `issuer`."""
    key, certificate = map(str, write_certificate(directory))
    tls = ("--ssl-keyfile", key, "--ssl-certfile", certificate)
    settings = {
        "issuer": issuer.issuer,
        "jwks": issuer.jwks(),
        "listed_origins": [world.pages["friend"] for world in worlds.values() if "friend" in world.pages],
        "record": str(worlds["https"].record),
    }
    env = {"BROWSER_API": json.dumps(settings)}

    def server(name: str, app: str, *options: str) -> Server:
        return uvicorn(f"tests.browser.{app}:app", directory / name, *options, port=ports[name], env=env)

    proxy_options = [str(ports["tls_proxy"]), str(ports["api"]), key, certificate]
    proxy_command = [sys.executable, "-m", "tests.browser.tls_proxy", *proxy_options]
    with running(
        server("api", "api"),
        server("tls_api", "api", *tls),
        server("pages", "pages"),
        server("tls_pages", "pages", *tls),
        Server(proxy_command, directory / "tls_proxy", ports["tls_proxy"]),
    ):
        yield
