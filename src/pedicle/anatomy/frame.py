"""A vertebra's own frame, found together with its canal, posterior wall, body and endplates.

Each round looks at the vertebra along the last round's axes; four rounds settle to a fraction of a degree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.canal import Canal, Loan, see_through
from pedicle.anatomy.endplates import Columns, Endplate, columns, endplates
from pedicle.anatomy.field import BoneField
from pedicle.anatomy.split import body_mask, largest_piece
from pedicle.anatomy.wall import Wall, posterior_wall
from pedicle.model.frames import Pose, angle_deg, unit
from pedicle.model.volume import Volume

ROUNDS = 4
NO_CANAL = "no canal to look through"
VIEW_SPACING_MM = 1.0
VIEW_MARGIN_MM = 3.0


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What one look along a frame finds. `view` is the signed distance on nodes `low_mm + n spacing` of the frame."""

    lps_from_vertebra: Pose
    view: Volume
    low_mm: NDArray[np.float64]
    canal: Canal | None
    wall: Wall | None
    body: NDArray[np.bool_]
    columns: Columns
    lower: Endplate
    upper: Endplate

    @property
    def spacing_mm(self) -> float:
        """Node spacing of the view."""
        return float(self.view.grid.spacing_mm[0])

    @property
    def body_centre_mm(self) -> NDArray[np.float64]:
        """Centroid of the body in the frame."""
        return np.asarray(np.argwhere(self.body).mean(axis=0) * self.spacing_mm + self.low_mm)

    def with_columns(self, found: Columns) -> Anatomy:
        """The same look with other columns, and the endplates through them."""
        plates = endplates(found)
        return self if plates is None else replace(self, columns=found, lower=plates[0], upper=plates[1])

    @property
    def body_share(self) -> float:
        """Body over whole vertebra, by volume with partial cells."""
        fill = np.clip(0.5 - self.view.values / self.spacing_mm, 0.0, 1.0)
        near = self._near_body()
        return float(fill[near].sum() / fill.sum())

    def _near_body(self) -> NDArray[np.bool_]:
        """The body and the empty cells that touch it, which hold the outer half of its partial cells."""
        from scipy.ndimage import binary_dilation

        return np.asarray(self.body | (binary_dilation(self.body) & (self.view.values >= 0)))


def settle(
    field: BoneField, superior: NDArray[np.float64], whole: bool = True, loan: Loan | None = None
) -> tuple[Anatomy, float] | str:
    """The vertebra in its own frame and the last round's turn in degrees; or why it could not be found, in words.

    `superior` is a first guess of the direction to the head (LPS). With `whole` False the label is a body alone: no
    canal is looked for and the back direction is the patient's own. `loan` stands in for a canal that is not seen.
    """
    pose = _first_pose(field, superior)
    step = 0.0
    for _ in range(ROUNDS):
        found = look(field, pose, whole, loan)
        if isinstance(found, str):
            return found
        turned = _next_pose(found)
        step = _turn_deg(pose, turned)
        pose = turned
    found = look(field, pose, whole, loan)
    return found if isinstance(found, str) else (found, step)


def look(field: BoneField, pose: Pose, whole: bool, loan: Loan | None = None) -> Anatomy | str:
    """Canal, wall, body and endplates along the axes of a pose; or what could not be found, in words."""
    view = field.seen_from(pose, *field.box_in(pose, VIEW_MARGIN_MM), VIEW_SPACING_MM)
    low = pose.inverse @ view.grid.lps_from_index(np.zeros(3))
    canal, wall = None, None
    if whole:
        canal = see_through(view, low) if loan is None else loan.seen_in(pose)
        if canal is None:
            return NO_CANAL
        wall = posterior_wall(view, low, canal)
        if wall is None:
            return "no posterior wall in front of the canal"
    body = largest_piece(view.values < 0) if wall is None else body_mask(view, low, wall)
    surfaces = columns(view, low, body)
    plates = endplates(surfaces)
    if plates is None:
        return "no endplates: the body is too small"
    return Anatomy(pose, view, low, canal, wall, body, surfaces, *plates)


def _first_pose(field: BoneField, superior: NDArray[np.float64]) -> Pose:
    z = unit(superior)
    x = unit(np.array([1.0, 0.0, 0.0]) - z[0] * z)
    return Pose.from_axes("lps", "vertebra", [x, np.cross(z, x), z], field.centroid_lps_mm)


def _next_pose(found: Anatomy) -> Pose:
    """Axes from the endplates and the line from canal to body; origin at the body's centroid."""
    pose = found.lps_from_vertebra
    z = unit(found.lower.normal + found.upper.normal)
    centre = found.body_centre_mm
    back = np.array([0.0, 1.0, 0.0])
    if found.canal is not None:
        x_canal, y_canal = found.canal.centre_at(float(centre[2]))
        back = np.array([x_canal, y_canal, centre[2]]) - centre
    y = unit(back - (back @ z) * z)
    axes = pose.turn(np.array([np.cross(y, z), y, z]))
    return Pose.from_axes("lps", "vertebra", axes, pose @ centre)


def _turn_deg(first: Pose, second: Pose) -> float:
    return max(angle_deg(first.axis(n), second.axis(n)) for n in range(3))
