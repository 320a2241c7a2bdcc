"""Foreign bodies and defects put into the formula vertebra are named; the plain one raises no question."""

from dataclasses import replace
from typing import Any

import numpy as np

from pedicle.anatomy.flags import find_flags
from pedicle.anatomy.pedicles import find_pedicles


def ball(centre: tuple[float, float, float], radius: float, value: float) -> Any:
    def lump(points: Any, hu: Any) -> Any:
        inside = ((points - np.array(centre)) ** 2).sum(axis=-1) < radius**2
        return np.where(inside, value, hu)

    return lump


def test_a_plain_vertebra_raises_no_question(seen: Any) -> None:
    vertebra, scan = seen
    found = find_flags(replace(vertebra, pedicles=find_pedicles(vertebra, scan, 1.0)), scan)
    assert (found.metal, found.cemented, found.suspicious, found.warnings) == (False, False, (), ())


def test_cement_is_cement_and_screws_are_metal(changed: Any) -> None:
    cemented = find_flags(*changed(lump=ball((0, -4, 0), 7.0, 1900.0)))
    assert (cemented.cemented, cemented.metal) == (True, False)
    assert cemented.warnings[0].code == "cemented"
    screw = find_flags(*changed(lump=ball((16, 21, 4), 3.5, 3000.0)))
    assert (screw.cemented, screw.metal) == (False, True)


def test_a_hole_in_dense_marrow_is_a_question(changed: Any) -> None:
    found = find_flags(*changed(marrow_hu=170.0, lump=ball((6, -4, 0), 8.0, 45.0)))
    assert len(found.suspicious) == 1
    assert "lytic area" in found.suspicious[0]
    assert "biopsy?" in found.suspicious[0]
    assert found.warnings[0].severity == "danger"


def test_a_wall_without_cortex_is_a_question(changed: Any) -> None:
    def bare(points: Any, hu: Any) -> Any:
        x, y, z = np.moveaxis(points, -1, 0)
        return np.where((x > 4.0) & (y < 11.0) & (np.abs(z) < 13.0), 50.0, hu)

    assert any("without cortex" in row for row in find_flags(*changed(lump=bare)).suspicious)


def test_a_destroyed_pedicle_is_a_question_but_a_lost_label_is_not(changed: Any, anatomic: Any) -> None:
    def dissolved(points: Any, hu: Any) -> Any:
        x, y, _ = np.moveaxis(points, -1, 0)
        return np.where((x > 10.0) & (y > 13.0) & (y < 34.0), 45.0, hu)

    assert any("left pedicle" in row for row in find_flags(*changed(lump=dissolved)).suspicious)
    vertebra, scan = changed()
    gone = find_pedicles(replace(anatomic, missing=("right",)).vertebra(), None, 1.0)
    assert find_flags(replace(vertebra, pedicles=gone), scan).suspicious == ()


def test_a_dense_canal_is_a_question_unless_contrast_was_given(changed: Any) -> None:
    def full(points: Any, hu: Any) -> Any:
        x, y, _ = np.moveaxis(points, -1, 0)
        return np.where((np.abs(x) < 9.0) & (y > 14.0) & (y < 30.0), 160.0, hu)

    vertebra, scan = changed(lump=full)
    maps = vertebra.maps
    inner = np.where(maps.canal_mm.values < 0, -3.0, 3.0).astype(np.float32)
    vertebra = replace(vertebra, maps=replace(maps, canal_mm=maps.canal_mm.with_values(inner)))
    assert any("canal" in row for row in find_flags(vertebra, scan).suspicious)
    enhanced = replace(scan, acquisition=replace(scan.acquisition, contrast=True))
    assert not any("canal" in row for row in find_flags(vertebra, enhanced).suspicious)


def test_without_ct_or_hounsfield_units_nothing_changes(seen: Any) -> None:
    vertebra, scan = seen
    assert find_flags(vertebra, None) is vertebra
    cone_beam = replace(scan, acquisition=replace(scan.acquisition, calibrated_hu=False))
    assert find_flags(vertebra, cone_beam) is vertebra
