"""Exact answers about the shapes, for judging needles and measurements on the truth instead of on voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.phantom.geometry import Geometry

MOST_MM = 15.0


@dataclass(frozen=True, eq=False)
class TruthDistance:
    """Signed distances in mm at the asked points, shape (n,); negative inside.

    `surface` to the outer surface of the level's bone, `body` to its body (cut by the canal), `canal` to the wall of its
    canal (an endless tube along the level's superior axis), `left_pedicle` and `right_pedicle` to the tube of that
    pedicle (18 mm long; 60 on the other side of the mid-plane), `endplate` past the nearer endplate.
    """

    surface: NDArray[np.float64]
    body: NDArray[np.float64]
    canal: NDArray[np.float64]
    left_pedicle: NDArray[np.float64]
    right_pedicle: NDArray[np.float64]
    endplate: NDArray[np.float64]


def truth_distance(geometry: Geometry, level: str, points_lps_mm: ArrayLike, exact: bool = True) -> TruthDistance:
    """Signed distances of LPS points (n, 3) to one level's true shapes; KeyError when the level is not in the spine.

    The shapes give first-order distances, good to a few per cent within 3 mm of a surface. With `exact` the distances
    to surface and canal are ways to a point found on the surface (least of 26 ways, then along the surface's own
    normal), capped at 15 mm.
    """
    n = geometry.index(level)
    points = _local(geometry, n, points_lps_mm)
    first = _ask(geometry, n, points)
    surface, canal = first[:, 0], first[:, 2]
    if exact:
        from pedicle.kernels.phantom_truth import foot_distances

        shape = (geometry.rows[n], geometry.capsules[n])
        surface, canal = (foot_distances(*shape, which, points, MOST_MM) for which in (0, 1))
    return TruthDistance(surface, first[:, 1], canal, first[:, 3], first[:, 4], first[:, 5])


def truth_density(geometry: Geometry, level: str, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
    """Marrow density (mg/cm3 CaHA) of the level's bone at LPS points (n, 3): before blur and without its cortex."""
    n = geometry.index(level)
    return np.asarray(_ask(geometry, n, _local(geometry, n, points_lps_mm))[:, 7])


def _local(geometry: Geometry, n: int, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
    points = np.asarray(points_lps_mm, dtype=np.float64).reshape(-1, 3)
    return np.ascontiguousarray(geometry.links[n].lps_from_vertebra.inverse @ points)


def _ask(geometry: Geometry, n: int, points: NDArray[np.float64]) -> NDArray[np.float64]:
    from pedicle.kernels.phantom_truth import ask_points

    texture = geometry.texture
    return np.asarray(ask_points(geometry.rows[n], geometry.capsules[n], points, texture.short, texture.long))
