"""What SpekPy and xraylib say of beams and materials.

In the peers' environment: `python benchmarks/peers/beam.py` prints the literal tables of tests/fluoroscopy/test_beam.py and
test_dose.py; with the path of a JSON file, {"settings": [[kvp, mm Al, mm Cu], ...], "kev": [...]}, it prints one JSON object
of what `answers` gives.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import spekpy
import xraylib

SETTINGS = [
    (60, 3.0, 0.0), (60, 3.0, 0.1), (70, 3.0, 0.1), (75, 3.0, 0.0), (75, 3.0, 0.1), (75, 3.0, 0.3), (80, 3.0, 0.2),
    (90, 5.0, 0.1), (110, 3.0, 0.2), (120, 3.0, 0.1),
]  # fmt: skip
# Parts by mass, each a formula or a NIST compound of xraylib.
MATERIALS = {
    "water": (("Water, Liquid", 1.0),),
    "soft_tissue": (("Tissue, Soft (ICRP)", 1.0),),
    "adipose": (("Adipose Tissue (ICRP)", 1.0),),
    "hydroxyapatite": (("Ca10(PO4)6(OH)2", 1.0),),
    "cortical_bone": (("Bone, Cortical (ICRP)", 1.0),),
    "pmma": (("C5H8O2", 1.0),),
    "cement_barium": (("C5H8O2", 0.7), ("BaSO4", 0.3)),
    "cement_zirconia": (("C5H8O2", 0.7), ("ZrO2", 0.3)),
    "steel_316l": (("Fe", 0.655), ("Cr", 0.17), ("Ni", 0.12), ("Mo", 0.025), ("Mn", 0.02), ("Si", 0.01)),
    "caesium_iodide": (("CsI", 1.0),),
    "aluminium": (("Al", 1.0),),
    "copper": (("Cu", 1.0),),
}
KEV = (25.5, 40.5, 60.5, 80.5, 110.5)


def tube(kvp: float, aluminium_mm: float, copper_mm: float) -> spekpy.Spek:
    """The tube at 1 m: SpekPy's "casim" at 12 degrees, its own tables of attenuation for the filters."""
    spectrum = spekpy.Spek(kvp=float(kvp), th=12.0, physics="casim", z=100.0)
    spectrum.multi_filter([("Al", aluminium_mm), ("Cu", copper_mm)])
    return spectrum


def mass_attenuation(material: str, kev: float) -> float:
    """cm2/g with coherent scatter."""
    return float(sum(share * xraylib.CS_Total_CP(part, float(kev)) for part, share in MATERIALS[material]))


def mean_attenuation(material: str, kev: float) -> float:
    """The same, the mean over one keV about the energy, by Simpson's rule."""
    return sum(
        share * mass_attenuation(material, kev + at) for at, share in ((-0.5, 1 / 6), (0.0, 2 / 3), (0.5, 1 / 6))
    )


def elements(material: str) -> dict[int, float]:
    """Parts by mass of each element, by atomic number."""
    found: dict[int, float] = {}
    for part, share in MATERIALS[material]:
        nist = part in xraylib.GetCompoundDataNISTList()
        known = xraylib.GetCompoundDataNISTByName(part) if nist else xraylib.CompoundParser(part)
        for number, mass in zip(known["Elements"], known["massFractions"], strict=True):
            found[int(number)] = found.get(int(number), 0.0) + share * float(mass)
    return found


def photons(kvp: float, aluminium_mm: float, copper_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Energies in keV, half a keV apart, and photons per mm2 and mAs at 1 m in each."""
    spectrum = tube(kvp, aluminium_mm, copper_mm)
    kev, density = spectrum.get_spectrum()
    return np.asarray(kev), np.asarray(density) * float(kev[1] - kev[0]) / 100.0


def absorbed(kev: np.ndarray, thickness_mm: float) -> np.ndarray:
    """Part of the photons that a layer of solid caesium iodide stops; 4.51 g/cm3."""
    mu_per_mm = np.array([mass_attenuation("caesium_iodide", energy) for energy in kev]) * 0.451
    return np.asarray(1.0 - np.exp(-mu_per_mm * thickness_mm))


def noise(kvp: float, aluminium_mm: float, copper_mm: float, water_mm: float, phosphor_mm: float) -> dict[str, float]:
    """Detected energy behind water over the open beam's, and the variance of that times photons' weight: counted photons,
    each with its energy, a mm2 and mAs at 1 m.
    """
    kev, count = photons(kvp, aluminium_mm, copper_mm)
    stopped = count * absorbed(kev, phosphor_mm)
    mu_per_mm = np.array([mass_attenuation("water", energy) for energy in kev]) * 0.1
    behind, whole = stopped * np.exp(-mu_per_mm * water_mm), float((stopped * kev).sum())
    return {"mean": float((behind * kev).sum()) / whole, "variance": float((behind * kev**2).sum()) / whole**2}


def answers(asked: dict[str, Any]) -> dict[str, Any]:
    """Half-value layers (mm Al) and air kerma (uGy/mAs) of settings, the mean mass attenuation
    over a keV, and noise behind water."""
    beams = [tube(*setting) for setting in asked["settings"]]
    return {
        "half_value_layers": [[beam.get_hvl1(), beam.get_hvl2()] for beam in beams],
        "kerma": [beam.get_kerma() for beam in beams],
        "mass_attenuation": {name: [mean_attenuation(name, kev) for kev in asked["kev"]] for name in MATERIALS},
        "noise": [noise(*case) for case in asked["noise"]],
    }


def print_tables() -> None:
    """Both tables: (kvp, Al mm, Cu mm, first and second HVL mm Al, uGy/mAs at 1 m) and cm2/g by energy."""
    for kvp, aluminium, copper in SETTINGS:
        spectrum = tube(kvp, aluminium, copper)
        second = spectrum.get_hvl2()
        print(
            f"    ({kvp}, {aluminium}, {copper}, {spectrum.get_hvl1():.4f}, {second:.4f}, {spectrum.get_kerma():.4f}),"
        )
    for name in MATERIALS:
        print(f'    "{name}": ({", ".join(f"{mass_attenuation(name, kev):.5f}" for kev in KEV)}),')


def main() -> None:
    """Tables for a person, or answers to a file of questions."""
    if len(sys.argv) == 1:
        print_tables()
    else:
        print(json.dumps(answers(json.loads(Path(sys.argv[1]).read_text()))))


if __name__ == "__main__":
    main()
