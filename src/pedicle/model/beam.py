"""X-ray beams: what a tube gives, what matter takes, half-value layer and kerma.

Energies are bins of 1 keV named by their middle (`energies_kev`). Spectra are photons per mm2, keV and mAs at 1 m from
the focus; attenuation is per mm, with coherent scatter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.model.sourced import arrays, as_quantity, quantity, remembered, table

Array = NDArray[np.float64]
_FILE = "fluoroscopy/beam"
BARIUM_EDGE_KEV = 37.44
_JOULE_PER_KEV = 1.602176634e-16
# keV/mm2 times cm2/g is 1e5 keV/kg; 1e6 uGy a Gy.
_UGY = _JOULE_PER_KEV * 1e5 * 1e6
# A material that is one table of its own has itself as its only part.
_WHOLE = {"value": 1.0, "unit": "1", "source": "xraylib2011", "evidence": "computed"}


def energies_kev() -> Array:
    """Middles of the 1 keV bins all arrays here are over."""
    return np.asarray(arrays(_FILE)["kev"], dtype=np.float64)


def material_names() -> list[str]:
    """Names `attenuation` knows."""
    return sorted(table(_FILE)["material"])


def density_g_cm3(material: str) -> float:
    """Density of a material; of a mixture without one, that of its parts side by side. KeyError when unknown."""
    entry = table(_FILE)["material"][material]
    if "density" in entry:
        return as_quantity(entry["density"]).value
    return 1.0 / sum(share / density_g_cm3(part) for part, share in parts(material).items())


def parts(material: str) -> dict[str, float]:
    """What a material is made of: shares by mass by part; one that is a table of its own has itself. KeyError when unknown."""
    entry = table(_FILE)["material"][material]
    return {part: as_quantity(row).value for part, row in entry.get("parts", {material: _WHOLE}).items()}


@remembered
def attenuation(material: str) -> Array:
    """Linear attenuation in 1/mm for each energy; KeyError for an unknown material.

    >>> kev = energies_kev()
    >>> round(float(np.interp(60.0, kev, attenuation("water"))), 4)
    0.0206
    """
    mass = sum(share * arrays(_FILE)[f"attenuation_{part}"] for part, share in parts(material).items())
    found = np.asarray(mass, dtype=np.float64) * density_g_cm3(material) / 10.0
    found.setflags(write=False)
    return found


def spectrum(kvp: float, aluminium_mm: float = 0.0, copper_mm: float = 0.0) -> Array:
    """Photons per mm2, keV and mAs at 1 m, behind filters of aluminium and copper.

    Between whole kV the two neighbours are blended. ValueError outside 40 to 125 kV: the table ends there.
    """
    held = arrays(_FILE)
    if not held["kvp"][0] <= kvp <= held["kvp"][-1]:
        raise ValueError(f"tube voltage {kvp:g} kV is outside {held['kvp'][0]} to {held['kvp'][-1]} kV")
    low = int(min(kvp, held["kvp"][-2])) - int(held["kvp"][0])
    part = kvp - float(held["kvp"][low])
    bare = (1.0 - part) * held["fluence"][low].astype(np.float64) + part * held["fluence"][low + 1]
    return np.asarray(bare * np.exp(-aluminium_mm * attenuation("aluminium") - copper_mm * attenuation("copper")))


def air_kerma_ugy(fluence: Array) -> float:
    """Air kerma in uGy of a spectrum of photons per mm2 and keV: per mAs at 1 m for what `spectrum` gives."""
    absorbed = arrays(_FILE)["absorption_air"].astype(np.float64)
    return float(_UGY * (fluence * energies_kev() * absorbed).sum())


def half_value_layer_mm(fluence: Array, material: str = "aluminium", part: float = 0.5) -> float:
    """Thickness of a material that leaves `part` of the air kerma, in mm.

    >>> 4.0 < half_value_layer_mm(spectrum(80, 3.0, 0.1)) < 5.0
    True
    """
    from scipy.optimize import brentq

    mu, whole = attenuation(material), air_kerma_ugy(fluence)
    return float(brentq(lambda mm: air_kerma_ugy(fluence * np.exp(-mu * mm)) / whole - part, 0.0, 1000.0))


def phosphor_absorption() -> Array:
    """Part of the photons of each energy that the detector's phosphor stops.

    The whole energy is taken to stay there: photons of caesium and iodine that leave the layer again are not subtracted.
    """
    thickness, packing = (quantity(_FILE, "detector", key).value for key in ("thickness", "packing"))
    return np.asarray(1.0 - np.exp(-attenuation("caesium_iodide") * thickness * packing))


def effective_kev(mineral_slope: float) -> float:
    """The one energy at which hydroxyapatite that displaces water adds this many HU per mg/cm3, in keV.

    It turns the density law of a tube voltage into attenuation: at it, and only at it, HU are attenuation. Beyond the
    energies of the tables the nearest end.
    """
    water, mineral = attenuation("water"), attenuation("hydroxyapatite")
    slope = (mineral - water) / water / density_g_cm3("hydroxyapatite")
    return float(np.interp(-mineral_slope, -slope, energies_kev()))
