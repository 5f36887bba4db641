"""What a decorator leaves behind, and who may claim it."""

import functools
from typing import Any

import pytest
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint

from bearer_guard import Scopes, require, require_scopes
from bearer_guard.inventory import Check, Mark, leave_mark, mark_of
from bearer_guard.inventory.marks import both, core_of, made_of, methods_of
from tests.inventory import bare, guarded

A, B = Scopes("a"), Scopes("b")


def yes(token: object, connection: object) -> bool:
    return True


def no(token: object, connection: object) -> bool:
    return False


class Bare(HTTPEndpoint):
    async def get(self, request: object) -> None: ...


@require_scopes("read")
class Guarded(HTTPEndpoint):
    async def get(self, request: object) -> None: ...


class Sub(Guarded):
    pass


class Methods:
    @require_scopes("read")
    async def get(self, request: object) -> None: ...

    async def post(self, request: object) -> None: ...

    query = "no method"


# --- who is marked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(guarded, id="function"),
        pytest.param(functools.partial(functools.partial(guarded)), id="partial application"),
        pytest.param(Methods().get, id="bound method"),
        pytest.param(functools.partial(Methods().get), id="partial application of a bound method"),
        pytest.param(Guarded, id="class"),
        pytest.param(Sub, id="subclass"),
    ],
)
def test_what_a_decorator_made_is_marked(endpoint: Any) -> None:
    assert mark_of(endpoint) == Mark(Scopes("read"))


@functools.wraps(guarded)
async def wrapped(request: object) -> None: ...


@pytest.mark.parametrize("endpoint", [bare, Bare, Methods().post, Guarded.get, print, None, 5, object()], ids=repr)
def test_what_no_decorator_made_is_not(endpoint: Any) -> None:
    assert mark_of(endpoint) is None


def test_a_copied_attribute_is_no_mark() -> None:
    # functools.wraps copies what stands on a function; whether the wrapper calls it, nobody knows.
    assert "__bearer_guard__" in vars(wrapped)
    assert mark_of(wrapped) is None


def test_an_attribute_copied_onto_a_class_is_no_mark() -> None:
    class Copy(HTTPEndpoint):
        pass

    Copy.__bearer_guard__ = vars(Guarded)["__bearer_guard__"]  # type: ignore[attr-defined]
    assert mark_of(Copy) is None


def test_an_instance_of_a_guarded_class_is_no_endpoint_that_asks() -> None:
    # A router calls an instance as an ASGI application of its own, without dispatch().
    assert mark_of(object.__new__(Guarded)) is None


# --- what it was made of ----------------------------------------------------------------------------------------------


def test_a_function_knows_what_was_made_of_it() -> None:
    async def endpoint(request: object) -> None: ...

    first, second = require(A)(endpoint), require(B)(endpoint)
    assert made_of(endpoint) == (first, second)
    assert made_of(functools.partial(endpoint)) == (first, second)


@pytest.mark.parametrize("endpoint", [Methods.post, guarded, print, None, 5, Bare], ids=repr)
def test_of_the_others_nothing_was_made(endpoint: Any) -> None:
    assert made_of(endpoint) == ()


def test_a_memory_that_was_copied_belongs_to_nobody_else() -> None:
    async def endpoint(request: object) -> None: ...

    require(A)(endpoint)

    @functools.wraps(endpoint)
    async def by_others(request: object) -> None: ...

    assert made_of(by_others) == ()


def test_a_class_is_marked_in_place() -> None:
    class Endpoint(WebSocketEndpoint):
        pass

    assert require(A)(Endpoint) is Endpoint
    assert (mark_of(Endpoint), made_of(Endpoint)) == (Mark(A), ())


def test_what_takes_no_attributes_is_left_alone() -> None:
    class Closed:
        __slots__ = ()

        async def __call__(self, request: object) -> None: ...

    closed = Closed()
    made = require(A)(closed)
    assert mark_of(made) == Mark(A)
    assert made_of(closed) == ()


def test_a_decorator_above_a_bound_method_is_remembered_for_the_method() -> None:
    class Service:
        async def orders(self, request: object) -> None: ...

    service = Service()
    made = require(A)(service.orders)
    assert mark_of(made) == Mark(A)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [(None, None, None), (A, None, A), (None, B, B), (A, B, A & B)],
    ids=["neither", "the first", "the second", "both"],
)
def test_two_requirements_become_one(first: Scopes | None, second: Scopes | None, merged: Scopes | None) -> None:
    assert both(first, second) == merged


def test_marks_merge_requirements_and_checks_in_order() -> None:
    assert Mark(A, (yes,)) & Mark(B, (no,)) == Mark(A & B, (yes, no))


def test_a_mark_can_be_left_by_hand() -> None:
    async def made(request: object) -> None: ...

    checks: tuple[Check, ...] = (yes,)
    leave_mark(made, Mark(None, checks), put_on=None)
    assert (mark_of(made), made_of(made)) == (Mark(None, checks), ())


def test_the_core_of_a_function_is_itself() -> None:
    assert core_of(bare) is bare
    assert core_of(functools.partial(bare, 1)) is bare
    assert core_of(Methods().post) is Methods.post


def test_the_methods_of_a_class_are_those_that_can_be_called() -> None:
    assert dict(methods_of(Methods)) == {"GET": Methods.get, "POST": Methods.post}


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options", "query"])
def test_each_method_that_starlette_dispatches_is_known(method: str) -> None:
    endpoint = type("Endpoint", (HTTPEndpoint,), {method: bare})
    assert dict(methods_of(endpoint)) == {method.upper(): bare}
