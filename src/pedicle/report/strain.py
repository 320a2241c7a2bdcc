"""Where a body bears its load, before and after: strain energy in its middle cuts, the same colours for every state."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from pedicle.model.strength import STATES, State, Strength
from pedicle.report.charts import inline

STATE_WORDS: dict[State, str] = {"intact": "Before the fracture", "fractured": "Fractured", "augmented": "With cement"}

# Brightest colour: this share of all cells of all states lies below.
_TOP = 0.98
Cut = tuple[NDArray[np.float64], tuple[float, float, float, float], str, str]


def state_words(found: Strength, state: State) -> str:
    """A state's name; a body without a fracture simply is as it is."""
    return "As it is" if state == "intact" and "fractured" not in found.states else STATE_WORDS[state]


def strain_chart(found: Strength) -> Markup:
    """Sagittal (seen from the right) and coronal (seen from the front) cuts through the body's middle, a column a state, kJ/m3."""
    import matplotlib

    states = [state for state in STATES if state in found.states]
    drawn = {state: cuts(found, state) for state in states}
    values = np.concatenate([found.states[state].strain_energy.values.ravel() for state in states])
    top = float(np.quantile(values[values > 0.0], _TOP)) * 1e3 if (values > 0.0).any() else 1.0
    with matplotlib.rc_context({"svg.hashsalt": "pedicle", "svg.fonttype": "none", "font.size": 8}):
        from matplotlib.figure import Figure as Chart

        chart = Chart(figsize=(7.2, 3.6), layout="constrained")
        axes = np.atleast_2d(chart.subplots(2, len(states), squeeze=False))
        for column, state in enumerate(states):
            for row, (picture, extent, left, right) in enumerate(drawn[state]):
                shown = axes[row, column].imshow(
                    np.ma.masked_less_equal(picture * 1e3, 0.0), origin="lower", extent=extent, vmin=0.0, vmax=top, cmap="magma"
                )  # fmt: skip
                axes[row, column].set(xlabel=f"{left} to {right}", xticks=[], yticks=[])
                axes[row, column].set_facecolor("#eeeeee")
            axes[0, column].set_title(state_words(found, state), fontsize=8)
        chart.colorbar(shown, ax=axes, label="strain energy, kJ/m³", shrink=0.8)
        return inline(chart)


def cuts(found: Strength, state: State) -> tuple[Cut, Cut]:
    """Both cuts as (rows to the head, columns) with their extent in mm and what lies at either edge."""
    energy = found.states[state].strain_energy
    index = np.argwhere(energy.values > 0.0)
    middle = np.round(index.mean(axis=0)).astype(int) if len(index) else np.zeros(3, int)
    size = np.array(energy.values.shape) * energy.grid.spacing_mm
    sagittal = np.asarray(energy.values[middle[0], ::-1, :].T, float)
    coronal = np.asarray(energy.values[:, middle[1], :].T, float)
    return (
        (sagittal, (0.0, float(size[1]), 0.0, float(size[2])), "back", "front"),
        (coronal, (0.0, float(size[0]), 0.0, float(size[2])), "right", "left"),
    )
