"""Turning the patient changes nothing in the patient; mirroring the patient swaps the sides and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.model.frames import SIDES
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan

OPTIONS = PlanOptions(levels="L3", draws=500, needles="two")
MIRROR = np.array([-1.0, 1.0, 1.0])


def by_side(made):
    return {found.side: found for found in made["L3"].trajectories}


@pytest.fixture(scope="module")
def uneven(analytic_vertebra):
    return {"radii": (5.0, 3.2), "convergence_deg": 12.0}


def test_a_mirrored_vertebra_gets_the_mirrored_plan(analytic_vertebra, uneven, spine_of, skin_scan):
    scan = skin_scan()
    here = by_side(plan(spine_of(analytic_vertebra(**uneven)), scan, OPTIONS))
    mirrored = analytic_vertebra(**uneven | {"radii": uneven["radii"][::-1]})
    there = by_side(plan(spine_of(mirrored), scan, OPTIONS))
    for side, other in zip(SIDES, SIDES[::-1], strict=True):
        a, b = here[side], there[other]
        np.testing.assert_allclose(a.bone_entry_lps_mm * MIRROR, b.bone_entry_lps_mm, atol=0.01)
        np.testing.assert_allclose(a.target_lps_mm * MIRROR, b.target_lps_mm, atol=0.01)
        np.testing.assert_allclose(a.skin_entry_lps_mm * MIRROR, b.skin_entry_lps_mm, atol=0.01)
        assert a.axial_deg == pytest.approx(b.axial_deg, abs=0.01)
        assert a.bulls_eye.tilt_toward == side
        assert b.bulls_eye.tilt_toward == other
        assert a.bulls_eye.dicom_primary_deg == pytest.approx(-b.bulls_eye.dicom_primary_deg, abs=0.01)
        for wall, clear in a.clearance.items():
            assert clear.mm == (None if b.clearance[wall].mm is None else pytest.approx(b.clearance[wall].mm, abs=0.01))
        assert a.feasible == b.feasible


def test_the_left_needle_is_on_the_patients_left(analytic_vertebra, spine_of, skin_scan):
    found = by_side(plan(spine_of(analytic_vertebra()), skin_scan(), OPTIONS))
    assert found["left"].bone_entry_lps_mm[0] > 0 > found["right"].bone_entry_lps_mm[0]  # L of LPS
    assert "toward the patient's left" in found["left"].bulls_eye.sentence


def test_a_turned_patient_gets_the_same_plan_in_its_own_frame(
    analytic_vertebra, uneven, spine_of, skin_scan, turned_poses
):
    here = by_side(plan(spine_of(analytic_vertebra(**uneven)), skin_scan(), OPTIONS))
    for pose in turned_poses:
        vertebra = analytic_vertebra(**uneven, pose=pose)
        # Labels turn with the patient, so that their error has the same directions.
        spine = spine_of(vertebra)
        grid = replace(spine.labels.grid, lps_from_ijk=pose.matrix @ spine.labels.grid.lps_from_ijk)
        spine = replace(spine, labels=replace(spine.labels, grid=grid))
        scan = skin_scan(centre=pose.origin_mm, back=pose.axis(1))
        for side, found in by_side(plan(spine, scan, OPTIONS)).items():
            np.testing.assert_allclose(pose.inverse @ found.bone_entry_lps_mm, here[side].bone_entry_lps_mm, atol=0.01)
            np.testing.assert_allclose(pose.inverse @ found.target_lps_mm, here[side].target_lps_mm, atol=0.01)
            for wall in ("medial", "lateral", "superior", "inferior", "canal"):
                assert found.clearance[wall].mm == pytest.approx(here[side].clearance[wall].mm, abs=0.02)
            # Angles are the patient's: they follow the turn.
            np.testing.assert_allclose(found.bulls_eye.detector_lps, -found.direction_lps, atol=1e-9)
