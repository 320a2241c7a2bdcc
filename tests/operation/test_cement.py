"""The cement of an operation as pictures and report get it: in the bone and leaked, seen in the view that showed it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.model.events import InjectionStarted, LeakSeen, NeedleMoved, OperationState, Pushed
from pedicle.model.fill import Leak
from pedicle.operation import apply
from pedicle.operation.cement import cement_in, seen_in, site_in
from pedicle.report.injection import leak_table
from tests.fluoroscopy import simple_spine
from tests.injection import simple_level as simple
from tests.injection.test_session import NEEDLE, needle

SETTINGS = {"cell_mm": 2.0, "openings": "expected"}


@pytest.fixture(scope="module")
def vertebrae():
    return {"L3": replace(simple_spine.vertebra(), bone=simple.bone())}


@pytest.fixture(scope="module")
def operated(vertebrae) -> OperationState:
    """A needle placed, 20 s of cement, and a leak of 0.3 ml through one opening."""
    placed, state = needle(), OperationState()
    tip, direction = tuple(placed.tip_lps_mm), tuple(placed.direction_lps)
    for event in (
        NeedleMoved(0.0, "L3", "left", NEEDLE, tip, direction, stylet=False),
        InjectionStarted(0.0, "L3", "left", -200.0, SETTINGS),
        Pushed(20.0, "L3", "flow", 40.0, 20.0),
    ):
        state = apply(state, event, vertebrae)
    now = state.injection("L3")
    leaked = now.flow.outflow_cement_mm3.copy()
    leaked[-1] = 300.0
    now = replace(now, flow=replace(now.flow, outflow_cement_mm3=leaked))
    return replace(state, injections=(("L3", now),))


def test_a_picture_gets_the_cement_in_the_bone_and_what_leaked(operated, vertebrae):
    inside, outside = cement_in(operated, vertebrae)
    site, now = site_in(operated, vertebrae, "L3"), operated.injection("L3")
    volume = float((now.flow.saturation * site.medium.pore_volume_mm3).sum())
    assert inside.filled.values.sum(dtype=float) * inside.filled.grid.voxel_ml * 1e3 == pytest.approx(volume, rel=1e-5)
    assert outside.filled.values.sum(dtype=float) * outside.filled.grid.voxel_ml == pytest.approx(0.3, rel=1e-5)
    assert inside.material == site.cement.xray_material


def test_a_leak_is_known_by_the_view_that_first_showed_it(operated, vertebrae):
    opening = site_in(operated, vertebrae, "L3").medium.outlets[-1].name
    state = operated
    for t_s, view in ((30.0, "lateral"), (50.0, "lateral"), (60.0, "AP")):
        state = apply(state, LeakSeen(t_s, "L3", view, opening, "disc"), vertebrae)
    assert seen_in(state, "L3") == {opening: (60.0, 30.0)}
    assert seen_in(state, "L2") == {}


def test_the_reports_table_keeps_the_views_apart():
    nothing = simple.bone().parts.with_values(np.zeros(simple.bone().parts.grid.shape, np.float32))
    leak = Leak("vein", "segmental", "prevertebral_vein", 0.25, 65.0, nothing, seen_ap_s=90.0, seen_lateral_s=None)
    table = leak_table((leak,))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["Seen on AP"] == "1:30 min"
    assert row["Seen on lateral"] == "not seen"
    assert row["From"] == "1:05 min"
