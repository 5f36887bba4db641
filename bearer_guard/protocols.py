"""The sockets, on one page: what the rooms ask of each other, and where your own parts fit in."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from bearer_guard.jose import Header, VerificationKey
from bearer_guard.tokens import AccessToken, Credentials, Epoch

Scope = Mapping[str, Any]
"""An ASGI connection scope of type `http` or `websocket`."""


class Clock(Protocol):
    """Time, in seconds. The standard library's `time` module is one; tests bring one that they can move."""

    def time(self) -> float:
        """Seconds since 1970: for `exp`, `nbf` and `iat`."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment, never set back: for freshness and cooldowns."""


class TokenSource(Protocol):
    """Finds the presented token of a request. It reads headers, never the body.

    With `is_ambient = True` it is asked only where no other source finds anything.
    """

    def find(self, scope: Scope) -> Credentials | None:
        """The credentials; None where there are none. Raises `InvalidRequest` where they are malformed."""


class TokenValidator(Protocol):
    """Decides whether a presented token is genuine and still good."""

    async def validate(self, token: str, *, max_age: float | None = None) -> AccessToken:
        """The validated token, never None.

        `max_age`: how old, in seconds, an answer of the authorization server may be; None: as old as configured.
        Raises `InvalidToken`, or `AuthorizationServerUnavailable` where it cannot be decided. A validator whose
        tokens carry an `epoch` has them remembered. It may offer `clock`, `aclose()`, and `honours_max_age = True`
        where it can ask the authorization server about every token: without it no route can be `fresh`.
        """


class KeySource(Protocol):
    """The verification keys of one issuer."""

    @property
    def epoch(self) -> Epoch | None:
        """What must stay true for tokens verified now to be remembered; None before there are keys."""

    def held(self, header: Header) -> Sequence[VerificationKey]:
        """The keys in memory that fit a token's header, at most four. Never asks anybody."""

    async def keys_for(self, header: Header) -> Sequence[VerificationKey]:
        """The same, after asking the authorization server where that may help.

        An empty answer means that the issuer has no such key. Raises `AuthorizationServerUnavailable` where that
        is not known.
        """

    async def aclose(self) -> None:
        """Ends what runs in the background."""


class ClientAuthentication(Protocol):
    """Shows the authorization server who we are when we ask it (RFC 6749 section 2.3)."""

    client_id: str

    async def authenticate(
        self, form: MutableMapping[str, str], headers: MutableMapping[str, str], *, issuer: str, now: float
    ) -> None:
        """Adds what it takes to the form, or to the headers (names in lower case), of one call.

        `issuer`: the server that is asked. `now`: seconds since 1970. What it raises is a failed call.
        """


class Cache(Protocol):
    """Keeps answers for all workers that share it. It may forget, and whatever it raises only makes it useless.

    What it returns is believed: one that others can write to must tell its own values from theirs (`RedisCache` does).
    """

    async def get(self, key: str) -> bytes | None:
        """What was set, while its time lasts; None: nothing."""

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keeps a value for at most `ttl` seconds, in place of the one before."""


class ReplayStore(Protocol):
    """Knows what was used once. It must not forget before the time is up."""

    async def add(self, key: str, ttl: float) -> bool:
        """True if the key is new: it counts as used for `ttl` seconds from now. False if it was used before.

        Raises `AuthorizationServerUnavailable` where that cannot be known: it is full, or out of reach.
        """


class Revocations(Protocol):
    """Tokens that were taken back before they expired."""

    async def is_revoked(self, token: AccessToken) -> bool:
        """Whether a validated token was taken back. Whatever it raises is answered with 503."""


class UserInfoSource(Protocol):
    """Adds to a validated token what the authorization server tells about its user, and not in the token."""

    async def enriched(self, token: AccessToken, presented: str) -> AccessToken:
        """The token, with more groups and roles. `presented`: the token as it came. Raises a `BearerError`."""
