"""An authorization server on loopback that answers about tokens, and ours that asks it."""

from collections.abc import Mapping
from typing import Any

import pytest

from bearer_guard import AuthorizationServer, AuthorizationServerUnavailable, PublicClient, Reason
from bearer_guard.protocols import ClientAuthentication
from tests.authorization_server.loopback import Answer, Asked, LoopbackServer, document

TOKEN = "2YotnFZFEjr1zCsicMWpAA"
ACTIVE = {"active": True, "sub": "alice", "aud": "api"}
ME = {"sub": "alice", "name": "Alice"}


class Desk:
    """Where tokens and users are asked about. `servers`: ours, which are closed in the end."""

    def __init__(self, web: LoopbackServer) -> None:
        self.web = web
        self.servers: list[AuthorizationServer] = []
        web.answers["/introspect"] = document(ACTIVE, connection="keep-alive")
        web.answers["/userinfo"] = document(ME, connection="keep-alive")

    @property
    def hits(self) -> Mapping[str, int]:
        return self.web.hits

    @property
    def asked(self) -> Asked:
        """The last question."""
        return self.web.asked[-1]

    def says(self, answer: Answer) -> None:
        """What it answers from now on, to every question."""
        self.web.answers["/introspect"] = self.web.answers["/userinfo"] = answer

    def server(self, client_auth: ClientAuthentication | None = None, **options: Any) -> AuthorizationServer:
        """One of ours that asks here."""
        places = {
            "introspection_endpoint": f"{self.web.url}/introspect",
            "userinfo_endpoint": f"{self.web.url}/userinfo",
        }
        client_auth = client_auth or PublicClient("api")
        server = AuthorizationServer(self.web.url, **{"client_auth": client_auth, **places, **options})
        self.servers.append(server)
        return server

    async def question(self, client_auth: ClientAuthentication, token: str = TOKEN, **options: Any) -> Asked:
        """How it is asked about a token by a client of ours."""
        assert await self.server(client_auth, **options).introspect(token) == ACTIVE
        return self.asked

    async def failure(
        self, server: AuthorizationServer | None = None, token: str = TOKEN
    ) -> AuthorizationServerUnavailable:
        """Asserts that nothing is known about a token, and says why."""
        with pytest.raises(AuthorizationServerUnavailable) as caught:
            await (server or self.server()).introspect(token)
        assert (caught.value.status, caught.value.reason) == (503, Reason.INTROSPECTION_UNAVAILABLE)
        return caught.value

    async def why(self, server: AuthorizationServer | None = None, token: str = TOKEN) -> str:
        """The same: the sentence for the log, behind the URL."""
        sentence = str((await self.failure(server, token)).__cause__)
        where, _, why = sentence.partition("/introspect: ")
        assert where == f"POST {self.web.url}"
        return why

    async def aclose(self) -> None:
        for server in self.servers:
            await server.aclose()
