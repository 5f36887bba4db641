"""What a revocation names: a token, a user's tokens until a moment, or a session. Never the bytes of a token."""

import hashlib
import math
from collections.abc import Iterator

from bearer_guard.errors import ConfigurationError
from bearer_guard.protocols import Clock
from bearer_guard.tokens import AccessToken

DAY = 24 * 3600.0
"""Seconds for which a revocation lasts, unless told otherwise. It must outlast the tokens that it concerns."""


class RevocationList:
    """Tokens that were taken back before they expired; it is the base of the stores that keep such a list.

    await revocations.revoke(token)                                # this one
    await revocations.revoke(issuer=ISSUER, jti="...")
    await revocations.revoke(issuer=ISSUER, subject="alice")       # all that she got until now
    await revocations.revoke(issuer=ISSUER, session_id="...")      # after a logout (the claim sid)
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
        session_id: str | None = None,
        issued_before: float | None = None,
        lasting: float | None = None,
    ) -> None:
        """Takes tokens back: one that was validated, or those that are named.

        `issued_before`: with `subject`, the moment (seconds since 1970) up to which tokens were issued; now, unless
        told otherwise. A token that does not say when it was issued counts as older.
        `lasting`: seconds after which the revocation is forgotten: at least as long as tokens live. A validated token's
        lasts until it expires, others a day.
        Raises `ConfigurationError` where nothing, or more than one thing, is named.
        """
        now = self._clock.time()
        if token is not None:
            issuer, jti = token.issuer, _jti_of(token)
            lasting = token.accepted_until - now if lasting is None else lasting
        kind, name = _what(jti=jti, subject=subject, session_id=session_id)
        if not isinstance(issuer, str) or not issuer:
            raise ConfigurationError("whose token is it? write revoke(issuer=..., ...)")
        if issued_before is None:
            issued_before = now if kind == "sub" else math.inf
        lasting = DAY if lasting is None else lasting
        if lasting > 0:  # else it has expired
            await self._put(_key(kind, issuer, name), issued_before, lasting)

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
        raise ConfigurationError("revoke() takes a token, or one of jti=, subject= and session_id= with issuer=")
    kind, name = given[0]
    return {"jti": "jti", "subject": "sub", "session_id": "sid"}[kind], name


def _jti_of(token: AccessToken) -> str:
    jti = token.claims.get("jti")
    if not isinstance(jti, str):
        raise ConfigurationError(
            "the token has no jti to name it by; revoke its user's instead: revoke(issuer=..., subject=...)"
        )
    return jti


def _keys_of(token: AccessToken) -> Iterator[str]:
    for kind in ("jti", "sub", "sid"):
        name = token.claims.get(kind)
        if isinstance(name, str):
            yield _key(kind, token.issuer, name)


def _key(kind: str, issuer: str, name: str) -> str:
    # A digest: names of users do not lie about in stores, and no separator can be forged.
    parts = (part.encode("utf-8", "surrogatepass") for part in (kind, issuer, name))
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).hexdigest()
    return f"revoked:{digest}"
