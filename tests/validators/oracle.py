"""An authorization server that says what it is told to, for whoever asks it about tokens, and a cache for answers."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from bearer_guard import (
    AccessToken,
    AuthorizationServer,
    BearerError,
    ClientSecretBasic,
    IntrospectionValidator,
    InvalidToken,
    Reason,
)

NOW = 1_700_000_000
ISSUER = "https://as.test"
TOKEN = "t"
"""Any will do: what is said of it is what counts."""


class Clock:
    """Stands still until it is moved: as a whole, or the wall clock alone, as an administrator would."""

    def __init__(self) -> None:
        self._wall, self._monotonic = float(NOW), 0.0

    def time(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._monotonic += seconds
        self._wall += seconds

    def set_wall(self, seconds: float) -> None:
        """Moves the wall clock; negative seconds set it back."""
        self._wall += seconds


def active(**claims: Any) -> dict[str, Any]:
    """A good answer but for these claims; a None is a null."""
    return {"active": True, "aud": "api", "exp": NOW + 300, **claims}


class Oracle:
    """An authorization server that says what it is told to. `asked`: the forms that came, in order.

    `answer`: an object, bytes as they are, a status (with an object), or a function of the form. What it is when a
    question arrives is the answer to it, which is sent once `gate` is open.
    """

    def __init__(self, answer: Any = None) -> None:
        self.answer = active() if answer is None else answer
        self.asked: list[dict[str, str]] = []
        self.gate: asyncio.Event | None = None
        self.clock = Clock()

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._respond))

    def server(self, issuer: str = ISSUER, **options: Any) -> AuthorizationServer:
        usual = {
            "introspection_endpoint": "https://as.test/introspect",
            "client_auth": ClientSecretBasic("orders-api", "secret"),
            "http_client": self.client,
            "clock": self.clock,
        }
        return AuthorizationServer(issuer, **{**usual, **options})

    def validator(self, **options: Any) -> IntrospectionValidator:
        return IntrospectionValidator(options.pop("server", None) or self.server(), **{"audience": "api", **options})

    async def has_been_asked(self, times: int) -> None:
        """Waits until so many questions have arrived."""
        async with asyncio.timeout(5):
            while len(self.asked) < times:  # noqa: ASYNC110  what is waited for has no event
                await asyncio.sleep(0)

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        self.asked.append(form)
        answer, gate = self.answer(form) if callable(self.answer) else self.answer, self.gate
        if gate is not None:
            await gate.wait()
        if isinstance(answer, int):
            return httpx.Response(answer)
        if isinstance(answer, tuple):
            return httpx.Response(answer[0], json=answer[1])
        return httpx.Response(200, content=answer) if isinstance(answer, bytes) else httpx.Response(200, json=answer)


async def refusal(validator: IntrospectionValidator, token: str = TOKEN, **options: Any) -> BearerError:
    """Why a token is not accepted."""
    with pytest.raises(BearerError) as caught:
        await validator.validate(token, **options)
    return caught.value


async def verdict(answer: Any, **options: Any) -> tuple[Reason, str | None] | None:
    """What is made of an answer: the reason and the claim at fault; None: the token is accepted."""
    try:
        await Oracle(answer).validator(**options).validate(TOKEN)
    except InvalidToken as error:
        return error.reason, error.claim
    return None


async def accepted(answer: Any, **options: Any) -> AccessToken:
    return await Oracle(answer).validator(**options).validate(TOKEN)


class Shared:
    """A cache that everybody can look into. `content`: what is found where nothing was put; `ttls`: as they came."""

    def __init__(self, content: Any = None) -> None:
        self.kept: dict[str, Any] = {}
        self.ttls: list[float] = []
        self.content = content

    async def get(self, key: str) -> Any:
        return self.kept.get(key, self.content)

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        self.kept[key] = value
        self.ttls.append(ttl)
