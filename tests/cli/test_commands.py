"""The command itself: help, version, and what it says where an extra is missing."""

import importlib
import runpy
import subprocess
import sys
from importlib import metadata

import pytest
from click.testing import CliRunner

from bearer_guard.cli import commands, main

MODULES = ("bearer_guard.cli.commands", "bearer_guard.cli.demo", "bearer_guard.cli.demo.servers")


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The command as it is on its first import: `without.setitem(sys.modules, "click", None)` makes click missing."""
    for module in MODULES:
        # What is imported anew stands in two places: both are put back afterwards.
        monkeypatch.setattr(module, importlib.import_module(module))
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "argv", ["bearer-guard", "demo"])
    return monkeypatch


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=" ".join)
def test_help_names_the_commands(arguments: list[str]) -> None:
    result = CliRunner().invoke(commands.cli, arguments)
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")
    for command in ("demo", "routes"):
        assert f"\n  {command} " in result.output


def test_version_is_that_of_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", {"bearer-guard": "1.2.3"}.__getitem__)
    assert commands._version() == "1.2.3"


def test_version_of_a_source_tree_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", _not_installed)
    assert commands._version() == "from a source tree, not installed"


def _not_installed(name: str) -> str:
    raise metadata.PackageNotFoundError(name)


def test_version_is_printed() -> None:
    result = CliRunner().invoke(commands.cli, ["--version"], prog_name="bearer-guard")
    assert (result.exit_code, result.output) == (0, f"bearer-guard {commands._version()}\n")


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(commands.cli, ["dmeo"]).exit_code == 2


@pytest.mark.parametrize("missing", ["click", "rich", "uvicorn"])
def test_a_missing_extra_is_one_sentence_that_says_what_to_install(
    missing: str, without: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (missing, "rich.console", "bearer_guard.cli.demo.screen"):
        without.delitem(sys.modules, name, raising=False)
    without.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    sentence = f"bearer-guard needs {missing}: run  pip install 'bearer-guard[demo]'  and try again.\n"
    assert capsys.readouterr() == ("", sentence)


def test_another_missing_module_is_a_defect_and_not_hidden(without: pytest.MonkeyPatch) -> None:
    without.setitem(sys.modules, "bearer_guard.cli.demo.servers", None)
    with pytest.raises(ModuleNotFoundError, match="servers"):
        main()


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bearer-guard"])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_module("bearer_guard.cli", run_name="__main__")
    assert exit_.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: bearer-guard ")


def test_help_comes_without_loading_what_only_the_demo_needs() -> None:
    program = (
        "import atexit, sys; from bearer_guard.cli import main; sys.argv = ['bearer-guard'];"
        "atexit.register(lambda: print({'bearer_guard.cli.demo', 'uvicorn'} & set(sys.modules))); main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage:")
    assert done.stdout.endswith("\nset()\n")
