"""The patient on the table: equipment directions and angles turned into the patient's, for every way to lie on it.

DICOM's isocentre system (PS3.3 C.8.19.6.13.1) has X to the table's left, Y down, Z to the table's head; IEC 61217's
fixed system has x to the right of an observer who faces the gantry, y to the gantry, z up. The patient's axes in the
table's system are those of PS3.17 FFF.1.2.2.2. The gantry stands at the table's head.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.carm import View
from pedicle.model.frames import Pose

Array = NDArray[np.float64]
Lying = Literal["prone", "supine"]
First = Literal["head", "feet"]
TablePosition = Literal["HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL"]
POSITIONS: tuple[TablePosition, ...] = get_args(TablePosition)
# The patient's left, back and head in the table's X, Y, Z (PS3.17, table of FFF.1.2.2.2).
_TABLE_FROM_PATIENT: dict[str, tuple[tuple[int, int, int], ...]] = {
    "HFS": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "HFP": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "HFDR": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "HFDL": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "FFS": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "FFP": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "FFDR": ((0, -1, 0), (-1, 0, 0), (0, 0, -1)),
    "FFDL": ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
}


def position_word(lying: Lying, first: First) -> TablePosition:
    """DICOM's word for a way to lie, e.g. "HFP" for prone, head first."""
    found: TablePosition
    if first == "head":
        found = "HFP" if lying == "prone" else "HFS"
    else:
        found = "FFP" if lying == "prone" else "FFS"
    return found


def lps_from_table(position: str, horizontal_deg: float = 0.0) -> Pose:
    """Turns directions of the isocentre system into the patient's; both origins meet.

    `horizontal_deg` is Table Horizontal Rotation Angle: the table's head turned from +Z towards +X. KeyError for a
    position that DICOM does not know.
    """
    axes = np.array(_TABLE_FROM_PATIENT[position], dtype=np.float64)
    a = np.radians(horizontal_deg)
    # Columns: the table's X, Y, Z in the isocentre system.
    isocentre_from_table = np.array([[np.cos(a), 0.0, np.sin(a)], [0.0, 1.0, 0.0], [-np.sin(a), 0.0, np.cos(a)]])
    return Pose.from_axes("lps", "isocentre", isocentre_from_table @ axes.T, np.zeros(3))


def positioner_axes(primary_deg: float, secondary_deg: float, rotation_deg: float = 0.0) -> Array:
    """Rows: along the detector's rows, from the isocentre to the source, up its columns; in the isocentre system.

    The angles are Positioner Isocenter Primary, Secondary and Detector Rotation Angle (PS3.17 Z.2: p = R3 R2 R1 x).
    """
    a, b, c = np.radians([primary_deg, secondary_deg, rotation_deg])
    about_z = np.array([[np.cos(a), np.sin(a), 0.0], [-np.sin(a), np.cos(a), 0.0], [0.0, 0.0, 1.0]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(b), -np.sin(b)], [0.0, np.sin(b), np.cos(b)]])
    about_y = np.array([[np.cos(c), 0.0, -np.sin(c)], [0.0, 1.0, 0.0], [np.sin(c), 0.0, np.cos(c)]])
    return np.asarray(about_y @ about_x @ about_z)


def equipment_angles(view: View, position: str) -> tuple[float, float]:
    """Positioner Isocenter Primary and Secondary Angle of a view for a patient who lies like this, table straight."""
    x, y, z = lps_from_table(position).inverse.turn(view.detector_lps)
    return float(np.degrees(np.arctan2(x, -y))), float(np.degrees(np.arcsin(np.clip(z, -1.0, 1.0))))


def view_from_equipment(name: str, primary_deg: float, secondary_deg: float, position: str) -> View:
    """The inverse of `equipment_angles`."""
    detector = -positioner_axes(primary_deg, secondary_deg)[1]
    return View.towards(name, lps_from_table(position).turn(detector))


# IEC fixed x, y, z, one a row, in the isocentre system: the table's left is the observer's right.
_IEC_AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def lps_from_iec(position: str, support_deg: float = 0.0) -> Pose:
    """Turns directions of IEC 61217's fixed system into the patient's.

    `support_deg` is the patient support's angle: positive turns it counter-clockwise as seen from above.
    """
    a = np.radians(support_deg)
    support_from_fixed = np.array([[np.cos(a), np.sin(a), 0.0], [-np.sin(a), np.cos(a), 0.0], [0.0, 0.0, 1.0]])
    turned = np.eye(4)
    turned[:3, :3] = _IEC_AXES.T @ support_from_fixed
    return lps_from_table(position).compose(Pose("isocentre", "iec_fixed", turned))


def view_from_iec(name: str, gantry_deg: float, support_deg: float, position: str) -> View:
    """The view of a gantry and a support angle: gantry 0 has the source above, 90 at the observer's right."""
    a = np.radians(gantry_deg)
    source = np.array([np.sin(a), 0.0, np.cos(a)])
    return View.towards(name, lps_from_iec(position, support_deg).turn(-source))


def iec_angles(view: View, position: str) -> tuple[float, float]:
    """(gantry, support) in degrees that make a view: gantry -180 to 180, support -90 to 90.

    A view straight from head or feet is out of a gantry's reach: the support then stands at +-90.
    """
    source = lps_from_iec(position).inverse.turn(-view.detector_lps)
    return _gantry_and_support(source)


def _gantry_and_support(source: ArrayLike) -> tuple[float, float]:
    """Turn the support until the source lies in the gantry's plane y = 0."""
    x, y, z = np.asarray(source, dtype=np.float64)
    sign = -1.0 if x < 0 else 1.0
    reach = float(np.hypot(x, y))
    support = 0.0 if reach < 1e-12 else np.degrees(np.arctan2(-sign * y, sign * x))
    return float(np.degrees(np.arctan2(sign * reach, z))), float(support)
