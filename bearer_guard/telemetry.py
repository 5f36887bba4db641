"""Decisions as log records. No token, no secret and no claim ever stands in one; a reason always does."""

import logging

from bearer_guard.errors import AuthorizationServerUnavailable, BearerError, InsufficientScope, InvalidToken, Reason

log = logging.getLogger("bearer_guard")

# What a healthy deployment sees every day, beside refusals for want of rights. All others hint at a configuration, or
# at an attack.
_EXPECTED = frozenset({Reason.MISSING_TOKEN, Reason.EXPIRED})


def record_refusal(error: BearerError) -> None:
    """Logs a refusal, with its reason: INFO for the everyday ones, ERROR for an outage, WARNING for the rest."""
    level = _level(error)
    if not log.isEnabledFor(level):  # a flood of refusals that nobody reads costs no sentences
        return
    log.log(
        level,
        "refused: reason=%s%s: %s%s",
        error.reason,
        f" claim={error.claim}" if isinstance(error, InvalidToken) and error.claim else "",
        error.description,
        _cause(error),
        extra={"reason": error.reason.value},
    )


def _level(error: BearerError) -> int:
    if isinstance(error, AuthorizationServerUnavailable):
        return logging.ERROR
    is_everyday = isinstance(error, InsufficientScope) or error.reason in _EXPECTED
    return logging.INFO if is_everyday else logging.WARNING


def _cause(error: BearerError) -> str:
    cause = error.__cause__ if isinstance(error, AuthorizationServerUnavailable) else None
    return f" Cause: {cause}" if cause else ""
