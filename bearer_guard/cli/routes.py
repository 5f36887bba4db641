"""`bearer-guard routes`: every route of an application, with what it requires."""

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bearer_guard.inventory import Entry, defects_of, routes_of

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
    if not name or not all(part.isidentifier() for part in module_name.split(".")):
        raise click.UsageError(f"{target!r} does not name an application; write module:app, such as main:app")
    found = _imported(module_name)
    for step in name.split("."):
        found = getattr(found, step, None)
    if found is None:
        raise click.UsageError(f"{module_name} has no {name!r}; write the name of the application in it")
    if not _is_application(found):
        raise click.UsageError(f"{target} is no application; write the name of one, not of what makes it")
    return found


def _imported(module_name: str) -> Any:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise click.UsageError(f"there is no module {error.name!r} here; run it where it can be imported") from None
    finally:
        sys.path.remove(folder)


def _is_application(found: Any) -> bool:
    try:
        inspect.signature(found).bind(None, None, None)  # ASGI: scope, receive, send
    except (TypeError, ValueError):
        return False
    return True


def show(app: Any) -> bool:
    """Prints a table of an application's routes, and says whether its guard would serve it."""
    entries = routes_of(app)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("Method", "Path", "Access", "Requirement"):
        table.add_column(title, overflow="fold")
    for entry in entries:
        access = Text(entry.access, style=_STYLES[entry.access])
        table.add_row(Text(",".join(entry.methods)), Text(entry.path), access, Text(_requirement(entry)))
    Console().print(table)
    defects = list(defects_of(entries))
    for sentence in defects:
        Console(stderr=True).print(Text(f"not served: {sentence}", style="bold red"))
    return not defects


def _requirement(entry: Entry) -> str:
    parts = [] if entry.requirement is None else [repr(entry.requirement)]
    if entry.mark is not None:
        parts += [f"{getattr(check, '__name__', repr(check))}()" for check in entry.mark.checks]
    return " & ".join(parts)
