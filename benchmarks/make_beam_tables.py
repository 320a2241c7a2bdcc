"""Writes `src/pedicle/data/fluoroscopy/beam.npz`: tube spectra from SpekPy and attenuation from xraylib.

Runs in the peers' environment (`make peers`), once; what it writes is shipped. Energies are bins of 1 keV named by their
middle; attenuation is the mean over the bin, so that the barium edge (37.44 keV) falls inside one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import spekpy
import xraylib

OUT = Path(__file__).resolve().parents[1] / "src" / "pedicle" / "data" / "fluoroscopy" / "beam.npz"
KVP = np.arange(40, 126)
KEV = np.arange(10, 126) + 0.5
ANODE_DEG, DISTANCE_CM = 12.0, 100.0
FINE = np.linspace(-0.45, 0.45, 10)
# Name: xraylib compound or NIST name, by mass. Densities live in beam.toml.
MATERIALS = {
    "water": "Water, Liquid",
    "adipose": "Adipose Tissue (ICRP)",
    "soft_tissue": "Tissue, Soft (ICRP)",
    "hydroxyapatite": "Ca10(PO4)6(OH)2",
    "cortical_bone": "Bone, Cortical (ICRP)",
    "pmma": "Polymethyl Methacralate (Lucite, Perspex)",
    "barium_sulfate": "BaSO4",
    "zirconia": "ZrO2",
    "caesium_iodide": "Cesium Iodide",
    "air": "Air, Dry (near sea level)",
    "aluminium": "Al",
    "copper": "Cu",
    "iron": "Fe",
    "chromium": "Cr",
    "nickel": "Ni",
}


def spectra() -> np.ndarray:
    """Photons per mm2, keV and mAs at 1 m for each kVp (rows), not filtered."""
    fluence = np.zeros((len(KVP), len(KEV)), np.float32)
    for n, kvp in enumerate(KVP):
        spectrum = spekpy.Spek(
            kvp=float(kvp), th=ANODE_DEG, physics="casim", dk=1.0, mu_data_source="nist", z=DISTANCE_CM
        )
        energy, photons = spectrum.get_spectrum(edges=False, diff=True)
        fluence[n] = np.interp(KEV, energy, photons, left=0.0, right=0.0) / 100.0
    return fluence


def attenuation(name: str) -> np.ndarray:
    """Mass attenuation with coherent scatter in cm2/g, mean over each bin."""
    return np.array([np.mean([xraylib.CS_Total_CP(name, float(kev + offset)) for offset in FINE]) for kev in KEV])


def air_absorption() -> np.ndarray:
    """Mass energy absorption of air in cm2/g (NIST's, as SpekPy carries it; xraylib's is up to 27 % lower at 30 keV)."""
    table = spekpy.Spek(kvp=80.0, th=ANODE_DEG).muen_air_data
    return np.array([np.mean(table.get_muen_over_rho_air(kev + FINE)) for kev in KEV])


def main() -> None:
    """Compute and write."""
    fluence = spectra()
    arrays = {f"attenuation_{key}": attenuation(name).astype(np.float32) for key, name in MATERIALS.items()}
    arrays["absorption_air"] = air_absorption().astype(np.float32)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(OUT, kvp=KVP, kev=KEV, fluence=fluence, **arrays)
    print(f"{OUT.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
