"""The json beside a picture: what was looked at, from where, with what dose; keys as docs/reference/case-folder.md lists them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.model.events import OperationState
from pedicle.model.orientation import edge_words, seen_from
from pedicle.model.shot import Shot
from pedicle.model.table import equipment_angles, position_word


def shot_document(shot: Shot, state: OperationState, words: list[str]) -> dict[str, Any]:
    """A shot as plain values; `words` are sentences for a person. Points are LPS mm, pixels (column, row)."""
    view, beam = shot.view, shot.beam
    position = position_word(state.lying, state.first)
    primary, secondary = equipment_angles(view, position)
    return {
        "level": shot.level,
        "view": view.name,
        "sentence": view.sentence,
        "patient_position": position,
        "dicom_primary_deg": _rounded(view.dicom_primary_deg),
        "dicom_secondary_deg": _rounded(view.dicom_secondary_deg),
        "equipment_primary_deg": _rounded(primary),
        "equipment_secondary_deg": _rounded(secondary),
        "isocentre_lps_mm": None if state.isocentre_lps_mm is None else _rounded(state.isocentre_lps_mm),
        "source_lps_mm": _rounded(beam.source_lps_mm),
        "source_to_detector_mm": _rounded(beam.source_to_detector_mm),
        "pixel_mm": _rounded(beam.pixel_mm),
        "rows": beam.rows,
        "columns": beam.columns,
        "matrix": [[float(value) for value in row] for row in beam.matrix],
        "edges": edge_words(beam),
        "seen_from": seen_from(beam),
        "technique": vars(shot.technique),
        "dose": vars(shot.dose),
        "dose_so_far": vars(state.dose),
        "needles": [
            {"level": level, "side": side, "tip_lps_mm": _rounded(placed.tip_lps_mm), "tip_px": _rounded(beam.project(placed.tip_lps_mm))}
            for level, side, placed in state.needles
        ],
        "words": words,
        "warnings": [dict(vars(notice)) for notice in shot.warnings],
    }  # fmt: skip


def _rounded(value: Any) -> Any:
    """To 0.0001, as in every other document of a case."""
    if isinstance(value, float):
        return round(value, 4) + 0.0
    return [round(float(part), 4) + 0.0 for part in np.asarray(value)]
