"""Norms against published series that they were not taken from."""

import numpy as np
import pytest

from pedicle.anatomy.norms import has_norm, norm_heights_mm, spread

# Front Physiol 2026;17:1820186, CT 1 mm, 100 healthy volunteers: anterior, posterior.
VOLUNTEERS = {"L1": (25.1, 27.2), "L2": (26.5, 28.1), "L3": (27.1, 27.3), "L4": (27.6, 26.3), "L5": (27.7, 24.6)}


@pytest.mark.parametrize("level", VOLUNTEERS)
def test_norms_agree_with_a_series_of_healthy_volunteers(level: str) -> None:
    anterior, _, posterior = norm_heights_mm(level)
    # 5 %: the series differ in population; within 8 %, the scatter between people
    assert (anterior, posterior) == pytest.approx(VOLUNTEERS[level], rel=0.05)


def test_women_and_men_of_the_ct_series_at_t12() -> None:
    # Duman 2026: posterior height 22.19 (women), 24.83 (men); the pooled series is 7 % taller throughout
    women, men = norm_heights_mm("T12", "F")[2], norm_heights_mm("T12", "M")[2]
    assert men / women == pytest.approx(24.83 / 22.19, abs=0.03)
    assert women == pytest.approx(22.19, rel=0.1)


def test_heights_rise_from_t4_to_l2_and_the_middle_is_hollow() -> None:
    levels = [f"T{n}" for n in range(4, 13)] + ["L1", "L2"]
    heights = np.array([norm_heights_mm(level) for level in levels])
    assert (np.diff(heights[:, 2]) > 0).all()
    assert (heights[:, 1] < heights[:, [0, 2]].mean(axis=1)).all()


def test_unknown_levels_have_no_norm_and_unknown_sex_a_wider_one() -> None:
    assert has_norm("L6")
    assert not has_norm("C3")
    assert spread(None).body_size > spread("F").body_size
