"""What a picture shows of a leak: beside the body on AP, before and behind it on lateral, never through the body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.fluoroscopy.scene import Scene
from pedicle.fluoroscopy.views import Aim, set_up, standard_arm
from pedicle.injection.leak_shape import leaked_volume
from pedicle.model.vertebra import PART_BODY, PART_LEFT_PEDICLE, PART_NONE
from pedicle.operation.film import read_view
from tests.fluoroscopy import simple_spine
from tests.injection import simple_level as simple

BONE = simple.bone()
REAR = (BONE.parts.values == PART_BODY) & (
    (simple.pose().inverse @ BONE.parts.grid.centres_lps_mm())[..., 1] > simple.HALF[1] / 2
)
PLACES = {"left": (22.0, 0.0, 0.0), "front": (0.0, -15.0, 0.0), "canal": (0.0, 15.0, 0.0)}


@pytest.fixture(scope="module")
def scene():
    return Scene.of(simple_spine.scan(), (-80.0, -80.0), standard_arm(256))


def reading(scene, view, ml, rear=False):
    vertebra = simple_spine.vertebra()
    aim = Aim(simple_spine.spine(vertebra), vertebra, "prone", "left", simple_spine.trajectory("left"))
    _, beam = set_up(view, aim, scene.arm)
    leaks = []
    for name, near in PLACES.items():
        outlet = simple.opening(BONE, "canal" if name == "canal" else "paravertebral", near)
        leaks.append(leaked_volume(BONE, outlet, simple.starts(BONE, outlet), ml))
    cement = BONE.parts.with_values(
        (REAR * 0.9 if rear else ~REAR & (BONE.parts.values == PART_BODY)).astype(np.float32)
    )
    return read_view(scene, beam, BONE, cement, tuple(leaks), REAR)


def test_a_leak_beside_the_body_is_seen_on_ap_and_hidden_on_lateral(scene):
    assert reading(scene, "true-ap", 0.8).seen == (True, False, False)
    assert reading(scene, "true-lateral", 0.8).seen == (False, True, True)


def test_the_part_beside_the_outline_is_told(scene):
    """A leak beside the body is beside it on AP alone, one before it on lateral alone."""
    ap, lateral = (reading(scene, view, 0.8).beside for view in ("true-ap", "true-lateral"))
    assert ap[0] > 0.3 > 3.0 * lateral[0]
    assert lateral[1] > 0.3 > 3.0 * ap[1]
    assert all(0.0 <= part <= 1.0 for part in (*ap, *lateral))


def lateral_shows(scene, bone, place, near, ml):
    """Whether the lateral view shows one leak beside this bone."""
    vertebra = simple_spine.vertebra()
    aim = Aim(simple_spine.spine(vertebra), vertebra, "prone", "left", simple_spine.trajectory("left"))
    _, beam = set_up("true-lateral", aim, scene.arm)
    outlet = simple.opening(bone, place, near)
    leak = leaked_volume(bone, outlet, simple.starts(bone, outlet), ml)
    return read_view(scene, beam, bone, bone.parts.with_values(leak.values * 0.0), (leak,), REAR).seen[0]


def with_part(part, where):
    """The bone with a part painted where a function of (x, y, z) is true."""
    x, y, z = np.moveaxis(simple.pose().inverse @ BONE.parts.grid.centres_lps_mm(), -1, 0)
    return replace(BONE, parts=BONE.parts.with_values(np.where(where(x, y, z), part, BONE.parts.values)))


def test_two_pedicles_hide_a_leak_into_the_canal_on_lateral_and_one_does_not(scene):
    """Each is 8 mm thick along the ray, 10 mm hide."""
    canal = ("canal", (0.0, 15.0, 4.0), 0.15)
    assert not lateral_shows(scene, BONE, *canal)
    one = with_part(PART_NONE, lambda x, y, z: BONE.parts.values == PART_LEFT_PEDICLE)
    assert lateral_shows(scene, one, *canal)


@pytest.mark.parametrize(("width_mm", "shows"), [(6, True), (16, False)])
def test_the_rim_of_an_endplate_hides_a_leak_into_the_disc_only_where_it_is_thick(scene, width_mm, shows):
    top = simple.HALF[2]
    rim = with_part(
        PART_BODY, lambda x, y, z: (np.abs(x + 12) < width_mm / 2) & (np.abs(y) < 11) & (z > top - 1) & (z < top + 12)
    )
    assert lateral_shows(scene, rim, "disc", (5.0, 0.0, top + 1.0), 0.3) is shows


def test_a_trace_is_not_seen_and_no_leak_never(scene):
    for view in ("true-ap", "true-lateral"):
        assert reading(scene, view, 0.003).seen == (False, False, False)
        assert reading(scene, view, 0.0).seen == (False, False, False)


def test_cement_in_the_posterior_quarter_is_seen_on_lateral(scene):
    assert not reading(scene, "true-lateral", 0.1).in_posterior_quarter
    assert reading(scene, "true-lateral", 0.1, rear=True).in_posterior_quarter
