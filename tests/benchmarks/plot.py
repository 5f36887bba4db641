"""The findings as a picture: a panel for each section, a line for each row, a dot for each column, with quartiles."""

import importlib
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import Any

from tests.benchmarks.findings import US, Figure, Findings

_OUR_COLOUR = "#c1121f"
_COLOURS = (
    "#4d4d4d",
    "#0077b6",
    "#2a9d8f",
    "#e9a03b",
    "#7b2cbf",
    "#6b8e23",
    "#a0522d",
    "#9aa0a6",
    "#264653",
    "#d36ba6",
)
_WIDTH, _ROW_HEIGHT, _PANEL_MARGIN = 11.0, 0.28, 1.1
"""Inches."""
_LABEL_WIDTH = 44
"""Characters."""
_AN_ORDER = 10


def draw(found: dict[str, Findings], path: Path) -> list[Path]:
    """Writes the picture as SVG and as PNG, and says where. Raises `ModuleNotFoundError` without matplotlib."""
    matplotlib: Any = importlib.import_module("matplotlib.figure")
    panels = {name: findings for name, findings in found.items() if findings.figures}
    if not panels:
        return []
    heights = [_PANEL_MARGIN + _ROW_HEIGHT * len(_rows(findings)) for findings in panels.values()]
    canvas = matplotlib.Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
    axes = canvas.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    colours = _colours(list(panels.values()))
    for axis, (name, findings) in zip(axes, panels.items(), strict=True):
        _panel(axis, name, findings, colours)
    paths = [path.with_suffix(".svg"), path.with_suffix(".png")]
    path.parent.mkdir(parents=True, exist_ok=True)
    for target in paths:
        canvas.savefig(target, dpi=110)
    return paths


def _rows(findings: Findings) -> list[str]:
    return list(dict.fromkeys(figure.row for figure in findings.figures))


def _colours(panels: Sequence[Findings]) -> dict[str, str]:
    columns = dict.fromkeys(figure.column for findings in panels for figure in findings.figures)
    colours = dict(zip((name for name in columns if name != US), cycle(_COLOURS), strict=False))
    return {**colours, US: _OUR_COLOUR}


def _panel(axis: Any, name: str, findings: Findings, colours: dict[str, str]) -> None:
    rows = _rows(findings)
    for column in dict.fromkeys(figure.column for figure in findings.figures):
        own = [figure for figure in findings.figures if figure.column == column]
        _dots(axis, [rows.index(figure.row) for figure in own], own, column, colours[column])
    targets = [(figure.target.limit, rows.index(figure.row)) for figure in findings.figures if figure.target]
    if targets:
        limits, heights = zip(*targets, strict=True)
        axis.plot(limits, heights, "|", markersize=14, markeredgewidth=2, color="black", label="target", zorder=1)
    axis.set_title(name, loc="left", fontweight="bold", fontsize=10)
    axis.set_xlabel(findings.unit, fontsize=8)
    _scale(axis, [figure.spread.median for figure in findings.figures])
    axis.set_yticks(range(len(rows)), [fill(row, _LABEL_WIDTH) for row in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(axis="both", color="#e5e5e5")
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)


def _scale(axis: Any, medians: Sequence[float]) -> None:
    """Logarithmic where figures differ by orders of magnitude, from zero on where they do not."""
    if min(medians) * _AN_ORDER < max(medians) and min(medians) > 0:
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.tick_params(axis="x", which="minor", labelbottom=False)
    else:
        axis.set_xlim(left=0)


def _dots(axis: Any, heights: list[int], figures: list[Figure], column: str, colour: str) -> None:
    spreads = [figure.spread for figure in figures]
    medians = [spread.median for spread in spreads]
    below = [spread.median - spread.low for spread in spreads]
    above = [spread.high - spread.median for spread in spreads]
    size, order = (6, 3) if column == US else (4.5, 2)
    look: dict[str, Any] = {"fmt": "o", "markersize": size, "elinewidth": 1, "color": colour, "zorder": order}
    axis.errorbar(medians, heights, xerr=[below, above], label=column, **look)
