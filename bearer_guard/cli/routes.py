"""`bearer-guard routes`: every route of an application, with what it requires."""

import importlib
import sys
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bearer_guard.inventory import Entry, routes_of

_STYLES = {
    "unguarded": "bold red",
    "public": "yellow",
    "optional": "yellow",
    "any token": "cyan",
    "requirement": "green",
}


def load(target: str) -> Any:
    """The application that `module:name` names. Raises `click.UsageError` with a sentence where there is none."""
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        raise click.UsageError(f"{target!r} does not name an application; write module:app, such as main:app")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise click.UsageError(
            f"there is no module {error.name!r} here; run it where {module_name} can be imported"
        ) from None
    finally:
        sys.path.remove(str(Path.cwd()))
    for step in name.split("."):
        found = getattr(found, step, None)
    if found is None:
        raise click.UsageError(f"{module_name} has no {name!r}; write the name of the application in it")
    return found


def show(app: Any) -> None:
    """Prints a table of an application's routes."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("Method", "Path", "Access", "Requirement"):
        table.add_column(title, overflow="fold")
    for entry in routes_of(app):
        access = Text(entry.access, style=_STYLES[entry.access])
        table.add_row(Text(",".join(entry.methods)), Text(entry.path), access, Text(_requirement(entry)))
    Console().print(table)


def _requirement(entry: Entry) -> str:
    parts = [] if entry.requirement is None else [repr(entry.requirement)]
    if entry.mark is not None:
        parts += [f"{getattr(check, '__name__', repr(check))}()" for check in entry.mark.checks]
    return " & ".join(parts)
