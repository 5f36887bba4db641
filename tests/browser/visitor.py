"""Somebody who has logged in at the API, and now visits pages; and what the scripts of these pages can do."""

import itertools
import time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bearer_guard.testing import FakeIssuer
from tests.browser.webdriver import Browser
from tests.browser.witness import Seen, seen_in
from tests.browser.worlds import World

RECORD_TIMEOUT = 5.0

_FETCH = """
    const [url, options, done] = arguments;
    fetch(url, options).then(
        async (response) => done({
            type: response.type,
            status: response.status,
            challenge: response.headers.get("WWW-Authenticate"),
            text: await response.text(),
        }),
        (error) => done({error: error.name}),
    );
"""
_WEBSOCKET = """
    const [url, protocols, done] = arguments;
    const socket = new WebSocket(url, protocols);
    socket.onclose = (event) => done({opened: false, code: event.code});
    socket.onmessage = (event) => {
        socket.onclose = null;
        done({opened: true, protocol: socket.protocol, text: event.data});
    };
"""
_FORM = """
    const [url, done] = arguments;
    const form = document.createElement("form");
    form.method = "post";
    form.action = url;
    document.body.append(form);
    done();
    form.submit();
"""


class Attempt(NamedTuple):
    """What a page got out of a request, and what the API saw of it."""

    read: dict[str, Any]
    seen: list[Seen]


class Visitor:
    """A person with a browser. Cookies go along with all that the pages ask for."""

    def __init__(self, browser: Browser, world: World, authorization_server: FakeIssuer) -> None:
        self._browser = browser
        self._world = world
        self._authorization_server = authorization_server

    def logs_in(self, same_site: str | None) -> None:
        """Visit the API's login page, which sets the cookie."""
        token = self._authorization_server.token(alg="ES256")
        cookie = [f"{self._world.cookie}={token}", "Path=/", "HttpOnly"]
        cookie += ["Secure"] if self._world.is_trusted else []
        cookie += [f"SameSite={same_site}"] if same_site else []
        self._browser.open(f"{self._world.api}/login?{urlencode({'cookie': '; '.join(cookie)})}")

    def visits(self, page: str, **headers: str) -> None:
        """Visit a page, by its name in the world. `headers`: those of the page, with `_` for `-`."""
        query = urlencode({name.replace("_", "-"): value for name, value in headers.items()})
        self._browser.open(f"{self._world.pages[page]}/page?{query}")

    def fetches(self, path: str = "/me", **options: Any) -> Attempt:
        """A script of the page calls `fetch()`, with these options of it."""
        return self._attempt(self._world.api + path, _FETCH, {"credentials": "include", **options})

    def posts(self, **options: Any) -> Attempt:
        """The same with the method POST."""
        return self.fetches(method="POST", **options)

    def posts_by_way_of(self, page: str) -> Attempt:
        """The same, to another server that answers with a redirect to the API."""
        redirect = f"{self._world.pages[page]}/redirect?{urlencode({'to': f'{self._world.api}/me'})}"
        return self._attempt(redirect, _FETCH, {"credentials": "include", "method": "POST"})

    def submits_a_form(self) -> Attempt:
        """A script of the page submits a form with the method POST; the browser leaves the page for the answer."""
        return self._attempt(f"{self._world.api}/me", _FORM)

    def opens_a_websocket(self, *protocols: str) -> Attempt:
        """A script of the page calls `new WebSocket()`, with these subprotocols."""
        return self._attempt(self._world.api.replace("http", "ws", 1) + "/socket", _WEBSOCKET, protocols)

    def _attempt(self, url: str, script: str, *args: Any) -> Attempt:
        case = f"case-{next(_cases)}"
        read = self._browser.run(script, f"{url}{'&' if '?' in url else '?'}case={case}", *args)
        return Attempt(read or {}, self._what_was_seen(case))

    def _what_was_seen(self, case: str) -> list[Seen]:
        # A form is on its way when its script is done; all else has been answered, and so has been recorded.
        deadline = time.monotonic() + RECORD_TIMEOUT
        while not (seen := seen_in(self._world.record, case)) and time.monotonic() < deadline:
            time.sleep(0.01)
        return seen


_cases = itertools.count()
