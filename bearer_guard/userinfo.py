"""Groups and roles that live only at the authorization server: UserInfo asks its userinfo endpoint for them."""

import logging
import math
from dataclasses import replace
from typing import Literal, NamedTuple, Self

from bearer_guard.authorization_server import AuthorizationServer, SharedCalls
from bearer_guard.errors import AuthorizationServerUnavailable, ConfigurationError, Reason
from bearer_guard.profiles import OAUTH2, Profile
from bearer_guard.stores.remembered import Remembered
from bearer_guard.tokens import AccessToken, Claims, fingerprint

log = logging.getLogger("bearer_guard")

MOST_TOKENS = 4096
"""Tokens whose userinfo is kept in this process, each until it expires."""
_PATIENCE, _REST = 3, 5.0
"""After so many calls in a row that nobody answered nobody is asked for so many seconds: requests must not wait in turn
for a server that hangs."""
_NONE_FOR = 60.0
"""Seconds for which a server's word that it has no userinfo for a token is believed."""

Policy = Literal["refuse", "go_on"]


class _Known(NamedTuple):
    until: float
    claims: Claims | None
    bare: AccessToken
    enriched: AccessToken


class UserInfo:
    """Adds the groups and roles of OpenID Connect's userinfo to validated tokens: `BearerGuard(..., userinfo=...)`.

    `server`: the authorization server that issued the tokens; those of other issuers are left as they are.
    `profile`: the dialect in which userinfo carries `groups` and `roles`.
    `when_unavailable`: `"refuse"` answers 503 while the server cannot be asked; `"go_on"` lets the request go on
    without what it would have said.

    It is asked once for each token that a user stands behind, and remembered until the token expires: groups that
    change meanwhile are seen with the next token. It is no validator: userinfo names no audience. A token for which the
    server has no userinfo (without the scope `openid`, or bound to another resource) stays as it is. Where userinfo
    tells about somebody else than the token's `user_id`, the token is refused (OpenID Connect Core section 5.3.2).
    Some servers name the user in their answers by another claim than `sub`: then the validator's profile says which,
    as in `replace(profiles.OAUTH2, user_id=("username",))`.
    """

    def __init__(
        self, server: AuthorizationServer, *, profile: Profile = OAUTH2, when_unavailable: Policy = "refuse"
    ) -> None:
        if not isinstance(server, AuthorizationServer):
            raise ConfigurationError(f"UserInfo takes a server, not {server!r:.80}; write UserInfo(server)")
        if not isinstance(profile, Profile):
            raise ConfigurationError(f"profile={profile!r} is none; write profile=profiles.OKTA, or another of them")
        if when_unavailable not in ("refuse", "go_on"):
            raise ConfigurationError(
                f"when_unavailable={when_unavailable!r} is neither 'refuse' nor 'go_on'; write one"
            )
        server.require("userinfo_endpoint")
        self.server = server
        self._profile = profile
        self._goes_on = when_unavailable == "go_on"
        self._unanswered, self._rests_until = 0, -math.inf
        self._calls: SharedCalls[Claims | None] = SharedCalls()
        self._remembered: Remembered[_Known] = Remembered(MOST_TOKENS)

    def __repr__(self) -> str:
        return f"UserInfo({self.server!r})"

    def with_server(self, server: AuthorizationServer) -> Self:
        """The same, asking another server of the same issuer, with a memory of its own."""
        if server.issuer != self.server.issuer:
            raise ConfigurationError(f"{server!r} is another issuer than {self.server!r}; make a UserInfo for it")
        return type(self)(server, profile=self._profile, when_unavailable="go_on" if self._goes_on else "refuse")

    async def enriched(self, token: AccessToken, presented: str) -> AccessToken:
        """The token with the groups and roles of userinfo, and `userinfo` itself.

        `presented`: the token as it came. Raises `InvalidToken` for userinfo about somebody else, and
        `AuthorizationServerUnavailable` as `when_unavailable` says.
        """
        user_id = token.user_id
        if user_id is None or token.issuer != self.server.issuer:
            return token
        key = fingerprint(presented)
        known = self._remembered.get(key)
        if known is None or known.bare.user_id != user_id or self.server.clock.monotonic() >= known.until:
            try:
                claims = await self._calls.result((key, user_id), lambda: self._ask(presented, user_id))
            except AuthorizationServerUnavailable:
                if not self._goes_on:
                    raise
                return token
            known = self._remember(key, token, claims)
        elif known.bare is not token:
            known = self._remember(key, token, known.claims, known.until)
        return known.enriched

    async def aclose(self) -> None:
        """Closes connections."""
        await self.server.aclose()

    async def _ask(self, presented: str, user_id: str) -> Claims | None:
        if self.server.clock.monotonic() < self._rests_until:
            raise AuthorizationServerUnavailable(Reason.USERINFO_UNAVAILABLE) from TimeoutError("failed a moment ago")
        try:
            claims = await self.server.userinfo(presented, user_id=user_id)
        except AuthorizationServerUnavailable as error:
            self._note_failure(reached=getattr(error.__cause__, "reached", False))
            log.error("userinfo cannot be asked: %s", error.__cause__)  # noqa: TRY400  no traceback
            raise
        self._unanswered = 0
        if claims is None:
            log.warning(
                "the server has no userinfo for a token: it must carry the scope openid, and be for userinfo, too"
            )
        return claims

    def _note_failure(self, *, reached: bool) -> None:
        self._unanswered = 0 if reached else self._unanswered + 1  # one that answers may have more to say of others
        if self._unanswered >= _PATIENCE:
            self._rests_until = self.server.clock.monotonic() + _REST

    def _remember(self, key: bytes, token: AccessToken, claims: Claims | None, until: float | None = None) -> _Known:
        if until is None:
            until = self.server.clock.monotonic() + _NONE_FOR if claims is None else math.inf
        known = _Known(until, claims, token, token if claims is None else self._merged(token, claims))
        self._remembered.set(key, known, len(str(claims)))
        return known

    def _merged(self, token: AccessToken, claims: Claims) -> AccessToken:
        *_, groups, roles = self._profile.read(claims)
        return replace(token, groups=token.groups | groups, roles=token.roles | roles, userinfo=claims)
