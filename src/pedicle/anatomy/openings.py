"""Ways out of a body that the CT shows: the basivertebral foramen, and breaks of endplates and walls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.model.bone import Opening, Route
from pedicle.model.notices import Notice
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, Vertebra
from pedicle.model.volume import Volume

_FILE = "anatomy/flags"
THICK_SLICE_MM = 2.0
FORAMEN_HALF_WIDTH_MM = 7.0
DEEP_MM, NEAR_MM = 4.0, 1.0
BASIS = "CT: no brighter than marrow at the surface"

Zone = tuple[Route, str, NDArray[np.bool_]]


def find_openings(
    vertebra: Vertebra, scan: Scan, hu: Volume, parts: NDArray[np.uint8], shell: NDArray[np.bool_]
) -> tuple[tuple[Opening, ...], tuple[Notice, ...]]:
    """Openings of a body on the grid of `hu`; breaks are looked for in fractured bodies only.

    An opening is a connected patch of shell no brighter than the marrow plus 60 HU within 1 mm. Slices over 2 mm do not
    show a thin shell: nothing is claimed and a notice says so.
    """
    if float(scan.volume.grid.spacing_mm.max()) > THICK_SLICE_MM:
        text = "slices over 2 mm: openings of the shell cannot be seen"
        return (), (Notice("openings-not-seen", vertebra.level, text, "note"),)
    open_shell = shell & _dark(hu, parts)
    openings: list[Opening] = []
    for route, place, zone in _zones(vertebra, hu, shell):
        openings += _patches(hu, open_shell & zone, route, place)
    return tuple(openings), ()


def _dark(hu: Volume, parts: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Cells with nothing brighter than the marrow and a margin within 1 mm; the marrow is what lies 4 mm deep."""
    from scipy.ndimage import binary_erosion, maximum_filter

    spacing = float(hu.grid.spacing_mm[0])
    inner = binary_erosion(parts == PART_BODY, iterations=max(round(DEEP_MM / spacing), 1))
    if not inner.any():
        return np.zeros(parts.shape, bool)
    limit = float(np.median(hu.values[inner])) + quantity(_FILE, "opening", "over_marrow").value
    return np.asarray(maximum_filter(hu.values, 2 * max(round(NEAR_MM / spacing), 1) + 1) < limit)


def _zones(vertebra: Vertebra, hu: Volume, shell: NDArray[np.bool_]) -> list[Zone]:
    """Parts of the shell by the way they would open: the middle of the posterior wall, and, if broken, all others."""
    assert vertebra.lps_from_vertebra is not None
    x, y, z = np.moveaxis(vertebra.lps_from_vertebra.inverse @ hu.grid.centres_lps_mm(), -1, 0)
    back = vertebra.posterior_wall_mm or 0.0
    front = vertebra.anterior_wall_mm or 0.0
    low, high = np.percentile(z[shell], [2.0, 98.0]) if shell.any() else (0.0, 0.0)
    level = (z - low) / max(float(high - low), 1.0)
    middle = (level > 0.25) & (level < 0.75)
    rear = y > back - 4.0
    zones: list[Zone] = [
        ("basivertebral", "posterior wall, middle", rear & middle & (np.abs(x) < FORAMEN_HALF_WIDTH_MM))
    ]
    if vertebra.fracture is not None and vertebra.fracture.genant_grade > 0:
        zones += [
            ("endplate", "upper endplate", (level >= 0.75) & ~rear),
            ("endplate", "lower endplate", (level <= 0.25) & ~rear),
            ("cortical", "front and side walls", middle & (y < 0.5 * (front + back))),
            ("cortical", "posterior wall", rear & ~(middle & (np.abs(x) < FORAMEN_HALF_WIDTH_MM))),
        ]
    return zones


def _patches(hu: Volume, cells: NDArray[np.bool_], route: Route, place: str) -> list[Opening]:
    """One opening a connected patch of enough area; the shell is 1 mm thick, so its volume in mm3 is its area in mm2."""
    from scipy.ndimage import label

    pieces, count = label(cells, np.ones((3, 3, 3), int))
    least = quantity(_FILE, "opening", "mm2").value / float(np.prod(hu.grid.spacing_mm))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    return [
        Opening(route, place, Volume(hu.grid, np.asarray(pieces == n + 1)), BASIS)
        for n in np.flatnonzero(sizes >= least)
    ]
