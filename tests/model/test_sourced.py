"""What a case cites does not depend on what the process did before."""

from __future__ import annotations

from pedicle.model.levels import levels
from pedicle.model.needle import catalogue
from pedicle.model.sourced import arrays, quantity, references, references_used, remembered


def used_by_a_plan() -> set[str]:
    with references_used() as used:
        catalogue()
        levels()
    return used


def test_a_remembered_answer_cites_again():
    first = used_by_a_plan()
    assert first == used_by_a_plan()
    assert "VerSeReadme" in first


def test_inner_blocks_report_to_outer_ones():
    with references_used() as outer:
        used_by_a_plan()
    assert used_by_a_plan() <= outer


def test_remembered_keeps_answers_apart_by_argument():
    seen = []

    @remembered
    def double(number: int) -> int:
        seen.append(number)
        return 2 * number

    assert [double(1), double(2), double(1)] == [2, 4, 2]
    assert seen == [1, 2]


def test_every_reference_is_a_bibtex_entry_with_its_key():
    found = references()
    assert found
    assert all(text.startswith("@") and f"{{{key}," in text for key, text in found.items())


def test_arrays_are_read_only_and_cite_where_they_come_from():
    with references_used() as used:
        held = arrays("fluoroscopy/beam")
    assert {"Poludniowski2021SpekPy", "xraylib2011"} <= used
    assert all(not values.flags.writeable for values in held.values())


def test_a_missing_number_is_a_key_error():
    import pytest

    with pytest.raises(KeyError):
        quantity("levels", "nothing")
