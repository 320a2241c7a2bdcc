"""The shop window end to end: a needle in place, cement in, hard, and what that is worth, in four calls."""

from __future__ import annotations

import pytest

import pedicle
from pedicle.curing.options import CureOptions
from pedicle.injection.options import InjectOptions
from pedicle.mechanics.options import StrengthOptions
from pedicle.model.case import Case
from pedicle.model.errors import InputError
from pedicle.model.placed import PlacedNeedle

INJECTED = InjectOptions(volume=1.5, cell_mm=2.0)


@pytest.fixture(scope="module")
def placed(finished):
    case = Case.open(finished)
    vertebra, level = case.load("measure")["L1"], case.load("plan").levels[0]
    trajectory = next(one for one in level.trajectories if one.side in level.recommended)
    return vertebra, PlacedNeedle.on(trajectory, stylet=False), trajectory.side


def test_inject_cure_and_strength_fit_each_other(placed):
    vertebra, needle, side = placed
    fill = pedicle.inject(vertebra, needle, side, INJECTED)
    assert fill.injected_ml == pytest.approx(1.5, abs=0.02)
    assert fill.injected_ml == pytest.approx(fill.in_body_ml + sum(fill.leaked_ml.values()), rel=1e-6)
    assert fill.stopped == (f"{side} needle: the volume asked for is in",)
    hard = pedicle.cure(vertebra.bone, fill, needle, CureOptions(duration=1800.0))
    assert ((hard.modulus_mpa.values > 0.0) == (fill.share.values > 1e-4)).all()
    strength = pedicle.assess_strength(vertebra, fill.share, StrengthOptions(cell_mm=2.0), hard.modulus_mpa)
    assert strength.stiffness_n_mm["augmented"].value > strength.stiffness_n_mm["fractured"].value


def test_a_volume_is_asked_for(placed):
    with pytest.raises(InputError, match="E750"):
        pedicle.inject(*placed, InjectOptions(cell_mm=2.0))


def test_every_name_in_the_window_is_there():
    for name in pedicle.__all__:
        assert callable(getattr(pedicle, name)), name
