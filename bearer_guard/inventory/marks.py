"""What a decorator leaves behind: a mark on what it made, and a memory of what it was put on."""

import contextlib
import functools
import operator
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

from starlette.endpoints import HTTPEndpoint
from starlette.requests import HTTPConnection

from bearer_guard.requirements import AllOf, Requirement
from bearer_guard.tokens import AccessToken

Check = Callable[[AccessToken, HTTPConnection], bool | Awaitable[bool]]
"""A question about this request that no pure requirement can answer. Only True is a yes."""

_ATTRIBUTE = "__bearer_guard__"

_MADE = "__bearer_guard_made__"
ASKS = "__bearer_guard_asks__"
"""On the `dispatch` of a class: it asks the guard."""


class Mark(NamedTuple):
    """What an endpoint requires: `requirement` (None: any valid token), then `checks`, in order.

    `fresh`: how many seconds old the authorization server's word about the token may be; None: it need not be asked.
    """

    requirement: Requirement | None
    checks: tuple[Check, ...] = ()
    fresh: float | None = None

    def __and__(self, other: "Mark") -> "Mark":
        fresh = min((age for age in (self.fresh, other.fresh) if age is not None), default=None)
        return Mark(both(self.requirement, other.requirement), self.checks + other.checks, fresh)


def both(first: Requirement | None, second: Requirement | None) -> Requirement | None:
    """Two requirements as one."""
    return first if second is None else second if first is None else AllOf(first, second)


def leave_mark(made: Any, mark: Mark, *, put_on: Any) -> None:
    """Marks what a decorator made, and notes on what it was put on that it was made."""
    setattr(made, _ATTRIBUTE, (weakref.ref(made), mark))
    while put_on is not None:
        with contextlib.suppress(AttributeError):  # what takes no attributes is no function that anybody registers
            setattr(put_on, _MADE, (id(put_on), (*made_of(put_on), made)))
        put_on = getattr(put_on, "__wrapped__", None)  # below the decorators of others, somebody may have registered it


def add_mark(endpoint: type, mark: Mark) -> None:
    """Marks a class itself, beside what it is marked with already."""
    own = vars(endpoint).get(_ATTRIBUTE)
    setattr(endpoint, _ATTRIBUTE, (weakref.ref(endpoint), mark & own[1] if own else mark))


def mark_of(endpoint: Any) -> Mark | None:
    """The mark of an endpoint; None if no decorator made it, or if it does not ask what its decorator says."""
    endpoint = core_of(endpoint)
    if isinstance(endpoint, type):
        return marks_in(endpoint) if is_asking(endpoint) else None
    holder, mark = getattr(endpoint, _ATTRIBUTE, (None, None))
    # Other decorators copy attributes onto functions of their own (functools.wraps): those are not guarded.
    return mark if holder is not None and holder() is endpoint else None


def marks_in(endpoint: type) -> Mark | None:
    """What a class and all of its bases are marked with."""
    marks = [vars(base)[_ATTRIBUTE][1] for base in endpoint.__mro__ if _ATTRIBUTE in vars(base)]
    return functools.reduce(operator.and_, marks) if marks else None


def is_asking(endpoint: type) -> bool:
    """Whether the instances of a class ask the guard before they dispatch."""
    return bool(getattr(getattr(endpoint, "dispatch", None), ASKS, False))


def dispatches_by_method(endpoint: type) -> bool:
    """Whether a class endpoint calls its methods as Starlette does; one with a `dispatch` of its own may not."""
    return is_asking(endpoint) or getattr(endpoint, "dispatch", None) is HTTPEndpoint.dispatch


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
