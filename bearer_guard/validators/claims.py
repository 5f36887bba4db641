"""From claims whose origin is certain to a validated token: judged by the one list of checks, then read."""

from functools import lru_cache

from bearer_guard.checks import Facts, Failure, first_failure
from bearer_guard.errors import InvalidToken
from bearer_guard.profiles.reading import known_scopes, user_behind
from bearer_guard.tokens import AccessToken, Epoch, new_access_token


def judged(facts: Facts, epoch: Epoch | None = None) -> AccessToken:
    """The token that these claims make. Raises `InvalidToken` where a check fails."""
    failure = first_failure(facts)
    if failure is not None:
        refuse(failure)
    claims, client_id = facts.claims, facts.client_id
    audience, expires_at = claims.get("aud") or (), claims["exp"]
    groups, roles = facts.expected.profile.rights(claims)
    return new_access_token(
        claims["iss"],
        claims.get("sub"),
        _alone(audience) if type(audience) is str else audience,
        client_id,
        known_scopes(facts.scope),  # strings alone: that was checked
        groups,
        roles,
        user_behind(facts.user_id, client_id),
        expires_at,
        claims,
        expires_at + facts.expected.leeway,
        epoch,
    )


@lru_cache(maxsize=256)  # for the memory of tokens: they have few audiences
def _alone(audience: str) -> tuple[str, ...]:
    return (audience,)


def refuse(failure: Failure | None) -> None:
    """Raises `InvalidToken` for a failed check."""
    if failure is not None:
        raise InvalidToken(failure.reason, claim=failure.claim)
