"""assert_protected(app), for a test of your own."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, WebSocketRoute

from bearer_guard import BearerGuard, BearerGuardMiddleware, Scopes, assert_protected
from tests.inventory import bare, guarded


def application(guard: BearerGuard, *routes: Any, **options: Any) -> Starlette:
    return Starlette(routes=list(routes), middleware=[Middleware(BearerGuardMiddleware, guard=guard, **options)])


def complaints(app: Any, **options: Any) -> list[str]:
    with pytest.raises(AssertionError) as caught:
        assert_protected(app, **options)
    first, *lines = str(caught.value).splitlines()
    assert first == "not protected:"
    return lines


def test_an_application_in_which_every_route_requires_something_or_is_public_passes(guard: BearerGuard) -> None:
    routes = (Route("/orders", guarded), WebSocketRoute("/chat", guarded), Route("/health", bare))
    assert_protected(application(guard, *routes, public={"/health"}))


def test_a_requirement_of_the_guard_protects_every_route(guard: BearerGuard) -> None:
    assert_protected(application(guard, Route("/orders", bare), requirement=Scopes("orders")))


def test_a_route_for_any_valid_token_is_to_be_named(guard: BearerGuard) -> None:
    app = application(guard, Route("/orders/{id}", bare), Route("/me", bare), WebSocketRoute("/chat", guarded))
    assert [line.split(":")[0] for line in complaints(app)] == ["GET,HEAD /orders/{id}", "GET,HEAD /me"]
    assert [line.split(":")[0] for line in complaints(app, any_token={"/me"})] == ["GET,HEAD /orders/{id}"]
    assert_protected(app, any_token={"/me", "/orders/{id}"})


def test_each_complaint_says_what_to_do(guard: BearerGuard) -> None:
    assert complaints(application(guard, Route("/x", bare))) == [
        "GET,HEAD /x: any valid token will do; decorate it (no other decorator above ours), or name it in any_token="
    ]
    assert complaints(application(guard, Route("/x", bare), optional=True)) == [
        "GET,HEAD /x: it is open to requests without a token (optional=True); name it in public=, or decorate it"
    ]
    assert complaints(Starlette(routes=[Route("/x", guarded)])) == [
        "GET,HEAD /x: no BearerGuardMiddleware stands before it"
    ]


@pytest.mark.parametrize("options", [{"optional": True}, {}], ids=["optional", "unguarded"])
def test_any_token_excuses_neither_an_optional_nor_an_unguarded_route(
    options: dict[str, Any], guard: BearerGuard
) -> None:
    routes = [Route("/x", bare)]
    app = application(guard, *routes, **options) if options else Starlette(routes=routes)
    assert len(complaints(app, any_token={"/x"})) == 1


def test_any_token_does_not_excuse_what_lies_below(guard: BearerGuard) -> None:
    app = application(guard, Route("/a", bare), Route("/a/b", bare))
    assert [line.split(":")[0] for line in complaints(app, any_token={"/a"})] == ["GET,HEAD /a/b"]


@pytest.mark.parametrize("path", ["/gone", "/orders/7", "orders", ""])
def test_a_path_that_no_route_has_is_named(path: str, guard: BearerGuard) -> None:
    app = application(guard, Route("/orders/{id}", guarded))
    assert complaints(app, any_token={path}) == [f"{path}: named in any_token=, but there is no such route"]


def test_a_mounted_application_that_nobody_can_look_into_is_one_complaint(guard: BearerGuard) -> None:
    async def stranger(scope: Any, receive: Any, send: Any) -> None: ...

    app = application(guard, Mount("/old", stranger))
    assert [line.split(":")[0] for line in complaints(app)] == ["* /old/{path}"]
    assert_protected(app, any_token={"/old/{path}"})


def test_the_docs_of_fastapi_are_routes_like_others(guard: BearerGuard) -> None:
    app = FastAPI(middleware=[Middleware(BearerGuardMiddleware, guard=guard, public={"/docs", "/openapi.json"})])
    assert [line.split(":")[0] for line in complaints(app)] == ["GET,HEAD /redoc"]


def test_what_the_guard_would_not_serve_does_not_pass(guard: BearerGuard) -> None:
    # DESIGN section 4: the middleware *and the inventory* find it.
    assert complaints(application(guard, Route("/orders", guarded), public={"/orders"}))


def test_one_path_as_a_string_is_told_what_to_write_instead(guard: BearerGuard) -> None:
    with pytest.raises(Exception, match=r"any_token=\{'/me'\}"):
        assert_protected(application(guard, Route("/me", bare)), any_token="/me")
