"""What the tokens of an issuer have in common is kept once, so that a remembered token takes little memory.

Names of claims, issuer, audience, client, scopes, groups: all but a few claims say the same in many tokens. Not with
`sys.intern`: in some versions of Python what it holds is never freed.
"""

from typing import TypeVar

Common = TypeVar("Common", str, tuple[str, ...])

_MOST, _LONGEST = 1024, 256  # values of a kind, and the length of one: what is longer seldom comes again

REPEATED = frozenset({"iss", "aud", "client_id", "azp", "cid", "appid", "scope", "scp", "tid", "acr", "typ"})
"""Claims whose text is the same in many tokens. Any other text would only be in the way."""


class Shared(dict[Common, Common]):
    """Of equal values the first that came: `shared[value]`. Once full it is emptied, and holds what comes again."""

    __slots__ = ()

    def __missing__(self, value: Common) -> Common:
        if len(value) > _LONGEST:
            return value
        if len(self) >= _MOST:
            self.clear()
        self[value] = value
        return value
