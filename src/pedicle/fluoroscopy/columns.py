"""How a vertebra's shadow changes with its pose: three columns from the picture itself, three from new pictures.

A turn of the body about the source moves its shadow and changes nothing else, because every ray sees what another ray saw
before. Two such turns shift the body across the beam, the third rolls it. Only the way along the beam and the two turns
out of the picture's plane need new sums.
"""

from __future__ import annotations

import numpy as np

from pedicle.fluoroscopy.projection import Absorber, Array, project
from pedicle.fluoroscopy.similarity import Floats
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import Pose, unit
from pedicle.model.se3 import cross_matrix, moved

# Steps of the differences: about a third of a fine pixel at the rim of a vertebra.
DEPTH_STEP_MM, TURN_STEP_RAD = 1.0, 0.01


def beam_seen_from(beam: ConeBeam, target_from_source: Pose) -> ConeBeam:
    """The same beam in the source frame of a pose: a body moved by the pose looks as it does to this beam unmoved."""
    back = target_from_source.inverse
    return ConeBeam(
        back @ beam.source_lps_mm,
        back @ beam.corner_lps_mm,
        back.turn(beam.column_step_lps_mm),
        back.turn(beam.row_step_lps_mm),
        beam.rows,
        beam.columns,
    )


def shadow(absorber: Absorber, beam: ConeBeam, pose: Pose) -> Floats:
    """The body's line integrals (rows, columns) when it lies at a pose."""
    return np.asarray(project(absorber, beam_seen_from(beam, pose))[0])


def beam_axes(beam: ConeBeam, point_lps_mm: Array) -> Array:
    """Three unit directions, one a row: across the beam along the columns, across it, and away from the source."""
    away = unit(point_lps_mm - beam.source_lps_mm)
    first = unit(beam.column_step_lps_mm - (beam.column_step_lps_mm @ away) * away)
    return np.stack([first, np.cross(away, first), away])


def _motions(beam: ConeBeam, point: Array) -> Array:
    """The six motions of the columns about the body's centre, (6, 6), one a column: shift, then turn.

    Across, across (both about the source), roll, depth, and the two turns out of the picture's plane.
    """
    first, second, away = beam_axes(beam, point)
    distance = float(np.linalg.norm(point - beam.source_lps_mm))
    nothing = np.zeros(3)
    motions = [
        (first, second / distance),
        (second, -first / distance),
        (nothing, away),
        (away, nothing),
        (nothing, first),
        (nothing, second),
    ]
    return np.stack([np.concatenate(motion) for motion in motions], axis=1)


def _flow(beam: ConeBeam, turn: Array) -> tuple[Floats, Floats]:
    """Where each pixel's ray goes, columns and rows per rad, when it turns about the source: (rows, columns) each."""
    matrix = beam.matrix[:, :3]
    k = (matrix @ cross_matrix(turn) @ np.linalg.inv(matrix)).astype(np.float32)
    c = np.arange(beam.columns, dtype=np.float32)[None, :]
    r = np.arange(beam.rows, dtype=np.float32)[:, None]
    # A ray to the detector is (column, row, 1): its depth changes too, which the quotient takes off.
    depth = k[2, 0] * c + k[2, 1] * r + k[2, 2]
    return k[0, 0] * c + k[0, 1] * r + k[0, 2] - c * depth, k[1, 0] * c + k[1, 1] * r + k[1, 2] - r * depth


def columns(absorber: Absorber, beam: ConeBeam, pose: Pose, centre_ct_mm: Array, image: Floats) -> tuple[Floats, Array]:
    """Change of the shadow per mm or rad of six motions, (6, rows, columns), and the matrix (6, 6) that gives the motions.

    `image` is the shadow at the pose. The matrix takes a shift (mm) and a turn (rad) of the body about its centre, along
    LPS axes, to amounts of the six motions: a change per LPS motion is ``matrix.T @ change``.
    """
    motions = _motions(beam, pose @ centre_ct_mm)
    found = np.empty((6, *image.shape), np.float32)
    slope_row, slope_column = np.gradient(image)
    for n in range(3):
        across, down = _flow(beam, motions[3:, n])
        found[n] = -(slope_column * across + slope_row * down)
    for n, step in ((3, DEPTH_STEP_MM), (4, TURN_STEP_RAD), (5, TURN_STEP_RAD)):
        there = shadow(absorber, beam, moved(pose, centre_ct_mm, step * motions[:, n]))
        found[n] = (there - image) / np.float32(step)
    return found, np.asarray(np.linalg.inv(motions))
