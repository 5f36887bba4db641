"""Who takes part: what validates tokens (`verifiers`), and whole applications (`applications`)."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from tests.benchmarks.findings import US

Made = TypeVar("Made")


async def entered(
    makers: dict[str, Callable[..., Made]], trial: Callable[[Made], Any], *arguments: Any
) -> tuple[dict[str, Made], list[str]]:
    """Those that can take part, by name, and a sentence about each that cannot: `trial` raises for these."""
    ready: dict[str, Made] = {}
    absent: list[str] = []
    for name, make in makers.items():
        try:
            made = make(*arguments)
            await maybe_await(trial(made))
        except ModuleNotFoundError as error:
            absent.append(f"{name} is left out: {error.name} is not installed.")
        except Exception as error:  # whatever a library raises, the others run
            if name == US:
                raise
            absent.append(f"{name} is left out: it fails on a good token{_with(arguments)} ({type(error).__name__}).")
        else:
            ready[name] = made
    return ready, absent


def _with(arguments: tuple[Any, ...]) -> str:
    named = [argument for argument in arguments if isinstance(argument, str)]
    return f" of {named[0]}" if named else ""


async def maybe_await(value: Any) -> Any:
    """The value, or what it will be."""
    return await value if inspect.isawaitable(value) else value
