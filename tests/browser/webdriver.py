"""Headless Chromium, driven by the W3C WebDriver protocol: as much of it as the tests need."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

TIMEOUT = 30.0

ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # it refuses to run as root with one
    "--no-first-run",
    "--no-proxy-server",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-features=HttpsUpgrades",  # http means http here
    "--ignore-certificate-errors",
]
# Headless Chromium sends no cookie along with what a page of another site asks for, were it SameSite=None. Browsers of
# people may, so here it does: the setting is called "Allow all cookies" there.
PREFERENCES = {"profile.cookie_controls_mode": 0}


class Browser:
    """One window of one browser."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._session = session

    def open(self, url: str) -> None:
        """Go to a page, as if its address had been typed in."""
        self._command("url", url=url)

    def run(self, script: str, *args: Any) -> Any:
        """Run a script in the page; what it hands to its last argument, a function, is the result."""
        return self._command("execute/async", script=script, args=args)

    def forget_cookies(self) -> None:
        """Delete the cookies of all sites; WebDriver itself reaches those of the present page only."""
        self._command("goog/cdp/execute", cmd="Network.clearBrowserCookies", params={})

    def _command(self, name: str, **parameters: Any) -> Any:
        return _value(self._http.post(f"{self._session}/{name}", json=parameters))


@contextmanager
def browsing(driver: str, binary: str, arguments: Sequence[str]) -> Iterator[Browser]:
    """A browser, until the block ends. `driver`: the URL of chromedriver; `arguments`: of Chromium, more of them."""
    options = {"binary": binary, "args": [*ARGUMENTS, *arguments], "prefs": PREFERENCES}
    capabilities = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
    with httpx.Client(base_url=driver, timeout=TIMEOUT, trust_env=False) as http:
        session = f"/session/{_value(http.post('/session', json=capabilities))['sessionId']}"
        try:
            yield Browser(http, session)
        finally:
            _value(http.delete(session))


def _value(response: httpx.Response) -> Any:
    value = response.json()["value"]
    if response.is_error:
        raise RuntimeError(f"WebDriver: {value['error']}: {value['message']}")
    return value
