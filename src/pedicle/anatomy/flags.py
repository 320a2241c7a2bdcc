"""What makes a level unfit to be measured or treated: metal, cement, signs of tumour or infection.

These are questions for a person. That none is raised says nothing: a lesion without destroyed bone is not seen here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.local_ct import hu_on, largest_piece_ml
from pedicle.model.density import density_law
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
MARROW_DEPTH_MM = 3.0
HOLE_RADIUS_MM = 2.0


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


def find_flags(vertebra: Vertebra, scan: Scan | None, marrow_hu: float | None = None) -> Vertebra:
    """The vertebra with `metal`, `cemented`, `suspicious` and their warnings filled; unchanged without CT or parts.

    Ask after its pedicles were found: one that cannot be seen on a complete vertebra is a question too. `marrow_hu` is
    the patient's own (`patient_marrow_hu`): beside sclerosis, marrow that is usual in this patient is no hole.
    """
    if scan is None or vertebra.maps is None or not scan.acquisition.calibrated_hu:
        return vertebra
    sight = _sight(vertebra, scan)
    bone = densest_bone_hu(scan)
    cemented = is_cemented(sight, bone)
    metal = has_metal(sight, cemented, bone)
    # Streaks of metal and the shine of cement make and hide defects: no further question is asked beside them.
    suspicious = (
        () if metal or cemented else tuple(_suspicions(vertebra, sight, bool(scan.acquisition.contrast), marrow_hu))
    )
    notices = [*_foreign(vertebra.level, metal, cemented)]
    notices += [Notice("suspicious", vertebra.level, f"{text}: {QUESTION}", "danger") for text in suspicious]
    rows = tuple(f"{text}: {QUESTION}" for text in suspicious)
    return replace(vertebra, metal=metal, cemented=cemented, suspicious=rows, warnings=(*vertebra.warnings, *notices))


OWN_PARTS = (PART_BODY, PART_POSTERIOR, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE)


def _sight(vertebra: Vertebra, scan: Scan, about: tuple[int, ...] = OWN_PARTS) -> Sight:
    from scipy.ndimage import gaussian_filter

    assert vertebra.maps is not None
    maps = vertebra.maps
    own = np.isin(maps.parts.values, about)
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


def densest_bone_hu(scan: Scan) -> float:
    """HU that no bone reaches at this scan's tube voltage (120 kVp where it is not known): above it is cement or metal."""
    ratio = density_law(scan.acquisition.kvp).slope_hu_per_mg_cm3 / density_law(120.0).slope_hu_per_mg_cm3
    return _limit("foreign", "hu") * ratio


def is_cemented(sight: Sight, bone_hu: float) -> bool:
    """Whether something denser than any bone fills a piece of the body away from its surface.

    So does a piece as dense as a bone island and larger than bone islands are: thin cement, until a person says otherwise.
    """
    inside = sight.inside(PART_BODY, _limit("foreign", "depth"))
    denser = largest_piece_ml(inside & (sight.smooth_hu > bone_hu), sight.spacing_mm)[1]
    large = largest_piece_ml(inside & (sight.smooth_hu > _limit("dense", "hu")), sight.spacing_mm)[1]
    return denser >= _limit("foreign", "cement_ml") or large >= _limit("foreign", "large_ml")


def has_metal(sight: Sight, cemented: bool, bone_hu: float) -> bool:
    """Whether something denser than any bone lies in the pedicles or the arch, or in a body that is not cemented."""
    bone = (PART_POSTERIOR, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE, *(() if cemented else (PART_BODY,)))
    bright = np.isin(sight.parts, bone) & (sight.smooth_hu > bone_hu)
    return largest_piece_ml(bright, sight.spacing_mm)[1] >= _limit("foreign", "metal_ml")


def dense_ml(sight: Sight) -> float:
    """Volume of the largest piece inside the body denser than marrow ever is, 0 when too small to ask about."""
    bright = sight.inside(PART_BODY, _limit("foreign", "depth")) & (sight.smooth_hu > _limit("dense", "hu"))
    volume = largest_piece_ml(bright, sight.spacing_mm)[1]
    return volume if volume >= _limit("dense", "ml") else 0.0


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


def _suspicions(vertebra: Vertebra, sight: Sight, contrast: bool, marrow_hu: float | None) -> list[str]:
    found = []
    lytic, dense = lytic_ml(sight, marrow_hu), dense_ml(sight)
    if lytic > 0.0:
        found.append(f"lytic area of {lytic:.1f} ml in the body")
    if dense > 0.0:
        found.append(f"area of {dense:.1f} ml as dense as a bone island, sclerosis or thin cement in the body")
    bare = bare_wall_mm2(sight)
    if bare >= _limit("cortex", "area"):
        found.append(f"{bare / 100.0:.1f} cm2 of the body's wall without cortex")
    found += [f"{side} pedicle destroyed or missing" for side in _lost_pedicles(vertebra, sight)]
    if not contrast and _canal_hu(sight) > _limit("canal", "hu"):
        found.append(f"canal of {_canal_hu(sight):.0f} HU: epidural mass or blood")
    return found


def patient_marrow_hu(vertebrae: Sequence[Vertebra], scan: Scan | None) -> float | None:
    """HU of the looser third of this patient's marrow, median over the levels; None without CT, maps or HU."""
    if scan is None or not scan.acquisition.calibrated_hu:
        return None
    found = [loose_marrow_hu(_sight(v, scan, (PART_BODY,))) for v in vertebrae if v.maps is not None and v.complete]
    seen = [hu for hu in found if hu is not None]
    return float(np.median(seen)) if seen else None


def loose_marrow_hu(sight: Sight) -> float | None:
    """HU that a third of the body's marrow stays under; None without marrow 3 mm under the surface."""
    inside = sight.inside(PART_BODY, MARROW_DEPTH_MM)
    return float(np.percentile(sight.smooth_hu[inside], 30.0)) if inside.any() else None


def lytic_ml(sight: Sight, marrow_hu: float | None = None) -> float:
    """Volume of the largest compact piece of soft tissue inside denser marrow, 0 when too small or the marrow too loose.

    The looser third of the marrow is the reference, the body's own or the patient's, whichever is looser: sclerosis must
    not make the rest look dissolved. What a ball of 2 mm does not fit into is left out: loose marrow runs on between
    trabeculae, a hole is round. So is a piece of a vein's size that lies where the basivertebral vein does.
    """
    inside = sight.inside(PART_BODY, MARROW_DEPTH_MM)
    own = loose_marrow_hu(sight)
    if own is None:
        return 0.0
    marrow = own if marrow_hu is None else min(own, marrow_hu)
    high = min(_limit("lysis", "high"), marrow - _limit("lysis", "below_marrow"))
    soft = inside & (sight.smooth_hu > _limit("lysis", "low")) & (sight.smooth_hu < high)
    piece, volume = largest_piece_ml(_opened(soft, HOLE_RADIUS_MM / sight.spacing_mm), sight.spacing_mm)
    if volume < _limit("lysis", "ml") or _is_vein(piece, volume, sight):
        return 0.0
    return volume


def _is_vein(piece: NDArray[np.bool_], volume_ml: float, sight: Sight) -> bool:
    """Whether a piece is small and most of it lies in the rear of the body, about its mid-height and middle."""
    low, high = (end.astype(float) for end in bounding_box(sight.parts == PART_BODY) or (np.zeros(3), np.ones(3)))
    x, y, z = ((np.argwhere(piece) - low) / np.maximum(high - low, 1.0)).T
    there = (np.abs(x - 0.5) < 0.2) & (y > 0.6) & (np.abs(z - 0.5) < 0.2)
    return volume_ml < _limit("lysis", "vein_ml") and float(there.mean()) > 0.5


def _opened(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """The mask less what a ball (radius in cells) does not fit into."""
    from scipy.ndimage import distance_transform_edt

    box = bounding_box(mask, int(radius) + 1)
    if box is None:
        return mask
    cut = tuple(slice(int(a), int(b)) for a, b in zip(*box, strict=True))
    core = distance_transform_edt(np.pad(mask[cut], 1))[1:-1, 1:-1, 1:-1] > radius
    opened = np.zeros_like(mask)
    opened[cut] = mask[cut] & (distance_transform_edt(~core) <= radius + 1.0) if core.any() else False
    return opened


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
