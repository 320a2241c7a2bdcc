"""A CT as the gate lets it in, and a label map beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pedicle.model.levels import level_of_verse
from pedicle.model.notices import Notice
from pedicle.model.volume import Volume


@dataclass(frozen=True)
class InputFile:
    """What a case remembers of a file: its content and its kind, never its name."""

    sha256: str
    kind: str


@dataclass(frozen=True)
class Acquisition:
    """Facts about how the CT was made; None where the file does not say.

    `patient_position` is the DICOM word (HFS, HFP, FFS, FFP, HFDR ...). `contrast` is None when unknown.
    `calibrated_hu` is False for cone-beam CT and other sources whose numbers are not Hounsfield units.
    `study_date` is ISO (YYYY-MM-DD). `tilt_resampled_deg` is set when a gantry tilt was resampled on request.
    """

    modality: str = "CT"
    kvp: float | None = None
    kernel: str | None = None
    contrast: bool | None = None
    slice_thickness_mm: float | None = None
    patient_position: str | None = None
    study_date: str | None = None
    calibrated_hu: bool = True
    hu_cap: float | None = None
    tilt_resampled_deg: float | None = None
    source_format: str = ""


@dataclass(frozen=True, eq=False)
class Scan:
    """A CT that passed the gate: canonical volume in HU, its acquisition, its inputs and the gate's warnings."""

    volume: Volume
    acquisition: Acquisition
    inputs: tuple[InputFile, ...] = ()
    warnings: tuple[Notice, ...] = ()


Coverage = Literal["whole", "body"]


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Vertebrae by VerSe number (uint8, canonical, on the CT's grid once aligned).

    `coverage` says whether a label holds the whole vertebra or only its body. `scheme` is the published convention the
    file was read in. `landmarks` are the structures in the file that levels can be counted from: "sacrum", "c2", "ribs".
    `structures` are masks (uint8, 1 where present, on the same grid) of what else the file names: "lungs", "ribs", "aorta",
    "vena_cava", "kidneys", "spinal_cord", "spinal_canal", "sacrum".
    """

    volume: Volume
    scheme: str
    coverage: Coverage = "whole"
    landmarks: tuple[str, ...] = ()
    structures: dict[str, Volume] | None = None
    inputs: tuple[InputFile, ...] = ()
    warnings: tuple[Notice, ...] = ()

    @property
    def levels(self) -> list[str]:
        """Names of the levels present, from the head down, without sacrum and coccyx."""
        import numpy as np

        names = [level_of_verse(int(n)) for n in np.unique(self.volume.values) if n]
        return sorted_levels([n for n in names if n is not None and n not in ("sacrum", "coccyx")])


def sorted_levels(names: list[str]) -> list[str]:
    """Level names from the head down.

    >>> sorted_levels(["L1", "T12", "L6", "L5"])
    ['T12', 'L1', 'L5', 'L6']
    """
    from pedicle.model.levels import rank

    return sorted(names, key=rank)
