"""Every route of an application, with what stands before it. It looks at Starlette's and FastAPI's route trees.

Applications of other kinds are looked at, too, and nothing about them is believed that is not of the expected type.
"""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from bearer_guard.guard import BearerGuard
from bearer_guard.inventory.marks import Mark, core_of, dispatches_by_method, mark_of, methods_of
from bearer_guard.paths import PublicPaths
from bearer_guard.protocols import TokenValidator
from bearer_guard.requirements import Requirement

ANY_METHOD = "*"
WEBSOCKET = "WEBSOCKET"

Access = Literal["unguarded", "public", "optional", "any token", "requirement"]

_DEEPEST = 64
"""Layers of middleware, and mounts inside mounts. What goes deeper goes in circles."""


class Protection(Protocol):
    """A middleware that guards what is behind it."""

    guard: BearerGuard
    public: PublicPaths
    optional: bool
    requirement: Requirement | None


class Entry(NamedTuple):
    """One route. `methods`: `GET`, ...; `WEBSOCKET`; `*` for a mounted application that answers them itself."""

    path: str
    methods: tuple[str, ...]
    access: Access
    mark: Mark | None
    endpoint: Any
    is_contradictory: bool = False
    """Whether it is decorated, and public by at least one of its methods."""
    cannot_ask: TokenValidator | None = None
    """The validator before it that cannot ask the authorization server, where the route wants it asked (`fresh=`)."""

    @property
    def requirement(self) -> Requirement | None:
        """What a token must meet here, beside its checks."""
        return self.mark.requirement if self.mark else None

    def __str__(self) -> str:
        return f"{','.join(self.methods)} {self.path}"


class _Way(NamedTuple):
    """How far the walk has come.

    `path`: from the outermost application. `local`: from the innermost mount, as a guard behind it sees paths.
    `passed`: the guards on the way, each with the path below it.
    """

    path: str = ""
    local: str = ""
    passed: tuple[tuple[Protection, str], ...] = ()
    depth: int = 0

    def below(self, prefix: str) -> "_Way":
        passed = tuple((guard, path + prefix) for guard, path in self.passed)
        return _Way(self.path + prefix, self.local + prefix, passed, self.depth + 1)

    def mounted(self) -> "_Way":
        return self._replace(local="")

    def past(self, guards: Iterator[Protection]) -> "_Way":
        return self._replace(passed=(*self.passed, *((guard, self.local) for guard in guards)))


def routes_of(app: Any) -> tuple[Entry, ...]:
    """Every route of an application, in the order in which they are tried."""
    return tuple(_walk(app, _Way()))


def routes_behind(protection: Any) -> tuple[Entry, ...]:
    """Every route behind one guard."""
    return tuple(_walk(protection.app, _Way().past(iter((protection,)))))


def chain(app: Any) -> Iterator[Any]:
    """An ASGI application and, behind it, each that it wraps."""
    seen: set[int] = set()
    while app is not None and id(app) not in seen and len(seen) < _DEEPEST:
        seen.add(id(app))
        yield app
        # A Starlette router stands behind its own middleware as a bound method.
        app = app.__self__ if inspect.ismethod(app) else _attribute(app, "app", object)


def middleware_of(app: Any) -> Iterator[Any]:
    """The middleware that an application will build around itself, as it was declared."""
    for middleware in _attribute(app, "user_middleware", Sequence) or ():
        if isinstance(_attribute(middleware, "cls", type), type):
            yield middleware


def _attribute(thing: Any, name: str, kind: type) -> Any:
    try:
        value = getattr(thing, name, None)
    except Exception:  # noqa: BLE001  a stranger's property may raise what it likes
        return None
    return value if isinstance(value, kind) else None


def _is_guard(kind: type) -> bool:
    return inspect.getattr_static(kind, "bearer_guard_protection", None) is True


def _guards_in(layers: Iterator[Any]) -> Iterator[Protection]:
    yield from (layer for layer in layers if _is_guard(type(layer)))


def _walk(app: Any, way: _Way) -> Iterator[Entry]:
    for layer in chain(app):
        way = way.past(_guards_in(iter((layer,)))).past(_guards_of(layer))
        routes = _attribute(layer, "routes", Sequence)
        if routes is not None and way.depth < _DEEPEST:
            for route in routes:
                yield from _walk_route(route, way)
            return
    yield _entry(way.below("/{path}"), (ANY_METHOD,), None, app)


def _guards_of(layer: Any) -> Iterator[Protection]:
    """The guards that an application or a router puts around its own routes."""
    declared = list(middleware_of(layer))
    for middleware in declared:
        if _is_guard(middleware.cls):
            yield middleware.cls(_nobody, *middleware.args, **middleware.kwargs)
    if not declared:
        inner = chain(_attribute(layer, "middleware_stack", object))
        yield from _guards_in(one for one in inner if one is not layer)


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    """Stands behind a middleware that is only looked at."""


def _walk_route(route: Any, way: _Way) -> Iterator[Entry]:
    way = way.below(_attribute(route, "path", str) or "")
    included = _attribute(route, "original_router", object)
    if included is not None:  # a router that FastAPI has included
        way = way.below(_attribute(_attribute(route, "include_context", object), "prefix", str) or "")
        for inner in _attribute(included, "routes", Sequence) or ():
            yield from _walk_route(inner, way)
    elif _attribute(route, "endpoint", object) is not None:
        yield from _walk_endpoint(route, way.past(_guards_in(chain(_attribute(route, "app", object)))))
    else:  # a mount, a host, or what else may come: what it holds counts
        yield from _walk(_attribute(route, "app", object) or route, way.mounted())


def _walk_endpoint(route: Any, way: _Way) -> Iterator[Entry]:
    endpoint, mark = route.endpoint, mark_of(route.endpoint)
    methods = _attribute(route, "methods", object)
    if not hasattr(route, "methods"):
        yield _entry(way, (WEBSOCKET,), mark, endpoint, is_asking=_asks_inside(endpoint))
    elif isinstance(core_of(endpoint), type) and methods is None:
        is_usual = dispatches_by_method(core_of(endpoint))
        for method, function in methods_of(endpoint):
            inner = mark_of(function) if is_usual else None
            yield _entry(way, (method,), mark & inner if mark and inner else mark or inner, endpoint)
    else:
        yield _entry(way, tuple(sorted(route.methods or (ANY_METHOD,))), mark, endpoint)


def _asks_inside(endpoint: Any) -> bool:
    """Whether a method of a WebSocket class asks the authorization server (`fresh=`)."""
    methods = (getattr(core_of(endpoint), name, None) for name in ("on_connect", "on_receive", "on_disconnect"))
    return any(mark is not None and mark.fresh is not None for mark in map(mark_of, methods))


def _entry(way: _Way, methods: tuple[str, ...], mark: Mark | None, endpoint: Any, *, is_asking: bool = False) -> Entry:
    is_asking = is_asking or (mark is not None and mark.fresh is not None)
    open_by = [(guard, guard.public.covered(path or "/", methods)) for guard, path in way.passed]
    closed = [guard for guard, covered in open_by if len(covered) < len(methods)]
    is_contradictory = mark is not None and bool(open_by) and bool(frozenset.intersection(*(c for _, c in open_by)))
    for guard in closed:
        if guard.requirement is not None:
            mark = Mark(guard.requirement) & mark if mark else Mark(guard.requirement)
    access = _access(way, closed, mark)
    return Entry(
        way.path or "/", methods, access, mark, endpoint, is_contradictory, _cannot_ask(way) if is_asking else None
    )


def _cannot_ask(way: _Way) -> TokenValidator | None:
    if not way.passed:
        return None
    validator = way.passed[-1][0].guard.validator  # the guard that is nearest to the route
    return None if getattr(validator, "honours_max_age", False) is True else validator


def _access(way: _Way, closed: list[Protection], mark: Mark | None) -> Access:
    if not way.passed:
        return "unguarded"
    if not closed:
        return "public"
    if mark is not None and (mark.requirement is not None or mark.checks):
        return "requirement"
    return "optional" if all(guard.optional for guard in closed) else "any token"
