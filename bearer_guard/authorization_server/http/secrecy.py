"""What was sent must not be said: the words of a server or a client, unless they repeat a secret."""

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, unquote_plus

_LONGEST_QUOTE = 200
_SHORTEST_PART = 12
"""Characters of a token or a secret that must not be quoted, wherever in it they stand."""

# What we send and may quote; everything else is the token, or proves who we are.
_NO_SECRETS = frozenset({"token_type_hint", "client_id", "client_assertion_type", "content-type"})


def secrets_in(headers: Mapping[str, str], form: Mapping[str, str] | None) -> tuple[str, ...]:
    """The secrets of a call, in all spellings in which they might come back."""
    sent = (*headers.items(), *(form or {}).items())
    return tuple({spelling for name, value in sent if name not in _NO_SECRETS for spelling in _spellings(value)})


def quotable(words: str, secrets: tuple[str, ...]) -> str:
    """Words from outside on one line, or a sentence in their place if they repeat a secret, or a part of one."""
    words = words[:_LONGEST_QUOTE]
    # As it is, and percent-decoded: once, and once more. In capitals or small letters, it is as good as quoted.
    readings = {reading.casefold() for reading in (words, unquote(words), unquote(unquote(words)))}
    if any(_repeats(reading, secret.casefold()) for reading in readings for secret in secrets):
        return "its words are left out, because they repeat what we sent"
    # As JSON: a line break from outside must not begin a record of its own.
    return json.dumps(words)[1:-1]


def _spellings(value: str) -> Iterator[str]:
    scheme, _, rest = value.partition(" ")
    raw = rest if scheme in ("Basic", "Bearer") else value
    secret = _secret_of_basic(raw) if scheme == "Basic" else raw
    for spelling in (raw, secret):
        yield from (spelling, unquote_plus(spelling))


def _secret_of_basic(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode("utf-8", "replace").partition(":")[2]
    except ValueError:
        return ""


def _repeats(words: str, secret: str) -> bool:
    size = min(len(secret), _SHORTEST_PART)
    return any(words[start : start + size] in secret for start in range(len(words) - size + 1)) if size else False
