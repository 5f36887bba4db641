"""The law of floors, the doors to outside libraries, and the absence of circles, held against the code's imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bearer_guard"

FLOORS: dict[int, tuple[str, ...]] = {
    9: ("cli",),
    8: ("settings", "testing", "integrations"),
    7: ("middleware", "decorators"),
    6: ("web", "inventory"),
    5: ("guard", "validators", "sender_constraints", "userinfo"),
    4: ("authorization_server", "stores", "protected_resource"),
    3: ("protocols", "checks"),
    2: ("sources", "requirements", "challenges", "profiles", "jose", "telemetry", "paths", "loops"),
    1: ("tokens", "errors", "urls", "kept"),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}

# Each outside library with the places that may import it. The demo plays the client that calls a protected API.
DOORS = {
    "httpx": ("authorization_server/http/", "integrations/httpx.py", "testing/", "cli/"),
    "jwt": ("jose/",),
    "cryptography": ("jose/sign", "jose/weak_keys.py", "stores/sealing.py", "testing/", "cli/"),
    "redis": ("stores/redis/",),
    "starlette": ("web/", "inventory/", "middleware.py", "decorators/", "testing/", "integrations/", "cli/"),
    "sniffio": ("authorization_server/flights.py",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "uvicorn": ("cli/",),
    "pytest": ("testing/plugin.py",),
}

FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, by its full name, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield from imported_modules(node.module or "", [alias.name for alias in node.names])


def imported_modules(module: str, names: list[str]) -> Iterator[str]:
    """`from package import name` may mean a module of that package."""
    for name in names:
        full = f"{module}.{name}"
        as_path = ROOT.joinpath(*full.split("."))
        yield full if as_path.with_suffix(".py").exists() or as_path.is_dir() else module


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_each_file_lives_in_a_room_of_the_design(path: Path) -> None:
    room = room_of(module_of(path))
    assert room is None or room in FLOOR_OF


@pytest.mark.parametrize("path", [path for path in FILES if room_of(module_of(path))], ids=name_of)
def test_a_file_imports_only_from_floors_below_its_own(path: Path) -> None:
    room = room_of(module_of(path))
    assert room is not None
    for module in imports_of(path):
        other = room_of(module) if module.startswith("bearer_guard") else room
        assert other is None or other == room or FLOOR_OF[other] < FLOOR_OF[room], f"{room} imports {module}"


@pytest.mark.parametrize("path", [path for path in FILES if path != PACKAGE / "__init__.py"], ids=name_of)
def test_nobody_imports_the_face_but_for_its_modules(path: Path) -> None:
    assert "bearer_guard" not in set(imports_of(path)) or name_of(path).startswith("cli/")


@pytest.mark.parametrize("library", DOORS)
def test_an_outside_library_has_its_doors(library: str) -> None:
    users = {name_of(path) for path in FILES for module in imports_of(path) if module.split(".")[0] == library}
    strangers = {user for user in users if not user.startswith(DOORS[library])}
    assert users, f"nobody imports {library}: take it off the list"
    assert not strangers


def test_there_are_no_circles() -> None:
    graph = {module_of(path): set(imports_of(path)) for path in FILES}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle: {' -> '.join((*way, module))}"
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_small_enough_to_be_read_at_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 250


def test_the_top_level_holds_what_the_design_names_and_nothing_else() -> None:
    visible = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} - {"build", "__pycache__"}
    assert visible == {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "bearer_guard", "tests", "examples"}
