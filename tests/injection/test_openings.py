"""Openings of a body: where each lies in the patient's words, how often it is there, and what a cleft changes."""

from dataclasses import replace

import numpy as np
import pytest

from pedicle.injection import openings as ways
from pedicle.injection.medium import medium_of
from pedicle.injection.surface import crack_weights, surface_of
from pedicle.model.bone import Opening
from pedicle.model.medium import gap_mm4, tube_mm4
from pedicle.model.sourced import quantity
from tests.injection.simple_bone import HALF_DEPTH, HALF_WIDTH, plate, simple_bone, turned

DRAWS = 2000


@pytest.fixture(scope="module")
def bone():
    return simple_bone(pose=turned())


@pytest.fixture(scope="module")
def expected(bone):
    return {one.name: one for one in ways.expected_openings(bone)}


def chance(seed=1):
    return np.random.Generator(np.random.Philox(key=(seed, 77)))


@pytest.fixture(scope="module")
def draws(bone):
    surface, generator = surface_of(bone), chance()
    return [ways.drawn_openings(bone, generator, surface=surface) for _ in range(DRAWS)]


def open_ways(passages):
    """Those that let cement pass."""
    return [one for one in passages if one.basis != ways.NARROW]


def mouth(passage):
    """Left, back, head of the patient whose vertebra is turned."""
    return turned().inverse @ passage.path_lps_mm[-1]


def test_left_is_left(expected):
    assert mouth(expected["left segmental vein"])[0] > 0.8 * HALF_WIDTH
    assert mouth(expected["right segmental vein"])[0] < -0.8 * HALF_WIDTH
    assert mouth(expected["left anterior vein"])[0] > 2.0
    assert mouth(expected["right anterior vein"])[0] < -2.0


def test_veins_leave_at_the_mid_height_and_the_foramen_to_the_canal(expected):
    veins = [one for one in expected.values() if one.route in ("basivertebral", "segmental")]
    assert len(veins) == 5
    assert all(abs(mouth(one)[2]) <= 1.0 for one in veins)
    back = mouth(expected["basivertebral vein"])
    assert back[1] > HALF_DEPTH - 1.5
    assert abs(back[0]) < 1.0
    assert expected["basivertebral vein"].place == "canal"
    front = mouth(expected["right anterior vein"])
    assert front[1] < -0.7 * HALF_DEPTH
    # cava and azygos lie at the right front
    assert [one.name for one in veins if one.place == "cava_or_azygos"] == ["right anterior vein"]


def test_every_opening_ends_at_the_surface_and_its_path_lies_in_the_bone(bone, expected):
    medium = medium_of(bone, passages=tuple(expected.values()))
    assert medium.grid is not None
    names = [outlet.name for outlet in medium.outlets]
    assert len(set(names)) == len(names)
    for outlet in medium.outlets[-len(expected) :]:
        cell = np.array(np.unravel_index(outlet.cells[0], medium.flow_cells.shape))
        near = medium.flow_cells[tuple(slice(n - 1, n + 2) for n in cell)]
        assert not near.all(), outlet.name
    for one in expected.values():
        inner = medium.grid.index_from_lps(one.path_lps_mm[0])
        assert medium.flow_cells[tuple(np.rint(inner).astype(int))], one.name


def test_cracks_lie_where_their_place_says(draws):
    """Of all cracks drawn: to the disc at an endplate, to the canal behind the middle, the rest in front and at the sides."""
    cracks = [one for draw in draws for one in draw if one.route in ("cortical", "endplate")]
    where = np.array([mouth(one) for one in cracks])
    place = np.array([one.place for one in cracks])
    assert (np.abs(where[place == "disc", 2]) > 9.0).all()
    assert {one.place for one in cracks if one.route == "endplate"} == {"disc"}
    assert (np.abs(where[place == "canal", 0]) < 12.0).all()
    assert (where[place == "canal", 1] > 0.5 * HALF_DEPTH).all()
    assert (place == "paravertebral").sum() > (place == "canal").sum()


@pytest.mark.parametrize("route", ["basivertebral", "segmental"])
def test_veins_are_open_as_often_as_stated(draws, route):
    rate = quantity("bone/openings", "rate", route).value
    found = np.mean([any(one.route == route for one in open_ways(draw)) for draw in draws])
    assert found == pytest.approx(rate, abs=3.5 * np.sqrt(rate * (1 - rate) / DRAWS))


def test_walls_and_endplates_are_broken_as_often_as_stated_together_and_apart(draws):
    rate = quantity("bone/openings", "rate", "cortical").value
    share = quantity("bone/openings", "rate", "disc_share").value
    both = np.mean([any(one.route in ways.CRACKED for one in draw) for draw in draws])
    disc = np.mean([any(one.route == "endplate" for one in draw) for draw in draws])
    spread = 3.5 * np.sqrt(rate * (1 - rate) / DRAWS)
    assert both == pytest.approx(rate, abs=spread)
    assert disc == pytest.approx(1 - (1 - rate) ** share, abs=spread)


def test_the_expected_conductivity_is_the_mean_of_the_draws(draws, expected):
    """By route; r^4 and a^3 spread widely, so within 3.5 standard errors of the draws themselves."""
    for route in ("basivertebral", "segmental", "cortical", "endplate"):
        drawn = np.array([sum(one.conductivity_mm4 for one in draw if one.route == route) for draw in draws])
        whole = sum(one.conductivity_mm4 for one in expected.values() if one.route == route)
        assert drawn.mean() == pytest.approx(whole, abs=3.5 * drawn.std() / np.sqrt(DRAWS)), route


def test_a_cleft_that_reaches_the_shell_breaks_it_more_often_and_a_deep_one_hardly():
    """The published direction (40.3 against 16.5 percent of leaks through cortex) comes from where the cleft lies."""
    hazard = {}
    for name, wide in (("none", 0.0), ("deep", 8.0), ("through", 19.5)):
        surface = surface_of(simple_bone(cleft=plate(half_mm=1.6, wide=wide)))
        hazard[name] = sum(crack_weights(surface, route).sum() for route in ways.CRACKED)
    assert hazard["none"] == pytest.approx(2.0)
    assert hazard["deep"] < 1.1 * hazard["none"]
    assert hazard["through"] > 1.8 * hazard["none"]


def test_cracks_of_a_body_with_a_cleft_lie_along_it():
    bone = simple_bone(cleft=plate(half_mm=1.6, wide=19.5))
    surface, generator = surface_of(bone), chance()
    high = ways.OpeningModel(0.1, 0.1, 0.9)
    found = [one for _ in range(300) for one in ways.drawn_openings(bone, generator, high, surface=surface)]
    z = np.array([one.path_lps_mm[-1][2] for one in found if one.route == "cortical"])
    assert np.mean(np.abs(z - 3.0) < 4.0) > 0.6


def test_what_the_ct_shows_is_taken_and_not_drawn_again():
    bone = simple_bone(foramen=True)
    found = ways.drawn_openings(bone, chance(), ways.OpeningModel(0.999, 0.001, 0.001))
    assert [one.route for one in open_ways(found)] == ["basivertebral"]
    assert found[0].basis == "test"
    # as wide as its patch of 6 mm2, for a foramen is filled by its vein
    assert found[0].conductivity_mm4 == pytest.approx(tube_mm4(np.sqrt(bone.openings[0].voxels.values.sum() / np.pi)))
    assert bone.openings[0].voxels.values.sum() < 18


def test_a_wall_seen_broken_is_a_crack_as_long_as_its_patch():
    bone = simple_bone()
    x, y, z = np.moveaxis(bone.parts.grid.centres_lps_mm(), -1, 0)
    patch = bone.shell.values & (y < -12.0) & (np.abs(z) < 2.2) & (np.abs(x) < 4.2)
    seen = Opening("cortical", "front and side walls", bone.shell.with_values(patch), "test")
    found = ways.seen_openings(replace(bone, openings=(seen,)))[0]
    assert found.place == "paravertebral"
    assert found.path_lps_mm[-1][1] < -12.0
    length = 2.0 * np.sqrt(patch.sum() / np.pi)
    assert found.conductivity_mm4 == pytest.approx(gap_mm4(quantity("bone/openings", "crack", "width").value, length))


def test_an_unbroken_body_has_veins_and_no_cracks(bone):
    high = ways.OpeningModel(0.9, 0.9, 0.9)
    found = ways.drawn_openings(bone, chance(), high, fractured=False)
    assert open_ways(found)
    assert {one.route for one in found} <= {"basivertebral", "segmental"}


def test_one_seed_one_draw_and_rates_only_add(bone):
    first, again = (ways.drawn_openings(bone, chance(5)) for _ in range(2))
    assert [(one.name, one.basis) for one in first] == [(one.name, one.basis) for one in again]
    more = ways.drawn_openings(bone, chance(5), ways.OpeningModel(0.9, 0.9, 0.9))
    assert {one.name for one in open_ways(first)} <= {one.name for one in open_ways(more)}


def test_marrow_has_a_way_out_of_every_draw_that_cement_has_not(draws):
    """Narrow veins: at 10 kPa tens of mm3/s of marrow of 0.079 Pa s, under 0.3 mm3/s of cement of 100 Pa s."""
    for draw in draws[:50]:
        assert {one.route for one in draw} >= {"basivertebral", "segmental"}
        narrow = sum(one.conductivity_mm4 / one.outside_mm for one in draw if one.basis == ways.NARROW)
        assert narrow * 1e4 / 100.0 < 0.3
    least = min(sum(one.conductivity_mm4 / one.outside_mm for one in draw) for draw in draws)
    assert least * 1e4 / 0.079 > 50.0


def test_what_is_fitted_is_one_vector():
    stated = ways.OpeningModel.stated()
    assert ways.OpeningModel.from_vector(stated.vector).vector == pytest.approx(stated.vector)
    plain = ways.OpeningModel.from_vector(np.zeros(4))
    assert (plain.segmental, plain.lumen) == (0.5, 1.0)


def test_the_lumen_widens_what_is_drawn_and_what_is_expected(bone):
    """r^4 of veins and a^3 of cracks: 16 and 8 times at twice the lumen."""
    once, twice = (ways.OpeningModel(0.999999, 0.999999, 0.999999, lumen) for lumen in (1.0, 2.0))
    for first, second in (
        (ways.drawn_openings(bone, chance(3), once), ways.drawn_openings(bone, chance(3), twice)),
        (ways.expected_openings(bone, once), ways.expected_openings(bone, twice)),
    ):
        assert [one.name for one in first] == [one.name for one in second]
        for narrow, wide in zip(first, second, strict=True):
            power = 16.0 if "vein" in narrow.name else 8.0
            assert wide.conductivity_mm4 == pytest.approx(power * narrow.conductivity_mm4, rel=1e-2), narrow.name


def test_closed_is_without_passages(bone):
    assert all(outlet.basis == "intact cortex" for outlet in medium_of(bone).outlets)


def test_a_needles_track_leads_from_its_tip_out_behind(bone):
    entry, tip = turned() @ np.array([-14.5, 40.0, 4.0]), turned() @ np.array([-11.0, -2.0, 1.0])
    track = ways.needle_track(entry, tip, 2.4)
    medium = medium_of(bone, passages=(track,))
    assert medium.grid is not None
    outlet = medium.outlets[-1]
    assert outlet.route == "needle_track"
    last = medium.grid.lps_from_index(np.array(np.unravel_index(outlet.cells[0], medium.flow_cells.shape)))
    assert (turned().inverse @ last)[1] > 20.0
