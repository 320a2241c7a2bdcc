"""The automatic brightness control: tube voltage from how much lies in the way, then the charge the detector needs.

A C-arm raises the voltage along a curve as the patient gets thicker, and the charge with it. Behind a large patient a fixed
voltage would end at the tube's largest charge with a picture of electronic noise under scatter.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.machine import FILE, measuring_field, number, open_kerma_ugy, usual_technique
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.picture import field, primary_signal
from pedicle.fluoroscopy.scatter import water_behind
from pedicle.model.conebeam import ConeBeam
from pedicle.model.shot import Technique
from pedicle.model.sourced import as_quantity, table

Paths = NDArray[np.float32]


def set_technique(
    paths: Paths, materials: tuple[str, ...], beam: ConeBeam, options: PictureOptions, last: Technique | None = None
) -> Technique:
    """Tube voltage and charge behind this patient, for line integrals (materials, rows, columns) in mm.

    The measuring field (the middle of the detector, as far as the collimator leaves it open) tells a thickness of water;
    the curve of data/fluoroscopy/carm.toml its voltage, in whole kV. In a run the voltage of the `last` pulse stays while
    the curve asks for one within the control's play. The charge gives the detector its kerma; where the largest is too
    little the voltage rises beyond the curve, to the largest. Filters and pulse rate are the usual ones.
    """
    usual = usual_technique()
    measured = _measured(paths, beam, options)
    kvp = float(round(curve_kvp(float(water_behind(_median(measured, materials, usual), usual)))))
    if last is not None and abs(kvp - last.kvp) <= number("automatic", "kvp_play"):
        kvp = last.kvp
    found = with_charge(replace(usual, kvp=kvp), measured, materials, beam)
    most = number("automatic", "kvp_most")
    while found.mas_per_pulse >= number("automatic", "mas_most") and found.kvp < most:
        found = with_charge(replace(found, kvp=found.kvp + 1.0), measured, materials, beam)
    return found


def with_charge(technique: Technique, paths: Paths, materials: tuple[str, ...], beam: ConeBeam) -> Technique:
    """The technique with the charge that gives the detector its kerma behind these paths, within the tube's limits.

    The median of `paths` (materials, ...) counts; the tube voltage stays.
    """
    wanted = number("automatic", "detector_kerma") / 1000.0
    behind = max(_median(paths, materials, technique), 1e-9)
    a_mas = open_kerma_ugy(replace(technique, mas_per_pulse=1.0), beam) * behind
    charge = np.clip(wanted / a_mas, number("automatic", "mas_least"), number("automatic", "mas_most"))
    return replace(technique, mas_per_pulse=float(charge))


def curve_kvp(water_mm: float) -> float:
    """Tube voltage behind so much water; held beyond the curve's ends."""
    rows = table(FILE)["automatic"]["curve"]
    return float(
        np.interp(water_mm, [row["water_mm"] for row in rows], [as_quantity(row["kvp"]).value for row in rows])
    )


def _measured(paths: Paths, beam: ConeBeam, options: PictureOptions) -> Paths:
    """Paths (materials, 1, pixels) in the measuring field; of the whole picture where the collimator leaves none of it."""
    rows, columns = measuring_field(beam)
    lit = field(beam, options)[rows, columns] > 0.5
    chosen = paths[:, rows, columns][:, lit]
    if not chosen.size:
        chosen = paths.reshape(len(paths), -1)
    return np.ascontiguousarray(chosen[:, None])


def _median(paths: Paths, materials: tuple[str, ...], technique: Technique) -> float:
    """Median of the primary signal, 1 in open beam."""
    return float(np.median(primary_signal(paths, materials, technique)[0]))
