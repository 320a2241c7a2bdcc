"""What makes a level unfit to be measured or treated: metal, cement, signs of tumour or infection.

These are questions for a person. That none is raised says nothing: a lesion without destroyed bone is not seen here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.local_ct import hu_on, largest_piece_ml
from pedicle.model.notices import Notice
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import (
    PART_BODY,
    PART_CANAL,
    PART_LEFT_PEDICLE,
    PART_POSTERIOR,
    PART_RIGHT_PEDICLE,
    Vertebra,
)
from pedicle.model.volume import bounding_box

_FILE = "anatomy/flags"
QUESTION = "tumour or infection not excluded: biopsy?"
CORTEX_REACH_MM = 2.0
ENDPLATE_SHARE = 0.2
THICK_SLICE_MM = 2.0


@dataclass(frozen=True, eq=False)
class Sight:
    """A vertebra's maps with the CT on their grid: HU raw, smoothed, and the brightest within 2 mm."""

    hu: NDArray[np.float32]
    smooth_hu: NDArray[np.float32]
    brightest_hu: NDArray[np.float32]
    parts: NDArray[np.uint8]
    surface_mm: NDArray[np.float32]
    canal_mm: NDArray[np.float32]
    spacing_mm: float
    slice_mm: float

    def inside(self, part: int, depth_mm: float) -> NDArray[np.bool_]:
        """Cells of a part deeper than a distance under the surface."""
        return np.asarray((self.parts == part) & (self.surface_mm < -depth_mm))


def find_flags(vertebra: Vertebra, scan: Scan | None) -> Vertebra:
    """The vertebra with `metal`, `cemented`, `suspicious` and their warnings filled; unchanged without CT or parts.

    Ask after its pedicles were found: one that cannot be seen on a complete vertebra is a question too.
    """
    if scan is None or vertebra.maps is None or not scan.acquisition.calibrated_hu:
        return vertebra
    sight = _sight(vertebra, scan)
    cemented = is_cemented(sight)
    metal = has_metal(sight, cemented)
    # Streaks of metal and the shine of cement make and hide defects: no further question is asked beside them.
    suspicious = () if metal or cemented else tuple(_suspicions(vertebra, sight, bool(scan.acquisition.contrast)))
    notices = [*_foreign(vertebra.level, metal, cemented)]
    notices += [Notice("suspicious", vertebra.level, f"{text}: {QUESTION}", "danger") for text in suspicious]
    rows = tuple(f"{text}: {QUESTION}" for text in suspicious)
    return replace(vertebra, metal=metal, cemented=cemented, suspicious=rows, warnings=(*vertebra.warnings, *notices))


def _sight(vertebra: Vertebra, scan: Scan) -> Sight:
    from scipy.ndimage import gaussian_filter

    assert vertebra.maps is not None
    maps = vertebra.maps
    own = np.isin(maps.parts.values, (PART_BODY, PART_POSTERIOR, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE))
    spacing = float(maps.parts.grid.spacing_mm[0])
    box = bounding_box(own, round(4.0 / spacing))
    assert box is not None
    part, surface, canal = (volume.cropped(*box) for volume in (maps.parts, maps.surface_mm, maps.canal_mm))
    hu, there = hu_on(part.grid, scan)
    parts = np.where(there, part.values, 0).astype(np.uint8)
    smooth = gaussian_filter(hu, 1.0 / spacing, truncate=3.0)
    slice_mm = float(scan.volume.grid.spacing_mm.max())
    return Sight(hu, smooth, _brightest(smooth, spacing), parts, surface.values, canal.values, spacing, slice_mm)


def _limit(group: str, name: str) -> float:
    return quantity(_FILE, group, name).value


def is_cemented(sight: Sight) -> bool:
    """Whether something brighter than bone fills a piece of the body away from its surface."""
    bright = sight.inside(PART_BODY, _limit("cement", "depth")) & (sight.smooth_hu > _limit("cement", "hu"))
    return largest_piece_ml(bright, sight.spacing_mm)[1] >= _limit("cement", "ml")


def has_metal(sight: Sight, cemented: bool) -> bool:
    """Whether metal lies in the pedicles or the arch, or in a body that is not cemented."""
    bone = (PART_POSTERIOR, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE, *(() if cemented else (PART_BODY,)))
    bright = np.isin(sight.parts, bone) & (sight.hu > _limit("metal", "hu"))
    return largest_piece_ml(bright, sight.spacing_mm)[1] >= _limit("metal", "ml")


def _foreign(level: str, metal: bool, cemented: bool) -> list[Notice]:
    notices = []
    if metal:
        notices.append(
            Notice("metal", level, "metal in this level: HU, density and walls are not to be trusted", "danger")
        )
    if cemented:
        notices.append(
            Notice("cemented", level, "cement in this level already: no density, no second filling", "danger")
        )
    return notices


def _suspicions(vertebra: Vertebra, sight: Sight, contrast: bool) -> list[str]:
    found = []
    if lytic_ml(sight) > 0.0:
        found.append(f"lytic area of {lytic_ml(sight):.1f} ml in the body")
    bare = bare_wall_mm2(sight)
    if bare >= _limit("cortex", "area"):
        found.append(f"{bare / 100.0:.1f} cm2 of the body's wall without cortex")
    found += [f"{side} pedicle destroyed or missing" for side in _lost_pedicles(vertebra, sight)]
    if not contrast and _canal_hu(sight) > _limit("canal", "hu"):
        found.append(f"canal of {_canal_hu(sight):.0f} HU: epidural mass or blood")
    return found


def lytic_ml(sight: Sight) -> float:
    """Volume of the largest piece of soft tissue inside denser marrow, 0 when too small or the marrow too loose to tell.

    The looser third of the marrow is the reference: sclerosis must not make the rest look dissolved.
    """
    inside = sight.inside(PART_BODY, 3.0)
    if not inside.any():
        return 0.0
    marrow = float(np.percentile(sight.smooth_hu[inside], 30.0))
    high = min(_limit("lysis", "high"), marrow - _limit("lysis", "below_marrow"))
    soft = inside & (sight.smooth_hu > _limit("lysis", "low")) & (sight.smooth_hu < high)
    volume = largest_piece_ml(soft, sight.spacing_mm)[1]
    return volume if volume >= _limit("lysis", "ml") else 0.0


def bare_wall_mm2(sight: Sight) -> float:
    """Largest connected area of the body's front and side walls where no value within 2 mm is as bright as cortex.

    Endplates are left out, and so is everything in slices over 2 mm, which no longer show a thin cortex.
    """
    if sight.slice_mm > THICK_SLICE_MM:
        return 0.0
    body = sight.parts == PART_BODY
    heights = np.flatnonzero(body.any(axis=(0, 1)))
    if not len(heights):
        return 0.0
    rim = round(ENDPLATE_SHARE * len(heights))
    wall = body & (np.abs(sight.surface_mm) < sight.spacing_mm) & ~_near_posterior(sight)
    wall[:, :, : heights[0] + rim] = False
    wall[:, :, heights[-1] - rim + 1 :] = False
    bare = wall & (sight.brightest_hu < _limit("cortex", "hu"))
    volume_ml = largest_piece_ml(bare, sight.spacing_mm, corners=True)[1]
    # The wall's cells fill a layer one spacing thick.
    return volume_ml * 1000.0 / sight.spacing_mm


def _near_posterior(sight: Sight) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_dilation

    behind = np.isin(sight.parts, (PART_POSTERIOR, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE, PART_CANAL))
    return np.asarray(binary_dilation(behind, iterations=round(3.0 / sight.spacing_mm)))


def _brightest(smooth_hu: NDArray[np.float32], spacing_mm: float) -> NDArray[np.float32]:
    from scipy.ndimage import maximum_filter

    return np.asarray(maximum_filter(smooth_hu, 2 * round(CORTEX_REACH_MM / spacing_mm) + 1))


def _lost_pedicles(vertebra: Vertebra, sight: Sight) -> list[str]:
    """Sides without any labelled bone beside the canal, or labelled where the CT shows no cortex.

    A pedicle that a segmenter interrupted while the CT shows its cortex is no question of this kind.
    """
    lost = []
    for side, part in (("left", PART_LEFT_PEDICLE), ("right", PART_RIGHT_PEDICLE)):
        found = None if vertebra.pedicles is None else vertebra.pedicles.get(side)
        missing = found is not None and not found.visible and "border" not in found.reason
        rim = (sight.parts == part) & (np.abs(sight.surface_mm) < sight.spacing_mm)
        bare = float((sight.brightest_hu[rim] < _limit("cortex", "hu")).mean()) if rim.any() else float(missing)
        if bare > _limit("pedicle", "share"):
            lost.append(side)
    return lost


def _canal_hu(sight: Sight) -> float:
    """Median of the canal at least 2 mm from its wall, at the body's height; 0 where there is none."""
    heights = (sight.parts == PART_BODY).any(axis=(0, 1))
    inner = (sight.parts == PART_CANAL) & (sight.canal_mm < -2.0) & heights
    return float(np.median(sight.hu[inner])) if inner.any() else 0.0
