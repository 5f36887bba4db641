"""What a revocation names: a token, a user's tokens until a moment, or a session. Never the bytes of a token."""

import hashlib
import math
from collections.abc import Iterator

from bearer_guard.errors import ConfigurationError
from bearer_guard.protocols import Clock
from bearer_guard.tokens import AccessToken

LONGEST_LEEWAY = 120.0
"""Seconds. No validator takes more (`validators/options.py`)."""
LONGEST = 10 * 365 * 24 * 3600.0
"""Seconds for which a revocation is kept at most."""
DAY = 24 * 3600.0
"""Seconds for which a revocation lasts, unless told otherwise. It must outlast the tokens that it concerns."""


class RevocationList:
    """Tokens that were taken back before they expired; it is the base of the stores that keep such a list.

    await revocations.revoke(token)                                # this one
    await revocations.revoke(issuer=ISSUER, jti="...")
    await revocations.revoke(issuer=ISSUER, subject="alice")       # all that she got until now
    await revocations.revoke(issuer=ISSUER, session_id="...")      # after a logout (the claim sid)

    A user's tokens are told by their `sub` and `iat`, so by the issuer's clock: where that is ahead of yours, give an
    `issued_before=` that is as much later. Where users are known by another claim than `sub` (Okta's `uid`), name them
    by `user_id=` instead of `subject=`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def revoke(
        self,
        token: AccessToken | None = None,
        *,
        issuer: str | None = None,
        jti: str | None = None,
        subject: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        issued_before: float | None = None,
        lasting: float | None = None,
    ) -> None:
        """Takes tokens back: one that was validated, or those that are named.

        `issued_before`: with `subject` or `user_id`, the moment (seconds since 1970) up to which tokens were issued;
        now, unless told otherwise. A token that does not say when it was issued counts as older.
        `lasting`: seconds after which the revocation is forgotten: at least as long as tokens live. A validated token's
        lasts until it expires, others a day.
        Raises `ConfigurationError` where nothing, or more than one thing, is named, and what the store raises where it
        could not be noted.
        """
        now = self._clock.time()
        if token is not None:
            if issuer is not None or not isinstance(token, AccessToken):
                raise ConfigurationError("revoke() takes a validated token alone, or issuer= with what it names")
            # Another guard may be more lenient about clocks, by as much as any may.
            issuer, jti = token.issuer, _jti_of(token) if jti is None else ""
            lasting = token.accepted_until - now + LONGEST_LEEWAY if lasting is None else lasting
        kind, name = _what(jti=jti, sub=subject, user_id=user_id, sid=session_id)
        if not isinstance(issuer, str) or not issuer:
            raise ConfigurationError("whose token is it? write revoke(issuer=..., ...)")
        is_of_user = kind in ("sub", "user_id")
        if issued_before is not None and not is_of_user:
            raise ConfigurationError("issued_before= is for a user's tokens, beside subject= or user_id=; leave it out")
        moment = now if is_of_user else math.inf
        if issued_before is not None:
            moment = _number("issued_before", issued_before)
        lasting = min(_number("lasting", DAY if lasting is None else lasting), LONGEST)
        if lasting > 0:  # else there is nothing left to revoke
            await self._put(_key(kind, issuer, name), moment, lasting)

    async def is_revoked(self, token: AccessToken) -> bool:
        """Whether a token was taken back. Raises where that cannot be known."""
        revoked = await self._get(list(_keys_of(token)))
        issued_at = token.claims.get("iat")
        if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
            issued_at = -math.inf
        return any(moment is not None and issued_at <= moment for moment in revoked)

    async def _get(self, keys: list[str]) -> list[float | None]:
        """For each key the moment up to which issued tokens are revoked; None: it is not on the list."""
        raise NotImplementedError

    async def _put(self, key: str, issued_before: float, ttl: float) -> None:
        """Puts a key on the list, for `ttl` seconds; a later moment and a longer time win over what was there."""
        raise NotImplementedError


def _what(**named: str | None) -> tuple[str, str]:
    given = [(kind, name) for kind, name in named.items() if name is not None]
    if len(given) != 1 or not isinstance(given[0][1], str) or not given[0][1]:
        raise ConfigurationError(
            "revoke() takes a token, or one of jti=, subject=, user_id= and session_id= with issuer="
        )
    return given[0]


def _number(option: str, seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or math.isnan(seconds):
        raise ConfigurationError(f"{option}={seconds!r} is no number of seconds; write one, or leave it out")
    return seconds


def _jti_of(token: AccessToken) -> str:
    jti = token.claims.get("jti")
    if not isinstance(jti, str):
        raise ConfigurationError(
            "the token has no jti to name it by; revoke its user's instead: revoke(issuer=..., subject=...)"
        )
    return jti


def _keys_of(token: AccessToken) -> Iterator[str]:
    named = [(kind, token.claims.get(kind)) for kind in ("jti", "sub", "sid")]
    for kind, name in (*named, ("user_id", token.user_id)):
        if isinstance(name, str | int) and not isinstance(name, bool):  # sid is a number at some issuers
            yield _key(kind, token.issuer, str(name))


def _key(kind: str, issuer: str, name: str) -> str:
    # A digest: names of users do not lie about in stores, and no separator can be forged.
    parts = (part.encode("utf-8", "surrogatepass") for part in (kind, issuer, name))
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).hexdigest()
    return f"revoked:{digest}"
