"""The sockets, on one page: what the rooms ask of each other, and where your own parts fit in."""

from collections.abc import Mapping, Sequence
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
        tokens carry an `epoch` has them remembered. It may offer `clock`, `warm_up()` and `aclose()`.
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
