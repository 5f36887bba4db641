"""Decorators that do not do what they seem to do: found before the application serves anybody."""

import sys
from collections.abc import Collection, Iterator
from typing import Any

from bearer_guard.errors import ConfigurationError
from bearer_guard.inventory.marks import core_of, made_of, mark_of
from bearer_guard.inventory.routes import Entry, routes_behind


def check_routes(protection: Any) -> None:
    """Raises `ConfigurationError`, naming all, for routes behind a guard whose decorator guards nothing."""
    entries = routes_behind(protection)
    problems = [*_misplaced(entries), *_public_but_decorated(entries)]
    if problems:
        raise ConfigurationError("the application is not served:\n" + "\n".join(f"- {problem}" for problem in problems))


def _misplaced(entries: Collection[Entry]) -> Iterator[str]:
    registered = {id(core_of(entry.endpoint)) for entry in entries}
    for entry in entries:
        made = [one for one in made_of(entry.endpoint) if _is_bound(core_of(entry.endpoint), one)]
        if made and not any(id(core_of(one)) in registered for one in made):
            name = getattr(core_of(entry.endpoint), "__qualname__", repr(entry.endpoint))
            yield (
                f"{entry}: a decorator stands above the one that registered {name}, so the route does not see it;"
                " put it below @app.get(...)"
            )


def _is_bound(endpoint: Any, made: Any) -> bool:
    """Whether the name of an endpoint in its module means what the decorator made of it, as decorators do.

    Else it was made aside, for another route or application. The names inside a function cannot be looked up.
    """
    found: Any = sys.modules.get(getattr(endpoint, "__module__", None) or "")
    for name in getattr(endpoint, "__qualname__", "<locals>").split("."):
        found = getattr(found, name, None)
    return found is None or found is made


def _public_but_decorated(entries: Collection[Entry]) -> Iterator[str]:
    for entry in entries:
        if entry.access == "public" and mark_of(entry.endpoint) is not None:
            yield f"{entry}: it is decorated and public; take the decorator away, or the path out of public="
