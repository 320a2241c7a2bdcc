"""The figures of `benchmarks.trends` drawn, each beside what was published."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks._table import Row
from pedicle.model.sourced import quantity

OURS, THEIRS = "#1f5a8a", "#b5651d"


def draw(rows: Sequence[Row]) -> str:
    """All panels as one SVG, the same bytes for the same rows."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    style = {"svg.hashsalt": "pedicle", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False}
    with pyplot.rc_context(style):
        figure, axes = pyplot.subplots(2, 4, figsize=(13.0, 6.2), layout="constrained")
        for axis, panel in zip(axes.flat, PANELS, strict=False):
            panel(axis, rows)
        _legend(axes.flat[len(PANELS)])
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def found(rows: Sequence[Row], metric: str) -> list[Row]:
    """Rows of a metric that keep their values, in order."""
    return [row for row in rows if row.metric == metric and "values" in row.same_work]


def _restored(key: str) -> Any:
    def panel(axis: Any, rows: Sequence[Row]) -> None:
        for row in found(rows, f"r2 of restored {key} by fill")[:1]:
            fill, percent = (np.array(part) for part in row.same_work["values"])
            gain, start = row.same_work["line"]
            axis.plot(fill, percent, "o", ms=3, color=OURS)
            axis.plot([0.0, fill.max()], [start, start + gain * fill.max()], color=OURS)
            axis.set_title(f"{key} restored: r\N{SUPERSCRIPT TWO} {row.value:.2f} ({row.peer_value:.2f})")
        axis.axhline(100.0, color="0.7", lw=0.8)
        for row in [row for row in rows if row.metric == f"fill that restores {key}, line through bodies"][:1]:
            axis.axvline(row.peer_value, color=THEIRS, ls="--")
        axis.set_xlabel("fill, % of the body")
        axis.set_ylabel("% of before")

    return panel


def _boundary(axis: Any, rows: Sequence[Row]) -> None:
    for row in found(rows, "strength, acrylic over disc, median")[:1]:
        axis.hist(row.same_work["values"], bins=20, color=OURS)
        axis.axvline(row.peer_value, color=THEIRS, ls="--")
    _band(axis.axvspan, None, "boundary", "pmma_over_disc")
    axis.set_title("strength, acrylic over disc")
    axis.set_xlabel("ratio")
    axis.set_ylabel("bodies")


def _shell(axis: Any, rows: Sequence[Row]) -> None:
    labels, place = [], 0
    for row in rows:
        if row.metric.startswith("load in the shell") and "values" in row.same_work:
            values = row.same_work["values"]
            axis.plot(np.full(len(values), place), values, "o", ms=3, color=OURS)
            labels.append(
                row.case.split(",")[0].split()[0] + ", " + row.metric.split("height, ")[1].replace(", ", ",\n")
            )
            place += 1
    _band(axis.axhspan, axis.axhline, "shell", "share")
    axis.set_xticks(range(place), labels, rotation=45, ha="right")
    axis.set_ylim(0.0, 0.6)
    axis.set_title("share of load in the shell at mid-height")


def _composite(axis: Any, rows: Sequence[Row]) -> None:
    those = [row for row in rows if row.metric == "modulus over native"]
    density = [float(row.case.split(" of ")[1].split()[0]) for row in those]
    axis.plot(density, [float(row.value) for row in those], "o-", color=OURS)
    _band(axis.axhspan, axis.axhline, "composite", "over_native")
    axis.set_ylim(0.0, 14.0)
    axis.set_xlabel("density, mg/cm\N{SUPERSCRIPT THREE}")
    axis.set_title("bone full of cement over native")


def _modulus(axis: Any, rows: Sequence[Row]) -> None:
    those = [row for row in rows if "cement of 2600 over 1000 MPa" in row.metric and "values" in row.same_work]
    if those:
        axis.boxplot([row.same_work["values"] for row in those])
        axis.set_xticks(
            range(1, len(those) + 1), [row.metric.split("MPa, ")[1].replace("percent", "%") for row in those]
        )
    axis.axhline(1.0, color=THEIRS, ls="--")
    axis.set_title("cement of 2600 over 1000 MPa: stiffness")


def _density(axis: Any, rows: Sequence[Row]) -> None:
    for what, mark in (("stiffness", "o-"), ("strength", "s--")):
        for row in found(rows, f"exponent of {what} by density"):
            values = np.array(row.same_work["values"])
            middle = row.same_work["factors"].index(1.0)
            axis.plot(
                row.same_work["factors"],
                values / values[middle],
                mark,
                ms=3,
                label=f"{what}, {row.case}: {row.value:.2f}",
            )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("mineral over the body's own")
    axis.set_title("density sweep (published 1.05 to 1.56)")
    axis.legend(fontsize=5.5, frameon=False)


def _band(span: Any, line: Any, *keys: str) -> None:
    """A published value and its bounds."""
    told = quantity("mechanics/published", *keys)
    span(told.low, told.high, color=THEIRS, alpha=0.15)
    if line:
        line(told.value, color=THEIRS, ls="--")


def _legend(axis: Any) -> None:
    axis.axis("off")
    words = "blue: computed here\n\nbrown: published\n(dashes: the value; band: the range asked for)\n\nvalues and sources: the table below"
    axis.text(0.0, 0.5, words, va="center")


PANELS = (_restored("strength"), _restored("stiffness"), _boundary, _shell, _composite, _modulus, _density)
