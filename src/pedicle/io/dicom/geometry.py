"""Frames in space: one orientation, one line of positions, one step, or a refusal that names the file or the gap."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.io import gate_limits as limits
from pedicle.io.dicom.headers import Frame
from pedicle.io.dicom.series import sorted_by_name
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice

Array = NDArray[np.float64]
# Direction cosines are written with six decimals; a difference of 1e-4 moves the far corner of a 500 mm field by 0.05 mm.
SAME_DIRECTION = 1e-4
UNIT_TOLERANCE = 1e-3
SAME_SPACING = 1e-4
# Positions are often written with one decimal: 0.05 mm each way.
LINE_MM = 0.1
SAME_PLACE_MM = 0.01
# Gantries tilt by 30 degrees at most.
STEEPEST_DEG = 45.0
MOST_STRAYS = 3
GAP_TOLERANCE = 0.05
LARGEST_GAP_RESAMPLED_MM = 10.0
_EXPORT = "export the whole series again from the scanner or archive"


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames in the order of their place along the normal.

    `axes` are unit directions of a row (i), a column (j) and the normal; `along`, `shift` the place of each frame's
    first pixel along the normal (n,) and in the plane (n, 2), all in mm of the patient. `step_mm` is the step between
    slices, `tilt_deg` the angle by which the line of slices leans from the normal, `uneven` whether steps differ.
    """

    frames: list[Frame]
    axes: Array
    spacing_mm: Array
    along: Array
    shift: Array
    step_mm: float = 0.0
    tilt_deg: float = 0.0
    uneven: bool = False

    @property
    def grid(self) -> Grid:
        """The regular grid of the stack as stored: i along rows, j down columns, k through the slices."""
        first, last = (self._corner(k) for k in (0, -1))
        frame = self.frames[0].pixels
        matrix = np.eye(4)
        matrix[:3, 0] = self.axes[0] * self.spacing_mm[0]
        matrix[:3, 1] = self.axes[1] * self.spacing_mm[1]
        matrix[:3, 2] = (last - first) / (len(self.frames) - 1)
        matrix[:3, 3] = first
        return Grid((frame.columns, frame.rows, len(self.frames)), matrix)

    def _corner(self, k: int) -> Array:
        u, v = self.shift[k]
        return np.asarray(u * self.axes[0] + v * self.axes[1] + self.along[k] * self.axes[2])


def check_places(frames: list[Frame]) -> None:
    """Each frame on its own: spacing (25, 26, 27), position (29), orientation (29, 30), words against cosines (11)."""
    for frame in sorted_by_name(frames):
        _check_spacing(frame)
        _check_position(frame)
        _check_orientation(frame)
    places = {frame.place.position for frame in frames}
    if len(frames) > 1 and len(places) == 1:
        raise InputError(29, frames[0].name, f"all {len(frames)} images at one position", "one position each", _EXPORT)


def _check_spacing(frame: Frame) -> None:
    spacing = frame.place.spacing
    if spacing is None:
        raise InputError(25, frame.name, "no pixel spacing", "PixelSpacing present", _EXPORT + "; it cannot be assumed")
    if not all(math.isfinite(s) and s > 0 for s in spacing):
        raise InputError(26, frame.name, f"pixel spacing {_list(spacing)} mm", "above zero", _EXPORT)
    low, high = limits.IN_PLANE_MM
    if min(spacing) < low or max(spacing) > high:
        raise InputError(27, frame.name, f"pixel spacing {_list(spacing)} mm", f"{low:g} to {high:g} mm", _EXPORT)
    low, high = limits.FIELD_MM
    field = (spacing[0] * frame.pixels.rows, spacing[1] * frame.pixels.columns)
    if min(field) < low or max(field) > high:
        raise InputError(27, frame.name, f"a field of {_list(field)} mm", f"{low:g} to {high:g} mm", _EXPORT)


def _check_position(frame: Frame) -> None:
    position = frame.place.position
    if position is None:
        raise InputError(29, frame.name, "no image position", "ImagePositionPatient present", _EXPORT)
    if not all(math.isfinite(p) and abs(p) < 1e5 for p in position):
        raise InputError(29, frame.name, "an image position that is not a number of mm", "finite", _EXPORT)


def _check_orientation(frame: Frame) -> None:
    cosines = frame.place.orientation
    if cosines is None:
        raise InputError(29, frame.name, "no image orientation", "ImageOrientationPatient present", _EXPORT)
    if not all(math.isfinite(c) for c in cosines):
        raise InputError(30, frame.name, "an image orientation that is not numbers", "finite", _EXPORT)
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    error = max(abs(row @ row - 1), abs(column @ column - 1), abs(row @ column))
    if error > UNIT_TOLERANCE:
        found = f"direction cosines {error:.3g} away from unit and right angles"
        raise InputError(30, frame.name, found, f"{UNIT_TOLERANCE:g}", _EXPORT)
    _check_words(frame, row, column)


def _check_words(frame: Frame, row: Array, column: Array) -> None:
    """PatientOrientation says in letters what the cosines say in numbers: refuse where they contradict each other."""
    signs = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "H": (2, 1), "F": (2, -1)}
    for letters, direction in zip(frame.place.patient_orientation, (row, column), strict=False):
        main = signs.get(letters[:1])
        if main and direction[main[0]] * main[1] < -0.2:
            found = f"orientation words {letters[:3]} against the direction cosines"
            raise InputError(11, frame.name, found, "both say the same side", _EXPORT + "; left and right are in doubt")


def _list(numbers: tuple[float, ...]) -> str:
    return " x ".join(f"{n:.4g}" for n in numbers)


def one_plane(frames: list[Frame]) -> tuple[list[Frame], list[Notice]]:
    """Frames of one matrix, spacing, orientation and patient position; up to 3 perpendicular ones are left out with a note.

    Raises InputError 23 naming the first frame that differs, 11 where the patient position changes.
    """
    normal = _normal(_commonest(frames))
    strays = [f for f in frames if abs(_normal(f) @ normal) < 0.2]
    notices = []
    if 0 < len(strays) <= MOST_STRAYS and len(frames) - len(strays) >= limits.FEWEST_SLICES:
        frames = [f for f in frames if f not in strays]
        notices = [Notice("localizer-dropped", "scan", f"{len(strays)} images across the others left out", "note")]
    model = _commonest(frames)
    for frame in sorted_by_name(frames):
        difference = _difference(model, frame)
        if difference:
            raise InputError(23, frame.name, f"its {difference} differs from the others'", "one for the series", "take the file out, or export again")  # fmt: skip
    positions = {f.making.patient_position for f in frames} - {""}
    if len(positions) > 1:
        raise InputError(11, model.name, f"{len(positions)} patient positions in one series", "one", _EXPORT)
    return frames, notices


def _signature(frame: Frame) -> tuple[object, ...]:
    cosines = tuple(round(c, 3) + 0.0 for c in frame.place.orientation or ())
    return frame.pixels.rows, frame.pixels.columns, tuple(round(s, 3) for s in frame.place.spacing or ()), cosines


def _commonest(frames: list[Frame]) -> Frame:
    counted = Counter(_signature(frame) for frame in frames)
    best = max(counted.items(), key=lambda item: (item[1], str(item[0])))[0]
    return next(frame for frame in sorted_by_name(frames) if _signature(frame) == best)


def _difference(model: Frame, frame: Frame) -> str:
    if (frame.pixels.rows, frame.pixels.columns) != (model.pixels.rows, model.pixels.columns):
        return "matrix"
    if not np.allclose(frame.place.spacing or 0, model.place.spacing or 0, rtol=SAME_SPACING, atol=0):
        return "pixel spacing"
    if not np.allclose(frame.place.orientation or 0, model.place.orientation or 0, rtol=0, atol=SAME_DIRECTION):
        return "orientation"
    return ""


def axes_of(frame: Frame) -> Array:
    """Unit row, column and normal of a frame, made exactly orthogonal; rows of a (3, 3) array."""
    cosines = np.array(frame.place.orientation, dtype=np.float64)
    row, column = cosines[:3] / np.linalg.norm(cosines[:3]), cosines[3:] / np.linalg.norm(cosines[3:])
    half = (row + column) / np.linalg.norm(row + column), (row - column) / np.linalg.norm(row - column)
    row, column = (half[0] + half[1]) / math.sqrt(2), (half[0] - half[1]) / math.sqrt(2)
    return np.stack([row, column, np.cross(row, column)])


def _normal(frame: Frame) -> Array:
    return np.asarray(axes_of(frame)[2])


def stacked(frames: list[Frame]) -> Stack:
    """Frames sorted along the normal of their common plane; nothing is judged yet."""
    model = _commonest(frames)
    axes = axes_of(model)
    positions = np.array([frame.place.position for frame in frames], dtype=np.float64)
    found = positions @ axes.T
    order = sorted(range(len(frames)), key=lambda n: (round(found[n, 2], 4), frames[n].sop_uid, frames[n].name))
    spacing = np.array(model.place.spacing, dtype=np.float64)[::-1]
    return Stack([frames[n] for n in order], axes, spacing, found[order, 2], found[order, :2])


def judged(stack: Stack, resample: bool, where: str) -> tuple[Stack, list[Notice]]:
    """The stack with its step and tilt, when a volume may be made of it.

    Raises InputError 36 (too few), 24 (a slice beside the line), 9 (tilt), 6 and 7 (missing slices), 8 (uneven), 27.
    With `resample`, tilt and uneven steps pass; missing slices never do.
    """
    from dataclasses import replace

    if len(stack.frames) < limits.FEWEST_SLICES:
        found = f"{len(stack.frames)} slices" if len(stack.frames) > 1 else "a single slice"
        raise InputError(36, where, found, f"at least {limits.FEWEST_SLICES}", "name the folder of the whole series")
    steps = np.diff(stack.along)
    lean = np.median(np.diff(stack.shift, axis=0) / steps[:, None], axis=0)
    _check_line(stack, lean)
    tilt = math.degrees(math.atan(float(np.linalg.norm(lean))))
    if math.tan(math.radians(tilt)) > limits.ORTHOGONAL and not resample:
        raise InputError(9, where, f"gantry tilt of {tilt:.2f} deg between the slices", "none", "export without tilt, or ask for --resample")  # fmt: skip
    if tilt > STEEPEST_DEG:
        raise InputError(
            9, where, f"slices that lean by {tilt:.0f} deg", f"{STEEPEST_DEG:g} deg even when resampled", _EXPORT
        )
    step = float(np.median(steps))
    uneven = _is_uneven(stack.along)
    if uneven:
        _check_gaps(stack, steps, step, where)
        _check_uneven(steps, resample, where)
    _check_step(step if not uneven else float(steps.min()), where)
    mean = float(np.mean(steps))
    if math.tan(math.radians(tilt)) <= limits.ORTHOGONAL:
        tilt = 0.0
    judged_stack = replace(
        stack, step_mm=float(np.quantile(steps, 0.25)) if uneven else mean, tilt_deg=tilt, uneven=uneven
    )
    return judged_stack, _tag_notices(judged_stack)


def _check_line(stack: Stack, lean: Array) -> None:
    off = stack.shift - lean * stack.along[:, None]
    off = np.abs(off - np.median(off, axis=0)).max(axis=1)
    if off.max() > LINE_MM:
        worst = int(off.argmax())
        found = f"lies {off[worst]:.2f} mm beside the line of the others"
        raise InputError(24, stack.frames[worst].name, found, f"{LINE_MM:g} mm", "take the file out, or export again")


def _is_uneven(along: Array) -> bool:
    """Whether positions lie further from an even ladder than rounding explains."""
    index = np.arange(len(along))
    ladder = np.linspace(along[0], along[-1], len(along))
    slope, start = np.polyfit(index, along, 1)
    off = min(np.abs(along - ladder).max(), np.abs(along - slope * index - start).max())
    tolerance = min(LINE_MM, 0.25 * float(np.median(np.diff(along))))
    return bool(off > tolerance) or bool(np.ptp(np.diff(along)) > 2 * tolerance)


def _check_gaps(stack: Stack, steps: Array, step: float, where: str) -> None:
    """Isolated steps that are whole multiples of the usual one are missing slices, whatever else is asked for."""
    missing = np.rint(steps / step) - 1
    odd = np.abs(steps - step) > max(GAP_TOLERANCE * step, LINE_MM)
    whole = np.abs(steps / step - missing - 1) <= GAP_TOLERANCE
    isolated = not (odd[1:] & odd[:-1]).any()
    if not isolated or not (whole & (missing >= 1))[odd].all():
        return
    place = int(np.flatnonzero(odd)[0])
    count = int(missing[odd].sum())
    corner = stack.axes[2] * (stack.along[place] + stack.along[place + 1]) / 2 + stack.shift[place] @ stack.axes[:2]
    axis = int(np.abs(stack.axes[2]).argmax())
    found = (
        f"{count} missing slice{'s' if count > 1 else ''}: a gap of {steps[place]:.2f} mm at {'xyz'[axis]} = {corner[axis]:.1f} mm, "
        f"between {stack.frames[place].name} and {stack.frames[place + 1].name}"
    )
    raise InputError(6 if count == 1 else 7, where, found, f"one step of {step:.2f} mm", "find the missing files")


def _check_uneven(steps: Array, resample: bool, where: str) -> None:
    found = f"steps between slices from {steps.min():.2f} to {steps.max():.2f} mm"
    if not resample:
        raise InputError(8, where, found, "one step", "export one even series, or ask for --resample")
    if steps.max() > LARGEST_GAP_RESAMPLED_MM:
        raise InputError(
            8, where, found, f"{LARGEST_GAP_RESAMPLED_MM:g} mm even when resampled", "find the missing files"
        )


def _check_step(step: float, where: str) -> None:
    low, high = limits.STEP_MM
    if not low <= step <= high:
        raise InputError(27, where, f"a step of {step:.4g} mm between slices", f"{low:g} to {high:g} mm", _EXPORT)


def _tag_notices(stack: Stack) -> list[Notice]:
    """Tags that contradict the positions are not used, only told."""
    place, told = stack.frames[0].place, []
    between, step = place.between_mm, stack.step_mm
    if between is not None and not abs(between - step) <= 0.05 * step:
        told.append(
            Notice("step-tag", "scan", f"SpacingBetweenSlices {between:g} ignored, positions say {step:.3f} mm", "note")
        )
    thickness = place.thickness_mm
    if thickness is not None and not abs(thickness - step) <= 0.05 * step:
        told.append(Notice("thickness-tag", "scan", f"slices {thickness:g} mm thick every {step:.3f} mm", "note"))
    tilt = place.tilt_deg
    if tilt is not None and abs(tilt) > 0.1 and not stack.tilt_deg:
        told.append(
            Notice("tilt-tag", "scan", "a gantry tilt is told but the slices lie straight: positions are used", "note")
        )
    return told
