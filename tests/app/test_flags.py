"""The flags of `run`: the options of all steps in one row, so no name may stand for two things."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

from pedicle.app.commands import Chosen


def test_no_flag_of_run_means_two_things():
    groups = [type(getattr(Chosen(), field.name)) for field in fields(Chosen)]
    names = Counter(field.name for group in groups for field in fields(group))
    assert len(groups) == 7
    assert [name for name, count in names.items() if count > 1] == []
