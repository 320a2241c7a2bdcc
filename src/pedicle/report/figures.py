"""The pictures of the report: the spine, each needle in four planes, and the true AP and lateral views of a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.carm import View
from pedicle.model.frames import LEFT, POSTERIOR, SUPERIOR
from pedicle.model.trajectory import Trajectory
from pedicle.model.vertebra import Vertebra
from pedicle.report.canvas import Canvas, Figure, Grey, stretched, windowed
from pedicle.report.dossier import Dossier
from pedicle.report.needles import draw_clearances, draw_section, draw_shaft, draw_target, placement_ring
from pedicle.report.options import ReportOptions
from pedicle.report.sides import midline_words, side_of
from pedicle.report.svg import jpeg
from pedicle.report.views import Plane, along_needle, facing, seen_by_detector, slab_mean
from pedicle.report.walls import RINGS, Walls, drawn, walls_of
from pedicle.report.words import degree_signs, figure, sentence, with_unit

Array = NDArray[np.float64]
_WALL_PIXELS = 2.0
_SLAB_HALF_MM = 42.0


@dataclass(frozen=True, eq=False)
class Studio:
    """What every picture of one level needs: the case, the vertebra, its walls and the options."""

    dossier: Dossier
    vertebra: Vertebra
    walls: Walls
    options: ReportOptions

    @classmethod
    def of(cls, dossier: Dossier, vertebra: Vertebra, options: ReportOptions) -> Studio:
        """A studio for one vertebra."""
        return cls(dossier, vertebra, walls_of(vertebra, dossier.spine), options)

    @property
    def axes(self) -> tuple[Array, Array, Array]:
        """Unit directions to the patient's left, back and head in this vertebra's frame; LPS where it has no frame."""
        pose = self.vertebra.lps_from_vertebra
        return (LEFT, POSTERIOR, SUPERIOR) if pose is None else (pose.axis(0), pose.axis(1), pose.axis(2))

    def canvas(self, plane: Plane) -> Canvas:
        """A picture with the slice behind it."""
        return Canvas(plane, jpeg(slice_of(self.dossier, plane, self.options), self.options.jpeg_quality))

    def outlines(self, canvas: Canvas, trajectory: Trajectory | None = None) -> None:
        """The walls that this plane cuts."""
        for name, style in drawn(trajectory.side if trajectory else None):
            share = self.walls.on(name, canvas.plane, _WALL_PIXELS)
            if share is not None:
                canvas.outline(share, style)


def slice_of(dossier: Dossier, plane: Plane, options: ReportOptions) -> Grey:
    """The grey picture on a plane: the CT, or the labels as flat bone where there is no CT."""
    points = plane.points(options.pixels_per_mm)
    if dossier.scan is not None:
        values = dossier.scan.volume.sampled(points)
        return windowed(values, options.window_centre_hu, options.window_width_hu)
    bone = dossier.labels.volume.sampled(points, order=0, fill=0.0) > 0
    return np.where(bone, 150, 30).astype(np.uint8)


def needle_figures(studio: Studio, trajectory: Trajectory) -> list[Figure]:
    """Axial, sagittal, coronal and probe's-eye pictures of one needle."""
    return [
        _axial(studio, trajectory),
        _sagittal(studio, trajectory),
        _coronal(studio, trajectory),
        _probes_eye(studio, trajectory),
    ]


def _axial(studio: Studio, trajectory: Trajectory) -> Figure:
    left, _, _ = studio.axes
    plane = _around(studio, trajectory, left, -_square(trajectory.direction_lps, left))
    return _needle_picture(
        studio, trajectory, plane, "Axial, in the plane of the needle", "Cut along the needle, seen from the feet."
    )


def _sagittal(studio: Studio, trajectory: Trajectory) -> Figure:
    _, _, head = studio.axes
    plane = _around(studio, trajectory, -_square(trajectory.direction_lps, head), -head)
    note = f"tip {midline_words(studio.vertebra, trajectory.target_lps_mm)}"
    caption = f"Cut along the needle, seen from the patient's {plane.seen_from}; {note}."
    return _needle_picture(studio, trajectory, plane, "Sagittal, in the plane of the needle", caption, note)


def _coronal(studio: Studio, trajectory: Trajectory) -> Figure:
    left, back, head = studio.axes
    offset = (trajectory.target_lps_mm - studio.vertebra.centroid_lps_mm) @ back
    plane = facing(studio.vertebra.centroid_lps_mm + offset * back, left, -head, (84.0, 84.0))
    canvas = studio.canvas(plane)
    studio.outlines(canvas, trajectory)
    draw_shaft(canvas, trajectory, "shaft-behind")
    draw_target(canvas, trajectory)
    note = f"tip {midline_words(studio.vertebra, trajectory.target_lps_mm)}"
    return canvas.finished(
        "Coronal, through the tip", f"Seen from the {plane.seen_from}; the shaft lies behind the cut (dashed).", note
    )


def _probes_eye(studio: Studio, trajectory: Trajectory) -> Figure:
    depth = isthmus_depth_mm(studio.vertebra, trajectory)
    centre = trajectory.bone_entry_lps_mm + depth * trajectory.direction_lps
    plane = along_needle(centre, trajectory.direction_lps, studio.axes[0], 42.0)
    canvas = studio.canvas(plane)
    studio.outlines(canvas, trajectory)
    placed = placement_ring(canvas, studio.dossier.plan, trajectory, depth)
    draw_section(canvas, trajectory)
    draw_clearances(canvas, trajectory, centre, _ways(studio, trajectory))
    caption = (
        f"Square to the needle {with_unit(figure(depth), 'mm')} past the bone entry, seen by the one who holds it. "
        f"Lines: least clearance in mm over the whole way, drawn from the needle's surface."
    )
    if placed:
        caption += " Dotted ring: 95 % of placements at the stated error."
    return canvas.finished("Along the needle (probe's eye)", caption)


def _ways(studio: Studio, trajectory: Trajectory) -> dict[str, Array]:
    """Directions from the needle to the four pedicle walls; medial is towards the midline from where the needle enters."""
    left, _, head = studio.axes
    outward = left if side_of(studio.vertebra, trajectory.bone_entry_lps_mm) == "left" else -left
    return {"medial": -outward, "lateral": outward, "superior": head, "inferior": -head}


def isthmus_depth_mm(vertebra: Vertebra, trajectory: Trajectory) -> float:
    """Depth from the bone entry at which the needle passes the pedicle's narrowest place, within the needle's way."""
    pedicle = (vertebra.pedicles or {}).get(trajectory.side)
    if pedicle is None or pedicle.centre_lps_mm is None:
        return trajectory.posterior_wall_depth_mm / 2
    depth = float((pedicle.centre_lps_mm - trajectory.bone_entry_lps_mm) @ trajectory.direction_lps)
    return float(np.clip(depth, 0.0, trajectory.bone_to_target_mm))


def _needle_picture(
    studio: Studio, trajectory: Trajectory, plane: Plane, title: str, caption: str, note: str = ""
) -> Figure:
    canvas = studio.canvas(plane)
    studio.outlines(canvas, trajectory)
    draw_shaft(canvas, trajectory, "shaft", studio.dossier.plan)
    draw_target(canvas, trajectory)
    return canvas.finished(title, caption, note)


def _square(direction: Array, axis: Array) -> Array:
    """The part of a direction that is square to an axis."""
    return np.asarray(direction - (direction @ axis) * axis)


def _around(studio: Studio, trajectory: Trajectory, right: Array, down: Array) -> Plane:
    """A square plane through the needle that shows the body and, where the scan has it, the skin."""
    skin = trajectory.skin_entry_lps_mm
    points = [trajectory.target_lps_mm, trajectory.bone_entry_lps_mm, studio.vertebra.centroid_lps_mm]
    plane = facing(trajectory.target_lps_mm, right, down, (0.0, 0.0))
    seen = plane.place(np.array(points + ([] if skin is None else [skin])))[:, :2]
    low, high = seen.min(axis=0), seen.max(axis=0)
    size = float(np.clip((high - low).max() + 34.0, 80.0, 170.0))
    # Where it does not all fit, the tip is kept and the shaft runs off the edge.
    x, y = np.clip((low + high) / 2, -size / 2 + 25.0, size / 2 - 25.0)
    return facing(trajectory.target_lps_mm + x * plane.right_lps + y * plane.down_lps, right, down, (size, size))


def view_figure(studio: Studio, view: View, trajectories: tuple[Trajectory, ...], title: str) -> Figure:
    """The level as the C-arm's detector sees it: mean of the CT along the view, shadows of the walls, the needles."""
    plane = seen_by_detector(view.detector_lps, studio.axes[2], studio.vertebra.centroid_lps_mm, 96.0)
    canvas = Canvas(plane, jpeg(_mean_of(studio, plane), studio.options.jpeg_quality))
    for name, style in RINGS:
        if (share := studio.walls.shadow(name, plane, _WALL_PIXELS)) is not None:
            canvas.outline(share, style)
    for trajectory in trajectories:
        draw_shaft(canvas, trajectory, "shaft")
        draw_target(canvas, trajectory)
    kind = "Mean of the CT along the view, not a simulated X-ray picture." if studio.dossier.scan else "Labels only."
    return canvas.finished(
        title, f"{sentence(degree_signs(view.sentence))} {kind}", f"seen from the {plane.seen_from.upper()}"
    )


def _mean_of(studio: Studio, plane: Plane) -> Grey:
    scan = studio.dossier.scan
    if scan is None:
        return slice_of(studio.dossier, plane, studio.options)
    return stretched(slab_mean(scan.volume, plane, min(1.6, studio.options.pixels_per_mm), _SLAB_HALF_MM))
