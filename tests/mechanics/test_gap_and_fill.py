"""A gap's motion and curves over fills against closed forms, and what must hold of every curve."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pedicle.io.strength import strength_files
from pedicle.mechanics.fill_curve import filled_to, order_of_arrival, passes
from pedicle.mechanics.loads import press
from pedicle.mechanics.options import PushOptions, SolverOptions
from pedicle.mechanics.stiffness import first_yield, gap_height, gap_motion, stiffness_of
from pedicle.mechanics.strength import assess_strength
from pedicle.model.fill import Fill
from pedicle.model.grid import Grid
from pedicle.model.sourced import quantity
from pedicle.model.volume import Volume
from pedicle.verify.elastic import TIGHT, solid
from tests.injection.simple_bone import HALF_DEPTH, HALF_HEIGHT, HALF_WIDTH, simple_bone
from tests.mechanics.test_strength import COARSE, share_of, vertebra


def slit(soft, high=3, stiff=500.0):
    """A column 6 x 5 x 14 mm with a soft slit right across it, `high` cells thick."""
    modulus = np.full((6, 5, 14), stiff)
    gap = np.zeros(modulus.shape, bool)
    gap[:, :, 5 : 5 + high] = True
    return solid(np.where(gap, soft, modulus)), gap


@pytest.mark.parametrize(("soft", "high"), [(2.0, 3), (5.0, 1), (400.0, 3)])
def test_two_blocks_come_nearer_by_force_times_height_over_modulus_and_area(soft, high):
    """Without sideways strain (Poisson's ratio 0) the slit is one spring: F h / (E A), whatever lies above and below."""
    one, gap = slit(soft, high)
    pressed = press(one, "frictionless", TIGHT, 0.0)
    load = -float(pressed.plates.resultant(pressed.forces(pressed.move), 1.0)[0])
    moved = gap_motion(gap, pressed.field(pressed.move) / load)
    assert moved == pytest.approx(high / (soft * 30.0), rel=1e-6)
    # Springs in series: the slit and eleven cells of bone.
    assert 1.0 / load == pytest.approx(high / (soft * 30.0) + (14 - high) / (500.0 * 30.0), rel=1e-6)
    assert gap_height(gap) == high


def test_a_closed_gap_moves_no_further():
    """400 N on 30 mm2 over 2 MPa would be 20 mm: what is reported is the gap's own height."""
    one, gap = slit(2.0)
    assert stiffness_of(press(one, "bonded", SolverOptions()), gap).gap_mm == 3.0
    assert stiffness_of(press(one, "bonded", SolverOptions())).gap_mm is None


def test_a_column_of_one_bone_yields_at_stress_times_area():
    pressed = press(solid(np.full((5, 4, 6), 300.0), 1.5), "frictionless", TIGHT)
    assert stiffness_of(pressed).yield_n == pytest.approx(1.5 * 20.0, rel=2e-6)


def test_first_yield_is_that_of_the_weakest_share():
    """Strips of Poisson's ratio 0 under one strain: the 2 % that yield first are the strips with the least yield strain."""
    yields = np.broadcast_to(np.linspace(1.0, 2.0, 100)[:, None, None], (100, 2, 2))
    one = solid(np.full(yields.shape, 200.0), yields)
    energy = np.full(yields.shape, 0.5 * 200.0 * 0.001**2)
    assert first_yield(one, energy, 1.0) == pytest.approx(np.quantile(yields, 0.02) / 0.2, rel=1e-3)


def test_cement_moves_a_gap_less_and_a_body_without_one_says_null():
    bone = simple_bone(spacing=2.0, cleft=lambda x, y, z: (abs(z) < 2.0) & (y < 2.0))
    found = assess_strength(vertebra(bone), share_of(bone, 10.0), COARSE)
    gap = json.loads(strength_files(found)["strength-L1.json"])["gap_motion_mm"]
    assert 0.0 < gap["augmented"] < 0.5 * gap["fractured"]
    assert gap["load_n"] == quantity("mechanics/materials", "gap", "load").value
    whole = vertebra(loss=(30.0, 20.0, 10.0))
    document = json.loads(strength_files(assess_strength(whole, share_of(whole.bone), COARSE))["strength-L1.json"])
    assert document["gap_motion_mm"] is None
    assert document["fill_curve"] is None
    assert document["neighbours"] is None


@pytest.fixture(scope="module")
def curve():
    one = vertebra(loss=(12.0, 8.0, 4.0))
    found = assess_strength(one, share_of(one.bone, 10.0), replace(COARSE, curve=4))
    return found, found.fill_curve


def test_a_curve_starts_without_cement_and_meets_the_level_at_its_own_fill(curve):
    found, fills = curve
    assert fills.cement_ml[0] == 0.0
    assert fills.stiffness_n_mm[0] == found.stiffness_n_mm["fractured"].value
    assert fills.cement_ml[2] == pytest.approx(fills.own_ml)
    assert fills.stiffness_n_mm[2] == pytest.approx(found.stiffness_n_mm["augmented"].value, rel=1e-5)
    # A ball of 10 mm with 0.85 of it cement, in a body of known volume; cells of 2 mm miss 7 % of the ball.
    assert fills.own_ml == pytest.approx(0.85 * 4.19, rel=0.1)
    body_ml = np.pi * HALF_WIDTH * HALF_DEPTH * 2.0 * HALF_HEIGHT / 1e3
    assert fills.percent_of_body[2] == pytest.approx(100.0 * fills.own_ml / body_ml, rel=0.09)


def test_more_cement_is_stiffer_and_stiffness_passes_where_the_document_says(curve):
    found, fills = curve
    assert (np.diff(fills.stiffness_n_mm) > 0.0).all()
    document = json.loads(strength_files(found)["strength-L1.json"])["fill_curve"]
    intact = found.stiffness_n_mm["intact"].value
    at = document["intact_at"]["stiffness"]
    assert at is not None
    assert np.interp(at["ml"], fills.cement_ml, fills.stiffness_n_mm) == pytest.approx(intact, rel=1e-3)
    assert "357 patients" in document["neighbours"]
    assert "not settled" in document["neighbours"]


def test_a_sound_body_has_nothing_to_pass():
    one = vertebra()
    fills = assess_strength(one, share_of(one.bone), replace(COARSE, curve=1)).fill_curve
    assert set(fills.intact_at.values()) == {None}


def test_a_curve_of_an_elastic_plastic_analysis_has_a_push_at_every_fill():
    one = vertebra()
    options = replace(COARSE, curve=1, analysis="plastic", push=PushOptions(steps=2))
    found = assess_strength(one, share_of(one.bone, 8.0), options)
    assert found.fill_curve.push_n[0] == found.strength_n["intact"].value
    assert found.fill_curve.push_n[1] > 0.0
    assert set(found.fill_curve.intact_at) == {"stiffness", "screen", "yield", "push"}


def test_passing_is_read_between_points():
    assert passes(np.array([0.0, 2.0]), np.array([1.0, 3.0]), 2.5) == pytest.approx(1.5)
    assert passes(np.array([0.0, 2.0]), np.array([1.0, 3.0]), 0.5) == 0.0
    assert passes(np.array([0.0, 2.0]), np.array([1.0, 3.0]), 3.5) is None


@pytest.mark.parametrize("part", [0.0, 0.25, 1.0, 1.7])
def test_a_field_cut_or_grown_holds_the_cement_asked_for(part):
    body = np.ones((15, 14, 13), bool)
    place = np.indices(body.shape) - np.array([7.0, 7.0, 6.0])[:, None, None, None]
    away = np.sqrt((place**2).sum(axis=0))
    share = np.where(away < 4.0, 0.8, 0.0)
    found = filled_to(share, body, away, part * share.sum())
    assert found.sum() == pytest.approx(part * share.sum())
    if part == 0.25:
        # What came last is gone: a ball of a quarter of the volume is left.
        assert away[found > 0.0].max() == pytest.approx(4.0 * 0.25 ** (1 / 3), abs=0.6)
    assert found.max() <= 0.8 + 1e-12


def test_a_body_holds_no_more_than_its_room():
    body = np.zeros((6, 6, 6), bool)
    body[1:5, 1:5, 1:5] = True
    share = np.where(body & (np.indices(body.shape)[0] < 3), 0.9, 0.0)
    assert filled_to(share, body, share, 1e3).sum() == pytest.approx(0.9 * 64)


def test_cement_arrives_from_where_its_youngest_lies_and_portion_by_portion():
    """Two balls of cement: age grows with distance from each tip; the second portion comes after all of the first."""
    grid = Grid((30, 12, 12), np.diag([1.0, 1.0, 1.0, 1.0]))
    points = np.moveaxis(grid.centres_lps_mm(), -1, 0)
    tips = [np.array([6.0, 6.0, 6.0]), np.array([22.0, 6.0, 6.0])]
    away = [np.sqrt(((points - tip[:, None, None, None]) ** 2).sum(axis=0)) for tip in tips]
    portion = np.where(away[0] < 5.0, 1, np.where(away[1] < 5.0, 2, 0)).astype(np.uint8)
    near = np.minimum(*away)
    share = Volume(grid, np.where(portion > 0, 0.8, 0.0).astype(np.float32))
    age = Volume(grid, np.where(portion > 0, 300.0 + 5.0 * near, 0.0).astype(np.float32))
    fill = Fill.__new__(Fill)
    for name, value in {"share": share, "age_s": age, "portion": Volume(grid, portion)}.items():
        object.__setattr__(fill, name, value)
    order = order_of_arrival(fill).values
    assert order[portion == 1].max() < order[portion == 2].min()
    for number in (1, 2):
        cells = portion == number
        assert np.corrcoef(order[cells], near[cells])[0, 1] > 0.99
