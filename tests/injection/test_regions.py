"""Regions of a body against the volumes of the shapes they were cut from."""

import numpy as np
import pytest

from pedicle.injection.medium import medium_of
from pedicle.injection.options import MediumOptions
from pedicle.injection.regions import regions_of
from pedicle.model.permeability import porosity
from pedicle.model.vertebra import PART_BODY
from tests.injection.simple_bone import HALF_DEPTH, plate, simple_bone, turned


def whole(bone, size=(1.0, 1.0, 1.0)):
    medium = medium_of(bone, MediumOptions(spacing_mm=size))
    return medium, regions_of(bone, medium)


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (2.0, 2.0, 2.0)])
def test_fillable_volume_is_the_bodys_pores(size):
    bone = simple_bone(90.0)
    body = float((bone.parts.values == PART_BODY).sum())
    _, regions = whole(bone, size)
    assert regions.fillable_ml == pytest.approx(body * float(porosity(90.0)) / 1000.0, rel=0.02)


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (0.7, 0.9, 1.3), (2.0, 2.0, 2.0)])
def test_the_fracture_space_keeps_its_volume(size):
    bone = simple_bone(90.0, cleft=plate(half_mm=1.6, wide=11.0))
    _, regions = whole(bone, size)
    assert regions.cleft_ml == pytest.approx(float(bone.cleft.values.sum()) / 1000.0, rel=0.02)


def test_sides_are_the_patients_and_share_the_body():
    medium, regions = whole(simple_bone(pose=turned()))
    assert medium.grid is not None
    left = turned().inverse @ medium.grid.lps_from_index(np.argwhere(regions.left))
    assert (left[:, 0] > 0).all()
    assert regions.left.sum() == regions.right.sum()
    assert not (regions.left & regions.right).any()
    assert (regions.left | regions.right).sum() >= 0.95 * regions.body.sum()


def test_the_posterior_quarter_begins_where_a_lateral_view_shows_it():
    medium, regions = whole(simple_bone(pose=turned()))
    assert medium.grid is not None
    place = turned().inverse @ medium.grid.lps_from_index(np.argwhere(regions.posterior_quarter))
    assert place[:, 1].min() == pytest.approx(0.5 * HALF_DEPTH, abs=1.0)
    behind = turned().inverse @ medium.grid.lps_from_index(np.argwhere(regions.body & ~regions.posterior_quarter))
    assert behind[:, 1].max() <= place[:, 1].min()


def test_filled_shares():
    medium, regions = whole(simple_bone(90.0, cleft=plate(half_mm=1.6, wide=11.0)))
    full = medium.pore_volume_mm3
    assert regions.filled_share(full, regions.body) == pytest.approx(1.0)
    assert regions.cleft_filled_share(0.25 * full) == pytest.approx(0.25)
    assert regions.filled_share(full, np.zeros_like(regions.body)) == 0.0
    _, without = whole(simple_bone())
    assert without.cleft_filled_share(full * 0.0) == 0.0


def test_a_medium_of_another_bone_is_refused():
    medium, _ = whole(simple_bone())
    with pytest.raises(ValueError, match="not of this bone"):
        regions_of(simple_bone(pose=turned()), medium)
