"""From claims whose origin is certain to a validated token: judged by the one list of checks, then read."""

from bearer_guard.checks import Expectations, Facts, Failure, first_failure
from bearer_guard.errors import InvalidToken
from bearer_guard.tokens import AccessToken, Epoch


def judged(facts: Facts, epoch: Epoch | None = None) -> AccessToken:
    """The token that these claims make. Raises `InvalidToken` where a check fails."""
    refuse(first_failure(facts))
    return _access_token(facts, facts.expected, epoch)


def refuse(failure: Failure | None) -> None:
    """Raises `InvalidToken` for a failed check."""
    if failure is not None:
        raise InvalidToken(failure.reason, claim=failure.claim)


def _access_token(facts: Facts, expected: Expectations, epoch: Epoch | None) -> AccessToken:
    claims, profile = facts.claims, expected.profile
    audience = claims.get("aud", ())
    return AccessToken(
        issuer=claims["iss"],
        subject=claims.get("sub"),
        audience=audience if isinstance(audience, tuple) else (audience,),
        client_id=profile.client_id_claim(claims),
        scopes=profile.scopes_of(claims),
        groups=profile.groups_of(claims),
        roles=profile.roles_of(claims),
        user_id=profile.user_id_of(claims),
        expires_at=claims["exp"],
        claims=claims,
        accepted_until=claims["exp"] + expected.leeway,
        epoch=epoch,
    )
