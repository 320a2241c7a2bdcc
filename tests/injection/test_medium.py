"""The medium against volumes, faces and resistances that can be worked out by hand."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pedicle.injection.cells import cells_of, gap_width_mm
from pedicle.injection.medium import medium_of
from pedicle.injection.options import MediumOptions
from pedicle.injection.passages import cells_along, with_passages
from pedicle.model.errors import InputError
from pedicle.model.medium import Passage, face_transmissibility, tube_mm4
from pedicle.model.permeability import marrow_ease, permeability_law, permeability_mm2, porosity
from pedicle.model.vertebra import PART_BODY, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE
from tests.injection.simple_bone import HALF_HEIGHT, plate, simple_bone, turned

SIZES = [(1.0, 1.0, 1.0), (0.4, 0.4, 0.4), (0.5, 0.5, 0.5), (2.0, 2.0, 2.0), (0.7, 0.9, 1.3), (0.6, 0.6, 2.0)]


def loose_middle(x, y, z):
    return 60.0 + 4.0 * np.hypot(x, y) + 3.0 * np.abs(z)


@pytest.mark.parametrize("size", SIZES)
def test_pore_volume_is_the_integral_of_porosity_on_every_grid(size):
    bone = simple_bone(loose_middle, cleft=plate())
    domain = np.isin(bone.parts.values, (PART_BODY, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE))
    room = np.where(bone.cleft.values, 1.0, porosity(bone.density_mg_cm3.values))
    true = float(room[domain].sum())
    medium = medium_of(bone, MediumOptions(spacing_mm=size))
    assert medium.spacing_mm == pytest.approx(size)
    assert medium.pore_volume_mm3.sum() == pytest.approx(true, rel=1e-9)
    # what lay in cells less than half full moved to a neighbour, no farther: none holds over twice its own
    share = medium.pore_volume_mm3[medium.flow_cells] / np.prod(size)
    assert share.max() < 2.0
    assert share.min() > 0.4 * room[domain].min()


def test_a_turned_patient_has_the_same_medium():
    first, second = (medium_of(simple_bone(loose_middle, pose=pose)) for pose in (turned(0.0), turned()))
    assert np.array_equal(first.flow_cells, second.flow_cells)
    assert first.face_mm3[2] == pytest.approx(second.face_mm3[2])


def test_cells_of_the_bones_own_size_are_the_bones():
    bone = simple_bone(loose_middle)
    cells = cells_of(bone, MediumOptions())
    where = cells.grid.lps_from_index(np.argwhere(cells.inside))
    assert np.abs(bone.parts.grid.index_from_lps(where) % 1.0).max() == pytest.approx(0.0, abs=1e-9)
    seen = porosity(bone.density_mg_cm3.sampled(where, order=0))
    assert cells.pore_share[cells.inside] == pytest.approx(seen, rel=1e-9)


def test_fluid_passes_easier_to_the_head_than_to_front_and_side():
    bone = simple_bone(90.0, pose=turned())
    medium = medium_of(bone)
    deep = permeability_mm2(porosity(90.0), permeability_law("kozeny"))
    inside = medium.permeability_mm2[:, medium.flow_cells]
    assert inside[2] == pytest.approx(deep[2])
    assert inside[0] == pytest.approx(0.78 * inside[2])
    assert inside[1] == pytest.approx(0.78 * inside[2])
    assert medium.grid is not None
    assert medium.grid.axes[2] == pytest.approx([0.0, 0.0, 1.0])


def test_faces_are_harmonic_by_hand():
    """Cells of 2 x 3 x 5 mm, k 0.02 and 0.03: T = area / (h/2k + h/2k)."""
    k = np.zeros((3, 2, 1, 2))
    k[:, 0, 0, 0], k[:, 1, 0, 0], k[:, 0, 0, 1] = 0.02, 0.03, 0.05
    flow = np.array([[[True, True]], [[True, False]]])
    left, _, up = face_transmissibility(k, flow, (2.0, 3.0, 5.0))
    assert left[0, 0, 0] == pytest.approx(15.0 / (1.0 / 0.02 + 1.0 / 0.03))
    assert up[0, 0, 0] == pytest.approx(6.0 / (2.5 / 0.02 + 2.5 / 0.05))
    assert left[0, 0, 1] == 0.0
    assert up[1, 0, 0] == 0.0


def test_a_lying_cleft_is_parallel_to_the_sides_and_in_series_to_the_head():
    """A layer of cleft of 1 mm (k = 1/12) falls in two cells of 2 mm, a quarter of each."""
    bone = simple_bone(90.0, cleft=lambda x, y, z: np.abs(z - 3.0) < 0.4)
    options = MediumOptions(spacing_mm=(1.0, 1.0, 2.0))
    medium, share = medium_of(bone, options), cells_of(bone, options).cleft_share
    torn = medium.flow_cells & (share > 0)
    assert share[torn] == pytest.approx(0.25, abs=1e-6)
    along = float(permeability_mm2(porosity(90.0), permeability_law("kozeny"))[2])
    gap = 1.0 / 12.0
    assert medium.permeability_mm2[0][torn] == pytest.approx(0.25 * gap + 0.75 * 0.78 * along)
    assert medium.permeability_mm2[2][torn] == pytest.approx(1.0 / (0.25 / gap + 0.75 / along))


def test_the_width_of_a_cleft_is_its_thickness_not_its_length():
    bone = simple_bone(cleft=plate(half_mm=1.2, wide=9.0))
    width = gap_width_mm(bone.cleft.values, bone.parts.grid.spacing_mm)
    x, y, _ = np.moveaxis(bone.parts.grid.centres_lps_mm(), -1, 0)
    assert np.unique(width[bone.cleft.values & (np.hypot(x, y) < 4)]) == pytest.approx([3.0])
    assert (width[~bone.cleft.values] == 0).all()


def test_the_smeared_shell_does_not_shut_the_bone_beneath_it():
    def smeared(x, y, z):
        return np.where(np.abs(z) > HALF_HEIGHT - 1.7, 400.0, 80.0)

    medium = medium_of(simple_bone(smeared))
    cells = cells_of(simple_bone(smeared), MediumOptions())
    k = medium.permeability_mm2[2][cells.inside & (cells.body_share >= 0.5)]
    assert k == pytest.approx(float(permeability_mm2(porosity(80.0), permeability_law())[2]))
    # and its mineral still takes its room
    assert cells.pore_share[cells.inside].min() == pytest.approx(float(porosity(400.0)))


def test_the_intact_shell_lets_marrow_out_and_holds_cement_back():
    """0.35 mm of 1e-14 m2 over the whole body: what marrow sheds, of 0.079 Pa s, at 50 kPa against cement of 100 Pa s."""
    medium = medium_of(simple_bone())
    total = sum(float(outlet.conductance_mm3.sum()) for outlet in medium.outlets)
    assert medium.marrow_viscosity_pa_s / marrow_ease() == pytest.approx(0.079)
    for one in medium.outlets:
        assert one.marrow_ease == (marrow_ease() if one.basis == "intact cortex" else 1.0)
    assert total * 5e4 / 0.079 > 50.0
    assert total * 5e4 / 100.0 < 0.5
    # one square millimetre of shell conducts 1e-8 / 0.35 mm3 when the bone beneath is open
    outlet = next(one for one in medium.outlets if one.name == "intact upper endplate")
    assert np.median(outlet.conductance_mm3) == pytest.approx(1e-8 / 0.35, rel=1e-3)


def test_no_outlet_lies_inside_the_bone_and_each_place_is_where_it_says():
    medium = medium_of(simple_bone())
    assert medium.grid is not None
    inner = medium.flow_cells.copy()
    for axis in range(3):
        inner &= np.roll(medium.flow_cells, 1, axis) & np.roll(medium.flow_cells, -1, axis)
    found = {}
    for outlet in medium.outlets:
        assert not inner.ravel()[outlet.cells].any()
        assert medium.flow_cells.ravel()[outlet.cells].all()
        index = np.stack(np.unravel_index(outlet.cells, medium.flow_cells.shape), axis=-1)
        found[outlet.name] = medium.grid.lps_from_index(index)
    assert len(found) == len(medium.outlets)
    assert (found["intact upper endplate"][:, 2] > 9.0).all()
    assert (found["intact lower endplate"][:, 2] < -9.0).all()
    canal = found["intact wall to the canal"]
    assert (np.abs(canal[:, 0]) < 12.5).all()
    assert (canal[:, 1] > 8.0).all()
    assert (found["intact front and side walls"][:, 1].min()) < -12.0


def test_without_a_body_there_is_no_medium():
    bone = simple_bone()
    empty = replace(bone, parts=bone.parts.with_values(np.zeros_like(bone.parts.values)))
    with pytest.raises(InputError, match="no body"):
        medium_of(empty)


def tube(start, end, radius=0.8, outside=10.0):
    return Passage(
        "tube", "segmental", "prevertebral_vein", np.array([start, end]), tube_mm4(radius), outside, 2000.0, "test"
    )


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (2.0, 2.0, 2.0), (0.7, 0.9, 1.3)])
def test_a_tube_conducts_as_poiseuille_says_on_any_grid(size):
    """With bone as good as shut, from the inner end to the outside: pi r^4 / 8 over the whole length."""
    bone = simple_bone(900.0)
    options = MediumOptions(spacing_mm=size, permeability_factor=1e-9)
    way = tube([0.0, 0.0, 0.0], [18.0, -5.0, 4.0])
    medium = with_passages(medium_of(bone, options), (way,))
    assert medium.grid is not None
    path = cells_along(medium.grid, medium.flow_cells, way.path_lps_mm)
    steps = np.abs(np.diff(np.array(path), axis=0))
    assert (steps.sum(axis=1) == 1).all()
    resistance = 0.0
    for first, second in pairwise(path):
        axis = int(np.flatnonzero(np.array(first) != np.array(second))[0])
        resistance += 1.0 / medium.face_mm3[axis][min(first, second)]
    outlet = medium.outlets[-1]
    resistance += 1.0 / float(outlet.conductance_mm3[0])
    length = float(np.linalg.norm([18.0, -5.0, 4.0])) + 10.0
    assert 1.0 / resistance == pytest.approx(np.pi * 0.8**4 / 8.0 / length, rel=1e-4)
    assert outlet.cells[0] == np.ravel_multi_index(path[-1], medium.flow_cells.shape)


def test_a_tube_of_no_width_changes_nothing():
    medium = medium_of(simple_bone())
    same = with_passages(medium, (tube([0.0, 0.0, 0.0], [18.0, 0.0, 0.0], radius=0.0),))
    assert len(same.outlets) == len(medium.outlets)
    assert np.array_equal(same.face_mm3[0], medium.face_mm3[0])
