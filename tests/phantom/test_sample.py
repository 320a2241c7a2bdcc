"""Cohorts follow the published spreads, and a seed is a patient."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.model.sourced import quantity
from pedicle.phantom.chain import linked, sacrum_pose, wedge_deg
from pedicle.phantom.morphometry import spine_shapes
from pedicle.phantom.options import PhantomOptions
from pedicle.phantom.sample import sample_options


def test_a_seed_is_a_patient():
    assert sample_options(11) == sample_options(11)
    assert sample_options(11) != sample_options(12)


def test_density_by_group_is_the_published_one():
    """Means of 300 draws within 3 standard errors of 56 (sd 20; a little more, for 20 is the least)."""
    drawn = np.array([sample_options(seed, fractured=True).density_mg_cm3 for seed in range(300)])
    assert drawn.mean() == pytest.approx(
        quantity("phantom/morphometry", "spread", "density_fractured").value + 1.5, abs=4.0
    )
    assert drawn.min() >= 20.0
    assert drawn.std() == pytest.approx(19.0, abs=3.0)


def test_lordosis_is_the_recumbent_one():
    drawn = np.array([sample_options(seed).lordosis_deg for seed in range(400)])
    assert drawn.mean() == pytest.approx(36.8, abs=2.0)
    assert drawn.std() == pytest.approx(13.2, abs=2.0)


def test_pedicle_widths_lie_in_the_published_spread():
    """L1 to L4: published standard deviations are 0.96 to 2.6 mm; means by Zindrick 1987 for the mean of both sexes."""
    shapes = [spine_shapes(sample_options(seed)) for seed in range(60)]
    for level, mean in (("L1", 8.7), ("L3", 10.3), ("L4", 12.9)):
        widths = np.array([w for found in shapes for s in found if s.level == level for w in s.pedicle_widths])
        assert widths.mean() == pytest.approx(mean, rel=0.06)
        assert 0.9 < widths.std() < 2.7


def test_women_are_smaller_than_men():
    women, men = (spine_shapes(PhantomOptions(sex=sex, level_noise=0.0)) for sex in ("F", "M"))
    ratio = women[12].height_back / men[12].height_back
    assert ratio == pytest.approx(23.57 / 25.94, abs=0.01)  # L1 posterior height, women over men, Duman 2026


def test_held_out_shapes_are_of_another_family():
    tuned = [s.squareness for s in spine_shapes(PhantomOptions(seed=4))]
    held = [s.squareness for s in spine_shapes(PhantomOptions(seed=4, held_out=True))]
    assert min(np.subtract(held, tuned)) > 0.05


def test_lordosis_asked_for_is_the_lordosis_built():
    options = PhantomOptions(lordosis_deg=45.0, level_noise=0.0)
    shapes = spine_shapes(options)
    links = linked(options, shapes, shapes)
    upper = next(link for link in links if link.shape.level == "T12")

    def tilt(pose):  # type: ignore[no-untyped-def]
        axis = pose.axis(2)
        return np.degrees(np.arctan2(axis[1], axis[2]))

    top = tilt(upper.lps_from_vertebra) + 0.5 * wedge_deg(upper.shape)
    assert top - tilt(sacrum_pose(links[-1], options, shapes)) == pytest.approx(45.0, abs=0.1)


def test_a_curve_is_convex_to_the_side_it_says_and_spinous_processes_turn_into_its_hollow():
    options = PhantomOptions(scoliosis_deg=30.0, rotation_deg=12.0, scoliosis_apex="L1", level_noise=0.0)
    shapes = spine_shapes(options)
    place = {link.shape.level: link.lps_from_vertebra for link in linked(options, shapes, shapes)}
    ends = 0.5 * (place["T9"].origin_mm[0] + place["L5"].origin_mm[0])
    assert place["L1"].origin_mm[0] - ends > 5.0  # convex to the left, +x
    assert place["L1"].axis(1)[0] < -0.1  # the back of L1 looks to the right


def test_deformed_patients_differ_only_in_their_curve():
    plain, bent = sample_options(5), sample_options(5, deformed=True)
    assert plain.size == bent.size
    assert abs(bent.scoliosis_deg) > abs(plain.scoliosis_deg)
