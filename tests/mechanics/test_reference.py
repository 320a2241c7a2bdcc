"""Real bone against other programs: the open fixtures of parosol-py, solved there with ParOSol and with FAIM.

The energy fields of the L4 are compared where both have one: its ParOSol field leaves the caps out.
"""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from pedicle.mechanics.elements import elasticity, strain_matrix
from pedicle.mechanics.options import SolverOptions
from pedicle.mechanics.stiffness import corner_displacements
from pedicle.mechanics.system import ElasticSystem

PMMA = 2500.0


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
    material = nibabel.load(folder / "l4_fields" / "parosol-py" / "material.nii.gz").get_fdata()
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
