"""What the tests of the inventory share."""

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bearer_guard import require_scopes
from bearer_guard.inventory import routes_of


async def bare(request: Request) -> Response:
    return PlainTextResponse("served")


@require_scopes("read")
async def guarded(request: Request) -> Response:
    return PlainTextResponse("served")


def listed(app: Any) -> list[tuple[str, str, str]]:
    """Each route as (methods and path, access, requirement)."""
    return [(str(entry), entry.access, repr(entry.requirement)) for entry in routes_of(app)]


def access_of(app: Any) -> dict[str, str]:
    return {str(entry): entry.access for entry in routes_of(app)}
