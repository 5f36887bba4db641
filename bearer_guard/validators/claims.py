"""From claims whose origin is certain to a validated token: judged by the one list of checks, then read."""

from typing import Any

from bearer_guard.checks import Expectations, failures
from bearer_guard.errors import InvalidToken
from bearer_guard.kept import LONGEST_TEXT, Kept
from bearer_guard.profiles.reading import scopes_in, user_behind
from bearer_guard.tokens import AccessToken, AccessTokenDraft, Claims, Epoch


def judged(
    claims: Claims, typ: str | None, now: float, expected: Expectations, epoch: Epoch | None = None
) -> AccessToken:
    """The token that these claims make. Raises `InvalidToken` where a check fails.

    `typ`: the header parameter; `now`: seconds since 1970.
    """
    reading = expected.read(claims)
    for failure in failures(claims, reading, typ, now, expected):
        raise InvalidToken(failure.reason, claim=failure.claim)
    scope, client_id, user_id, groups, roles = reading
    audience = claims.get("aud") or ()
    token: Any = AccessTokenDraft()
    token.issuer = claims["iss"]
    token.subject = claims.get("sub")
    token.audience = _alone[audience] if type(audience) is str else audience
    token.client_id = client_id
    token.scopes = scopes_in(scope)
    token.groups = groups
    token.roles = roles
    token.user_id = user_behind(user_id, client_id)
    token.expires_at = claims["exp"]
    token.leeway = expected.leeway
    token.claims = claims
    token.epoch = epoch
    token.userinfo = None
    token.__class__ = AccessToken
    finished: AccessToken = token
    return finished


def _tuple_of(audience: str) -> tuple[str, ...]:
    return (audience,)


_alone = Kept(_tuple_of, LONGEST_TEXT)
