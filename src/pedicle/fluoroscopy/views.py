"""The views by name: what the C-arm is set to for a level or a needle, and the geometry of the picture.

The detector is above the table, so over the back of a prone patient and over the chest of a supine one. The head is at
the top of every picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.machine import mobile_arm, number
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.errors import InputError
from pedicle.model.frames import LEFT, POSTERIOR, SUPERIOR, Side
from pedicle.model.levels import verse_of_level
from pedicle.model.standard_views import bulls_eye, true_ap, true_lateral
from pedicle.model.table import Lying
from pedicle.model.trajectory import Trajectory
from pedicle.model.vertebra import Spine, Vertebra

Array = NDArray[np.float64]
# Share of the half field that a landmark may lie from the middle of a level count.
_COUNT_EDGE = 0.85


@dataclass(frozen=True, eq=False)
class Aim:
    """What a view is set up for: a vertebra of a spine, perhaps a side and its needle, and how the patient lies."""

    spine: Spine
    vertebra: Vertebra
    lying: Lying = "prone"
    side: Side | None = None
    trajectory: Trajectory | None = None

    @property
    def above(self) -> float:
        """1 where the detector over the table is over the back (prone), -1 where it is over the chest."""
        return 1.0 if self.lying == "prone" else -1.0


def standard_arm(pixels: int | None = None, field_mm: float | None = None) -> CArm:
    """The C-arm of the data file; `pixels` rows and columns over the middle `field_mm` of the detector where given."""
    arm = mobile_arm()
    rows = arm.rows if pixels is None else pixels
    side = arm.rows * arm.pixel_mm if field_mm is None else field_mm
    return replace(arm, pixel_mm=side / rows, rows=rows, columns=rows)


def set_up(name: str, aim: Aim, arm: CArm | None = None) -> tuple[View, ConeBeam]:
    """The view of a name and its geometry: isocentre at the level (or on the needle), head at the top.

    InputError 700 for an unknown name, 701 when the view needs a side, a needle or a frame that is not there.
    """
    if name not in VIEWS:
        raise InputError(700, f"view {name!r}", "unknown view", "one of " + ", ".join(VIEWS), "choose a listed name")
    arm = arm or standard_arm()
    if name != "level-count" and aim.vertebra.lps_from_vertebra is None:
        raise _lacking(aim, name, "this vertebra has no measured frame", "choose another level")
    view = VIEWS[name](aim)
    return view, ConeBeam.aimed(arm, isocentre_lps_mm(name, aim, arm), view.detector_lps, SUPERIOR)


def isocentre_lps_mm(name: str, aim: Aim, arm: CArm) -> Array:
    """Where the isocentre is put: the body's centre; the middle of the needle's way in bone; between level and landmark."""
    if name == "bulls-eye" and aim.trajectory is not None:
        # A cone shows a needle as a dot only when the needle's line runs through the source.
        return 0.5 * (aim.trajectory.bone_entry_lps_mm + aim.trajectory.target_lps_mm)
    if name == "level-count":
        return _count_centre(aim, arm)
    return np.asarray(aim.vertebra.centroid_lps_mm, dtype=np.float64)


def landmark_of(spine: Spine) -> tuple[str, Array] | None:
    """What levels are counted from, and where: the top of the sacrum, else the lowest rib-bearing body; None without both."""
    labels = spine.labels
    index = np.argwhere(labels.values == verse_of_level("sacrum"))
    if len(index):
        points = labels.grid.lps_from_index(index)
        top = points[:, 2] > points[:, 2].max() - 3.0 * labels.grid.spacing_mm.max()
        return "sacrum", np.asarray(points[top].mean(axis=0))
    chest = [vertebra for vertebra in spine.vertebrae if vertebra.level.startswith("T")]
    return ("last rib", np.asarray(chest[-1].centroid_lps_mm)) if chest else None


def counted_words(aim: Aim, beam: ConeBeam) -> str:
    """Whether a level-count picture holds both the landmark and the level, in words."""
    found = landmark_of(aim.spine)
    if found is None:
        return "neither sacrum nor a rib-bearing vertebra in the scan: the level cannot be counted on this picture"
    name, place = found
    if _inside(beam, place) and _inside(beam, aim.vertebra.centroid_lps_mm):
        return f"{name} and {aim.vertebra.level} in one picture"
    return f"{name} and {aim.vertebra.level} do not fit one picture: move the C-arm along and count"


def reach_words(view: View) -> str:
    """A sentence where a view lies beyond the usual reach of a C-arm, else ""; machines differ, so it only informs."""
    upright = view.detector_over in ("back", "chest")
    lateral = 90.0 - number("reach", "lateral_play")
    turned = view.tilt_deg <= number("reach", "tilt") if upright else view.tilt_deg >= lateral
    if turned and abs(view.dicom_secondary_deg) <= number("reach", "cranial_caudal"):
        return ""
    return (
        f"{view.name} ({view.sentence}) may be beyond the reach of the C-arm: usual limits not verified, try it first"
    )


def _ap(aim: Aim) -> View:
    return View.towards("AP", aim.above * POSTERIOR)


def _lateral(aim: Aim) -> View:
    return View.towards("lateral", LEFT)


def _true_ap(aim: Aim) -> View:
    return View.towards("true AP", aim.above * true_ap(aim.vertebra).detector_lps)


def _true_lateral(aim: Aim) -> View:
    return true_lateral(aim.vertebra)


def _oblique(aim: Aim) -> View:
    """Down the pedicle of a side, the eye of the Scottie dog: its own axis in the axial plane, else the usual turn."""
    side = _side(aim, "oblique")
    back, outward = -aim.vertebra.anterior, (1.0 if side == "left" else -1.0) * -aim.vertebra.right
    turn = _pedicle_turn(aim.vertebra, side)
    along = np.cos(turn) * back + np.sin(turn) * outward
    return View.towards(f"oblique {side}", aim.above * along)


def _pedicle_turn(vertebra: Vertebra, side: Side) -> float:
    """Angle in rad between straight back and the pedicle's axis in the vertebra's axial plane, positive outwards."""
    pedicle = (vertebra.pedicles or {}).get(side)
    if pedicle is None or pedicle.axis_lps is None:
        return float(np.radians(number("oblique", "tilt")))
    outward = (1.0 if side == "left" else -1.0) * -vertebra.right
    # The axis points forward; seen from behind it runs the other way.
    return float(np.arctan2(-pedicle.axis_lps @ outward, pedicle.axis_lps @ vertebra.anterior))


def _bulls_eye(aim: Aim) -> View:
    if aim.trajectory is None:
        raise _lacking(aim, "bulls-eye", "no needle is planned here", "choose a planned level and side")
    view = bulls_eye(aim.trajectory.direction_lps, aim.trajectory.side)
    return View.towards(view.name, aim.above * view.detector_lps)


VIEWS: dict[str, Callable[[Aim], View]] = {
    "bulls-eye": _bulls_eye,
    "ap": _ap,
    "lateral": _lateral,
    "true-ap": _true_ap,
    "true-lateral": _true_lateral,
    "oblique": _oblique,
    "level-count": _ap,
}


def _side(aim: Aim, name: str) -> Side:
    side = aim.side or (aim.trajectory.side if aim.trajectory else None)
    if side is None:
        raise _lacking(aim, name, "no side given", "name a side")
    return side


def _count_centre(aim: Aim, arm: CArm) -> Array:
    """Midway between the level and the landmark, or as far towards the level as keeps the landmark in the picture."""
    centre = np.array(aim.vertebra.centroid_lps_mm, dtype=np.float64)
    found = landmark_of(aim.spine)
    if found is None:
        return centre
    half = 0.5 * arm.rows * arm.pixel_mm * arm.source_to_isocentre_mm / arm.source_to_detector_mm
    height = float(found[1][2] - centre[2])
    reach = min(0.5 * abs(height), _COUNT_EDGE * half)
    share = 1.0 - reach / max(abs(height), 1e-9)
    return np.asarray(centre + share * (found[1] - centre))


def _inside(beam: ConeBeam, point: Array) -> bool:
    column, row = beam.project(point)
    return bool(0 <= column < beam.columns and 0 <= row < beam.rows)


def _lacking(aim: Aim, name: str, found: str, fix: str) -> InputError:
    return InputError(701, f"{aim.vertebra.level} {name}", found, "what the view is aimed at", fix)
