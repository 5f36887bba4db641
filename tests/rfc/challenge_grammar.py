"""A strict reader of one challenge (RFC 9110 section 11.6.1): it knows the grammar and nothing of the package."""

import re

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SCHEME = re.compile(_TOKEN)
# RFC 9110 section 11.2 auth-param, section 5.6.4 quoted-string. Without quoted pairs and obs-text: RFC 6750 section 3
# has neither in its parameters.
_PARAMETER = re.compile(rf'({_TOKEN})="([\t\x20\x21\x23-\x5b\x5d-\x7e]*)"')


def parse_challenge(value: str) -> tuple[str, dict[str, str]]:
    """The scheme and the parameters in order. Raises ValueError for all that is not exactly one challenge."""
    scheme, space, rest = value.partition(" ")
    if not _SCHEME.fullmatch(scheme):
        raise ValueError(f"no scheme: {value!r}")
    return scheme, _parameters(rest) if space else {}


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    position = 0
    while True:
        match = _PARAMETER.match(text, position)
        if match is None or match[1].lower() in map(str.lower, found):  # RFC 9110 section 11.2: once, in any case
            raise ValueError(f"no parameter at {position}, or a second one: {text!r}")
        found[match[1]] = match[2]
        position = match.end()
        if position == len(text):
            return found
        if not text.startswith(", ", position):
            raise ValueError(f"no separator at {position}: {text!r}")
        position += len(", ")
