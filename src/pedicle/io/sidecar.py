"""Facts of acquisition from the BIDS sidecar (.json) that may lie beside a NIfTI file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pedicle.io.bounded import is_file
from pedicle.io.dicom.headers import plain
from pedicle.model.errors import InputError
from pedicle.model.scan import Acquisition

_MAX_BYTES = 1024 * 1024
_POSITION = re.compile("[HFLRAP]F(S|P|DR|DL)")


def acquisition_beside(path: Path, source_format: str = "nifti") -> Acquisition:
    """What a BIDS sidecar states; facts are None where there is none, or where its words are not understood.

    InputError 37 where it says that the image is no CT.
    """
    facts = _facts(path)
    _check_modality(facts.get("Modality"), path.name)
    kvp = _number(facts.get("KVP"), 40.0, 200.0)
    kernel = facts.get("ConvolutionKernel")
    kernel = "\\".join(str(part) for part in kernel) if isinstance(kernel, list) else kernel
    position = facts.get("PatientPosition")
    return Acquisition(
        kvp=kvp,
        kernel=plain(kernel) or None if isinstance(kernel, str) else None,
        slice_thickness_mm=_number(facts.get("SliceThickness"), 0.1, 20.0),
        patient_position=position if isinstance(position, str) and _POSITION.fullmatch(position) else None,
        source_format=source_format,
    )


def sidecar_of(path: Path) -> Path | None:
    """The sidecar of a NIfTI file, where there is one."""
    if not path.name.endswith((".nii", ".nii.gz")):
        return None
    beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    return beside if is_file(beside) and beside.stat().st_size <= _MAX_BYTES else None


def _check_modality(modality: Any, where: str) -> None:
    if isinstance(modality, str) and modality.strip() and modality.strip().upper() != "CT":
        found = f"an image that its sidecar calls {plain(modality)[:16]}"
        raise InputError(37, where, found, "modality CT", "give the CT, or the sidecar that belongs to it")


def _facts(path: Path) -> dict[str, Any]:
    beside = sidecar_of(path)
    if beside is None:
        return {}
    try:
        found = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(found: Any, low: float, high: float) -> float | None:
    return float(found) if isinstance(found, int | float) and low <= found <= high else None
