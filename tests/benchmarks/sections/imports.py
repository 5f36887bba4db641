"""`import bearer_guard` in a new interpreter, in milliseconds, beyond what its core dependencies cost to import.

First a look at which modules of starlette, pyjwt, httpx, cryptography and sniffio it brings in. Then new interpreters
import those, and the clock runs while they import `bearer_guard`. What it loads of the standard library counts as
its own. All bytecode is compiled by then, as pip does. The second row counts libraries that are loaded although nobody
asked for them: frameworks and extras.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from typing import Any

from tests.benchmarks.findings import US, Figure, Findings, Spread, Target
from tests.benchmarks.racing import Effort

CORE = ("starlette", "jwt", "httpx", "cryptography", "sniffio")
RUNS = 20
ROW_TIME, ROW_OTHERS = "import, milliseconds", "libraries loaded that are no core dependency"
TARGETS = {ROW_TIME: Target(15), ROW_OTHERS: Target(0)}

# What runs in the new interpreter. `core`: the modules of the dependencies that are imported before the clock starts.
_PROGRAM = """
import importlib, json, sys, time
core = json.loads(sys.argv[1])
began = time.perf_counter()
for name in core:
    importlib.import_module(name)
ready, before = time.perf_counter(), set(sys.modules)
import bearer_guard
done = time.perf_counter()
print(json.dumps({"core": ready - began, "own": done - ready, "before": [*before], "after": [*sys.modules]}))
"""


def measure(effort: Effort) -> Findings:
    """A scout, which also leaves the compiled bytecode; then a run for each figure."""
    with nullcontext() if effort.is_quick else tempfile.TemporaryDirectory() as bytecode:
        core = [name for name in _import([], bytecode)["after"] if name.split(".")[0] in CORE]
        runs = [_import(core, bytecode) for _ in range(1 if effort.is_quick else RUNS)]
    others = sorted(_libraries(runs[0]["after"]) - _libraries(runs[0]["before"]) - {US})
    figures = [
        Figure(ROW_TIME, "core dependencies", _milliseconds(runs, "core")),
        Figure(ROW_TIME, US, _milliseconds(runs, "own"), TARGETS[ROW_TIME]),
        Figure(ROW_OTHERS, US, Spread.of([float(len(others))]), TARGETS[ROW_OTHERS]),
    ]
    loaded = sorted(set(runs[0]["after"]) - set(runs[0]["before"]))
    stdlib = [name for name in loaded if name.split(".")[0] in sys.stdlib_module_names]
    notes = [f"Loaded beside them: {', '.join(others)}."] if others else []
    notes.append(f"Modules: {len(loaded) - len(stdlib)} of its own, {len(stdlib)} of the standard library.")
    return Findings("by kind", figures, notes=notes)


def _import(core: list[str], bytecode: str | None) -> Any:
    command = [sys.executable, "-c", _PROGRAM, json.dumps(core)]
    env = dict(os.environ)
    if bytecode is not None:
        env["PYTHONPYCACHEPREFIX"] = bytecode
        env.pop("PYTHONDONTWRITEBYTECODE", None)
    return json.loads(subprocess.run(command, capture_output=True, check=True, env=env, text=True).stdout)


def _milliseconds(runs: list[Any], what: str) -> Spread:
    return Spread.of([run[what] * 1000 for run in runs])


def _libraries(modules: list[str]) -> set[str]:
    """The top-level names that are not of the standard library."""
    return {name.split(".")[0] for name in modules} - sys.stdlib_module_names - {"__main__"}
