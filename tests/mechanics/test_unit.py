"""Three bodies and two discs against springs in series, and what must hold of what a neighbour bears."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pedicle.io.strength import strength_files
from pedicle.mechanics.loads import press
from pedicle.mechanics.model import Solid, layer_modulus
from pedicle.mechanics.stiffness import cell_planes
from pedicle.mechanics.strength import assess_strength
from pedicle.mechanics.transfer import _borne, bulge, middle_share
from pedicle.mechanics.unit import NUMBER, TREATED, near_half, unit_of
from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.sourced import quantity
from pedicle.procedure.hardening import neighbours_of
from pedicle.verify.elastic import TIGHT
from tests.injection.simple_bone import HALF_HEIGHT, simple_bone
from tests.mechanics.test_strength import COARSE, share_of, vertebra

HIGH, GAP, ACROSS = 6, 2, (9, 8)
MODULI = {"lower": 150.0, "treated": 400.0, "upper": 250.0}
DISC = layer_modulus("disc")
ACRYLIC = quantity("mechanics/materials", "pmma", "modulus").value
CAP = quantity("mechanics/materials", "unit", "cap").value


def block(place, modulus):
    """A block of bone `place` blocks above the treated one, with an end layer that the unit must leave off."""
    values = np.full((*ACROSS, HIGH + 2), modulus)
    body = np.zeros(values.shape, bool)
    body[:, :, 1:-1] = True
    matrix = np.eye(4)
    matrix[2, 3] = place * (HIGH + GAP)
    return Solid(Grid(values.shape, matrix), np.where(body, values, 9999.0), np.full(values.shape, 2.0), body, 0)


@pytest.fixture(scope="module")
def unit():
    sides = {side: block(place, MODULI[side]) for side, place in (("upper", 1), ("lower", -1))}
    return unit_of(block(0, MODULI["treated"]), sides)


def test_three_blocks_and_two_discs_are_springs_in_series(unit):
    """Poisson's ratio 0: layers of bone, disc and cap add their compliances; load goes through all of them."""
    pressed = press(unit.solid, "frictionless", TIGHT, 0.0)
    load = -float(pressed.plates.resultant(pressed.forces(pressed.move), 1.0)[0])
    compliance = sum(HIGH / modulus for modulus in MODULI.values()) + 2 * GAP / DISC + 2 * CAP / ACRYLIC
    assert load == pytest.approx(ACROSS[0] * ACROSS[1] / compliance, rel=1e-6)
    planes = cell_planes(pressed.field(pressed.move)[2])[4, 4] / load
    for number, side in ((TREATED, "treated"), (NUMBER["upper"], "upper"), (NUMBER["lower"], "lower")):
        low, high = (unit.surface(number, end)[1][4, 4] for end in ("lower", "upper"))
        assert high - low == HIGH
        assert planes[low] - planes[high] == pytest.approx(HIGH / (MODULI[side] * 72.0), rel=1e-6)


def test_a_disc_resists_pressing_with_its_sides_held_as_its_own_numbers_do():
    """K + 4 G / 3 by its own Poisson's ratio and by the solver's, from bulk and shear moduli."""
    own, poisson = (quantity("mechanics/materials", "disc", key).value for key in ("modulus", "poisson"))

    def held(modulus, ratio):
        return modulus / (3 * (1 - 2 * ratio)) + 4 * modulus / (2 * (1 + ratio)) / 3

    assert held(DISC, 0.3) == pytest.approx(held(own, poisson), rel=1e-12)


def test_load_is_shared_by_area_between_the_middle_and_the_rim_of_an_even_disc(unit):
    pressed = press(unit.solid, "frictionless", TIGHT)
    field = pressed.field(pressed.move)
    for side in ("upper", "lower"):
        there, low, high = unit.disc(side)
        assert there.all()
        assert (high - low == GAP).all()
        assert 0.35 < middle_share(unit, field, side) < 0.75
    assert near_half(unit, "upper").sum() == near_half(unit, "lower").sum() == 72 * HIGH // 2


def test_a_bulge_is_how_far_a_middle_goes_beyond_its_rim_and_a_tilt_is_none(unit):
    i, j, k = np.indices(tuple(n + 1 for n in unit.solid.modulus_mpa.shape)).astype(float)
    tilted = np.stack([0 * i, 0 * i, 0.02 * i - 0.01 * j + 0.3 * k])
    assert bulge(unit, tilted, TREATED, "upper") == pytest.approx(0.0, abs=1e-12)
    there, _ = unit.surface(TREATED, "upper")
    from pedicle.mechanics.unit import middle_of

    middle = middle_of(there)
    nodes = np.zeros((there.shape[0] + 1, there.shape[1] + 1))
    for a in (0, 1):
        for b in (0, 1):
            nodes[a : a + there.shape[0], b : b + there.shape[1]] += 0.25 * middle
    domed = tilted + 0.05 * np.stack([0 * i, 0 * i, np.broadcast_to(nodes[:, :, None], i.shape)])
    assert 0.02 < bulge(unit, domed, TREATED, "upper") < 0.05


def test_the_same_bone_with_as_much_cement_on_either_side_of_the_middle_bears_alike():
    """A block between equal blocks, before and after it is made stiff: series says the neighbours' mean strain stays."""
    sides = {side: block(place, 250.0) for side, place in (("upper", 1), ("lower", -1))}
    found = {}
    for modulus in (100.0, 3000.0):
        one = unit_of(block(0, modulus), sides)
        pressed = press(one.solid, "frictionless", TIGHT)
        found[modulus] = {side: _borne(one, pressed, side) for side in ("upper", "lower")}
    for side in ("upper", "lower"):
        before, after = found[100.0][side], found[3000.0][side]
        assert after["mean_strain"] == pytest.approx(before["mean_strain"], rel=0.02)
    for key in ("mean_strain", "high_strain", "middle_share"):
        assert found[3000.0]["upper"][key] == pytest.approx(found[3000.0]["lower"][key], rel=1e-6)


def pose_of(place, turn=0.0):
    """Where the body `place` levels up lies, 6 mm of disc between bodies, leaning by `turn` degrees."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    axes = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    return Pose.from_axes("lps", "vertebra", axes, [5.0, -3.0, 40.0 + place * (2.0 * HALF_HEIGHT + 6.0)])


def stacked(place, spacing=2.0, turn=0.0):
    """A vertebra of the simple bone there."""
    return vertebra(simple_bone(pose=pose_of(place, turn), spacing=spacing))


@pytest.fixture(scope="module")
def spine_of_three():
    treated = vertebra(stacked(0).bone, loss=(20.0, 10.0, 5.0))
    beside = {"upper": stacked(1, turn=4.0), "lower": stacked(-1, turn=-4.0)}
    options = replace(COARSE, neighbours_cell_mm=2.0)
    return treated, beside, options


def test_both_neighbours_of_a_level_are_told_and_a_missing_one_is_null_with_its_reason(spine_of_three):
    treated, beside, options = spine_of_three
    share = share_of(treated.bone, 10.0)
    both = assess_strength(treated, share, options, neighbours=beside)
    document = json.loads(strength_files(both)["strength-L1.json"])
    assert set(document["load_transfer"]) == {"upper", "lower"}
    strain = document["neighbours"]["upper"]["mean_strain"]
    assert strain["before"] == float(f"{both.neighbours['upper'].mean_strain[0]:.4g}")
    # Mirror images but for the arches, which are left out: both bear alike.
    assert document["load_transfer"]["upper"] == pytest.approx(document["load_transfer"]["lower"], abs=0.02)
    for one in both.neighbours.values():
        assert one.mean_strain[1] == pytest.approx(one.mean_strain[0], rel=0.1)
        assert one.treated_endplate_mm[1] < one.treated_endplate_mm[0]
    assert not [notice for notice in both.warnings if notice.code == "neighbour-missing"]
    for changed, words in ((None, "not in the scan"), (replace(beside["lower"], complete=False), "border"),
                           (replace(beside["lower"], cemented=True), "cement"), (replace(beside["lower"], bone=None), "bone map")):  # fmt: skip
        if words != "not in the scan":
            from pedicle.mechanics.transfer import unusable

            assert words in unusable(changed)
            continue
        one = assess_strength(treated, share, options, neighbours={"upper": beside["upper"], "lower": changed})
        assert one.load_transfer["lower"] is None
        assert one.load_transfer["upper"] is not None
        assert [w.text for w in one.warnings if w.code == "neighbour-missing"] == [
            f"lower neighbour not computed: {words}, or not labelled"
        ]


def test_without_cement_or_without_asking_nothing_is_said_of_neighbours(spine_of_three):
    treated, beside, options = spine_of_three
    assert assess_strength(treated, None, options, neighbours=beside).load_transfer is None
    off = replace(options, neighbours=False)
    assert assess_strength(treated, share_of(treated.bone), off, neighbours=beside).neighbours is None


class Levels:
    """A spine by its levels alone."""

    def __init__(self, *names):
        self.vertebrae = tuple(replace(vertebra(), level=name) for name in names)


@pytest.mark.parametrize(
    ("names", "level", "upper", "lower"),
    [
        (("T11", "T12", "L1", "L2"), "T12", "T11", "L1"),
        (("T12", "T13", "L1"), "L1", "T13", None),
        (("L1", "L3"), "L1", None, None),
        (("L4", "L5", "L6"), "L5", "L4", "L6"),
    ],
)
def test_neighbours_are_those_of_the_count_of_levels(names, level, upper, lower):
    found = neighbours_of(Levels(*names), level)
    assert [one.level if one else None for one in (found["upper"], found["lower"])] == [upper, lower]
