"""`bearer-guard routes module:app`."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bearer_guard.cli.commands import cli

APP = """
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, WebSocketRoute

from bearer_guard import BearerGuard, BearerGuardMiddleware, JWTValidator, Scopes, require, require_scopes

async def bare(request): ...

def during_office_hours(token, connection): ...

class Weather:
    def __call__(self, token, connection): ...
    def __repr__(self):
        return "Weather"

guard = BearerGuard(JWTValidator("https://id.example.com", audience="api"))
routes = [
    Route("/me", bare),
    Route("/health", bare),
    Route("/orders/{id}", require_scopes("read")(bare), methods=["DELETE"]),
    Route("/night", require(Scopes("a") | Scopes("b"), during_office_hours, Weather())(bare), methods=["POST"]),
    WebSocketRoute("/chat", require(during_office_hours)(bare)),
]
app = Starlette(routes=routes, middleware=[Middleware(BearerGuardMiddleware, guard=guard, public={"/health"})])
optional = Starlette(routes=[Route("/a", bare), Mount("/b", bare)])
optional.add_middleware(BearerGuardMiddleware, guard=guard, optional=True)

class config:
    class inner:
        app = Starlette(routes=[Route("/[bold]x[/bold]", bare)])

nothing = None
number = 5
text = "app"

def create_app():
    return app
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with an application in it that nobody has imported yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "main_of_a_user.py").write_text(APP)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def routes(target: str) -> Result:
    return CliRunner().invoke(cli, ["routes", target])


def table(target: str) -> list[list[str]]:
    """The rows of the table, each as its cells."""
    result = routes(target)
    assert (result.exit_code, result.exception) == (0, None), result.output
    _, _, *rows = [line for line in result.output.splitlines() if line.strip()]
    return [row.split(maxsplit=3) for row in rows]


def test_each_route_stands_there_with_what_it_requires(folder: Path) -> None:
    result = routes("main_of_a_user:app").output
    assert result.split()[:4] == ["Method", "Path", "Access", "Requirement"]
    rows = [" ".join(line.split()) for line in result.splitlines() if "/" in line]
    assert rows == [
        "GET,HEAD /me any token",
        "GET,HEAD /health public",
        "DELETE /orders/{id} requirement Scopes('read')",
        "POST /night requirement (Scopes('a') | Scopes('b')) & during_office_hours() & Weather()",
        "WEBSOCKET /chat requirement during_office_hours()",
    ]


def test_optional_and_unguarded_routes_and_applications_that_cannot_be_looked_into_stand_there(folder: Path) -> None:
    assert table("main_of_a_user:optional") == [["GET,HEAD", "/a", "optional"], ["*", "/b/{path}", "optional"]]


def test_names_may_be_nested_and_paths_are_shown_as_they_are(folder: Path) -> None:
    assert table("main_of_a_user:config.inner.app") == [["GET,HEAD", "/[bold]x[/bold]", "unguarded"]]


def test_a_narrow_screen_loses_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = set(routes("main_of_a_user:app").output)
    monkeypatch.setenv("COLUMNS", "40")
    assert set(routes("main_of_a_user:app").output) == wide  # folded, with no ellipsis anywhere


# --- where it looks ---------------------------------------------------------------------------------------------------


def test_the_current_folder_comes_first_and_the_path_is_as_it_was_afterwards(folder: Path) -> None:
    (folder / "json_of_a_user").mkdir()
    (folder / "json_of_a_user" / "web.py").write_text(APP)
    before = list(sys.path)
    assert len(table("json_of_a_user.web:app")) == 5
    assert sys.path == before


def test_the_path_is_as_it_was_after_an_error(folder: Path) -> None:
    before = list(sys.path)
    assert routes("no_such_module:app").exit_code == 2
    assert sys.path == before


def test_a_module_may_change_the_folder_when_it_is_imported(folder: Path) -> None:
    (folder / "wandering_of_a_user.py").write_text("import os\nos.chdir('/')\n" + APP)
    before = list(sys.path)
    try:
        assert len(table("wandering_of_a_user:app")) == 5
    finally:
        os.chdir(folder)
        sys.path[:] = before


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("main_of_a_user", "does not name an application; write module:app, such as main:app"),
        ("main_of_a_user:", "does not name an application"),
        (":app", "does not name an application"),
        ("", "does not name an application"),
        ("no_such_module:app", "there is no module 'no_such_module' here"),
        ("no_such_package.web:app", "there is no module 'no_such_package' here"),
        ("main_of_a_user.web:app", "there is no module 'main_of_a_user.web' here"),
        ("main_of_a_user.py:app", "there is no module 'main_of_a_user.py' here"),
        ("main_of_a_user:application", "main_of_a_user has no 'application'"),
        ("main_of_a_user:config.app", "main_of_a_user has no 'config.app'"),
        ("main_of_a_user:app.", "main_of_a_user has no 'app.'"),
        ("main_of_a_user:a:b", "main_of_a_user has no 'a:b'"),
        ("main_of_a_user:nothing", "main_of_a_user has no 'nothing'"),
    ],
)
def test_a_name_that_leads_nowhere_is_a_sentence_and_exit_code_2(target: str, sentence: str, folder: Path) -> None:
    result = routes(target)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(".main_of_a_user:app", id="a relative module"),
        pytest.param("./main_of_a_user:app", id="a path"),
        pytest.param("..:app", id="dots"),
        pytest.param("main_of_a_user:number", id="a number"),
        pytest.param("main_of_a_user:text", id="a text"),
        pytest.param("main_of_a_user:create_app", id="a factory"),
    ],
)
def test_what_is_no_application_is_a_sentence_and_exit_code_2(target: str, folder: Path) -> None:
    assert routes(target).exit_code == 2


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_library", ModuleNotFoundError),
        ("import broken_of_a_user.inner", ModuleNotFoundError),
        ("from os import no_such_name", ImportError),
        ("1 / 0", ZeroDivisionError),
        ("def", SyntaxError),
    ],
    ids=[
        "a library that is missing",
        "a module of its own",
        "a name that is missing",
        "an exception",
        "a syntax error",
    ],
)
def test_what_goes_wrong_in_the_users_module_is_shown_as_it_is(
    source: str, error: type[Exception], folder: Path
) -> None:
    (folder / "broken_of_a_user.py").write_text(source)
    result = routes("broken_of_a_user:app")
    assert isinstance(result.exception, error)
    assert "there is no module" not in result.output


def test_an_application_that_would_not_be_served_is_exit_code_1(folder: Path) -> None:
    (folder / "misplaced_of_a_user.py").write_text(MISPLACED)
    result = routes("misplaced_of_a_user:app")
    assert result.exit_code == 1
    assert "not served: GET /orders: a decorator stands above" in " ".join(result.output.split())


MISPLACED = """
from fastapi import FastAPI
from bearer_guard import require_scopes

app = FastAPI()

@require_scopes("read")
@app.get("/orders")
async def orders() -> str:
    return "open"
"""
