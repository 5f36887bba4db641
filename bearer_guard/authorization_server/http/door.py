"""The door itself: https only, a deadline, a size cap while reading, no redirects."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from bearer_guard.authorization_server.http import clients
from bearer_guard.authorization_server.http.answers import Answer, NoAnswer, max_age_of, read, said
from bearer_guard.authorization_server.http.clients import HTTPClient, Line
from bearer_guard.authorization_server.http.secrecy import quotable, secrets_in
from bearer_guard.errors import ConfigurationError
from bearer_guard.loops import PerLoop, within
from bearer_guard.tokens import Claims
from bearer_guard.urls import is_loopback, is_web_url, shown

Prepare = Callable[[], Awaitable[tuple[Mapping[str, str], Mapping[str, str] | None]]]
"""Makes the headers and the form of a call."""

LONGEST_WAIT = 10.0
"""Seconds that a call waits while nobody gets a turn: behind a server that hangs, a longer queue would help nobody."""

_AT_ONCE = 0.5
"""Seconds. What fails later than that is a server in trouble, which is not asked again."""

# No compression: a few bytes on the wire must not become a hundred megabytes behind the cap.
_HEADERS = {"accept": "application/json", "accept-encoding": "identity"}


def check_url(url: str, option: str, *, allow_insecure_http: bool) -> None:
    """Raises `ConfigurationError` for a URL that must not be asked: keys that come over plain http prove nothing."""
    if not isinstance(url, str) or not is_web_url(url):
        where = shown(url) if isinstance(url, str) else url
        raise ConfigurationError(f"{option} {where!r} is not a URL; write one that begins with https://")
    parts = urlsplit(url)
    if parts.fragment or parts.username is not None:
        raise ConfigurationError(f"{option} {shown(url)!r} must have neither a user nor a fragment; leave them out")
    if parts.scheme == "http" and not is_loopback(url) and not allow_insecure_http:
        raise ConfigurationError(
            f"{option} {shown(url)!r} is plain http, so anybody on the way could put in keys of their own; write"
            " https://, or allow_insecure_http=True for a network that you trust"
        )


class Door:
    """Makes calls. `http_client`: a client to use as it is, or a function that makes one.

    `tls`: makes the context that shows a client certificate of our own to what is asked with `ask()`.
    """

    def __init__(
        self,
        http_client: HTTPClient = None,
        *,
        allow_insecure_http: bool = False,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._http_client = http_client
        self._allow_insecure_http = allow_insecure_http
        # Loopback is trusted over plain http because nobody stands in between: no proxy of the environment may, either.
        self._lines = {
            trust_env: PerLoop(lambda trust_env=trust_env: Line(http_client, tls, trust_env=trust_env))  # type: ignore[misc]
            for trust_env in (True, False)
        }
        self._line_of: dict[str, PerLoop[Line]] = {}  # by the few URLs that are asked, each judged once

    async def aclose(self) -> None:
        """Closes the connections that are kept."""
        for lines in self._lines.values():
            await lines.aclose()

    # --- keys and metadata: now and then, through a client of its own ---

    async def get_json(self, url: str) -> Claims:
        """The JSON object at a URL. Raises `NoAnswer` for every failure."""
        document, _ = await self.get_json_and_age(url)
        return document

    async def get_json_and_age(self, url: str) -> tuple[Claims, float | None]:
        """The same, with the seconds for which the answer is fresh; None: the server does not say."""
        self._check(url)
        await self._loaded()
        answer = await _within_deadline(self._get(url), url, "GET")
        if answer.status != httpx.codes.OK:
            raise NoAnswer(url, f"answered {answer.status}", reached=True)
        try:
            return answer.json_object(), max_age_of(answer.headers)
        except ValueError:
            raise NoAnswer(url, "the answer is not a JSON object", reached=True) from None

    async def _get(self, url: str) -> Answer:
        async with clients.short_lived(self._http_client, url) as client:
            return await _exchange(client, "GET", url, {})

    # --- introspection and userinfo: all day long, through kept connections ---

    async def ask(self, method: str, url: str, prepare: Prepare) -> Answer:
        """The answer of whatever status. Raises `NoAnswer` where there is none.

        `prepare`: says what to send once it is this call's turn.
        """
        await self._loaded()
        line = await _opened(self._line_to(url), url, method)
        await _turn(line, url, method)
        try:
            headers, form = await prepare()
            asked = _asked(line.client, method, url, headers, form)
            return await _within_deadline(asked, url, method, lambda: secrets_in(headers, form))
        finally:
            line.turns.release()

    def _line_to(self, url: str) -> PerLoop[Line]:
        lines = self._line_of.get(url)
        if lines is None:
            self._check(url)
            lines = self._line_of[url] = self._lines[not is_loopback(url)]
        return lines

    def _check(self, url: str) -> None:
        try:
            check_url(url, "the URL", allow_insecure_http=self._allow_insecure_http)
        except ConfigurationError as error:
            raise NoAnswer(url, str(error), reached=True) from None

    async def _loaded(self) -> None:
        if self._http_client is None:
            await clients.loaded()


async def _turn(line: Line, url: str, method: str) -> None:
    taken = -1
    while line.taken != taken:  # as long as others get their turns it goes on
        taken = line.taken
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await line.turns.acquire()
        except TimeoutError:
            continue
        line.taken += 1
        return
    why = f"no turn within {LONGEST_WAIT:.0f} s: too many calls wait for a slow server"
    raise NoAnswer(url, why, reached=False, method=method)


async def _opened(lines: PerLoop[Line], url: str, method: str) -> Line:
    try:
        return await lines.get()
    except Exception as error:  # noqa: BLE001  a certificate that cannot be read, a factory that fails
        words = str(error) if isinstance(error, ConfigurationError) else type(error).__name__  # ours hold no secrets
        why = f"no client to ask with: {words}"
    raise NoAnswer(url, why, reached=False, method=method)


async def _within_deadline(
    call: Coroutine[Any, Any, Answer], url: str, method: str, secrets: Callable[[], tuple[str, ...]] | None = None
) -> Answer:
    """What a call brings. Raises `NoAnswer` for whatever goes wrong, and for its lasting too long.

    `secrets`: what must not be quoted; None where there is nothing.
    """
    try:
        return await within(clients.DEADLINE, call)
    except NoAnswer:
        raise
    except TimeoutError:
        why = f"no complete answer within {clients.DEADLINE:.0f} s"
    except Exception as error:
        # By place and not by type: the exceptions of httpx, httpx2 and a user's own client have no common root.
        if secrets is None:
            raise NoAnswer(url, said(error), reached=False, method=method) from error
        why = quotable(said(error), secrets())
    # Raised out here: the exceptions of clients hold the request, and in it the token and our credentials.
    raise NoAnswer(url, why, reached=False, method=method)


async def _asked(
    client: Any, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
) -> Answer:
    if form is not None:
        headers = {"content-type": "application/x-www-form-urlencoded", **headers}
    content = None if form is None else urlencode(form).encode("ascii")
    started = time.monotonic()
    try:
        return await _exchange(client, method, url, headers, content)
    except NoAnswer:
        raise
    except Exception:
        # A kept connection that the server has just closed fails at once, and a new one will do. Asking twice does no
        # harm: what is asked here only reads.
        if time.monotonic() - started > _AT_ONCE:
            raise
        return await _exchange(client, method, url, headers, content)


async def _exchange(
    client: Any, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
) -> Answer:
    options: dict[str, Any] = {} if content is None else {"content": content}
    async with client.stream(
        method, url, headers={**_HEADERS, **headers}, follow_redirects=False, **options
    ) as response:
        return Answer(response.status_code, response.headers, await read(response, url, method))
