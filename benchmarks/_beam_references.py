"""Prints what SpekPy and xraylib say, as the literal tables of tests/fluoroscopy/test_beam.py and test_dose.py.

Runs in the peers' environment (`make peers`): python benchmarks/_beam_references.py
"""

from __future__ import annotations

import spekpy
import xraylib

SETTINGS = [
    (60, 3.0, 0.0), (60, 3.0, 0.1), (70, 3.0, 0.1), (75, 3.0, 0.0), (75, 3.0, 0.1), (75, 3.0, 0.3), (80, 3.0, 0.2),
    (90, 5.0, 0.1), (110, 3.0, 0.2), (120, 3.0, 0.1),
]  # fmt: skip
MATERIALS = {
    "water": (("Water, Liquid", 1.0),),
    "soft_tissue": (("Tissue, Soft (ICRP)", 1.0),),
    "adipose": (("Adipose Tissue (ICRP)", 1.0),),
    "hydroxyapatite": (("Ca10(PO4)6(OH)2", 1.0),),
    "cortical_bone": (("Bone, Cortical (ICRP)", 1.0),),
    "cement_barium": (("C5H8O2", 0.7), ("BaSO4", 0.3)),
    "cement_zirconia": (("C5H8O2", 0.7), ("ZrO2", 0.3)),
    "steel_316l": (("Fe", 0.655), ("Cr", 0.17), ("Ni", 0.12), ("Mo", 0.025), ("Mn", 0.02), ("Si", 0.01)),
    "caesium_iodide": (("CsI", 1.0),),
    "aluminium": (("Al", 1.0),),
    "copper": (("Cu", 1.0),),
}
KEV = (25.5, 40.5, 60.5, 80.5, 110.5)


def main() -> None:
    """Print both tables: (kvp, Al mm, Cu mm, first and second HVL mm Al, uGy/mAs at 1 m) and cm2/g by energy."""
    for kvp, aluminium, copper in SETTINGS:
        spectrum = spekpy.Spek(kvp=float(kvp), th=12.0, physics="casim", z=100.0)
        spectrum.multi_filter([("Al", aluminium), ("Cu", copper)])
        second = spectrum.get_hvl2()
        print(
            f"    ({kvp}, {aluminium}, {copper}, {spectrum.get_hvl1():.4f}, {second:.4f}, {spectrum.get_kerma():.4f}),"
        )
    for name, parts in MATERIALS.items():
        mass = [sum(share * xraylib.CS_Total_CP(part, kev) for part, share in parts) for kev in KEV]
        print(f'    "{name}": ({", ".join(f"{value:.5f}" for value in mass)}),')


if __name__ == "__main__":
    main()
