"""How the patient lies: equipment angles and IEC 61217 against the patient's words, for every position."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.model.carm import View
from pedicle.model.orientation import word
from pedicle.model.table import (
    POSITIONS,
    equipment_angles,
    iec_angles,
    lps_from_iec,
    lps_from_table,
    position_word,
    positioner_axes,
    view_from_equipment,
    view_from_iec,
)

# DICOM PS3.3 C.8.19.6.13.1: X to the table's left, Y down, Z to the table's head; PS3.17 FFF.1.2.2.2 says what of the patient
# lies there.
WORDS = {
    "HFS": {"table left": "left", "down": "back", "table head": "head"},
    "HFP": {"table left": "right", "down": "front", "table head": "head"},
    "FFS": {"table left": "right", "down": "back", "table head": "feet"},
    "FFP": {"table left": "left", "down": "front", "table head": "feet"},
    "HFDR": {"table left": "back", "down": "right", "table head": "head"},
    "HFDL": {"table left": "front", "down": "left", "table head": "head"},
    "FFDR": {"table left": "front", "down": "right", "table head": "feet"},
    "FFDL": {"table left": "back", "down": "left", "table head": "feet"},
}


@pytest.mark.parametrize("position", POSITIONS)
def test_what_of_the_patient_lies_where_on_the_table(position):
    lps = lps_from_table(position)
    found = {
        "table left": word(lps.turn([1.0, 0.0, 0.0])),
        "down": word(lps.turn([0.0, 1.0, 0.0])),
        "table head": word(lps.turn([0.0, 0.0, 1.0])),
    }
    assert found == WORDS[position]


@pytest.mark.parametrize(
    ("position", "primary", "over", "toward"),
    [
        # The detector above the table (0), then 25 deg towards the table's left (+X) or right.
        ("HFS", 25.0, "chest", "left"),
        ("HFP", -25.0, "back", "left"),
        ("FFS", -25.0, "chest", "left"),
        ("FFP", 25.0, "back", "left"),
        ("HFP", 25.0, "back", "right"),
        ("FFP", -25.0, "back", "right"),
    ],
)
def test_one_equipment_angle_means_another_side_in_another_position(position, primary, over, toward):
    view = view_from_equipment("v", primary, 0.0, position)
    assert (view.detector_over, view.tilt_toward) == (over, toward)
    assert view.tilt_deg == pytest.approx(25.0)
    assert equipment_angles(view, position) == pytest.approx((primary, 0.0))


@pytest.mark.parametrize(("position", "toward"), [("HFS", "head"), ("HFP", "head"), ("FFS", "feet"), ("FFP", "feet")])
def test_a_detector_turned_to_the_tables_head_is_turned_to_the_end_that_lies_there(position, toward):
    view = view_from_equipment("v", 0.0, 20.0, position)
    assert view.dicom_secondary_deg == pytest.approx(20.0 if toward == "head" else -20.0)


def test_head_first_supine_is_the_one_position_where_both_frames_agree():
    for primary, secondary in ((0.0, 0.0), (35.0, -12.0), (-110.0, 20.0)):
        view = View.from_dicom_angles("v", primary, secondary)
        np.testing.assert_allclose(equipment_angles(view, "HFS"), (primary, secondary), atol=1e-9)


def test_the_positioner_turns_as_the_standard_says():
    """Primary from -Y (above) to +X, secondary from there to +Z, both of the detector; rows level at rotation 0."""
    np.testing.assert_allclose(-positioner_axes(0.0, 0.0)[1], [0.0, -1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(-positioner_axes(90.0, 0.0)[1], [1.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(-positioner_axes(0.0, 90.0)[1], [0.0, 0.0, 1.0], atol=1e-12)
    rows, to_source, columns = positioner_axes(30.0, 20.0)
    assert abs(rows[2]) < 1e-12
    assert columns[2] > 0.9
    np.testing.assert_allclose(np.cross(rows, to_source), columns, atol=1e-12)


@pytest.mark.parametrize(("position", "side"), [("HFS", "left"), ("HFP", "right"), ("FFS", "right"), ("FFP", "left")])
def test_iec_gantry_at_90_degrees_shines_from_the_known_side(position, side):
    """IEC 61217: gantry 90 puts the source at the right of an observer facing the gantry; for HFS that is the patient's left."""
    view = view_from_iec("v", 90.0, 0.0, position)
    assert word(-view.detector_lps) == side


@pytest.mark.parametrize(
    ("position", "surface"), [("HFS", "front"), ("HFP", "back"), ("FFS", "front"), ("FFP", "back")]
)
def test_iec_gantry_at_0_degrees_shines_from_above(position, surface):
    assert word(-view_from_iec("v", 0.0, 0.0, position).detector_lps) == surface
    assert word(lps_from_iec(position).turn([0.0, 0.0, 1.0])) == surface


def test_a_support_turned_by_90_degrees_brings_the_feet_under_a_gantry_at_90():
    """Counter-clockwise from above the head goes to the observer's left, so the source at the right looks from the feet."""
    assert word(-view_from_iec("v", 90.0, 90.0, "HFS").detector_lps) == "feet"


@pytest.mark.parametrize("position", POSITIONS)
def test_there_and_back(position):
    generator = np.random.default_rng(7)
    for direction in generator.standard_normal((40, 3)):
        view = View.towards("v", direction)
        equipment = view_from_equipment("v", *equipment_angles(view, position), position)
        np.testing.assert_allclose(equipment.detector_lps, view.detector_lps, atol=1e-9)
        gantry, support = iec_angles(view, position)
        assert abs(support) <= 90.0 + 1e-9
        np.testing.assert_allclose(
            view_from_iec("v", gantry, support, position).detector_lps, view.detector_lps, atol=1e-9
        )


def test_words_of_the_positions():
    assert [position_word(lying, first) for first in ("head", "feet") for lying in ("supine", "prone")] == [
        "HFS", "HFP", "FFS", "FFP",
    ]  # fmt: skip
