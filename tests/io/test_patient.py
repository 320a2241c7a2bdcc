"""Facts about a patient are stated or absent; a slip is refused."""

from __future__ import annotations

import pytest

from pedicle.io.patient import read_patient
from pedicle.model.errors import InputError


def test_what_is_not_stated_stays_unknown(tmp_path):
    path = tmp_path / "patient.toml"
    path.write_text('age_y = 76\nsex = "F"\nantithrombotics = ["aspirin"]\n')
    patient = read_patient(path)
    assert patient.stated() == {"age_y": 76, "sex": "F", "antithrombotics": ("aspirin",), "invented": False}
    assert patient.weight_kg is None


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("weight_kg = 5800", "weight_kg = 5800"),
        ("height_cm = 1.6", "height_cm = 1.6"),
        ('sex = "X"', "sex"),
        ('name = "A"', "unknown key 'name'"),
        ("age_y = ", "cannot be read"),
        ('age_y = "seventy"', "age_y"),
    ],
)
def test_a_slip_is_one_clear_line(tmp_path, text, finding):
    path = tmp_path / "patient.toml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_patient(path)
    assert finding in str(error.value)
    assert "Fix:" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"patient\.toml"):
        read_patient(tmp_path / "patient.toml")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("weight_lb = 128", "kilograms"),
        ("height_in = 62", "centimetres"),
        ("height_cm = 62", "centimetres"),
        ("weight_kg = 5", "kilograms"),
        ("platelets = 210000", "10^9 a litre"),
        ("platelets_10e9_l = 210000", "10^9 a litre"),
        ("weight_kg = 58,5", "58.5"),
        ('weight_kg = "58,5"', "58.5"),
        ('weight_kg = "128 lb"', "kilograms"),
        ("weight_kg = nan", "kilograms"),
        ("weight_kg = 200\nheight_cm = 158", "both units"),
        ("weight_kg = 20\nheight_cm = 180", "both units"),
        ("inr = true", "number"),
        ("[oedema]\nL1 = true", "[oedema.L1]"),
        ('[oedema.L1]\nby = "MRI"', "[oedema.L1]"),
        ("[antithrombotics_stopped_h]\napixaban = -3", "hours"),
    ],
)
def test_a_unit_is_never_guessed(tmp_path, text, hint):
    path = tmp_path / "patient.toml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_patient(path)
    assert hint in str(error.value)


def test_facts_of_care_are_read(tmp_path):
    path = tmp_path / "patient.toml"
    path.write_text(
        'antithrombotics = ["apixaban"]\nantithrombotics_stopped_h = { apixaban = 72 }\n[oedema.L1]\nfound = true\nby = "MRI"\n'
    )
    patient = read_patient(path)
    assert patient.antithrombotics_stopped_h == {"apixaban": 72.0}
    assert patient.oedema == {"L1": {"found": True, "by": "MRI"}}
