"""Real bone against other programs: the open fixtures of parosol-py, solved there with ParOSol and with FAIM.

The energy fields of the L4 are compared where both have one: its ParOSol field leaves the caps out.
"""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from pedicle.mechanics.elements import elasticity, strain_matrix
from pedicle.mechanics.options import SolverOptions
from pedicle.mechanics.stiffness import corner_displacements
from pedicle.mechanics.system import ElasticSystem
from pedicle.model.density import caha_from_k2hpo4
from pedicle.model.elasticity import elastic_law

PMMA = 2500.0
BODY, THICK_MM, INTRUSION_MM = 20, 10.0, 6.0


@pytest.fixture(scope="module")
def folder(shared_data):
    found = shared_data / "parosol-l4-and-trab1240"
    if not found.is_dir():
        pytest.skip("parosol-l4-and-trab1240 is not among the real data")
    return found


def energy(modulus, displacement, h):
    """Strain energy density at the middle of each cube, which is what ParOSol writes."""
    strains = strain_matrix(np.full(3, 0.5))
    there = modulus > 0
    corners = corner_displacements(displacement)[:, there] / h
    found = np.zeros(modulus.shape)
    found[there] = (
        0.5 * modulus[there] * np.einsum("in,ij,jn->n", corners, strains.T @ elasticity(0.3) @ strains, corners)
    )
    return found


@pytest.mark.data
def test_a_cube_of_real_trabeculae(folder):
    """Both ends held; 935.13 N/mm within 0.2 %, and the energy field."""
    labels = np.load(folder / "trab1240" / "trab1240_labels.npz")
    reference = json.loads((folder / "trab1240" / "reference.json").read_text())
    modulus = np.where(labels["labels"] > 0, 1e4, 0.0).transpose(2, 1, 0).copy()
    h, moved = reference["source"]["spacing_xyz"][0], reference["reference"]["applied_displacement_z"]
    free = np.ones((3, *(n + 1 for n in modulus.shape)), bool)
    free[:, :, :, [0, -1]] = False
    given = np.zeros(free.shape)
    given[2, :, :, -1] = moved
    # To 1e-4 for time's sake: it leaves 0.1 % in the reaction. The benchmark solves it to the default.
    found = ElasticSystem(modulus, h, free, 0.3, SolverOptions(tolerance=1e-4)).solve(given)
    stiffness = found.force_n[2, :, :, -1].sum() / moved
    assert stiffness == pytest.approx(reference["reference"]["stiffness_z"], rel=2e-3)
    theirs = np.load(folder / "trab1240" / "reference_sed.npz")["sed_zyx"].transpose(2, 1, 0)
    there = modulus > 0
    assert np.corrcoef(energy(modulus, found.displacement_mm, h)[there], theirs[there])[0, 1] >= 0.999


@pytest.fixture(scope="module")
def l4(folder):
    """The solved case: material as ParOSol had it, lower cap held, upper cap moved along and free to slide."""
    return pressed(nibabel.load(folder / "l4_fields" / "parosol-py" / "material.nii.gz").get_fdata())


@pytest.fixture(scope="module")
def rebuilt(folder):
    """The same case from the calibrated density alone: pose, grid and planes of replay.json, our law and our caps."""
    return pressed(rebuilt_material(folder / "vertebra_l4_mini"))


def rebuilt_material(folder):
    """Modulus (86, 95, 50), MPa: density and labels carried to the pose it was solved in, caps laid on the body's ends.

    A cap takes what is not bone in the outline of the body's end, from 4 mm outside it to 6 mm inside: 10 mm of which 6 intrude.
    """
    told = json.loads((folder / "replay.json").read_text())
    model, image = told["summary"]["model"], told["summary"]["image"]
    rotation, shift = (np.array(model["registration"][key]) for key in ("rotation", "translation"))
    index = np.moveaxis(np.indices(image["dimensions_xyz"]), 0, -1)
    at = (index + image["origin"] - shift) @ rotation - told["grid"]["origin_ras"]
    density, labels = (np.load(folder / f"{name}.npz") for name in ("density", "labels"))
    density, labels = (one[one.files[0]].transpose(2, 1, 0) for one in (density, labels))
    at = np.moveaxis(at, -1, 0)
    parts = map_coordinates(labels, at, order=0)
    # Its calibration is to K2HPO4.
    mineral = map_coordinates(density.astype(np.float64), at, order=3, mode="nearest")
    modulus = np.where(parts > 0, elastic_law("kopperdahl2002").modulus(caha_from_k2hpo4(mineral)), 0.0)
    planes = model["workflow_replay"]["resolved_planes"]
    above, below = (plane["center_ras"][2] for plane in planes)
    # The planes stand off by a twentieth of the body's height.
    stand_off = 0.05 / 1.1 * (above - below)
    height = image["origin"][2] + np.arange(parts.shape[2])
    for end, outwards in ((above - stand_off, 1.0), (below + stand_off, -1.0)):
        beyond = outwards * (height - end)
        cap = (beyond >= -INTRUSION_MM - 1e-3) & (beyond <= THICK_MM - INTRUSION_MM + 1e-3)
        outline = ((parts == BODY) & cap).any(axis=2)
        modulus[outline[..., None] & (parts == 0) & cap] = PMMA
    return modulus


def pressed(material):
    """Material, caps, solution and stiffness in N/mm of a body between caps."""
    cap = material == PMMA
    layers = np.flatnonzero(cap.any(axis=(0, 1)))
    free = np.ones((3, *(n + 1 for n in material.shape)), bool)
    given = np.zeros(free.shape)
    corners = [np.pad(cap, ((a, 1 - a), (b, 1 - b), (0, 0))) for a in (0, 1) for b in (0, 1)]
    nodes = np.any(corners, axis=0)
    low, high = layers[0], layers[-1]
    free[:, :, :, low][:, nodes[:, :, low]] = False
    free[2, :, :, high + 1][nodes[:, :, high]] = False
    given[2, :, :, high + 1][nodes[:, :, high]] = -0.2924
    found = ElasticSystem(material, 1.0, free, 0.3).solve(given)
    force = found.force_n[2, :, :, high + 1][nodes[:, :, high]].sum()
    return material, cap, found, force / -0.2924


@pytest.mark.data
def test_a_real_l4_between_caps(l4):
    """ParOSol 23 359, FAIM 23 297 N/mm; dangling processes, voxels of 1e-4 MPa and a plane amid the grid are in it."""
    assert l4[3] == pytest.approx(23300.0, rel=0.02)
    assert l4[3] == pytest.approx(23358.6, rel=1e-3)
    assert l4[2].iterations <= 45


@pytest.mark.data
@pytest.mark.parametrize("peer", ["parosol-py", "ogo"])
def test_its_energy_is_that_of_two_other_programs(folder, l4, peer):
    material, cap, found, _ = l4
    theirs = nibabel.load(folder / "l4_fields" / peer / "sed.nii.gz").get_fdata()
    ours = energy(material, found.displacement_mm, 1.0)
    there = (material > 1e-3) & ~cap
    assert np.corrcoef(ours[there], theirs[there])[0, 1] >= 0.999


@pytest.mark.data
def test_the_l4_rebuilt_from_its_density(rebuilt, l4):
    """23.3 kN/mm within 2 %: nothing of the solved case is used but its pose, grid and planes."""
    material, _, found, stiffness = rebuilt
    assert stiffness == pytest.approx(23300.0, rel=0.02)
    there = (l4[0] > 1.0) & (material > 1.0)
    assert 2.0 * there.sum() / ((l4[0] > 1.0).sum() + (material > 1.0).sum()) > 0.97
    assert found.iterations <= 45


@pytest.mark.data
@pytest.mark.parametrize("peer", ["parosol-py", "ogo"])
def test_its_energy_is_alike(folder, rebuilt, l4, peer):
    """0.999 with our law on the voxels they solved; 0.98 with our outline of body and caps too, whose rims differ by voxels."""
    material, cap, found, _ = rebuilt
    theirs = nibabel.load(folder / "l4_fields" / peer / "sed.nii.gz").get_fdata()
    both = (material > 1.0) & ~cap & (theirs > 0.0) & (l4[0] > 1.0) & ~l4[1]
    assert np.corrcoef(energy(material, found.displacement_mm, 1.0)[both], theirs[both])[0, 1] >= 0.98
    ours = pressed(np.where(both, material, l4[0]))
    assert ours[3] == pytest.approx(23300.0, rel=0.005)
    assert np.corrcoef(energy(ours[0], ours[2].displacement_mm, 1.0)[both], theirs[both])[0, 1] >= 0.999
