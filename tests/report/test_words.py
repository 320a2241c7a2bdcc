"""Figures keep their unit, their sign and their reason."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pedicle.model.vertebra import Estimate
from pedicle.report import words


def plain(text: str) -> str:
    return text.replace(words.SPACE, " ")


@pytest.mark.parametrize(
    ("value", "sigma", "expected"),
    [
        (25.43, 0.42, "25.4 ± 0.4 mm"),
        (104.6, 3.2, "105 ± 3 mm"),
        (1.26, 1.4, "1.3 ± 1.4 mm"),
        (-0.52, 0.81, "−0.5 ± 0.8 mm"),
        (9.97, None, "10 mm"),
        (-0.04, None, "0.0 mm"),
    ],
)
def test_lengths_are_rounded_to_what_they_carry(value: float, sigma: float | None, expected: str) -> None:
    assert plain(words.measure(value, "mm", sigma)) == expected


@pytest.mark.parametrize("absent", [None, math.nan, math.inf])
def test_a_missing_figure_gives_its_reason(absent: float | None) -> None:
    assert words.measure(absent, "mm", 0.5, "cut by the border") == "not assessed: cut by the border"
    assert words.probability(absent, "no error stated") == "not assessed: no error stated"
    assert words.measure(absent, "mm").startswith("not assessed: no reason")


@given(st.floats(allow_nan=True, allow_infinity=True), st.one_of(st.none(), st.floats(0, 1e6)))
def test_no_number_prints_as_nan_or_minus_nought(value: float, sigma: float | None) -> None:
    text = plain(words.measure(value, "mm", sigma)).lower()
    assert "nan" not in text
    assert "inf" not in text
    assert "none" not in text
    assert not text.startswith(("−0 ", "−0.0"))
    assert text.endswith("mm") or text.startswith("not assessed: ")


@given(st.floats(0, 1))
def test_a_probability_is_never_certain(value: float) -> None:
    shown = plain(words.probability(value))
    assert shown not in ("0 %", "0.0 %", "100 %", "100.0 %")
    number = float(shown.strip("<> %"))
    # Shown to a whole percent, or to 0.1 % at both ends.
    assert abs(number - 100 * value) <= (0.51 if 0.9 <= number <= 99 else 0.11)


def test_an_interval_names_its_coverage() -> None:
    shown = plain(words.interval(Estimate(74.2, 61.0, 88.4, "mg/cm3", "asynchronous")))
    assert shown == "74 mg/cm³ (95 %: 61 to 88)"


def test_a_spread_in_large_type_is_rounded_up() -> None:
    assert plain(words.at_least_one(0.2, "mm")) == "± 1 mm"
    assert plain(words.at_least_one(1.01, "mm")) == "± 2 mm"
    assert plain(words.at_least_one(2.0, "mm")) == "± 2 mm"


@pytest.mark.parametrize(
    ("direction", "expected"),
    [([1, 0, 0], "left"), ([-1, 0, 0], "right"), ([0, 1, 0], "back"), ([0, -1, 0], "front"), ([0, 0, 1], "head"), ([0.1, 0.2, -1], "feet")],
)  # fmt: skip
def test_lps_directions_in_words(direction: list[float], expected: str) -> None:
    assert words.direction_word(direction) == expected
