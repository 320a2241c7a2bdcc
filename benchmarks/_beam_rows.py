"""Beams, materials and noise beside SpekPy and xraylib, asked in their own environment."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _peer
from benchmarks._table import Row
from pedicle.fluoroscopy.machine import mobile_arm, number, usual_technique
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.picture import detector_reading, electronic_sigma
from pedicle.model.beam import air_kerma_ugy, attenuation, density_g_cm3, energies_kev, half_value_layer_mm, spectrum
from pedicle.model.conebeam import ConeBeam
from pedicle.model.sourced import quantity

PEER = "SpekPy and xraylib"
# kVp, mm Al, mm Cu.
SETTINGS = [(kvp, 3.0, copper) for kvp in (50, 60, 70, 80, 100, 120) for copper in (0.0, 0.1, 0.2)]
WATER_MM = (0.0, 100.0, 200.0)
# Energies compared: where a tube of 40 to 125 kV behind 3 mm of aluminium gives anything.
LEAST_KEV = 15.0


def phosphor_mm() -> float:
    """Millimetres of solid caesium iodide in the detector."""
    thickness, packing = (quantity("fluoroscopy/beam", "detector", name).value for name in ("thickness", "packing"))
    return thickness * packing


def peer_rows() -> list[Row]:
    """Largest differences of spectra, attenuation and noise; one line when the peers are absent."""
    if not _peer.is_there(PEER):
        return [Row("beam", PEER, _peer.ABSENT, "")]
    kev = [float(energy) for energy in energies_kev() if energy >= LEAST_KEV]
    technique = usual_technique()
    tube = [technique.kvp, 3.0 + technique.aluminium_mm, technique.copper_mm]
    noise = [[*tube, water, phosphor_mm()] for water in WATER_MM]
    with tempfile.TemporaryDirectory() as folder:
        asked = {"settings": SETTINGS, "kev": kev, "noise": noise}
        found = _peer.answers("beam.py", asked, Path(folder))
    return [*spectrum_rows(found), attenuation_row(found, np.array(kev)), *noise_rows(found)]


def spectrum_rows(found: dict[str, Any]) -> list[Row]:
    """Half-value layers and kerma."""
    first, second, kerma = [], [], []
    for setting, layers, peer_kerma in zip(SETTINGS, found["half_value_layers"], found["kerma"], strict=True):
        ours = spectrum(*setting)
        half, quarter = half_value_layer_mm(ours), half_value_layer_mm(ours, part=0.25)
        first.append(abs(half / layers[0] - 1.0))
        second.append(abs((quarter - half) / layers[1] - 1.0))
        kerma.append(abs(air_kerma_ugy(ours) / peer_kerma - 1.0))
    case, peer = f"{len(SETTINGS)} beams, 50 to 120 kV", "SpekPy"
    return [
        Row(case, "half-value layer, largest difference", 100.0 * max(first), "percent", "<= 0.5", peer),
        Row(case, "second half-value layer, largest difference", 100.0 * max(second), "percent", "<= 0.5", peer),
        Row(case, "air kerma, largest difference", 100.0 * max(kerma), "percent", "<= 2", peer),
    ]


def attenuation_row(found: dict[str, Any], kev: np.ndarray) -> Row:
    """All materials, means over each keV; but where an absorption edge lies in it or at its end: there a rule of three points is off."""
    worst = {}
    for name, theirs in found["mass_attenuation"].items():
        ours = 10.0 * attenuation(name) / density_g_cm3(name)
        off = np.abs(np.interp(kev, energies_kev(), ours) / np.array(theirs) - 1.0)
        worst[name] = 100.0 * float(off[~at_edge(kev)].max())
    case = f"{len(worst)} materials, {kev[0]:g} to {kev[-1]:g} keV"
    return Row(
        case, "attenuation, largest difference", max(worst.values()), "percent", "<= 0.1", "xraylib", None, None, worst
    )


def at_edge(kev: np.ndarray) -> np.ndarray:
    """Energies whose keV holds the K edge of zirconium, molybdenum, iodine, caesium or barium."""
    edges = (18.00, 20.00, 33.17, 35.98, 37.44)
    return np.any([np.abs(kev - edge) <= 0.5 for edge in edges], axis=0)


def noise_rows(found: dict[str, Any]) -> list[Row]:
    """Variance of a clean picture over many pixels, beside photons counted by the peers, each with its energy."""
    technique = replace(usual_technique(), mas_per_pulse=0.1)
    beam = ConeBeam.aimed(mobile_arm(), [0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    options = PictureOptions(scatter=False, noise=True, blur_mm=0.0, noise_reduction=0.0)
    area = beam.pixel_mm[0] * beam.pixel_mm[1] * (1000.0 / beam.source_to_detector_mm) ** 2
    weight = technique.mas_per_pulse * area * number("scatter", "grid_primary")
    rows = []
    for water, stated in zip(WATER_MM, found["noise"], strict=True):
        paths = np.full((1, beam.rows, beam.columns), water, np.float32)
        read = detector_reading(paths, ("water",), beam, technique, options)
        quantum = float(read.var(dtype=np.float64)) - float(electronic_sigma(technique, beam, options)) ** 2
        case, same = f"{water:g} mm of water", {"mean": float(read.mean()), "peer_mean": stated["mean"]}
        off = 100.0 * abs(quantum * weight / stated["variance"] - 1.0)
        rows.append(Row(case, "noise variance, difference", off, "percent", "<= 3", PEER, None, None, same))
        mean = 100.0 * abs(float(read.mean()) / stated["mean"] - 1.0)
        rows.append(Row(case, "signal, difference", mean, "percent", "<= 1", PEER))
    return rows
