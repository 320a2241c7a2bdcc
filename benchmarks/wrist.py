"""Real calibrated X-rays: a forearm in two views, and the CT of its radius (sample data of Autoscoper, Brown University).

Bright is air; nobody here knows the true pose. What can be shown: the bone's outline lies on the bone, and every start ends in one pose.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pedicle.fluoroscopy.projection import Absorber
from pedicle.fluoroscopy.windows import Seen
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import Pose
from pedicle.model.grid import Grid

FOLDER = "autoscoper-wrist-biplane"
# Voxel of the CT crops, from the program the data belong to; the files do not say it.
VOXEL_MM = (0.39625, 0.39625, 0.625)
# Any distance serves: the matrix fixes the rays, this only says where the detector is drawn.
DISTANCE_MM = 1500.0
# The image intensifier's round window: centre (column, row) and radius that are surely lit.
WINDOW_PX = {1: (870, 890, 800), 2: (880, 890, 800)}


def calibrated_beam(path: Path) -> ConeBeam:
    """The geometry of a MayaCam 2 file: image size, camera matrix, rotation, translation, each under its name.

    Pixels count from the picture's upper left; a point x of the room is seen at K (R x + t).
    """
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]

    def block(name: str, rows: int) -> np.ndarray:
        first = lines.index(name) + 1
        return np.array([[float(word) for word in line.split(",")] for line in lines[first : first + rows]])

    width, height = block("image size", 1)[0]
    turn, shift = block("rotation", 3), block("translation", 3)
    matrix = block("camera matrix", 3) @ np.concatenate([turn, shift], axis=1)
    # The room's origin was set by a calibration object that both cameras saw.
    return ConeBeam.from_matrix(matrix, (int(height), int(width)), DISTANCE_MM, np.zeros(3))


def frame(folder: Path, camera: int) -> Seen:
    """Frame 99 of a camera as attenuation, its round window marked usable."""
    from PIL import Image

    beam = calibrated_beam(folder / f"xr_calib_wrist_cam0{camera}.txt")
    light = np.array(Image.open(folder / f"xr_rad_uln_cam0{camera}_UND.0099.tif")).astype(np.float32) / 255.0
    column, row, radius = WINDOW_PX[camera]
    rows, columns = np.indices(light.shape)
    return Seen.of_signal(beam, np.maximum(light, 0.01), np.hypot(rows - row, columns - column) < radius)


def radius_bone(folder: Path) -> Absorber:
    """The radius cut out of its CT; index (column, row, page) of the file, in mm of its own."""
    from skimage.io import imread

    values = imread(folder / "rad_dcm_cropped.tif").transpose(2, 1, 0).astype(np.float32) / 1000.0
    return Absorber(Grid(values.shape, np.diag([*VOXEL_MM, 1.0])), np.ascontiguousarray(values)[None])


def rough_pose() -> Pose:
    """A pose by hand: the joint's surface and the shaft pointed at in both frames, turned about the shaft until it fitted."""
    axes = np.array([[-1.0, 0.0, 0.1], [0.1, -0.05, 1.0], [0.0, 1.0, 0.05]])
    left, _, right = np.linalg.svd(axes)
    return Pose.from_axes("lps", "ct", left @ right, [119.0, 119.0, 70.0])
