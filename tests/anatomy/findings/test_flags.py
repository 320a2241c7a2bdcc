"""Foreign bodies and defects put into the formula vertebra are named; the plain one raises no question."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pedicle.anatomy.flags import densest_bone_hu, find_flags, patient_marrow_hu
from pedicle.anatomy.pedicles import find_pedicles
from pedicle.model.density import density_law
from pedicle.model.sourced import quantity


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


def test_only_what_is_denser_than_any_bone_refuses(seen: Any, changed: Any) -> None:
    bound = quantity("anatomy/flags", "foreign", "hu")
    assert bound.verified
    # solid cortex: 1.92 g/cm3 with 22.5 % calcium by mass (ICRU 44); hydroxyapatite holds 39.9 % calcium
    cortex = 1920.0 * 0.225 / 0.3989
    _, scan = seen
    for kvp in (80.0, 120.0, 140.0):
        at = replace(scan, acquisition=replace(scan.acquisition, kvp=kvp))
        assert densest_bone_hu(at) > 1.16 * float(density_law(kvp).hu_from_density(cortex))
    # bone islands: 1190 HU, 95 % under 1670 (Ulano 2016), typically under 1 cm
    island = find_flags(*changed(lump=ball((0, -4, 0), 5.5, 1190.0)))
    assert (island.cemented, island.metal) == (False, False)
    assert "bone island" in island.suspicious[0]


def test_what_is_as_dense_as_a_bone_island_and_larger_is_taken_for_cement(changed: Any) -> None:
    assert find_flags(*changed(lump=ball((0, -4, 0), 8.0, 1190.0))).cemented
    assert not find_flags(*changed(lump=ball((0, -4, 0), 8.0, 700.0))).cemented


def test_the_bound_follows_the_tube_voltage(changed: Any) -> None:
    vertebra, scan = changed(lump=ball((0, -4, 0), 5.5, 2100.0))
    assert find_flags(vertebra, scan).cemented
    low = replace(scan, acquisition=replace(scan.acquisition, kvp=80.0))
    assert not find_flags(vertebra, low).cemented


def sclerotic(inside: float) -> Any:
    """A body of 420 HU with a cave of 16 x 12 x 10 mm half axes at its front."""

    def lump(points: Any, hu: Any) -> Any:
        cave = (((points - np.array([0.0, -3.0, 0.0])) / np.array([16.0, 8.0, 9.0])) ** 2).sum(axis=-1) < 1
        return np.where(cave, inside, hu)

    return lump


def test_usual_marrow_beside_sclerosis_is_no_hole_but_fluid_is(changed: Any) -> None:
    usual = changed(marrow_hu=420.0, lump=sclerotic(65.0))
    assert find_flags(*usual, 65.0).suspicious == ()
    assert "lytic" in find_flags(*usual).suspicious[0]
    assert "lytic" in find_flags(*changed(marrow_hu=420.0, lump=sclerotic(5.0)), 65.0).suspicious[0]


def test_a_vein_is_no_hole_where_veins_lie(changed: Any) -> None:
    assert find_flags(*changed(marrow_hu=170.0, lump=ball((0, 5, 0), 8.0, 30.0))).suspicious == ()
    assert find_flags(*changed(marrow_hu=170.0, lump=ball((0, -5, 0), 8.0, 30.0))).suspicious != ()


def test_thin_strands_of_loose_marrow_are_no_hole(changed: Any) -> None:
    def strands(points: Any, hu: Any) -> Any:
        x, y, z = np.moveaxis(points, -1, 0)
        loose = (np.abs(z) < 9.0) & (np.abs(y + 4.0) < 8.0) & (np.abs((x + 3.0) % 6.0 - 3.0) < 1.4)
        return np.where(loose & (np.abs(x) < 16.0), 15.0, hu)

    assert find_flags(*changed(marrow_hu=170.0, lump=strands)).suspicious == ()


def test_the_patients_marrow_is_the_median_of_the_levels(changed: Any) -> None:
    vertebra, scan = changed(marrow_hu=120.0)
    # the looser third lies under the even marrow by rounding alone
    assert patient_marrow_hu([vertebra, vertebra], scan) == pytest.approx(120.0, abs=2.0)
    assert patient_marrow_hu([vertebra], None) is None
    assert patient_marrow_hu([replace(vertebra, maps=None)], scan) is None


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
