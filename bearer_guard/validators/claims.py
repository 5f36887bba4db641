"""From claims whose origin is certain to a validated token: judged by the one list of checks, then read."""

from functools import lru_cache
from typing import Any

from bearer_guard.checks import Expectations, failures
from bearer_guard.errors import InvalidToken
from bearer_guard.profiles.reading import known_scopes
from bearer_guard.tokens import AccessToken, AccessTokenDraft, Claims, Epoch


def judged(
    claims: Claims, typ: str | None, now: float, expected: Expectations, epoch: Epoch | None = None
) -> AccessToken:
    """The token that these claims make. Raises `InvalidToken` where a check fails.

    `typ`: the header parameter; `now`: seconds since 1970.
    """
    named = expected.profile.named(claims)
    for failure in failures(claims, named, typ, now, expected):
        raise InvalidToken(failure.reason, claim=failure.claim)
    scope, client_id, user_id = named
    audience = claims.get("aud") or ()
    token: Any = AccessTokenDraft()
    token.issuer = claims["iss"]
    token.subject = claims.get("sub")
    token.audience = _alone(audience) if type(audience) is str else audience
    token.client_id = client_id
    token.scopes = known_scopes(scope)  # strings alone: that was checked
    token.groups, token.roles = expected.profile.rights(claims)
    # In a client's own token some servers write its id where a user's would be.
    token.user_id = None if user_id == client_id else user_id
    token.expires_at = claims["exp"]
    token.leeway = expected.leeway
    token.claims = claims
    token.epoch = epoch
    token.userinfo = None
    token.__class__ = AccessToken
    finished: AccessToken = token
    return finished


@lru_cache(maxsize=256)  # for the memory of tokens: they have few audiences
def _alone(audience: str) -> tuple[str, ...]:
    return (audience,)
