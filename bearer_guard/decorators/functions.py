"""Guarded functions and methods: Starlette's, which take the request, and FastAPI's, which need not."""

import contextlib
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request

from bearer_guard.decorators.asking import Obstacle, answered, is_endpoint, obstacle_for
from bearer_guard.errors import ConfigurationError
from bearer_guard.inventory import Mark, core_of, leave_mark, mark_of
from bearer_guard.tokens import AccessToken
from bearer_guard.web import GuardedRequest, NotGuarded, as_exception, guarded_request, is_async

_PARAMETER = "bearer_guard_connection"


def guard_function(function: Any, mark: Mark) -> Any:
    """A function that asks the guard first. One that asks already is asked for both at once."""
    _refuse_what_cannot_be_called_later(function)
    inner_mark = mark_of(function) if core_of(function) is function else None  # a bound method would lose its object
    wrapped = function
    if inner_mark is not None:
        wrapped, mark = function.__wrapped__, mark & inner_mark
    call = wrapped if is_async(wrapped) else _in_thread_pool(wrapped)
    requirement, asks_more = mark.requirement, bool(mark.checks) or mark.fresh is not None

    @functools.wraps(wrapped)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        # As Starlette calls most endpoints. isinstance() takes long where a class is an abstract Mapping.
        if len(args) == 1 and type(args[0]) is Request and not kwargs and not asks_more:
            request = args[0]
            seen = request.scope.get("bearer_guard")
            if isinstance(seen, GuardedRequest) and seen.allows(requirement):
                return await call(request)
        connection = _connection_in(args, kwargs)
        known = None if mark.fresh is None else _token_of(connection)
        obstacle = await obstacle_for(connection, mark)
        if obstacle is None:
            if known is not None:  # what FastAPI has handed over before is the token as it was known then
                kwargs = {name: _token_of(connection) if value is known else value for name, value in kwargs.items()}
            return await call(*args, **kwargs)
        if is_endpoint(guarded, connection):
            return await answered(obstacle, connection)
        # A dependency or a helper: its caller would take a returned refusal for a result, and go on.
        raise _as_raisable(obstacle, connection)

    guarded.__signature__ = _signature_with_connection(wrapped)  # type: ignore[attr-defined]
    leave_mark(guarded, mark, put_on=function)
    return guarded


def _refuse_what_cannot_be_called_later(function: Any) -> None:
    if not callable(function):
        raise ConfigurationError(f"{function!r} is no endpoint; put the decorator on a function or a class")
    calls = (function, getattr(function, "__call__", None))  # noqa: B004  the method, not whether there is one
    if any(inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call) for call in calls):
        raise ConfigurationError(f"{function!r} is a generator; return a StreamingResponse from a function instead")


def _in_thread_pool(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        result = await run_in_threadpool(function, *args, **kwargs)
        return await result if inspect.isawaitable(result) else result  # a plain function around an async one

    return call


def _token_of(connection: HTTPConnection | None) -> AccessToken | None:
    seen = None if connection is None else connection.scope.get("bearer_guard")
    return seen.token if isinstance(seen, GuardedRequest) else None


def _connection_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection | None:
    found = (value for value in (*args, *kwargs.values()) if isinstance(value, HTTPConnection))
    return kwargs.pop(_PARAMETER, None) or next(found, None)


def _as_raisable(obstacle: Obstacle, connection: HTTPConnection | None) -> Exception:
    if connection is None or isinstance(obstacle, NotGuarded):
        return obstacle
    return as_exception(obstacle, guarded_request(connection).guard, connection)


# --- FastAPI: it fills in what the signature asks for -----------------------------------------------------------------


def _signature_with_connection(function: Any) -> inspect.Signature:
    """The signature, with one more parameter by which FastAPI hands us the request, unless it hands one over anyway.

    `HTTPConnection` is known to FastAPI and stays out of OpenAPI. Starlette does not look at signatures.
    """
    signature = _signature_of(function)
    parameters = list(signature.parameters.values())
    if any(_takes_connection(parameter) for parameter in parameters):
        return signature
    ours = inspect.Parameter(_PARAMETER, inspect.Parameter.KEYWORD_ONLY, annotation=HTTPConnection)
    has_rest = parameters and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD
    parameters.insert(len(parameters) - 1 if has_rest else len(parameters), ours)
    return signature.replace(parameters=parameters)


def _signature_of(function: Any) -> inspect.Signature:
    """The signature, each annotation evaluated by itself: one that only type checkers can read spoils no other.

    Some versions of FastAPI would look for the names of those left over in this module, and find other ones.
    """
    signature = inspect.signature(function)
    names = _names_around(inspect.unwrap(function))
    parameters = [
        parameter.replace(annotation=_evaluated(parameter.annotation, names))
        for parameter in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters, return_annotation=_evaluated(signature.return_annotation, names))


def _names_around(function: Any) -> dict[str, Any]:
    names = dict(getattr(function, "__globals__", {}))
    cells = getattr(function, "__closure__", None) or ()
    for name, cell in zip(function.__code__.co_freevars if cells else (), cells, strict=True):
        with contextlib.suppress(ValueError):  # a name of the function around that has no value yet
            names[name] = cell.cell_contents
    return names


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, names)  # noqa: S307  as inspect.signature(eval_str=True) does
    except Exception:  # noqa: BLE001  a name that is not there, or what stands in an annotation and is no expression
        return annotation


def _takes_connection(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2] in ("Request", "WebSocket", "HTTPConnection")
    return isinstance(annotation, type) and issubclass(annotation, HTTPConnection)
