"""Breaks cut into the cortex of a formula's posterior wall, which its shape does not show."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pedicle.anatomy.fracture import with_wall
from pedicle.anatomy.wall_gap import wall_gap_mm
from pedicle.model.vertebra import Fracture

MARROW_HU = 120.0
GRADE_2 = Fracture(
    (30, 20, 2), "neighbours", 30, 2, 2, (0, 0, 1, 0), "wedge", True, True, "OF2", "none", "intact", 0.0, "",
)  # fmt: skip


def band(low_mm: float, high_mm: float, half_width_mm: float = 30.0) -> Any:
    """Marrow instead of cortex about the wall (y = 11 to 12) between two heights."""

    def lump(points: Any, hu: Any) -> Any:
        x, y, z = np.moveaxis(points, -1, 0)
        cut = (np.abs(y - 11.5) < 2.5) & (z > low_mm) & (z < high_mm) & (np.abs(x) < half_width_mm)
        return np.where(cut, np.minimum(hu, MARROW_HU), hu)

    return lump


def test_a_closed_wall_has_no_gap(seen: Any) -> None:
    assert wall_gap_mm(*seen) == 0.0


@pytest.mark.parametrize("height", [3.0, 4.5])
def test_a_band_without_cortex_is_a_gap_of_its_height(changed: Any, height: float) -> None:
    # a cell and a voxel of 1 mm; the neighbouring cortex shines in from both sides
    assert wall_gap_mm(*changed(lump=band(5.5, 5.5 + height))) == pytest.approx(height, abs=1.75)


def test_the_veins_foramen_and_a_small_hole_are_no_gap(changed: Any) -> None:
    assert wall_gap_mm(*changed(lump=band(-3.5, 3.5, 6.0))) == 0.0
    assert wall_gap_mm(*changed(lump=band(5.5, 9.0, 3.0))) == 0.0


def test_what_cannot_show_a_gap_says_so(seen: Any, anatomic: Any, changed: Any) -> None:
    vertebra, scan = seen
    assert wall_gap_mm(vertebra, None) is None
    assert wall_gap_mm(replace(vertebra, maps=None), scan) is None
    assert wall_gap_mm(vertebra, anatomic.scan((0.9, 0.9, 3.0))) is None
    assert wall_gap_mm(*changed(cortex_hu=170.0)) is None


def test_a_gap_makes_a_fractured_levels_wall_broken(changed: Any) -> None:
    vertebra, scan = changed(lump=band(5.5, 9.5))
    found = with_wall(replace(vertebra, fracture=GRADE_2), scan, False)
    assert found.fracture is not None
    assert found.fracture.posterior_wall == "broken"
    assert found.fracture.of_suggestion == "OF3"
    assert [notice.code for notice in found.warnings] == ["wall-gap"]
    intact = with_wall(replace(vertebra, fracture=replace(GRADE_2, genant_grade=0)), scan, False)
    assert intact.fracture is not None
    assert intact.fracture.posterior_wall == "intact"


def test_a_wall_judged_by_half_says_so(seen: Any, anatomic: Any) -> None:
    vertebra = replace(seen[0], fracture=replace(GRADE_2, posterior_wall="bulged"))
    codes = [n.code for n in with_wall(vertebra, anatomic.scan((0.9, 0.9, 3.0)), True).warnings]
    assert codes == ["narrowing-lower-bound", "wall-gap-not-seen"]
