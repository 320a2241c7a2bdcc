"""Whether to give a second portion: every reason to stop, the needle's side, and what must never be injected into."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.injection.batch import pushed_to
from pedicle.injection.options import InjectOptions
from pedicle.injection.portions import Portion, allowed, beyond, candidates, useful_ml
from pedicle.injection.second import Advice, Asked, advise, adviser_site, in_doubt, least_of_the_best
from pedicle.injection.session import another, ended, start, until
from pedicle.injection.site import site_of
from pedicle.injection.standing import standing_on
from pedicle.model.errors import RefusedError
from tests.fluoroscopy import simple_spine
from tests.injection import simple_level as simple
from tests.injection.test_session import MIXED_S, needle

LEFT, RIGHT = needle(7.0), needle(-7.0)
TARGET_ML = 3.0
BOTH = Asked((("left", needle(9.0, 4.0)), ("right", RIGHT)), TARGET_ML)

OTHER = replace(BOTH, ways=BOTH.ways[1:])


@pytest.fixture(scope="module")
def vertebra():
    return replace(simple_spine.vertebra(), bone=simple.bone())


@pytest.fixture(scope="module")
def site(vertebra):
    """Cells finer than the adviser's."""
    return site_of(vertebra, InjectOptions(cell_mm=1.5))


@pytest.fixture(scope="module")
def one_sided(site):
    """1.4 ml through the left needle, none in the right half."""
    return ended(pushed_to(site, start(site, LEFT, "left", 0.0, MIXED_S), 1.4, 0.05), "enough")


@pytest.fixture(scope="module")
def advice(vertebra, site, one_sided) -> Advice:
    return advise(vertebra, site, one_sided, BOTH)


def leaked(site, state, place: str, ml: float):
    """The same injection with so much cement gone through the openings to a place."""
    there = np.array([outlet.place == place for outlet in site.medium.outlets])
    assert there.any()
    return replace(state, flow=replace(state.flow, outflow_cement_mm3=np.where(there, 1e3 * ml / there.sum(), 0.0)))


def test_a_one_sided_fill_is_answered_from_the_other_side(advice, site, one_sided):
    assert advice.action == "inject"
    assert advice.chosen.side == "right"
    local = simple.pose().inverse @ advice.chosen.needle.tip_lps_mm
    assert local[0] < 0.0 < (simple.pose().inverse @ one_sided.needle.tip_lps_mm)[0]
    # Given as advised, the cement is where it lacked: in the patient's right half, on the real cells.
    chosen = advice.chosen
    begun = another(site, one_sided, chosen.needle, chosen.side, one_sided.flow.t_s, MIXED_S)
    given = pushed_to(site, begun, one_sided.injected_ml + chosen.ml, 0.05)
    more = (given.flow.saturation - one_sided.flow.saturation) * site.medium.pore_volume_mm3
    assert more[site.regions.right].sum() > 0.8 * more.sum()
    gain = useful_ml(site, given, TARGET_ML) - useful_ml(site, one_sided, TARGET_ML)
    assert gain == pytest.approx(chosen.gain_ml, abs=2.0 * chosen.gain_sd_ml)


def test_the_mirrored_fill_is_answered_from_the_left(vertebra, site):
    state = ended(pushed_to(site, start(site, RIGHT, "right", 0.0, MIXED_S), 1.4, 0.05), "enough")
    asked = Asked((("right", needle(-9.0, 4.0)), ("left", LEFT)), TARGET_ML)
    assert advise(vertebra, site, state, asked).chosen.side == "left"


def test_the_same_needle_drawn_back_gains_less(advice):
    best = {
        side: max(portion.gain_ml for portion in advice.considered if portion.side == side)
        for side in ("left", "right")
    }
    assert best["right"] > best["left"] + 0.3


@pytest.mark.parametrize("place", ["canal", "foramen", "cava_or_azygos"])
def test_never_after_a_grave_leak_seen_or_not(vertebra, site, one_sided, place):
    found = advise(vertebra, site, leaked(site, one_sided, place, 0.02), BOTH)
    assert (found.action, found.chosen, found.considered) == ("stop", None, ())
    assert "must not follow" in found.reasons[0]


def test_a_leak_beside_the_spine_does_not_end_a_level(vertebra, site, one_sided):
    assert advise(vertebra, site, leaked(site, one_sided, "paravertebral", 0.05), OTHER).action == "inject"


def test_never_after_a_grave_leak_was_seen(vertebra, site, one_sided):
    found = advise(vertebra, site, one_sided, replace(BOTH, grave_seen=True))
    assert (found.action, found.reasons) == ("stop", ("cement was seen where more must not follow",))


def test_stop_when_the_working_time_is_over(vertebra, site, one_sided):
    late = replace(one_sided, delivery=replace(one_sided.delivery, hand_age_s=site.cement.working_until_s + 1.0))
    assert advise(vertebra, site, late, BOTH).reasons == ("the cement's working time is over",)


def test_no_portion_outlasts_the_working_time(vertebra, site, one_sided):
    """Mixed so early that it ends within the first portions: those that are left end before it."""
    mixed = one_sided.flow.t_s - site.cement.working_until_s
    coarse = adviser_site(vertebra, site.options)
    now = standing_on(coarse, site, one_sided)
    for early_s, most in ((70.0, 1.0), (40.0, 0.5), (12.0, 0.0)):
        old = replace(now, portions=(replace(now.portions[0], mixed_s=mixed + early_s),))
        found = list(candidates(coarse, old, ("right", RIGHT), 0.0, TARGET_ML))
        assert max((portion.ml for portion in found), default=0.0) <= most


def test_stop_when_the_fill_is_as_planned(vertebra, site, one_sided):
    found = advise(vertebra, site, one_sided, replace(BOTH, target_ml=0.01))
    assert found.reasons == ("fill, symmetry and fracture space are as planned",)


def test_stop_when_no_needle_lies_in_the_body(vertebra, site, one_sided):
    found = advise(vertebra, site, one_sided, replace(BOTH, ways=(("right", needle(-9.0, -40.0)),)))
    assert found.action == "stop"
    assert found.reasons == ("no needle can give more", "right needle: the needle's tip is outside the vertebral body")
    assert advise(vertebra, site, one_sided, replace(BOTH, ways=())).reasons == ("no needle can give more",)


def test_stop_when_the_gain_is_within_its_uncertainty(monkeypatch, vertebra, site):
    """The body holds what it should but for a quarter of a millilitre."""
    state = ended(pushed_to(site, start(site, needle(0.0), "left", 0.0, MIXED_S), 1.25, 0.05), "enough")
    monkeypatch.setattr("pedicle.injection.second.in_doubt", lambda considered: None)
    found = advise(vertebra, site, state, replace(OTHER, target_ml=1.5))
    assert found.action == "stop"
    assert "within its uncertainty" in found.reasons[0]
    assert found.considered


def test_stop_when_every_portion_leaks(monkeypatch, vertebra, site, one_sided):
    monkeypatch.setattr("pedicle.injection.second.allowed", lambda portion: False)
    found = advise(vertebra, site, one_sided, OTHER)
    assert found.reasons == ("every further portion would leak or reach the posterior quarter",)
    # What leaks at once was tried again after the wait.
    assert {portion.wait_s for portion in found.considered} == {0.0, 90.0}


def test_a_portion_that_reaches_the_posterior_quarter_is_not_allowed(site, one_sided):
    """Through a needle whose tip stands far back every portion adds there, through one in front none does."""
    behind = list(candidates(site, one_sided, ("right", needle(-7.0, 9.0)), 0.0, TARGET_ML))
    assert behind[-1].rear_ml > 0.2
    assert not allowed(replace(behind[-1], leak_ml=0.0, grave_ml=0.0))
    before = next(candidates(site, one_sided, ("right", RIGHT), 0.0, TARGET_ML))
    assert before.rear_ml < 0.01
    assert allowed(replace(before, leak_ml=0.0, grave_ml=0.0))


def test_no_portion_into_set_cement(vertebra, site, one_sided):
    """The first portion has set about its tip; a fresh batch through it is refused before anything is pushed."""
    late = until(site, one_sided, 4000.0)
    with pytest.raises(RefusedError, match="E565"):
        another(site, late, LEFT, "left", 4000.0, 4000.0 + MIXED_S)
    fresh = replace(
        late,
        delivery=replace(late.delivery, hand_age_s=-MIXED_S),
        portions=(replace(late.portions[0], mixed_s=4000.0 + MIXED_S),),
    )
    found = advise(vertebra, site, fresh, replace(BOTH, ways=(("left", LEFT),)))
    assert found.action == "stop"
    assert found.reasons[1] == "left needle: the needle's opening lies in set cement"


def portion(ml: float, gain: float, leak: float = 0.0, grave: float = 0.0) -> Portion:
    return Portion("left", LEFT, 0.0, ml, gain, 0.0, leak, grave)


def test_the_least_portion_that_gains_as_much_is_chosen():
    assert least_of_the_best([portion(0.5, 0.4), portion(1.0, 0.89), portion(1.5, 0.9), portion(2.0, 0.91)]).ml == 1.0


def test_what_a_portion_may_leak():
    assert allowed(portion(1.0, 1.0, 0.09, 0.009))
    assert not allowed(portion(1.0, 1.0, 0.11))
    assert not allowed(portion(1.0, 1.0, 0.05, 0.02))


def test_the_adviser_stands_on_the_same_cement(vertebra, site, one_sided):
    """Volume, both halves, where it lies and its age survive the coarser cells."""
    coarse = adviser_site(vertebra, site.options)
    now = standing_on(coarse, site, one_sided)
    assert now.injected_ml == pytest.approx(1.4, rel=0.005)
    assert useful_ml(coarse, now, TARGET_ML) == pytest.approx(useful_ml(site, one_sided, TARGET_ML), abs=0.02)
    centres = []
    for here, state in ((site, one_sided), (coarse, now)):
        mm3 = state.flow.saturation * here.medium.pore_volume_mm3
        assert state.flow.saturation.max() <= 1.0 + 1e-12
        index = np.argwhere(mm3 > 0.0)
        centres.append(here.grid.lps_from_index(np.average(index, axis=0, weights=mm3[mm3 > 0.0])))
        centres.append(np.average(state.flow.mean_scalars[0][mm3 > 0.0], weights=mm3[mm3 > 0.0]))
    np.testing.assert_allclose(centres[0], centres[2], atol=0.2)
    assert centres[3] == pytest.approx(centres[1], rel=0.01)


def test_in_doubt_is_what_gains_clearly_more_and_is_turned_down_for_little():
    right = replace(portion(2.0, 1.5, 0.12), side="right")
    assert beyond(right) == pytest.approx(1.2)
    assert in_doubt((portion(1.0, 0.9), portion(2.0, 1.5, 0.5))) is None
    assert in_doubt((portion(2.0, 1.49), right)) is None
    assert in_doubt((portion(1.0, 0.9), replace(right, gain_ml=1.2), right, replace(right, wait_s=90.0))) is right
    # Not worth a portion at all.
    assert in_doubt((portion(1.0, 0.2, 0.12),)) is None


def test_a_way_in_doubt_is_looked_at_on_finer_cells(monkeypatch, vertebra, site, one_sided):
    """Everything the coarse cells say is doubted: the portions left are those of the injection's own cells."""
    monkeypatch.setattr(
        "pedicle.injection.second.in_doubt", lambda considered: replace(portion(1.0, 1.0), side="right")
    )
    found = advise(vertebra, site, one_sided, OTHER)
    fine = adviser_site(vertebra, site.options, "closer")
    assert fine.options.cell_mm == 1.5 < adviser_site(vertebra, site.options).options.cell_mm
    now = standing_on(fine, site, one_sided)
    expected = list(candidates(fine, now, ("right", RIGHT), 0.0, TARGET_ML))[:2]
    at_once = [one for one in found.considered if one.wait_s == 0.0]
    assert [one.gain_ml for one in at_once] == [one.gain_ml for one in expected]
