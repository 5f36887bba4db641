"""What all guarded endpoints do first: ask the guard that has seen the request."""

import inspect
import logging

from starlette.requests import HTTPConnection

from bearer_guard.challenges import Refusal
from bearer_guard.errors import BearerError, InsufficientScope, Reason
from bearer_guard.inventory import Mark
from bearer_guard.tokens import AccessToken
from bearer_guard.web import NotGuarded, access_token, guarded_request

log = logging.getLogger("bearer_guard")

_DEFECT = Refusal(500, (("content-type", "application/json"), ("content-length", "24")), b'{"error":"server_error"}')


async def refusal_for(connection: HTTPConnection | None, mark: Mark) -> Refusal | None:
    """Why the request may not pass; None if it may."""
    if connection is None:
        log.error("a guarded function was called without its request; give it a parameter for the request")
        return _DEFECT
    try:
        guarded = guarded_request(connection)
    except NotGuarded as error:
        log.error("%s", error)  # noqa: TRY400  the sentence says it all
        return _DEFECT
    try:
        guarded.guard.authorize(guarded.token, mark.requirement)
        await _run_checks(mark, access_token(connection), connection)
    except BearerError as error:
        return guarded.guard.refusal(error)
    return None


async def _run_checks(mark: Mark, token: AccessToken, connection: HTTPConnection) -> None:
    for check in mark.checks:
        answer = check(token, connection)
        if inspect.isawaitable(answer):
            answer = await answer
        if answer is not True:
            raise InsufficientScope(Reason.UNMET_REQUIREMENT, requirement=check)
