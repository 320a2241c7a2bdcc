"""Prints the scatter rows of data/fluoroscopy/carm.toml: Monte Carlo of a pencil beam through a slab of water.

Needs SpekPy, xraylib and numba: python benchmarks/_make_scatter_table.py, 20 s. Photoelectric effect,
Compton scatter (Klein and Nishina's angles, xraylib's cross sections) and coherent scatter (form factors of free atoms);
the detector is a plane that takes what caesium iodide stops, seen at a slant. Spread is the SD of the Gaussian that
sends as much beyond 75 mm as the scatter does within 300 mm.
"""

from __future__ import annotations

import numba
import numpy as np
import spekpy
import xraylib

KVP, ALUMINIUM_MM, COPPER_MM = 75.0, 3.0, 0.1
THICKNESSES_MM, GAPS_MM = (50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 400.0), (0.0, 75.0, 150.0, 300.0)
CSI_MM = 0.45
PHOTONS = 2_000_000
KEV = np.arange(1, 126, dtype=np.float64)
# (momentum transfer in 1/A) squared, for coherent scatter.
SQUARES = np.linspace(0.0, 100.0, 20_001)


def tables() -> tuple[np.ndarray, ...]:
    """Per mm in water: total, Compton, coherent; CsI per mm; cumulative squared form factor over `SQUARES`."""
    water = [f("H2O", k) / 10.0 for f in (xraylib.CS_Total_CP, xraylib.CS_Compt_CP, xraylib.CS_Rayl_CP) for k in KEV]
    csi = np.array([xraylib.CS_Total_CP("CsI", k) * 4.51 / 10.0 for k in KEV])
    q = np.sqrt(SQUARES)
    form = np.array([2 * xraylib.FF_Rayl(1, x) ** 2 + xraylib.FF_Rayl(8, x) ** 2 for x in q])
    return (*np.array(water).reshape(3, -1), csi, np.cumsum(form))


@numba.njit
def turned(d, cos, phi):
    sin = np.sqrt(max(0.0, 1.0 - cos * cos))
    x, y, z = d
    if abs(z) > 0.99999:
        return np.array([sin * np.cos(phi), sin * np.sin(phi), cos * np.sign(z)])
    h = np.sqrt(1.0 - z * z)
    return np.array(
        [
            x * cos + sin * (x * z * np.cos(phi) - y * np.sin(phi)) / h,
            y * cos + sin * (y * z * np.cos(phi) + x * np.sin(phi)) / h,
            z * cos - sin * h * np.cos(phi),
        ]
    )


@numba.njit
def compton(kev, draw):
    """Cosine and energy after scatter from a free electron, by rejection."""
    a = kev / 511.0
    while True:
        cos = 2.0 * draw.random() - 1.0
        p = 1.0 / (1.0 + a * (1.0 - cos))
        if draw.random() * 2.0 < p * p * (p + 1.0 / p - 1.0 + cos * cos):
            return cos, kev * p


@numba.njit
def coherent(kev, squares, form, draw):
    """Cosine after coherent scatter: form factor by its table, then (1 + cos2) / 2 by rejection."""
    most = (kev / 12.398) ** 2
    top = min(np.searchsorted(squares, most), form.shape[0] - 1)
    while True:
        k = np.searchsorted(form, draw.random() * form[top])
        cos = 1.0 - 2.0 * min(squares[k] / most, 1.0)
        if draw.random() * 2.0 < 1.0 + cos * cos:
            return cos


@numba.njit
def history(kev, thickness, tables, squares, draw):
    """Where a photon leaves the slab's far side, its direction and energy (0 when it does not), and whether it scattered."""
    total, inelastic, elastic, _, form = tables
    place, way, scattered = np.zeros(3), np.array([0.0, 0.0, 1.0]), False
    while kev >= 6.0:
        n = round(kev) - 1
        place = place + way * (-np.log(draw.random()) / total[n])
        if place[2] > thickness:
            return place + way * ((thickness - place[2]) / way[2]), way, kev, scattered
        chance = draw.random() * total[n]
        if place[2] < 0.0 or max(abs(place[0]), abs(place[1])) > 200.0 or chance >= inelastic[n] + elastic[n]:
            break
        if chance < inelastic[n]:
            cos, kev = compton(kev, draw)
        else:
            cos = coherent(kev, squares, form, draw)
        way, scattered = turned(way, cos, 2.0 * np.pi * draw.random()), True
    return place, way, 0.0, scattered


@numba.njit
def scatter(thickness, source, tables, squares, rings, draw):
    """Signal of scattered photons by gap and radius; `source` is energies and their cumulative numbers."""
    kevs, cumulative = source
    gaps, edges = rings
    found = np.zeros((len(gaps), len(edges)))
    for _ in range(PHOTONS):
        start = kevs[np.searchsorted(cumulative, draw.random())]
        out, way, kev, scattered = history(start, thickness, tables, squares, draw)
        if kev == 0.0 or not scattered:
            continue
        signal = kev * (1.0 - np.exp(-tables[3][round(kev) - 1] * CSI_MM / way[2]))
        for g in range(len(gaps)):
            r = np.hypot(out[0] + way[0] / way[2] * gaps[g], out[1] + way[1] / way[2] * gaps[g])
            if r < edges[-1]:
                found[g, np.searchsorted(edges, r)] += signal
    return found


def main() -> None:
    """Print ratio (within 300 mm) and spread for each thickness and gap."""
    spectrum = spekpy.Spek(kvp=KVP, th=12.0, physics="casim", dk=1.0)
    spectrum.multi_filter([("Al", ALUMINIUM_MM), ("Cu", COPPER_MM)])
    energy, photons = spectrum.get_spectrum(edges=False)
    cumulative = np.cumsum(photons) / photons.sum()
    edges = np.arange(5.0, 301.0, 5.0)
    held = tables()
    n = np.round(energy).astype(int) - 1
    absorbed = energy * (1.0 - np.exp(-held[3][n] * CSI_MM))
    for mm in THICKNESSES_MM:
        draw = np.random.default_rng(1)
        found = scatter(mm, (energy, cumulative), held, SQUARES, (np.array(GAPS_MM), edges), draw)
        expected = PHOTONS * (photons * absorbed * np.exp(-held[0][n] * mm)).sum() / photons.sum()
        ratio = found.sum(axis=1) / expected
        beyond = 1.0 - found[:, edges <= 75.0].sum(axis=1) / found.sum(axis=1)
        spread = 75.0 / np.sqrt(-2.0 * np.log(beyond))
        print(f"{mm:5.0f} mm: ratio {ratio.round(2)} spread {spread.round(0)} mm at gaps {GAPS_MM} mm")


if __name__ == "__main__":
    main()
