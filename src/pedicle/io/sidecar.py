"""Facts of acquisition from the BIDS sidecar (.json) that may lie beside a NIfTI file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pedicle.model.scan import Acquisition

_MAX_BYTES = 1024 * 1024


def acquisition_beside(path: Path, source_format: str = "nifti") -> Acquisition:
    """What a BIDS sidecar states; facts are None where there is none, or where its words are not understood."""
    facts = _facts(path)
    kvp = _number(facts.get("KVP"), 40.0, 200.0)
    kernel = facts.get("ConvolutionKernel")
    kernel = "\\".join(str(part) for part in kernel) if isinstance(kernel, list) else kernel
    position = facts.get("PatientPosition")
    return Acquisition(
        kvp=kvp,
        kernel=kernel[:64] if isinstance(kernel, str) else None,
        slice_thickness_mm=_number(facts.get("SliceThickness"), 0.1, 20.0),
        patient_position=position[:16] if isinstance(position, str) else None,
        source_format=source_format,
    )


def _facts(path: Path) -> dict[str, Any]:
    beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    if beside == path or not beside.is_file() or beside.stat().st_size > _MAX_BYTES:
        return {}
    try:
        found = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(found: Any, low: float, high: float) -> float | None:
    return float(found) if isinstance(found, int | float) and low <= found <= high else None
