"""What a route requires, written above it. Stacked decorators merge into one requirement, and so into one challenge."""

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from bearer_guard.challenges import Refusal
from bearer_guard.errors import BearerError, ConfigurationError
from bearer_guard.requirements import (
    AllOf,
    Claim,
    Groups,
    Predicate,
    Requirement,
    Roles,
    Scalar,
    Scopes,
    is_requirement,
)
from bearer_guard.web import NotGuarded, answer, guarded_request, response

log = logging.getLogger("bearer_guard")

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_DEFECT = Refusal(500, (("content-type", "application/json"), ("content-length", "24")), b'{"error":"server_error"}')


def require(*requirements: Requirement) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token that meets all of these requirements, such as `Scopes("a") | Groups("b")`.

    It decorates functions and methods that take the request (or the WebSocket), async or not; those that are not run
    in Starlette's thread pool. Without a token the answer is 401, with an insufficient one 403, each with its
    challenge. Where no guard has seen the request it is 500, never the route.
    """
    if not requirements:
        raise ConfigurationError("the decorator requires nothing; write require(Scopes('read')), or leave it out")
    for requirement in requirements:
        if not is_requirement(requirement):
            raise ConfigurationError(
                f"require() takes requirements, not {requirement!r}; write require(Scopes('read'))"
            )
    combined = requirements[0] if len(requirements) == 1 else AllOf(*requirements)
    return lambda endpoint: _guarded(endpoint, combined)


def require_scopes(*names: str) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token with all of these scopes."""
    return require(Scopes(*names))


def require_groups(*names: str) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token whose subject is in all of these groups. One of several: `require(Groups(..) | ..)`."""
    return require(Groups(*names))


def require_roles(*names: str) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token with all of these roles."""
    return require(Roles(*names))


def require_claims(**claims: Scalar | Predicate) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token in which all of these claims have, or contain, these values."""
    return require(*(Claim(name, value) for name, value in claims.items()))


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a decorator left on the function that it made: `__bearer_guard__`."""

    requirement: Requirement
    endpoint: Callable[..., Any]
    wrapper: Callable[..., Any]


def requirement_of(endpoint: object) -> Guarded | None:
    """What an endpoint requires, if a decorator made it."""
    guarded = getattr(endpoint, "__bearer_guard__", None)
    # Other decorators copy the attribute onto functions of their own (functools.wraps): those are not ours.
    return guarded if isinstance(guarded, Guarded) and guarded.wrapper is endpoint else None


def _guarded(endpoint: Any, requirement: Requirement) -> Any:
    if isinstance(endpoint, type) or not callable(endpoint):
        raise ConfigurationError(f"{endpoint!r} is not a function; put the decorator on its methods")
    inner = requirement_of(endpoint)
    if inner is not None:
        endpoint, requirement = inner.endpoint, AllOf(requirement, inner.requirement)
    call: Callable[..., Awaitable[Any]] = endpoint if _is_async(endpoint) else _in_thread_pool(endpoint)

    @functools.wraps(endpoint)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        connection = _connection_in(args, kwargs)
        refusal = _refusal(connection, requirement)
        if refusal is None:
            return await call(*args, **kwargs)
        return await _answer(refusal, connection)

    wrapper.__bearer_guard__ = Guarded(requirement, endpoint, wrapper)  # type: ignore[attr-defined]
    return wrapper


def _in_thread_pool(endpoint: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    return lambda *args, **kwargs: run_in_threadpool(endpoint, *args, **kwargs)


def _is_async(endpoint: Callable[..., Any]) -> bool:
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return inspect.iscoroutinefunction(endpoint) or inspect.iscoroutinefunction(getattr(endpoint, "__call__", None))  # noqa: B004


def _connection_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection | None:
    for value in (*args, *kwargs.values()):
        if isinstance(value, HTTPConnection):
            return value
    return None


def _refusal(connection: HTTPConnection | None, requirement: Requirement) -> Refusal | None:
    if connection is None:
        log.error("a guarded function was called without its request; give it a parameter for the request")
        return _DEFECT
    try:
        guarded = guarded_request(connection)
    except NotGuarded as error:
        log.error("%s", error)  # noqa: TRY400  the sentence says it all
        return _DEFECT
    try:
        guarded.guard.authorize(guarded.token, requirement)
    except BearerError as error:
        return guarded.guard.refusal(error)
    return None


def _answer(refusal: Refusal, connection: HTTPConnection | None) -> Awaitable[Any]:
    if isinstance(connection, WebSocket):
        return answer(refusal, connection.scope, connection.receive, connection.send)
    return _returned(refusal)


async def _returned(refusal: Refusal) -> Any:
    return response(refusal)
