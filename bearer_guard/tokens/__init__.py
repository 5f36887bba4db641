"""A token before and after validation: `Credentials` (presented, untrusted) and `AccessToken` (validated)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from bearer_guard.tokens.claims import (
    DEEPEST_JSON,
    ClaimPath,
    Claims,
    claim_at,
    frozen,
    is_claim_path,
    names_in,
    value_at,
)

__all__ = [
    "DEEPEST_JSON",
    "AccessToken",
    "AccessTokenDraft",
    "ClaimPath",
    "Claims",
    "Credentials",
    "Epoch",
    "bearer_credentials",
    "claim_at",
    "digest_of",
    "fingerprint",
    "frozen",
    "is_claim_path",
    "names_in",
    "unfilled",
    "value_at",
]

_WITHOUT_RELEASE = 2047
"""Bytes. For more hashlib lets other threads run meanwhile, and to get back the turn takes longer than the hash."""


def digest_of(content: bytes, hash_function: Any = sha256) -> bytes:
    """A digest, made without letting other threads run meanwhile. `hash_function`: one of those in `hashlib`."""
    if len(content) <= _WITHOUT_RELEASE:
        return hash_function(content).digest()  # type: ignore[no-any-return]
    digest = hash_function()
    for start in range(0, len(content), _WITHOUT_RELEASE):
        digest.update(content[start : start + _WITHOUT_RELEASE])
    return digest.digest()  # type: ignore[no-any-return]


def fingerprint(token: str | bytes) -> bytes:
    """A digest of a presented token (SHA-256): memories hold it in place of the token, which a dump would give away."""
    content = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else token
    return sha256(content).digest() if len(content) <= _WITHOUT_RELEASE else digest_of(content)


class Epoch(Protocol):
    """What must stay true for a validated token to be remembered, such as: its signing key is still published."""

    def still_good(self, now: float) -> bool:
        """Whether what was true at validation is true at `now` (seconds of the clock's `monotonic()`)."""


class Credentials:  # noqa: PLW1641  no key of anything, so without a hash: that is what fingerprints are for
    """What a client presented. Nothing about it is known to be true, and it lives for one request only.

    `token`: as a string, or as the ASCII bytes of it that the request brought.
    `subprotocol`: where a WebSocket's subprotocols carried the token: the one to echo.
    The token is masked in `repr`, and credentials cannot be pickled.
    """

    # Written out, not a dataclass: each request makes one, and mostly nobody needs the token as a string.
    __slots__ = ("_presented", "fingerprint", "scheme", "subprotocol")

    def __init__(self, token: str | bytes, scheme: str = "Bearer", subprotocol: str | None = None) -> None:
        self._presented = token
        self.scheme = scheme
        self.subprotocol = subprotocol
        self.fingerprint = fingerprint(token)
        """The digest under which memories know the token."""

    @property
    def token(self) -> str:
        """The token, as the client presented it."""
        # Of bytes that are no token a text that is none, either: an error of the decoder would quote them.
        return self._presented if isinstance(self._presented, str) else self._presented.decode("latin-1")

    def __repr__(self) -> str:
        return f"Credentials(scheme={self.scheme!r}, subprotocol={self.subprotocol!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Credentials):
            return NotImplemented
        return (self.token, self.scheme, self.subprotocol) == (other.token, other.scheme, other.subprotocol)

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials hold a secret and are not to be pickled")


Made = TypeVar("Made")


def unfilled(kind: type[Made]) -> Callable[[], Made]:
    """A subclass whose objects are made empty, for who makes one with every request and fills it in.

    To get to an `__init__` takes Python longer than to run it.
    """
    return type(kind.__name__, (kind,), {"__slots__": (), "__init__": object.__init__, "__module__": kind.__module__})


_UnfilledCredentials = unfilled(Credentials)


def bearer_credentials(token: bytes) -> Credentials:
    """The same as `Credentials(token)`, sooner."""
    made = _UnfilledCredentials()
    made._presented = token  # noqa: SLF001  what __init__ does
    made.scheme = "Bearer"
    made.subprotocol = None
    made.fingerprint = sha256(token).digest() if len(token) <= _WITHOUT_RELEASE else digest_of(token)
    return made


class _Stating:
    """What an access token holds beside its fields. `claims` are put together when somebody asks for them."""

    __slots__ = ("_names", "_values", "is_bound")

    is_bound: bool
    """Whether there is a `cnf` claim: whether the token is good only with a proof (RFC 7800)."""
    _names: tuple[str, ...]
    _values: tuple[Any, ...]
    """The names of the claims, which many tokens share, and what they say: a third of the memory that a dict takes."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not {*vars(cls), *vars(cls).get("__annotations__", ())}.isdisjoint(_Stating.__slots__):
            raise TypeError(
                f"{cls.__name__} hides {', '.join(_Stating.__slots__)}: a guard asks whether a token is bound"
            )

    if not TYPE_CHECKING:  # pragma: no branch  else type checkers would believe that every name is there

        def __getattr__(self, name: str) -> Any:
            # Python comes here for what is not there yet. Two threads at once would make two that are equal.
            if name == "claims":
                value = Claims(zip(self._names, self._values, strict=True))
            elif name == "is_bound":
                value = "cnf" in self.claims
            else:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            object.__setattr__(self, name, value)
            return value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccessToken(_Stating):
    """A validated access token: who it is for, and what it allows. It does not hold the presented token itself.

    It is immutable to the bottom, so it may be shared between requests, tasks and threads.
    """

    issuer: str
    """The `iss` claim: the authorization server that vouches for everything below."""
    subject: str | None
    """The `sub` claim; None in tokens that name nobody (some client-credentials tokens)."""
    audience: tuple[str, ...]
    """The `aud` claim, as a tuple."""
    client_id: str | None
    """The client that the token was issued to (`client_id`, `azp`, `cid`, ... as the profile says)."""
    scopes: frozenset[str]
    """The granted scopes (RFC 6749 section 3.3)."""
    groups: frozenset[str]
    roles: frozenset[str]
    user_id: str | None = None
    """The user's stable id at the issuer: `sub`, unless the profile says otherwise; None where no user is behind it."""
    expires_at: float
    """The `exp` claim, in seconds since 1970."""
    claims: Claims = field(repr=False)
    """All claims, read-only."""
    leeway: float = field(repr=False, default=0)
    """Seconds by which the validator lets clocks differ."""
    epoch: Epoch | None = field(repr=False, default=None)
    """What must stay true for the token to be remembered; None: it is not remembered."""
    userinfo: Claims | None = field(repr=False, default=None)
    """What the userinfo endpoint says about the user, where the guard asks it (`userinfo=`). Groups and roles in it
    are among those of the token; nothing else in it is looked at by requirements."""

    @property
    def accepted_until(self) -> float:
        """`expires_at` and the leeway: from then on the token is refused. Seconds since 1970."""
        return self.expires_at + self.leeway

    @property
    def confirmation(self) -> Claims | None:
        """The `cnf` claim: the key or certificate that the token is bound to (RFC 7800)."""
        return self.claims.get("cnf")

    def __reduce__(self) -> tuple[Any, ...]:
        # The epoch belongs to this process; a token that travels is not remembered where it arrives.
        return _restored, ({name: getattr(self, name) for name in self.__slots__ if name != "epoch"},)


def _restored(fields: dict[str, Any]) -> AccessToken:
    return AccessToken(**fields)


class AccessTokenDraft(_Stating):
    """An access token while it is written: it has the same slots, and becomes one with its `__class__`.

    A frozen dataclass writes each field through `object.__setattr__`, and takes three times as long to be made.
    """

    __slots__ = AccessToken.__slots__
