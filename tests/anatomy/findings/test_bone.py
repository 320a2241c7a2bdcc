"""The bone of a level on its own grid: volumes, density and openings against the formula they were cut from."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pedicle.anatomy.bone import cut_bone
from pedicle.anatomy.density import measure_density
from pedicle.anatomy.options import MeasureOptions
from pedicle.model.density import density_law
from pedicle.model.vertebra import PART_BODY


def test_density_parts_and_shell_follow_the_formula(seen: Any, anatomic: Any) -> None:
    vertebra, scan = seen
    bone = cut_bone(vertebra, scan)
    assert bone is not None
    grid = bone.parts.grid
    assert grid.spacing_mm == pytest.approx([1.0, 1.0, 1.0])
    place = anatomic.pose.inverse @ grid.centres_lps_mm()
    depth = anatomic.surface(place)
    body = bone.parts.values == PART_BODY
    deep = body & (depth < -4.0)
    true = float(density_law(120.0).density_from_hu(120.0))
    assert bone.density_mg_cm3.values[deep].mean() == pytest.approx(true, rel=0.02)
    assert bone.shell.values[body & (depth > -0.8)].mean() > 0.9
    assert not bone.shell.values[deep].any()
    assert not bone.cleft.values.any()
    assert bone.density_mg_cm3.values.dtype == np.float32


def test_the_grid_reaches_12_mm_beyond_and_has_a_node_at_the_origin(seen: Any) -> None:
    vertebra, scan = seen
    bone = cut_bone(vertebra, scan)
    assert bone is not None
    index = bone.parts.grid.index_from_lps(vertebra.centroid_lps_mm)
    assert index == pytest.approx(np.rint(index), abs=1e-9)
    body = np.argwhere(bone.parts.values == PART_BODY)
    assert (body.min(axis=0) >= 11).all()
    assert (np.array(bone.parts.grid.shape) - 1 - body.max(axis=0) >= 11).all()


def test_bone_agrees_with_the_levels_own_calibration(seen: Any) -> None:
    vertebra, scan = seen
    given = MeasureOptions(slope_hu_per_mg_cm3=1.6)
    measured = replace(vertebra, density=measure_density(vertebra, scan, given))
    bone = cut_bone(measured, scan)
    assert bone is not None
    body = bone.parts.values == PART_BODY
    inner = bone.density_mg_cm3.values[body & ~bone.shell.values]
    assert float(np.median(inner)) == pytest.approx(120.0 / 1.6, rel=0.02)


def test_the_basivertebral_foramen_is_an_opening(changed: Any) -> None:
    def foramen(points: Any, hu: Any) -> Any:
        x, y, z = np.moveaxis(points, -1, 0)
        return np.where((np.hypot(x, z) < 3.5) & (y > 5.0) & (y < 16.0), 30.0, hu)

    bone = cut_bone(*changed(lump=foramen))
    assert bone is not None
    assert [opening.route for opening in bone.openings] == ["basivertebral"]
    # a round hole of 3.5 mm loses its rim to blur
    assert 8 <= bone.openings[0].voxels.values.sum() <= 45


def test_thick_slices_show_no_openings_and_say_so(anatomic: Any) -> None:
    bone = cut_bone(anatomic.vertebra(), anatomic.scan((0.9, 0.9, 3.0)))
    assert bone is not None
    assert bone.openings == ()
    assert bone.warnings[0].code == "openings-not-seen"


def test_no_bone_without_ct_parts_or_completeness(seen: Any) -> None:
    vertebra, scan = seen
    assert cut_bone(vertebra, None) is None
    assert cut_bone(replace(vertebra, maps=None), scan) is None
    assert cut_bone(replace(vertebra, complete=False), scan) is None
