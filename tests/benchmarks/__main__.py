"""The benchmark suite: `python -m tests.benchmarks` runs all sections, `python -m tests.benchmarks validate` one."""

import argparse
import asyncio
import gc
import importlib
import inspect
import logging
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from rich.markdown import Markdown

from tests.benchmarks import report
from tests.benchmarks.findings import Findings
from tests.benchmarks.plot import draw
from tests.benchmarks.racing import FULL, QUICK, Effort

SECTIONS = (
    "validate",
    "request",
    "refusals",
    "introspection",
    "threads",
    "memory",
    "growth",
    "imports",
    "storm",
    "wrk",
    "sanity",
)
"""In this order; each is a file in `sections/`."""


def section(name: str) -> ModuleType:
    """The module of a section: its docstring says what is measured, `measure(effort)` does it."""
    return importlib.import_module(f"tests.benchmarks.sections.{name}")


def run(name: str, effort: Effort) -> Findings:
    """What a section finds."""
    gc.collect()  # the litter of the section before is not for this one to clear away
    findings = section(name).measure(effort)
    result: Findings = asyncio.run(findings) if inspect.iscoroutine(findings) else findings
    return result


def main(arguments: Sequence[str]) -> None:
    """Prints a table for each section, and draws them all."""
    options = _options(arguments)
    logging.disable()  # what is logged about refusals would be written over the tables
    warnings.simplefilter("ignore")  # as would be what contestants have to say about each other
    screen = report.console()
    screen.print(report.machine(), style="dim")
    found: dict[str, Findings] = {}
    for name in options.sections or SECTIONS:
        screen.rule(name)
        screen.print(Markdown(section(name).__doc__ or ""))
        found[name] = run(name, QUICK if options.quick else FULL)
        if not found[name].is_empty:
            screen.print(report.table(name, found[name]))
        for note in found[name].notes:
            screen.print(f"- {note}", style="dim")
    picture = options.plot or Path(tempfile.mkdtemp(prefix="bearer_guard-")) / "results.svg"
    screen.print(_drawn(found, picture), soft_wrap=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"some of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    parser.add_argument("--plot", type=Path, help="where the picture goes, as .svg and .png; a new folder by default")
    options = parser.parse_args(arguments)
    for name in options.sections:
        if name not in SECTIONS:
            parser.error(f"there is no section {name!r}; write some of {', '.join(SECTIONS)}")
    return options


def _drawn(found: dict[str, Findings], path: Path) -> str:
    try:
        drawn = draw(found, path)
    except ModuleNotFoundError as error:
        return f"No picture is drawn: {error.name} is not installed."
    return f"Drawn: {', '.join(map(str, drawn)) or 'nothing, there are no figures'}."


if __name__ == "__main__":
    main(sys.argv[1:])
