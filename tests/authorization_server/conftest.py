"""The loopback server and issuers behind it, and the law that no test leaves a task behind."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from bearer_guard.authorization_server.key_set import KeySet
from bearer_guard.authorization_server.keys import RemoteKeys
from bearer_guard.errors import AuthorizationServerUnavailable, Reason
from bearer_guard.jose import Header
from bearer_guard.testing import FakeIssuer, MovableClock, SigningKey
from tests.authorization_server.desk import Desk
from tests.authorization_server.loopback import Answer, LoopbackServer, Wire, document, reply, silence, until

__all__ = ["TLS", "Answer", "LoopbackServer", "Wire", "WireIssuer", "document", "reply", "silence", "until"]

DAY = 24 * 3600
TLS = httpx.create_ssl_context()  # once: loading the certificates is slow


@pytest.fixture(autouse=True)
async def _no_task_is_left_behind() -> AsyncIterator[None]:
    yield
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left


@pytest.fixture
async def web(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopbackServer]:
    """The server, running."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)  # a developer's proxy would stand between us and loopback
    server = LoopbackServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that belongs to us and at which nobody listens: every connection is refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


class WireIssuer(FakeIssuer):
    """A FakeIssuer behind real HTTP; its counts are those of the server."""

    def __init__(self, web: LoopbackServer, keys: dict[str, SigningKey]) -> None:
        super().__init__(web.url)
        self._keys = dict(keys)
        self.web = web
        self.publish()

    def publish(self) -> None:
        """Puts up the documents as they are now."""
        self.web.answers["/.well-known/oauth-authorization-server"] = document(self.metadata())
        self.web.answers["/jwks"] = document(self.jwks())


@pytest.fixture
async def wire_issuer(web: LoopbackServer, signing_keys: dict[str, SigningKey]) -> WireIssuer:
    return WireIssuer(web, signing_keys)


@pytest.fixture
async def desk(web: LoopbackServer) -> AsyncIterator[Desk]:
    """The server, where tokens and users are asked about."""
    desk = Desk(web)
    yield desk
    await desk.aclose()


# --- RemoteKeys without a network ---


def asks_for(key_id: str | None, algorithm: str = "ES256") -> Header:
    return Header(algorithm, key_id, None)


def jwks(*keys: SigningKey) -> dict[str, Any]:
    return {"keys": [key.public_jwk() for key in keys]}


class Publisher:
    """The socket below `RemoteKeys`: brings a key set, counts how often, and fails or hesitates when told to."""

    def __init__(self) -> None:
        self.key = SigningKey("ES256")
        self.document: Any = jwks(self.key)
        self.max_age: float | None = None
        self.failure: BaseException | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fetches = 0

    async def __call__(self) -> KeySet:
        self.fetches += 1
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return KeySet(self.document, max_age=self.max_age)

    def rotate(self) -> SigningKey:
        self.key = SigningKey("ES256")
        self.document = jwks(self.key)
        return self.key

    def go_away(self) -> None:
        self.failure = OSError("nobody is there")

    def come_back(self) -> None:
        self.failure = None


class Remote(RemoteKeys):
    """`RemoteKeys` of a publisher, with a clock that can be moved."""

    def __init__(self, *, fresh_for: float = 600, kept_for: float = DAY, cooldown: float = 30) -> None:
        self.publisher = Publisher()
        self.clock = MovableClock()
        super().__init__(self.publisher, clock=self.clock, fresh_for=fresh_for, kept_for=kept_for, cooldown=cooldown)

    async def can_serve(self, key: SigningKey | None = None) -> bool:
        """Whether the current key, or another one, is found."""
        return bool(await self.keys_for(asks_for((key or self.publisher.key).key_id)))

    async def refusal(self, key_id: str | None = "unknown") -> AuthorizationServerUnavailable:
        with pytest.raises(AuthorizationServerUnavailable) as caught:
            await self.keys_for(asks_for(key_id))
        assert caught.value.reason is Reason.KEYS_UNAVAILABLE
        return caught.value

    async def landed(self) -> None:
        """Waits for what runs in the background."""
        await until(lambda: not self._flight.is_under_way)

    async def stay_out_for(self, seconds: int, *, step: int) -> None:
        """An outage, with a request every `step` seconds that is served from memory."""
        self.publisher.go_away()
        for _ in range(seconds // step):
            self.clock.advance(step)
            assert await self.can_serve()
            await self.landed()


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    keys = Remote()
    yield keys
    await keys.aclose()
