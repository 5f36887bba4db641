"""The story as a person would want to see it, in a terminal of any width, in a pipe, and without colours."""

import json
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import fields
from http import HTTPStatus
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from bearer_guard.cli.demo.story import Answer, Step, Trial

WIDEST = 100
"""Columns. Longer lines of prose are hard to read."""
_NARROWEST = 20
_INDENT = 5
_MOST_OF_A_TOKEN = 6

Part = str | tuple[str, str]

_SENT, _RECEIVED = ("> ", "dim"), ("< ", "dim")  # as curl -v marks them


class _Signs(NamedTuple):
    right: str
    wrong: str
    more: str


_SIGNS = _Signs("\N{CHECK MARK}", "\N{BALLOT X}", "\N{HORIZONTAL ELLIPSIS}")
_ASCII_SIGNS = _Signs("ok", "!!", "...")


class Screen:
    """Prints the demo."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._signs = _signs_for(self._console.encoding)

    def banner(self, issuer: str, api: str) -> None:
        """What is about to run, and what it is not."""
        lines = Text.assemble(
            ("Throw-away keys, on loopback only, gone when it ends: not for production.\n", "yellow"),
            ("issuer  ", "dim"),
            f"{issuer}\n",
            ("API     ", "dim"),
            api,
        )
        width = min(self._console.width, WIDEST)
        self._console.print(Panel(lines, title="bearer-guard demo", title_align="left", box=box.ROUNDED, width=width))

    def waiting(self, sentence: str) -> AbstractContextManager[object]:
        """Shows that something is under way; in a pipe it is silent."""
        return self._console.status(f"{sentence} {self._signs.more}", spinner="line")

    def step(self, number: int, step: Step, token: str | None, answer: Answer) -> None:
        """One request and its answer, with a mark that says whether it is as it should be."""
        is_right = answer == step.expected
        self._console.print()
        self._line(0, self._mark(is_right=is_right), (f" {number:>2}  ", "dim"), (step.title, "bold"))
        self._line(_INDENT, step.why)
        self._console.print()
        self._wire(_SENT, f"{step.method} {step.path}")
        if token is not None:
            self._wire(_SENT, f"Authorization: Bearer {token[:_MOST_OF_A_TOKEN]}{self._signs.more}")
        self._answer(answer)
        if not is_right:
            self._differences(step.expected, answer)

    def closing(self, right: int, total: int) -> None:
        """How many of how many."""
        self._console.print()
        is_right = right == total
        style = "bold green" if is_right else "bold red"
        self._line(0, self._mark(is_right=is_right), (f" {right} of {total} answers are as they should be.", style))

    def try_it(self, api: str, trials: Iterable[tuple[Trial, str | None]]) -> None:
        """The curl lines, whole and on one line each, so that they can be copied."""
        self._console.print()
        self._line(0, ("Now you. ", "bold"), f"The API stays up at {api} until you press Ctrl-C.")
        self._line(
            0,
            "The tokens are printed in full because they are throw-away: good for an hour at most, and for nothing but "
            "this demo on this machine. Never print, log or paste a real one.",
        )
        for trial, token in trials:
            self._console.print()
            self._line(0, (f"# {trial.title}", "dim"))
            header = "" if token is None else f' -H "Authorization: Bearer {token}"'
            self._console.print(Text(f"curl -i {api}{trial.path}{header}"), soft_wrap=True)
        self._console.print()
        self._line(0, ("What the API's log says about your requests:", "bold"))

    def log_line(self, message: str) -> None:
        """One record of the API's log."""
        self._line(0, (message, "dim"))

    def stopped(self) -> None:
        """The end after Ctrl-C."""
        self._console.print()
        self._line(0, "Stopped: both servers and all keys are gone.")

    # --- parts of a step ---

    def _answer(self, answer: Answer) -> None:
        style = "green" if answer.status < HTTPStatus.BAD_REQUEST else "yellow"
        self._wire(_RECEIVED, (_status_line(answer.status), f"bold {style}"))
        if answer.challenge is not None:
            self._wire(_RECEIVED, "WWW-Authenticate: ", (answer.challenge, style))
        if answer.body is not None:
            self._wire(_RECEIVED, (json.dumps(answer.body), style))
        if answer.reason is not None:
            self._wire((f"the log says: reason={answer.reason}", "dim"))

    def _differences(self, expected: Answer, answer: Answer) -> None:
        for field in fields(Answer):
            wanted = getattr(expected, field.name)
            if wanted != getattr(answer, field.name):
                self._wire((f"expected {field.name}: {_shown(wanted)}", "bold red"))

    def _mark(self, *, is_right: bool) -> Part:
        return (self._signs.right, "bold green") if is_right else (self._signs.wrong, "bold red")

    # --- lines ---

    def _line(self, indent: int, *parts: Part) -> None:
        """Prose: as wide as the eye likes it."""
        self._fold(Text.assemble(*parts), indent, min(self._console.width, WIDEST))

    def _wire(self, *parts: Part) -> None:
        """What went over the wire: as wide as the terminal. In a pipe it stays on one line, for whoever searches."""
        text = Text.assemble(*parts)
        width = self._console.width if self._console.is_terminal else len(text) + _NARROWEST
        self._fold(text, _INDENT + 2, width, hanging=2)

    def _fold(self, text: Text, indent: int, width: int, hanging: int = 0) -> None:
        for number, line in enumerate(text.wrap(self._console, max(width - indent - hanging, _NARROWEST))):
            line.rstrip()
            margin = indent + (hanging if number else 0)
            self._console.print(Text(" " * margin).append_text(line), soft_wrap=True)


def _signs_for(encoding: str) -> _Signs:
    try:
        "".join(_SIGNS).encode(encoding)
    except UnicodeEncodeError:
        return _ASCII_SIGNS
    return _SIGNS


def _status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
