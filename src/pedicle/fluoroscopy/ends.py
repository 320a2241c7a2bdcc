"""Where climbs from many starts end: each end judged by the vertebra's own edges and by the bone about it, best first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedicle.fluoroscopy.climb import RADIUS_MM, Body, State, climb, state_at
from pedicle.fluoroscopy.columns import beam_axes
from pedicle.fluoroscopy.options import RegistrationOptions
from pedicle.fluoroscopy.projection import Array
from pedicle.fluoroscopy.search import starts
from pedicle.fluoroscopy.windows import Fineness, Seen, Window, body_corners, placed, window
from pedicle.model.conebeam import ConeBeam
from pedicle.model.errors import NumericalError
from pedicle.model.frames import Pose, angle_deg, unit
from pedicle.model.se3 import motion_between, moved

# Pixels joined against the finest: for the search, and for the climb. Twice as many are too many to climb by: both
# endplates at a disc melt into one and draw a good start 3 to 5 mm away.
COARSE, FINE, BLUR_PX = 2, 1, 1.0
# Steps of the first climbs, and how many of their ends are climbed to the top.
SHORT, FINALISTS = 8, 3
# The best end is turned by so much either way about each axis and climbed again: a wrong endplate fits after a turn.
NUDGE_RAD = float(np.radians(6.0))
# Room about the shadow for the climbs, mm at the vertebra.
ROOM_MM = 8.0
# Two pictures closer than this in direction are one as far as depth is concerned.
LEAST_SEPARATION_DEG = 30.0
# Ends that differ in an open depth alone are one answer until they differ by so many times as much as across.
OPEN_DEPTH = 0.2


@dataclass(frozen=True, eq=False)
class Chase:
    """What is looked for and where: the body, the body with the bone about it, the pictures, and their coarse windows."""

    body: Body
    around: Body
    shown: list[Seen]
    wide: list[Window]
    options: RegistrationOptions


@dataclass(frozen=True, eq=False)
class End:
    """Where a climb ended, the windows it was climbed in, and how good it is: own edges and those about it, up to 2."""

    state: State
    windows: list[Window]
    merit: float

    @property
    def pose(self) -> Pose:
        """Where the body lies."""
        return self.state.pose


def chase_of(body: Body, around: Body, shown: list[Seen], start: Pose, options: RegistrationOptions) -> Chase:
    """The coarse windows hold the body wherever it is within reach of the start."""
    return Chase(
        body, around, shown, windows_at(body, shown, start, (options.reach_mm + ROOM_MM, COARSE), options), options
    )


def ends(chase: Chase, start: Pose) -> list[End]:
    """Ends of the climbs from all starts within reach, each a place of its own, best first; the first is climbed to its top."""
    found = distinct(chase, _first_climbs(chase, start))
    found = [climbed(chase, end.pose, chase.options.iterations) for end in found[:FINALISTS]] + found[FINALISTS:]
    best = max(found, key=lambda end: end.merit)
    again = [climbed(chase, pose, SHORT) for pose in nudged(chase, best.pose)]
    found = distinct(chase, [*found, *again])
    return [climbed(chase, found[0].pose, chase.options.iterations), *found[1:]]


def _first_climbs(chase: Chase, start: Pose) -> list[End]:
    """Short climbs from the starts, without those that begin where another ended."""
    found: list[End] = []
    for begun in starts(chase.body, chase.around, chase.wide, start, chase.options.reach_mm, chase.options.starts):
        if all(apart_mm(chase, begun.pose, end.pose) > chase.options.apart_mm for end in found):
            found.append(climbed(chase, begun.pose, SHORT))
    return found


def climbed(chase: Chase, pose: Pose, steps: int) -> End:
    """The end of a climb from a pose."""
    windows = windows_at(chase.body, chase.shown, pose, (ROOM_MM, FINE), chase.options)
    state = climb(chase.body, windows, pose, steps)
    about = state_at(chase.around, chase.wide, state.pose).similarity
    return End(state, windows, state.similarity + about)


def nudged(chase: Chase, pose: Pose) -> list[Pose]:
    """A pose turned either way about each axis of the first beam."""
    centre = chase.body.centre_ct_mm
    turns = NUDGE_RAD * beam_axes(chase.wide[0].beam, pose @ centre)
    return [moved(pose, centre, [0.0, 0.0, 0.0, *(sign * turn)]) for turn in turns for sign in (1.0, -1.0)]


def distinct(chase: Chase, found: list[End]) -> list[End]:
    """The ends, best first, without those that are the same answer as a better one."""
    kept: list[End] = []
    for end in sorted(found, key=lambda end: -end.merit):
        if all(apart_mm(chase, end.pose, other.pose) > chase.options.apart_mm for other in kept):
            kept.append(end)
    return kept


def apart_mm(chase: Chase, pose: Pose, other: Pose) -> float:
    """How far two answers lie apart: shift, turn at the vertebra's rim, and an open depth at a fifth."""
    motion = motion_between(pose, other, chase.body.centre_ct_mm)
    beams = [window.beam for window in chase.wide]
    depth = open_depth(beams, pose @ chase.body.centre_ct_mm)
    shift = motion[:3] if depth is None else motion[:3] - (1.0 - OPEN_DEPTH) * (motion[:3] @ depth) * depth
    return float(np.linalg.norm(np.concatenate([shift, RADIUS_MM * motion[3:]])))


def open_depth(beams: list[ConeBeam], centre: Array) -> Array | None:
    """Direction of the beam along which depth is hardly seen; None when two views differ enough."""
    rays = [unit(centre - beam.source_lps_mm) for beam in beams]
    between = [angle_deg(a, b) for n, a in enumerate(rays) for b in rays[n + 1 :]]
    if any(LEAST_SEPARATION_DEG <= a <= 180.0 - LEAST_SEPARATION_DEG for a in between):
        return None
    return np.asarray(rays[0])


def windows_at(
    body: Body, shown: list[Seen], pose: Pose, room: tuple[float, int], options: RegistrationOptions
) -> list[Window]:
    """Windows about the body at a pose with `room` = (margin in mm, pixels joined against the finest).

    NumericalError when it lies in no picture.
    """
    margin_mm, join = room
    corners, found = placed(body_corners(body.absorber), pose), []
    for seen in shown:
        at_body = seen.beam.pixel_mm[0] / float(seen.beam.magnification(pose @ body.centre_ct_mm))
        fineness = Fineness(max(round(options.finest_mm / at_body), 1) * join, BLUR_PX)
        part = window(seen, corners, margin_mm, fineness)
        if part is not None:
            found.append(part)
    if not found:
        raise NumericalError(160, "registration", "the vertebra lies in no picture", "one is needed", "move the start")
    return found
