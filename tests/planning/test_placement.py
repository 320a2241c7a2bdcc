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


def test_a_needle_bends_as_the_one_in_gel_and_thin_ones_bend_more():
    """A 22 G needle of 89 mm lay 8.85 mm off after 80 mm of gel (Rand 2016); the beam's law for the others."""
    from pedicle.model.needle import Needle, tip_curvature

    thin = Needle(22, 89.0, 0.718, 0.413)
    assert 0.5 * tip_curvature(thin, 1.0) * 80.0**2 == pytest.approx(8.85 / np.sqrt(2.0), rel=1e-6)
    eleven, thirteen = Needle(11, 125.0, 3.048, 2.388), Needle(13, 125.0, 2.413, 1.803)
    # Force as the section, stiffness as its square: twice the diameter bends a quarter.
    assert tip_curvature(thirteen, 1.0) / tip_curvature(eleven, 1.0) == pytest.approx((3.048 / 2.413) ** 2)
    assert tip_curvature(eleven, 1.0) / tip_curvature(thin, 1.0) == pytest.approx((0.718 / 3.048) ** 2 * 125.0 / 89.0)
    assert tip_curvature(eleven, 0.0) == 0.0


def test_bending_alone_passes_a_flat_wall_as_often_as_the_normal_law_says(analytic_vertebra):
    """The needle's way is a parabola: at the front of the stretch that counts it lies c s^2 / 2 to the side."""
    from pedicle.model.needle import Needle, tip_curvature

    fields = _flat(side_fields(analytic_vertebra(), "left"), 2.2, 30.0)
    line = Corridor(
        fields, "paramedian", "transpedicular", np.array([17.5, 36.0, 0.0]), np.array([17.5, 2.0, 0.0]), 0.0, 4.0
    )
    options = PlanOptions(draws=20_000, entry_error_mm=0.0, direction_error_deg=0.0, bending=20.0)
    needle = Needle(13, 125.0, 2.0 * RADIUS, 1.8)
    draws = draw_errors(options, 0, needle)
    assert (draw_errors(options, 0)[:, 6:] == 0.0).all()
    found = breach_probability(line, RADIUS, np.zeros((3, 3)), draws)
    way = 36.0 - line.zone_mm[0]
    spread = 0.5 * tip_curvature(needle, 20.0) * way**2
    expected = 1.0 - NormalDist().cdf((2.2 - RADIUS) / spread)
    assert found.beyond["medial"] == pytest.approx(expected, abs=0.01)


def test_the_benchmarks_judge_bends_its_needles_by_the_same_beam():
    """The judge goes by force and stiffness of a round beam, the plan by the closed form."""
    from benchmarks.planning import off_line_mm
    from pedicle.model.needle import catalogue, tip_curvature

    depth = np.array([0.0, 20.0, 35.0])
    for needle in catalogue():
        np.testing.assert_allclose(off_line_mm(needle, depth), 0.5 * tip_curvature(needle, 1.0) * depth**2, rtol=1e-9)
