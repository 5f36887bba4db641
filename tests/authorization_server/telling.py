"""Secrets, and all the ways in which they might be told."""

import base64
import logging
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bearer_guard import (
    AuthorizationServerUnavailable,
    BearerGuard,
    IntrospectionValidator,
)
from tests.authorization_server.desk import Desk
from tests.authorization_server.loopback import Answer

TOKEN = "tok+Zm9vYmFy/Qk1TbWpLd2xOeGg~Vt3pR8sYzA=="
ODD_TOKEN = "+a/B+2/c+D/4e+/f+G/6h+/"
SECRET = "s3cr+t/Kq7 wX\u00e9%9"
PAIR = base64.b64encode(f"api:{quote_plus(SECRET)}".encode()).decode()
KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
SHORTEST_PIECE = 12
"""Characters of a secret that tell something about it."""


def leaked(secret: str, text: str) -> list[str]:
    """The pieces of a secret that a text shows, however they are spelled."""
    spellings = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    spellings |= {spelling.lower() for spelling in spellings}
    pieces = {piece[i : i + SHORTEST_PIECE] for piece in spellings for i in range(len(piece) - SHORTEST_PIECE + 1)}
    return [piece for piece in sorted(pieces) if piece in text or piece in text.lower()]


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it says it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def told(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """All that an error tells a reader of logs."""
    logging.getLogger("app").error("failed", exc_info=error)
    texts = [caplog.text, *traceback.format_exception(error)]
    return "\n".join([*texts, *(f"{cause} {cause!r} {cause.args}" for cause in causes(error))])


async def told_about(
    desk: Desk, client_auth: Any, answer: Answer, caplog: pytest.LogCaptureFixture, token: str = TOKEN
) -> str:
    """What is told where the server answers so."""
    desk.says(answer)
    guard = BearerGuard(IntrospectionValidator(desk.server(client_auth), audience="api"))
    with pytest.raises(AuthorizationServerUnavailable) as caught:
        await guard.validate(token)
    return told(caught.value, caplog) + repr(guard.refusal(caught.value))
