"""What knows Starlette: the state of one guarded request, and a refusal as an answer or an exception."""

from bearer_guard.web.answering import POLICY_VIOLATION, answer, response
from bearer_guard.web.raising import as_exception
from bearer_guard.web.request import (
    GuardedRequest,
    Mode,
    NotGuarded,
    User,
    as_presented,
    guarded_request,
    without_offered_token,
)
from bearer_guard.web.verbs import access_token, authorize, confirmed_anew, is_async

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
