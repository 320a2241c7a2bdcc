"""The C-arm of data/fluoroscopy/carm.toml: its geometry and its beam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.model.beam import air_kerma_ugy, energies_kev, phosphor_absorption, spectrum
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.shot import Technique
from pedicle.model.sourced import quantity

FILE = "fluoroscopy/carm"
# Output of a tube is stated at this distance.
STATED_AT_MM = 1000.0
# Every so many rows and columns say what the median and the spread of a field are.
_EVERY = 4


def number(*keys: str) -> float:
    """A number of the C-arm's data file."""
    return quantity(FILE, *keys).value


def mobile_arm(binning: int = 1) -> CArm:
    """A mobile C-arm with a 30 cm flat detector; `binning` x `binning` pixels read as one."""
    count = int(number("arm", "pixels")) // binning
    return CArm(
        number("arm", "source_to_detector"),
        number("arm", "source_to_isocentre"),
        number("arm", "pixel") * binning,
        count,
        count,
    )


def usual_technique() -> Technique:
    """The technique a picture starts from; voltage and charge are for the automatic to set."""
    kvp, aluminium, copper = (number("technique", name) for name in ("kvp", "aluminium", "copper"))
    return Technique(kvp, aluminium, copper, number("automatic", "mas_least"), number("technique", "pulses_per_second"))


def tube_spectrum(technique: Technique) -> NDArray[np.float64]:
    """Photons per mm2, keV and mAs at 1 m behind the tube's own filter and the technique's added ones."""
    own = quantity("fluoroscopy/beam", "tube", "aluminium").value
    return spectrum(technique.kvp, own + technique.aluminium_mm, technique.copper_mm)


def detected(technique: Technique) -> NDArray[np.float64]:
    """Energy that the phosphor takes from an open beam, keV per mm2, keV and mAs at 1 m, no grid."""
    return np.asarray(tube_spectrum(technique) * phosphor_absorption() * energies_kev())


def open_kev_per_pixel(technique: Technique, beam: ConeBeam, grid: bool) -> float:
    """Energy a pixel in the middle of the detector takes from one pulse of the open beam, keV.

    Fewer quanta reach the rim (obliquity: 2 % at 15 cm and 1.1 m) and the cathode's side (heel); both are left out.
    """
    column, row = beam.pixel_mm
    nearer = (STATED_AT_MM / beam.source_to_detector_mm) ** 2
    passing = number("scatter", "grid_primary") if grid else 1.0
    return float(detected(technique).sum() * technique.mas_per_pulse * column * row * nearer * passing)


def open_kerma_ugy(technique: Technique, beam: ConeBeam) -> float:
    """Air kerma of one pulse at the detector without a patient, uGy."""
    nearer = (STATED_AT_MM / beam.source_to_detector_mm) ** 2
    return air_kerma_ugy(tube_spectrum(technique)) * technique.mas_per_pulse * nearer


def measuring_field(beam: ConeBeam) -> tuple[slice, slice]:
    """Every fourth row and column of the middle of the detector, which brightness and exposure are measured in."""
    beside = 0.5 * (1.0 - number("automatic", "measuring_field"))
    rows, columns = (slice(int(beside * n), max(n - int(beside * n), 1), _EVERY) for n in (beam.rows, beam.columns))
    return rows, columns
