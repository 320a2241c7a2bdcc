"""Breach probabilities against the normal law, where a straight wall leaves one."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from pedicle.model.sourced import quantity
from pedicle.planning.corridor import Corridor
from pedicle.planning.fields import side_fields
from pedicle.planning.options import PlanOptions
from pedicle.planning.placement import breach_probability, draw_errors

RADIUS = 1.524


def _flat(fields, medial_mm, canal_mm):
    """The same fields with a flat wall `medial_mm` towards the midline of x = 17.5 and a flat canal `canal_mm` away."""
    from dataclasses import replace

    x = fields.point(np.argwhere(np.ones(fields.depth.shape, bool)))[:, 0].reshape(fields.depth.shape)
    depth = (x - (17.5 - medial_mm)).astype(np.float32)
    canal = (x - (17.5 - canal_mm)).astype(np.float32)
    return replace(fields, depth=depth, canal=canal)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_flat_wall_is_passed_as_often_as_the_normal_law_says(analytic_vertebra, side):
    """Shift 1.5 mm, boundary 0.5 mm less its roughness, no turn: one normal variable decides, for walls and canal."""
    shift, boundary = 1.5, 0.5
    fields = _flat(side_fields(analytic_vertebra(), side), 3.0, 4.0)
    line = Corridor(
        fields, "paramedian", "transpedicular", np.array([17.5, 36.0, 0.0]), np.array([17.5, 2.0, 0.0]), 0.0, 4.0
    )
    options = PlanOptions(draws=20_000, entry_error_mm=shift, direction_error_deg=0.0)
    found = breach_probability(line, RADIUS, np.eye(3) * boundary, draw_errors(options, 0))
    spread = float(np.hypot(shift, boundary))
    rough = boundary * quantity("planning/limits", "label_roughness").value

    def beyond(clear_mm: float) -> float:
        return 1.0 - NormalDist().cdf((clear_mm - RADIUS + rough) / spread)

    # Three standard errors of 20 000 draws are 0.01.
    assert found.beyond["medial"] == pytest.approx(beyond(3.0), abs=0.01)
    assert found.beyond_2mm["medial"] == pytest.approx(beyond(5.0), abs=0.006)
    assert found.beyond["canal"] == pytest.approx(beyond(4.0), abs=0.01)
    assert found.beyond["lateral"] == found.beyond["superior"] == found.beyond["inferior"] == 0.0


def test_a_turn_about_the_entry_grows_with_the_way(analytic_vertebra):
    """3 deg over the 36 mm from entry to the front of the stretch that counts, beside a flat wall 3 mm away."""
    fields = _flat(side_fields(analytic_vertebra(), "left"), 3.0, 30.0)
    line = Corridor(
        fields, "paramedian", "transpedicular", np.array([17.5, 36.0, 0.0]), np.array([17.5, 2.0, 0.0]), 0.0, 4.0
    )
    options = PlanOptions(draws=20_000, entry_error_mm=0.0, direction_error_deg=3.0)
    found = breach_probability(line, RADIUS, np.zeros((3, 3)), draw_errors(options, 0))
    way = 36.0 - line.zone_mm[0]
    expected = 1.0 - NormalDist().cdf(np.degrees(np.arctan((3.0 - RADIUS) / way)) / 3.0)
    assert found.beyond["medial"] == pytest.approx(expected, abs=0.01)
