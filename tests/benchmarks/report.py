"""Findings as a table: a row for what was done, a column for who did it, the target beside."""

import os
import platform
from importlib import metadata
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.benchmarks.findings import US, Figure, Findings, Verdict, shown

WIDTH = 150
"""Characters, where the output is no terminal."""

_LIBRARIES = ("bearer_guard", "cryptography", "PyJWT", "starlette", "joserfc", "Authlib", "fastmcp", "mcp", "oxyjwt")


def console() -> Console:
    """Where it is printed."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=WIDTH)


def machine() -> str:
    """What it ran on, in words."""
    versions = [f"{name} {version}" for name in _LIBRARIES if (version := _version(name))]
    return (
        f"{_processor()}, {os.cpu_count()} cores; {platform.system()}; Python {platform.python_version()};"
        f" {', '.join(versions)}"
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


def table(name: str, findings: Findings) -> Table:
    """The table of a section."""
    cells = findings.cells
    columns = list(dict.fromkeys(cell.column for cell in cells))
    has_targets = any(figure.target for figure in findings.figures)
    made = Table(title=f"{name}: {findings.unit}", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    made.add_column("")
    for column in columns:
        made.add_column(column, justify="right", style="bold" if column == US else "")
    if has_targets:
        made.add_column("target", justify="right")
    by_place = {(cell.row, cell.column): cell for cell in cells}
    for row in dict.fromkeys(cell.row for cell in cells):
        found = [by_place.get((row, column)) for column in columns]
        made.add_row(row, *map(_cell, found), *([_target(found)] if has_targets else []))
    return made


def _cell(cell: Figure | Verdict | None) -> Text:
    if cell is None:
        return Text("")
    if isinstance(cell, Verdict):
        word = "accepts" if cell.accepts else "refuses"
        return Text(word, "green" if cell.accepts == cell.may_be_accepted else "red")
    spread = cell.spread
    text = Text(shown(spread.median))
    if spread.low != spread.high:
        text.append(f"\n{shown(spread.low)}-{shown(spread.high)}", "dim not bold")
    return text


def _target(found: list[Figure | Verdict | None]) -> Text:
    for figure in found:
        if isinstance(figure, Figure) and figure.target:
            is_reached = figure.target.is_reached(figure.spread.median)
            return Text(f"{figure.target} {'✓' if is_reached else '✗'}", "green" if is_reached else "red")
    return Text("")
