"""The command `bearer-guard`. What it needs beyond the library comes with extras, and is imported when it is needed."""

import sys

_FROM_EXTRAS = frozenset({"click", "rich", "uvicorn"})


def main() -> None:
    """Runs `bearer-guard`. Exits with 2 and a sentence that says what to install, where an extra is missing."""
    try:
        from bearer_guard.cli.commands import cli  # noqa: PLC0415  click may be missing

        cli(prog_name="bearer-guard")
    except ModuleNotFoundError as error:
        if error.name not in _FROM_EXTRAS:
            raise
        sys.stderr.write(f"bearer-guard needs {error.name}: run  pip install 'bearer-guard[demo]'  and try again.\n")
        sys.exit(2)
