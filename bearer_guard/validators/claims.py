"""From claims whose origin is certain to a validated token: judged by the one list of checks, then read."""

from typing import Any

from bearer_guard.checks import ABSENT, Expectations, failures
from bearer_guard.errors import InvalidToken
from bearer_guard.jose import Stated
from bearer_guard.kept import LONGEST_TEXT, Kept
from bearer_guard.profiles.reading import names_of, scopes_in, user_behind
from bearer_guard.tokens import AccessToken, AccessTokenDraft, Epoch


def judged(
    stated: Stated, typ: str | None, now: float, expected: Expectations, epoch: Epoch | None = None
) -> AccessToken:
    """The token that these claims make. Raises `InvalidToken` where a check fails.

    `typ`: the header parameter; `now`: seconds since 1970.
    """
    shape, values = stated
    form = expected.forms.get(shape) or expected.forms[shape]
    facts = form.facts_in(values + ABSENT)
    for failure in failures(form, values, facts, typ, now, expected):
        raise InvalidToken(failure.reason, claim=failure.claim)
    issuer, audience, expires_at, _, _, subject, scope, client_id, user_id, groups, roles = facts
    token: Any = AccessTokenDraft()
    token.issuer = issuer
    token.subject = subject
    # It is None to the checks where it is an array.
    token.audience = form.value(values, "aud") or () if audience is None else _alone.get(audience) or _alone[audience]
    token.client_id = client_id
    token.scopes = scopes_in(scope)
    token.groups = names_of(groups)
    token.roles = names_of(roles)
    token.user_id = user_behind(user_id, client_id)
    token.expires_at = expires_at
    token.leeway = expected.leeway
    token.epoch = epoch
    token.userinfo = None
    token.is_bound = form.is_bound
    token._names, token._values = shape.names, tuple(values)  # noqa: SLF001  its claims, once somebody asks for them
    token.__class__ = AccessToken
    finished: AccessToken = token
    return finished


def _tuple_of(audience: str) -> tuple[str, ...]:
    return (audience,)


_alone = Kept(_tuple_of, LONGEST_TEXT)
