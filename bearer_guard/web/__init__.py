"""What knows Starlette: the state of one guarded request, and a refusal as an answer or an exception."""

from bearer_guard.web.refusing import POLICY_VIOLATION, answer, as_exception, response
from bearer_guard.web.request import (
    GuardedRequest,
    Mode,
    NotGuarded,
    User,
    access_token,
    as_presented,
    authorize,
    confirmed_anew,
    guarded_request,
    is_async,
    without_offered_token,
)

__all__ = [
    "POLICY_VIOLATION",
    "GuardedRequest",
    "Mode",
    "NotGuarded",
    "User",
    "access_token",
    "answer",
    "as_exception",
    "as_presented",
    "authorize",
    "confirmed_anew",
    "guarded_request",
    "is_async",
    "response",
    "without_offered_token",
]
