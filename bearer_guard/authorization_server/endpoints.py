"""Two questions to the authorization server about one token: RFC 7662 introspection, and OpenID Connect's userinfo."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from bearer_guard.authorization_server.complaints import complaint
from bearer_guard.authorization_server.http import Answer, Door, NoAnswer, secrets_in
from bearer_guard.loops import within
from bearer_guard.protocols import ClientAuthentication, Clock
from bearer_guard.tokens import Claims

LONGEST_AUTHENTICATION = 5.0
"""Seconds for a secret that is fetched from somewhere."""

_NOBODY_THERE = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""What a gateway says that could not reach the server, or a server that can take no more: of no token in particular."""

FindURL = Callable[[], Awaitable[str]]
"""Where an endpoint is: as configured, or as the metadata says. Raises `NoAnswer`."""


class IntrospectionEndpoint:
    """Asks what a token is (RFC 7662 section 2)."""

    def __init__(
        self, door: Door, find_url: FindURL, client_auth: ClientAuthentication, *, issuer: str, clock: Clock
    ) -> None:
        self._door = door
        self._find_url = find_url
        self._client_auth = client_auth
        self._issuer = issuer
        self._clock = clock

    async def ask(self, token: str, token_type_hint: str | None) -> Claims:
        """The answer, of which nothing is judged. Raises `NoAnswer`."""
        url = await self._find_url()
        form = {"token": token, **({"token_type_hint": token_type_hint} if token_type_hint else {})}
        headers: dict[str, str] = {}

        async def prepare() -> tuple[dict[str, str], dict[str, str]]:
            await self._authenticate(url, form, headers)
            return headers, form

        answer = await self._door.ask("POST", url, prepare)
        if answer.status != HTTPStatus.OK:
            why = complaint(answer, option="introspection_endpoint", secrets=secrets_in(headers, form))
            raise _refused(url, "POST", why, answer)
        return _document(url, "POST", answer)

    async def _authenticate(self, url: str, form: dict[str, str], headers: dict[str, str]) -> None:
        try:
            proving = self._client_auth.authenticate(form, headers, issuer=self._issuer, now=self._clock.time())
            await within(LONGEST_AUTHENTICATION, proving)
        except Exception as error:  # noqa: BLE001  a secret may come from anywhere
            why = f"our own credentials are not to be had: {type(self._client_auth).__name__}: {type(error).__name__}"
        else:
            return
        # Raised out here, without the words and the context of what failed: they may hold a secret.
        raise NoAnswer(url, why, reached=True, method="POST")


class UserinfoEndpoint:
    """Asks who the user of a token is (OpenID Connect Core section 5.3)."""

    def __init__(self, door: Door, find_url: FindURL) -> None:
        self._door = door
        self._find_url = find_url

    async def ask(self, token: str) -> Claims | None:
        """The user's claims, `sub` among them; None: the server has none to give for this token. Raises `NoAnswer`."""
        url = await self._find_url()
        headers = {"authorization": f"Bearer {token}"}
        answer = await self._door.ask("GET", url, lambda: _ready(headers))
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return None  # section 5.3.3: without the scope openid, or for another resource, there is nothing to be had
        if answer.status != HTTPStatus.OK:
            why = complaint(answer, option="userinfo_endpoint", secrets=secrets_in(headers, None))
            raise _refused(url, "GET", why, answer)
        claims = _document(url, "GET", answer)
        if not isinstance(claims.get("sub"), str):  # section 5.3.2: it is always there
            raise NoAnswer(url, "the answer does not say about whom it is: it has no sub", reached=True)
        return claims


async def _ready(headers: dict[str, str]) -> tuple[dict[str, str], None]:
    return headers, None


def _document(url: str, method: str, answer: Answer) -> Claims:
    with suppress(ValueError):
        return answer.json_object()
    # Raised out here: the error of a parser holds the whole answer.
    why = f"the answer is not a JSON object (content-type {answer.headers.get('content-type', 'none')!r:.100})"
    raise NoAnswer(url, why, reached=True, method=method)


def _refused(url: str, method: str, why: str, answer: Answer) -> NoAnswer:
    return NoAnswer(
        url,
        why,
        reached=answer.status not in _NOBODY_THERE,
        method=method,
        retry_after=answer.retry_after,
        error=answer.error if answer.status == HTTPStatus.BAD_REQUEST else "",
        is_gone=answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE),
    )
