"""A grid is geometry without voxels: a shape and where it lies in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.frames import Pose

Shape = tuple[int, int, int]
_LETTERS = (("L", "R"), ("P", "A"), ("S", "I"))


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of voxels in the patient.

    `lps_from_ijk` (4 x 4, float64, mm) maps the index of a voxel's *centre* to LPS; ``values[i, j, k]`` belongs to
    index (i, j, k), everywhere in pedicle. Axes need not be orthogonal to be described, but canonical grids are.
    """

    shape: Shape
    lps_from_ijk: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.array(self.lps_from_ijk, dtype=np.float64)
        matrix.setflags(write=False)
        object.__setattr__(self, "lps_from_ijk", matrix)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @classmethod
    def in_frame(cls, lps_from_frame: Pose, low_mm: ArrayLike, high_mm: ArrayLike, spacing_mm: float) -> Grid:
        """Isotropic grid along a frame's axes that covers the box low..high (frame mm); first centre at `low_mm`."""
        low = np.asarray(low_mm, dtype=np.float64)
        count = np.ceil((np.asarray(high_mm) - low) / spacing_mm - 1e-9).astype(int) + 1
        matrix = np.eye(4)
        matrix[:3, :3] = lps_from_frame.matrix[:3, :3] * spacing_mm
        matrix[:3, 3] = lps_from_frame @ low
        return cls((int(count[0]), int(count[1]), int(count[2])), matrix)

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Distance between neighbouring centres along i, j, k; shape (3,)."""
        return np.asarray(np.linalg.norm(self.lps_from_ijk[:3, :3], axis=0))

    @property
    def axes(self) -> NDArray[np.float64]:
        """Unit directions of i, j, k in LPS, one a row; shape (3, 3)."""
        return np.asarray((self.lps_from_ijk[:3, :3] / self.spacing_mm).T)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.lps_from_ijk[:3, :3])) / 1000.0)

    @property
    def centre_lps_mm(self) -> NDArray[np.float64]:
        """Centre of the box of voxel centres, shape (3,)."""
        return self.lps_from_index((np.array(self.shape) - 1) / 2.0)

    @property
    def orientation(self) -> tuple[str, str, str]:
        """Letters the indices grow towards, e.g. ("L", "P", "S").

        >>> Grid((2, 2, 2), np.diag([-1.0, 1.0, 2.0, 1.0])).orientation
        ('R', 'P', 'S')
        """
        main = np.abs(self.axes).argmax(axis=1)
        a, b, c = (_LETTERS[m][0 if self.axes[n, m] > 0 else 1] for n, m in enumerate(main))
        return a, b, c

    def lps_from_index(self, index: ArrayLike) -> NDArray[np.float64]:
        """LPS mm of (fractional) indices, shape (..., 3)."""
        index = np.asarray(index, dtype=np.float64)
        return np.asarray(index @ self.lps_from_ijk[:3, :3].T + self.lps_from_ijk[:3, 3])

    def index_from_lps(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Fractional indices of LPS points, shape (..., 3); may lie outside the grid."""
        inverse = np.linalg.inv(self.lps_from_ijk)
        return np.asarray(np.asarray(points_mm, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3])

    def contains(self, points_mm: ArrayLike) -> NDArray[np.bool_]:
        """Whether LPS points lie within the box of voxel centres, shape (...)."""
        index = self.index_from_lps(points_mm)
        return np.asarray(((index >= -1e-6) & (index <= np.array(self.shape) - 1 + 1e-6)).all(axis=-1))

    def corners_lps_mm(self) -> NDArray[np.float64]:
        """Centres of the eight corner voxels in LPS, shape (8, 3)."""
        return self.lps_from_index(list(product(*((0, n - 1) for n in self.shape))))

    def same_place(self, other: Grid, tolerance_mm: float = 0.1) -> bool:
        """Whether both have one shape and their corners agree within the tolerance."""
        if self.shape != other.shape:
            return False
        return bool(np.abs(self.corners_lps_mm() - other.corners_lps_mm()).max() <= tolerance_mm)

    def cropped(self, low: ArrayLike, high: ArrayLike) -> Grid:
        """The part with index low <= index < high."""
        low = np.asarray(low)
        matrix = np.array(self.lps_from_ijk)
        matrix[:3, 3] = self.lps_from_index(low)
        n = np.asarray(high) - low
        return Grid((int(n[0]), int(n[1]), int(n[2])), matrix)

    def centres_lps_mm(self) -> NDArray[np.float64]:
        """All voxel centres in LPS, shape (*shape, 3); float64, so ask small grids only."""
        i, j, k = np.indices(self.shape)
        return self.lps_from_index(np.stack([i, j, k], axis=-1))
