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
