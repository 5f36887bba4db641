"""What a decorator leaves behind: a mark on what it made, and a memory of what it was put on."""

import contextlib
import functools
import weakref
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from bearer_guard.requirements import AllOf, Requirement
from bearer_guard.tokens import AccessToken

Check = Callable[[AccessToken, HTTPConnection], bool | Awaitable[bool]]
"""A question about this request that no pure requirement can answer. Only True is a yes."""

_ATTRIBUTE = "__bearer_guard__"

_MADE = "__bearer_guard_made__"


@dataclass(frozen=True, slots=True)
class Mark:
    """What an endpoint requires: `requirement` (None: any valid token), then `checks`, in order."""

    requirement: Requirement | None
    checks: tuple[Check, ...] = ()

    def __and__(self, other: "Mark") -> "Mark":
        return Mark(both(self.requirement, other.requirement), self.checks + other.checks)


def both(first: Requirement | None, second: Requirement | None) -> Requirement | None:
    """Two requirements as one."""
    return first if second is None else second if first is None else AllOf(first, second)


def leave_mark(made: Any, mark: Mark, *, put_on: Any) -> None:
    """Marks what a decorator made of an endpoint, and notes on the endpoint that it was made."""
    setattr(made, _ATTRIBUTE, (weakref.ref(made), mark))
    if made is not put_on:
        with contextlib.suppress(AttributeError):  # what takes no attributes is no function that anybody registers
            setattr(put_on, _MADE, (id(put_on), (*made_of(put_on), made)))


def mark_of(endpoint: Any) -> Mark | None:
    """The mark of an endpoint; None if no decorator made it."""
    endpoint = core_of(endpoint)
    holder, mark = getattr(endpoint, _ATTRIBUTE, (None, None))
    if holder is None:
        return None
    # Other decorators copy attributes onto functions of their own (functools.wraps): those are not guarded.
    # The subclass of a guarded class is.
    made = holder()
    return mark if made is endpoint or (isinstance(endpoint, type) and issubclass(endpoint, made)) else None


def made_of(endpoint: Any) -> tuple[Any, ...]:
    """What decorators made of an endpoint."""
    endpoint = core_of(endpoint)
    owner, made = getattr(endpoint, _MADE, (None, ()))
    return made if owner == id(endpoint) else ()  # else copied from another, by functools.wraps


def core_of(endpoint: Any) -> Any:
    """The function or class behind bound methods and partial applications."""
    while isinstance(endpoint, functools.partial) or hasattr(endpoint, "__func__"):
        endpoint = endpoint.func if isinstance(endpoint, functools.partial) else endpoint.__func__
    return endpoint


def methods_of(endpoint: Any) -> Iterator[tuple[str, Any]]:
    """The HTTP methods that a class endpoint answers, each with its function."""
    for name in ("get", "head", "post", "put", "patch", "delete", "options", "query"):
        method = getattr(endpoint, name, None)
        if callable(method):
            yield name.upper(), method
