"""Decorators that do not do what they seem to do: found before the application serves anybody."""

import sys
from collections.abc import Collection, Iterator
from typing import Any

from bearer_guard.errors import ConfigurationError
from bearer_guard.inventory.marks import core_of, made_of
from bearer_guard.inventory.routes import Entry, routes_behind


def check_routes(protection: Any) -> None:
    """Raises `ConfigurationError`, naming all, for routes behind a guard whose decorator guards nothing."""
    problems = list(defects_of(routes_behind(protection)))
    if problems:
        raise ConfigurationError("the application is not served:\n" + "\n".join(f"- {problem}" for problem in problems))


def defects_of(entries: Collection[Entry]) -> Iterator[str]:
    """A sentence for each route whose decorator guards nothing."""
    for entry in entries:
        core = core_of(entry.endpoint)
        if made_of(core) and not _is_meant_bare(core):
            yield (
                f"{entry}: a decorator stands above the one that registered {getattr(core, '__qualname__', core)!s}, so"
                " the route does not see it; put it below @app.get(...)"
            )
        if entry.is_contradictory:
            yield f"{entry}: it is decorated and public; take the decorator away, or the path out of public="
        if entry.cannot_ask is not None:
            yield (
                f"{entry}: fresh= asks the authorization server, and {type(entry.cannot_ask).__name__} cannot; use an"
                " IntrospectionValidator, or ByFormat with one for the issuer of the JWTs"
            )


def _is_meant_bare(endpoint: Any) -> bool:
    """Whether the name of a decorated function still means the bare one: it was decorated aside, for another route.

    A decorator above a function takes its name away. The names inside a function cannot be looked up: there the answer
    is no, and a function that is wanted both bare and decorated is written twice.
    """
    found: Any = sys.modules.get(getattr(endpoint, "__module__", None) or "")
    for name in getattr(endpoint, "__qualname__", "<locals>").split("."):
        found = getattr(found, name, None)
    return found is endpoint
