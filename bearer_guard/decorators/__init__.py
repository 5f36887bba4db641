"""What a route requires, written above it. Stacked decorators merge into one requirement, and so into one challenge."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from bearer_guard.decorators.classes import guard_class
from bearer_guard.decorators.functions import guard_function
from bearer_guard.errors import ConfigurationError
from bearer_guard.inventory import Check, Mark
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

__all__ = ["require", "require_claims", "require_groups", "require_roles", "require_scopes"]

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def require(*requirements: Requirement | Check, fresh: float | None = None) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token that meets all of these requirements, such as `Scopes("a") | Groups("b")`.

    It decorates functions and methods that take the request (or the WebSocket), async or not; those that are not run
    in Starlette's thread pool; FastAPI path functions, which need not take the request; and class endpoints.

    A function among the requirements is a check: it is called with the token and the request once all else is met, and
    awaited if it is async; only True lets the request through. What it raises is raised by the route.

    `fresh`: the authorization server is asked whether the token is still good, unless it was within so many seconds;
    with `fresh=0` for every request, whatever is remembered. For JWTs, too, with `ByFormat`. An application whose
    validator cannot ask is not served (`ConfigurationError` at startup).

    Without a token the answer is 401, with an insufficient one 403, each with its challenge. Where no guard has seen
    the request it is 500, never the route.
    """
    if not requirements and fresh is None:
        raise ConfigurationError("the decorator requires nothing; write require(Scopes('read')), or leave it out")
    pure = [one for one in requirements if is_requirement(one)]
    checks = [one for one in requirements if not is_requirement(one)]
    for check in checks:
        if not _takes_token_and_request(check):
            raise ConfigurationError(
                f"require() takes requirements, not {check!r}; write require(Scopes('read')). A check of your own takes"
                " the token and the request"
            )
    if fresh is not None and (isinstance(fresh, bool) or not isinstance(fresh, int | float) or not fresh >= 0):
        raise ConfigurationError(f"fresh={fresh!r} is no age; write seconds, such as fresh=0")
    requirement = pure[0] if len(pure) == 1 else AllOf(*pure) if pure else None
    mark = Mark(requirement, tuple(checks), fresh)  # type: ignore[arg-type]
    return lambda endpoint: (
        guard_class(endpoint, mark) if isinstance(endpoint, type) else guard_function(endpoint, mark)
    )


def _takes_token_and_request(check: object) -> bool:
    if not callable(check) or isinstance(check, type):
        return False
    try:
        inspect.signature(check).bind(None, None)
    except TypeError:  # such as the endpoint itself, below a decorator without parentheses
        return False
    return True


def require_scopes(*names: str) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token with all of these scopes."""
    return require(Scopes(*names))


def require_groups(*names: str) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token whose subject is in all of these groups. One of several: `require(Groups(..) | ..)`."""
    return require(Groups(*names))


def require_roles(*names: str) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token with all of these roles."""
    return require(Roles(*names))


def require_claims(*misplaced: object, **claims: Scalar | Predicate) -> Callable[[Endpoint], Endpoint]:
    """The route needs a token in which all of these claims have, or contain, these values."""
    if misplaced:
        raise ConfigurationError("require_claims() takes names and values; write require_claims(tenant='acme')")
    return require(*(Claim(name, value) for name, value in claims.items()))
