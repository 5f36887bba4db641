"""An authorization server on loopback that knows opaque tokens, and counts what it is asked about each."""

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

AUDIENCE = "api"


class Authority:
    """`questions`: how often each token was asked about. `is_well`: whether it answers."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.questions: Counter[str] = Counter()
        self.is_well = True
        self._active: dict[str, dict[str, Any]] = {}

    def token(self, **claims: Any) -> str:
        """A token that is good for five minutes."""
        now, token = int(time.time()), secrets.token_urlsafe(24)
        self._active[token] = {
            "iss": self.issuer,
            "sub": "alice",
            "aud": AUDIENCE,
            "jti": secrets.token_hex(8),
            "iat": now,
            "exp": now + 300,
            **claims,
        }
        return token

    def revoke(self, token: str) -> None:
        """From now on it is not active."""
        del self._active[token]

    def answer(self, token: str) -> dict[str, Any]:
        """What it says about a token (RFC 7662 section 2.2)."""
        self.questions[token] += 1
        claims = self._active.get(token)
        return {"active": False} if claims is None else {"active": True, **claims}


@contextmanager
def running_authority() -> Iterator[Authority]:
    """Serves until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        authority = Authority(server.server_port)
        server.RequestHandlerClass = _handler(authority)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join()


def _handler(authority: Authority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            body = json.dumps(authority.answer(form["token"][0])).encode()
            self.send_response(200 if authority.is_well else 503)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    return Handler
