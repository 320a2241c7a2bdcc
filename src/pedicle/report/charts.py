"""Charts of the report: lines beside each other as inline SVG, the same every time."""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, BROWN, RED, GREEN = "#1f4e79", "#b5651d", "#b00020", "#3a7d44"
Line = tuple[NDArray[np.float64], NDArray[np.float64], str | None, str]


def charted(charts: list[tuple[list[Line], str, str]]) -> Markup:
    """Charts beside each other as inline SVG that is the same every time."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "pedicle", "svg.fonttype": "none", "font.size": 8}):
        from matplotlib.figure import Figure as Chart

        chart = Chart(figsize=(7.2, 2.4), layout="constrained")
        for axes, (lines, below, beside) in zip(np.atleast_1d(chart.subplots(1, len(charts))), charts, strict=True):
            for x, y, colour, label in lines:
                axes.plot(x, y, color=colour, label=label)
            axes.set(xlabel=below, ylabel=beside)
            axes.set_ylim(bottom=-0.5 if not beside else 30.0 if "°C" in beside else 0.0)
            if not beside:
                axes.set_yticks([])
            axes.legend(frameon=False)
        return inline(chart)


def inline(chart: Figure) -> Markup:
    """A chart as SVG for the inside of a page: no metadata, which HTML has no room for, and names of its own among the others'."""
    content = io.StringIO()
    chart.savefig(content, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = content.getvalue()
    text = text[text.index("<svg") :]
    own = f"c{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
    text = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{own}", text)
    return Markup(re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL))
