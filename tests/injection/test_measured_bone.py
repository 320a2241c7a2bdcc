"""Every level that is measured has a medium: synthetic fractures of three shapes, and a public CT."""

from itertools import pairwise

import numpy as np
import pytest

from pedicle.anatomy.bone import cut_bone
from pedicle.anatomy.spine import find_vertebrae
from pedicle.injection.medium import medium_of
from pedicle.injection.openings import expected_openings
from pedicle.injection.options import MediumOptions
from pedicle.injection.regions import regions_of
from pedicle.io.read import read_ct, read_labels
from pedicle.phantom.make import make_phantom
from pedicle.phantom.options import FractureOptions, PhantomOptions

BROKEN = (
    FractureOptions(level="T12", shape="crush", loss_percent=42.0, cleft="gas"),
    FractureOptions(level="L1", shape="wedge", loss_percent=33.0),
    FractureOptions(level="L2", shape="biconcave", loss_percent=35.0),
)


@pytest.fixture(scope="module")
def seen():
    options = PhantomOptions(
        top="T12", bottom="L2", shape=(110, 120, 110), spacing_mm=(1.0, 1.0, 1.25), seed=5, body=False, fractures=BROKEN
    )
    phantom = make_phantom(options)
    return phantom.scan, find_vertebrae(phantom.scan, phantom.label_map())


@pytest.fixture(scope="module")
def broken(seen):
    return seen[1]


@pytest.fixture(scope="module")
def verse014(shared_data):
    folder = shared_data / "verse014-l1-l5"
    scan = read_ct(folder / "sub-verse014_ct.nii.gz")
    return find_vertebrae(scan, read_labels(folder / "sub-verse014_seg-vert_msk.nii.gz", scan))


def media(spine):
    for vertebra in spine.vertebrae:
        if vertebra.bone is not None:
            made = medium_of(vertebra.bone, MediumOptions(), expected_openings(vertebra.bone))
            yield vertebra, made, regions_of(vertebra.bone, made)


def check(vertebra, medium, regions):
    """What must hold of any body: pores between 60 and 97 percent, permeability in the range measured on human bone, finite
    joints, and a way out of each kind."""
    volume = float(regions.body.sum()) * np.prod(medium.spacing_mm) / 1000.0
    assert volume == pytest.approx(vertebra.body_volume_ml, rel=0.15), vertebra.level
    assert 0.6 < regions.fillable_ml / volume < 0.97
    middle = float(np.median(medium.permeability_mm2[2][regions.body])) * 1e-6
    # Nauman's sites begin at 2.7e-11 m2, Baroud's mean is 4.45e-8; porous old bone may lie above
    assert 1e-9 < middle < 3e-7, vertebra.level
    assert all(np.isfinite(face).all() and (face >= 0).all() for face in medium.face_mm3)
    assert {outlet.route for outlet in medium.outlets} >= {"basivertebral", "segmental", "cortical", "endplate"}
    assert len({outlet.name for outlet in medium.outlets}) == len(medium.outlets)
    for outlet in medium.outlets:
        assert medium.flow_cells.ravel()[outlet.cells].all()
        assert (outlet.conductance_mm3 > 0).all()


def test_synthetic_fractures_have_a_medium_and_words_that_follow_the_patient(broken):
    levels = [vertebra.level for vertebra in broken.vertebrae if vertebra.bone is not None]
    assert {"T12", "L1", "L2"} <= set(levels)
    for vertebra, medium, regions in media(broken):
        check(vertebra, medium, regions)
        assert medium.grid is not None
        vein = next(outlet for outlet in medium.outlets if outlet.name == "left segmental vein")
        cell = np.array(np.unravel_index(vein.cells[0], medium.flow_cells.shape))
        # LPS: the patient's left is larger x
        assert medium.grid.lps_from_index(cell)[0] > vertebra.centroid_lps_mm[0] + 10.0


def test_the_cleft_is_the_easiest_way_and_marks_the_shell_it_reaches(broken):
    crushed, wedge = (next(v for v in broken.vertebrae if v.level == level) for level in ("T12", "L1"))
    medium = medium_of(crushed.bone)
    regions = regions_of(crushed.bone, medium)
    assert 0.5 < regions.cleft_ml < 4.0
    inside, beside = (regions.cleft_mm3 > 0) & regions.body, (regions.cleft_mm3 == 0) & regions.body
    assert np.median(medium.permeability_mm2[0][inside]) > 4.0 * np.median(medium.permeability_mm2[0][beside])

    def through_cortex(vertebra):
        return sum(
            one.conductivity_mm4
            for one in expected_openings(vertebra.bone)
            if one.route in ("cortical", "endplate")
        )  # fmt: skip

    assert through_cortex(crushed) > through_cortex(wedge)


def test_finer_and_coarser_cells_keep_the_measured_pores(broken):
    vertebra = next(v for v in broken.vertebrae if v.level == "L1")
    pores = [
        medium_of(vertebra.bone, MediumOptions(spacing_mm=(h, h, h))).pore_volume_mm3.sum() for h in (0.5, 1.0, 2.0)
    ]
    for first, second in pairwise(pores):
        assert first == pytest.approx(second, rel=1e-9)


@pytest.mark.parametrize("spacing", [0.6, 1.4])
def test_bone_cut_again_from_the_ct_keeps_its_pores(seen, spacing):
    scan, spine = seen
    for vertebra in (v for v in spine.vertebrae if v.bone is not None):
        again = cut_bone(vertebra, scan, spacing)
        assert again is not None
        assert again.parts.grid.spacing_mm == pytest.approx([spacing] * 3)
        pores = [medium_of(bone).pore_volume_mm3.sum() for bone in (vertebra.bone, again)]
        # half a layer of cells is 3 percent of the crushed body's height
        crushed = vertebra.level == "T12"
        assert pores[0] == pytest.approx(pores[1], rel=0.05 if crushed else 0.02), vertebra.level


@pytest.mark.data
def test_a_public_ct_has_a_medium_at_all_five_levels(verse014):
    found = [
        vertebra.level for vertebra, medium, regions in media(verse014) if check(vertebra, medium, regions) is None
    ]
    assert found == ["L1", "L2", "L3", "L4", "L5"]
