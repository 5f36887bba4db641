"""Every route of an application, with what stands before it. It looks at Starlette's and FastAPI's route trees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bearer_guard.inventory.marks import Mark, both, core_of, mark_of, methods_of
from bearer_guard.paths import PublicPaths
from bearer_guard.requirements import Requirement

ANY_METHOD = "*"
WEBSOCKET = "WEBSOCKET"

Access = Literal["unguarded", "public", "optional", "any token", "requirement"]


class Protection(Protocol):
    """A middleware that guards what is behind it."""

    public: PublicPaths
    optional: bool
    requirement: Requirement | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One route. `methods`: `GET`, ...; `WEBSOCKET`; `*` for a mounted application that answers them itself."""

    path: str
    methods: tuple[str, ...]
    access: Access
    mark: Mark | None
    endpoint: Any

    @property
    def requirement(self) -> Requirement | None:
        """What a token must meet here, beside its checks."""
        return self.mark.requirement if self.mark else None

    def __str__(self) -> str:
        return f"{','.join(self.methods)} {self.path}"


@dataclass(frozen=True, slots=True)
class _Way:
    """How far the walk has come: the path so far, and the guards that were passed, each with the path below it."""

    path: str = ""
    passed: tuple[tuple[Protection, str], ...] = ()

    def below(self, prefix: str) -> "_Way":
        return _Way(self.path + prefix, tuple((guard, path + prefix) for guard, path in self.passed))

    def past(self, protection: Protection) -> "_Way":
        return _Way(self.path, (*self.passed, (protection, "")))


def routes_of(app: Any) -> tuple[Entry, ...]:
    """Every route of an application, in the order in which they are tried."""
    return tuple(_walk(app, _Way()))


def routes_behind(protection: Any) -> tuple[Entry, ...]:
    """Every route behind one guard."""
    return tuple(_walk(protection.app, _Way().past(protection)))


def chain(app: Any) -> Iterator[Any]:
    """An ASGI application and, behind it, each that it wraps."""
    seen: set[int] = set()
    while app is not None and id(app) not in seen:
        seen.add(id(app))
        yield app
        app = getattr(app, "app", None)


def _walk(app: Any, way: _Way) -> Iterator[Entry]:
    for layer in chain(app):
        if hasattr(layer, "bearer_guard_protection"):
            way = way.past(layer)
        for middleware in getattr(layer, "user_middleware", ()):
            if hasattr(middleware.cls, "bearer_guard_protection"):
                way = way.past(middleware.cls(_nobody, *middleware.args, **middleware.kwargs))
        routes = getattr(layer, "routes", None)
        if isinstance(routes, Sequence):
            for route in routes:
                yield from _walk_route(route, way)
            return
    yield _entry(way.below("/{path}"), (ANY_METHOD,), None, app)


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    """Stands behind a middleware that is only looked at."""


def _walk_route(route: Any, way: _Way) -> Iterator[Entry]:
    way = way.below(getattr(route, "path", ""))
    if hasattr(route, "original_router"):  # a router that FastAPI has included
        way = way.below(route.include_context.prefix)
        for included in route.original_router.routes:
            yield from _walk_route(included, way)
    elif hasattr(route, "endpoint"):
        yield from _walk_endpoint(route, _past_inner_guards(route, way))
    else:  # a mount, a host, or what else may come: what it holds counts
        yield from _walk(getattr(route, "app", route), way)


def _past_inner_guards(route: Any, way: _Way) -> _Way:
    for layer in chain(getattr(route, "app", None)):
        if hasattr(layer, "bearer_guard_protection"):
            way = way.past(layer)
    return way


def _walk_endpoint(route: Any, way: _Way) -> Iterator[Entry]:
    endpoint, mark = route.endpoint, mark_of(route.endpoint)
    if not hasattr(route, "methods"):
        yield _entry(way, (WEBSOCKET,), mark, endpoint)
    elif isinstance(core_of(endpoint), type) and route.methods is None:
        for method, function in methods_of(endpoint):
            inner = mark_of(function)
            yield _entry(way, (method,), mark & inner if mark and inner else mark or inner, endpoint)
    else:
        yield _entry(way, tuple(sorted(route.methods or (ANY_METHOD,))), mark, endpoint)


def _entry(way: _Way, methods: tuple[str, ...], mark: Mark | None, endpoint: Any) -> Entry:
    for guard, _ in way.passed:
        if guard.requirement is not None:
            mark = Mark(both(guard.requirement, mark.requirement if mark else None), mark.checks if mark else ())
    return Entry(way.path or "/", methods, _access(way, methods, mark), mark, endpoint)


def _access(way: _Way, methods: tuple[str, ...], mark: Mark | None) -> Access:
    closed = [guard for guard, path in way.passed if not guard.public.cover(path or "/", methods)]
    if not way.passed:
        return "unguarded"
    if not closed:
        return "public"
    if mark is not None:
        return "requirement"
    return "optional" if all(guard.optional for guard in closed) else "any token"
