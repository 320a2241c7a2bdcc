"""Left stays left: the same patient stored otherwise gives the same plan, a mirrored patient the mirrored plan."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

import pedicle
from pedicle.anatomy.options import MeasureOptions
from pedicle.io.documents import plan_document
from pedicle.model.grid import Grid
from pedicle.model.scan import LabelMap, Scan
from pedicle.model.volume import Volume
from pedicle.phantom.make import Phantom, make_phantom
from pedicle.phantom.options import FractureOptions, PhantomOptions
from pedicle.planning.options import PlanOptions

ORDERS = list(product(permutations(range(3)), product((1, -1), repeat=3)))
CHOSEN = [ORDERS[n] for n in (5, 18, 31, 44)]


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    fracture = FractureOptions(level="L1", loss_percent=32.0)
    return make_phantom(
        PhantomOptions(
            top="T12", bottom="L2", shape=(200, 230, 96), spacing_mm=(1.4, 1.4, 1.5), fractures=(fracture,), seed=5
        )
    )


def planned(scan: Scan, labels: Volume) -> dict:
    spine = pedicle.find_vertebrae(scan, LabelMap(labels, "verse"), MeasureOptions())
    return plan_document(pedicle.plan(spine, scan, PlanOptions(levels="L1")))


@pytest.fixture(scope="module")
def truth(phantom) -> dict:
    return planned(phantom.scan, phantom.labels)


def stored(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same voxels with permuted and flipped axes."""
    matrix = np.eye(4)
    matrix[:3, :3] = volume.grid.lps_from_ijk[:3, :3][:, order] * flips
    start = np.zeros(3)
    for source, flip in zip(order, flips, strict=True):
        start[source] = volume.grid.shape[source] - 1 if flip < 0 else 0
    matrix[:3, 3] = volume.grid.lps_from_index(start)
    values = volume.values.transpose(order)[tuple(slice(None, None, f) for f in flips)]
    return Volume(Grid(values.shape, matrix), values)


def mirrored(volume: Volume) -> Volume:
    """The patient as a mirror shows him: left and right exchanged about x = 0 of the patient."""
    matrix = np.diag([-1.0, 1.0, 1.0, 1.0]) @ volume.grid.lps_from_ijk
    return Volume(Grid(volume.grid.shape, matrix), volume.values).canonical()


@pytest.mark.parametrize(("order", "flips"), CHOSEN)
def test_storage_order_does_not_move_a_needle(phantom, truth, order, flips):
    """All 48 orders give one canonical volume (tests of the grid); here four of them go through to the needle."""
    volume = stored(phantom.scan.volume, order, flips).canonical()
    labels = stored(phantom.labels, order, flips).canonical()
    assert planned(replace(phantom.scan, volume=volume), labels) == truth


def test_a_mirrored_patient_has_the_mirrored_plan(phantom, truth):
    """Tolerances: half the local grid's spacing in place, its angle over the needle's length in direction."""
    found = planned(replace(phantom.scan, volume=mirrored(phantom.scan.volume)), mirrored(phantom.labels))
    here = {needle["side"]: needle for needle in truth["levels"][0]["trajectories"]}
    there = {needle["side"]: needle for needle in found["levels"][0]["trajectories"]}
    for side, other in (("left", "right"), ("right", "left")):
        for point in ("bone_entry_lps_mm", "target_lps_mm"):
            expected = np.array(here[side][point]) * [-1, 1, 1]
            assert np.linalg.norm(np.array(there[other][point]) - expected) <= 0.01, point
        assert there[other]["feasible"] == here[side]["feasible"]
        assert there[other]["angles_deg"]["axial"] == pytest.approx(here[side]["angles_deg"]["axial"], abs=0.01)
        words = here[side]["carm_bulls_eye"]["tilt_toward"]
        assert there[other]["carm_bulls_eye"]["tilt_toward"] == {"left": "right", "right": "left"}[words]


def test_the_left_needle_lies_on_the_patients_left(truth):
    for needle in truth["levels"][0]["trajectories"]:
        entry, target = (np.array(needle[key]) for key in ("bone_entry_lps_mm", "target_lps_mm"))
        assert (entry[0] - target[0] > 0) == (needle["side"] == "left")
        assert needle["carm_bulls_eye"]["tilt_toward"] == needle["side"]
