"""Every route with what it requires; and the decorators that guard nothing."""

from collections.abc import Collection
from typing import Any

from bearer_guard.errors import ConfigurationError
from bearer_guard.inventory.defects import check_routes, defects_of
from bearer_guard.inventory.marks import (
    ASKS,
    Check,
    Mark,
    add_mark,
    both,
    core_of,
    is_asking,
    leave_mark,
    mark_of,
    marks_in,
)
from bearer_guard.inventory.routes import Entry, chain, middleware_of, routes_of

__all__ = [
    "ASKS",
    "Check",
    "Entry",
    "Mark",
    "add_mark",
    "assert_protected",
    "both",
    "chain",
    "check_routes",
    "core_of",
    "defects_of",
    "is_asking",
    "leave_mark",
    "mark_of",
    "marks_in",
    "middleware_of",
    "routes_of",
]


def assert_protected(app: Any, *, any_token: Collection[str] = ()) -> None:
    """For a test of your own: each route requires something, is public, or is said to be for any valid token.

    `app`: a Starlette or FastAPI application, or an ASGI application that wraps one.
    `any_token`: paths, as they are registered, for which any valid token will do.
    Raises `AssertionError`, naming the others and what is wrong with each.
    """
    if isinstance(any_token, str):
        raise ConfigurationError(f"any_token= is one string; write any_token={{{any_token!r}}}")
    entries = routes_of(app)
    wrong = [f"{entry}: {_WHY[entry.access]}" for entry in entries if _is_open(entry, any_token)]
    wrong += defects_of(entries)
    unknown = sorted(set(any_token) - {entry.path for entry in entries})
    wrong += [f"{path}: named in any_token=, but there is no such route" for path in unknown]
    if wrong:
        raise AssertionError("not protected:\n" + "\n".join(wrong))


_WHY = {
    "unguarded": "no BearerGuardMiddleware stands before it",
    "optional": "it is open to requests without a token (optional=True); name it in public=, or decorate it",
    "any token": "any valid token will do; decorate it (no other decorator above ours), or name it in any_token=",
}


def _is_open(entry: Entry, any_token: Collection[str]) -> bool:
    return entry.access in _WHY and not (entry.access == "any token" and entry.path in any_token)
