"""The token in the subprotocols of a WebSocket handshake: where a browser's JavaScript can put one."""

from typing import Any

from bearer_guard.errors import InvalidRequest, Reason
from bearer_guard.sources.reading import checked_token
from bearer_guard.tokens import Credentials


class WebSocketProtocol:
    """The token is offered as a subprotocol, behind the word `bearer`: `new WebSocket(url, ["bearer", token])`.

    Only `bearer` is ever echoed (RFC 6455 section 1.9: a server picks one of those offered), and the token is taken out
    of the scope's `subprotocols` before the application sees them. It says nothing about HTTP requests.
    """

    name = "bearer"

    def __repr__(self) -> str:
        return "WebSocketProtocol()"

    def find(self, scope: Any) -> Credentials | None:
        """The token behind `bearer`, or None."""
        if scope["type"] != "websocket":
            return None
        offered: list[str] = list(scope.get("subprotocols") or ())
        positions = [index for index, name in enumerate(offered) if name == self.name]
        if not positions:
            return None
        if len(positions) > 1:
            raise InvalidRequest(Reason.SEVERAL_TOKENS)
        behind = offered[positions[0] + 1 :]
        token = behind[0].encode("latin-1", "replace") if behind else b""
        return Credentials(checked_token(token, Reason.MALFORMED_SUBPROTOCOL), subprotocol=self.name)
