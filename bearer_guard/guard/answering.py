"""Question 2, all of it: a validator with a memory of its answers, revocations, and what userinfo adds."""

import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

from bearer_guard.errors import AuthorizationServerUnavailable, BearerError, InvalidToken, Reason
from bearer_guard.loops import cancelled_by_nobody_is_a_failure
from bearer_guard.protocols import Clock, Revocations, TokenValidator, UserInfoSource
from bearer_guard.stores.remembered import Remembered
from bearer_guard.tokens import AccessToken, Credentials

LONG_TOKEN = 2048
"""Bytes. Of longer ones no more are remembered than weigh 16 MiB together."""


class Answering:
    """One validator, and the memory of the tokens that it found valid. What can change on every hit is asked again."""

    def __init__(
        self,
        validator: TokenValidator,
        *,
        remember: int,
        revocations: Sequence[Revocations],
        userinfo: UserInfoSource | None,
    ) -> None:
        self.validator = validator
        self.userinfo = userinfo
        self._revocations = tuple(revocations)
        # Whether somebody is asked about a token on every request, however well we know it.
        self._asks_others = bool(self._revocations) or userinfo is not None
        self._clock: Clock = getattr(validator, "clock", time)
        self._remembered: Remembered[AccessToken] = Remembered(remember)

    def accepted(
        self, credentials: Credentials, max_age: float | None
    ) -> AccessToken | Coroutine[Any, Any, AccessToken]:
        """The token, where it is known and nobody has to be asked about it; else what to await for it.

        It is valid, and not bound to a key that nobody has proven. Raises a `BearerError`, now or when awaited.
        """
        # In this order, on every request: the memory of validated tokens, revocations, the sender, userinfo. Only the
        # first is remembered.
        remembered, key = self._remembered, credentials.fingerprint
        known = None if max_age is not None else remembered.young.get(key) or remembered.get(key)
        if known is None:
            return self._validated(credentials, max_age)
        clock, epoch = self._clock, known.epoch
        if clock.time() >= known.expires_at + known.leeway or epoch is None or not epoch.still_good(clock.monotonic()):
            remembered.forget(key)
            return self._validated(credentials, None)
        return self._confirmed(credentials, known) if self._asks_others or known.is_bound else known

    async def _validated(self, credentials: Credentials, max_age: float | None) -> AccessToken:
        presented = credentials.token
        if max_age is None:
            token = await self.validator.validate(presented)
            if token.epoch is not None:
                # Bounded in bytes, too: the ordinary ones by number, the long ones by what they weigh together.
                weight = len(presented) if len(presented) > LONG_TOKEN else 0
                self._remembered.set(credentials.fingerprint, token, weight)
        else:
            token = await self.validator.validate(presented, max_age=max_age)
        return await self._confirmed(credentials, token) if self._asks_others or token.is_bound else token

    async def _confirmed(self, credentials: Credentials, token: AccessToken) -> AccessToken:
        if self._revocations:
            await self._refuse_revoked(token)
        if token.is_bound:
            # RFC 7800 section 3: a token bound to a key is good only with a proof of it, and nothing here proves one.
            raise InvalidToken(Reason.UNPROVEN_CONFIRMATION, claim="cnf")
        return token if self.userinfo is None else await self.userinfo.enriched(token, credentials.token)

    async def _refuse_revoked(self, token: AccessToken) -> None:
        for revocations in self._revocations:
            try:
                with cancelled_by_nobody_is_a_failure():
                    is_revoked = await revocations.is_revoked(token)
            except BearerError:
                raise
            except Exception as error:
                raise AuthorizationServerUnavailable(Reason.REVOCATIONS_UNAVAILABLE) from error
            if is_revoked is not False:  # whatever else somebody's own list says, it is no clean bill
                raise InvalidToken(Reason.REVOKED)

    async def aclose(self) -> None:
        """Closes what has something to close: all of it, whatever one of them raises."""
        async with AsyncExitStack() as parts:
            for part in (self.validator, self.userinfo, *self._revocations):
                close = getattr(part, "aclose", None)
                if close is not None:
                    parts.push_async_callback(close)
