"""One vertebra found in one or two X-ray pictures: where it lies, how well that is known, or why it is not.

The vertebra is cut out of the CT and drawn as the pictures would show it. Its edges are slid over the pictures, the best
places climbed from coarse to fine, and the answer is refused when the climbs do not meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.bone_shadow import centre_lps_mm
from pedicle.fluoroscopy.climb import RADIUS_MM, Body, State, climb, state_at
from pedicle.fluoroscopy.options import RegistrationOptions
from pedicle.fluoroscopy.projection import Absorber, Array
from pedicle.fluoroscopy.search import starts
from pedicle.fluoroscopy.spread import covariance
from pedicle.fluoroscopy.windows import Fineness, Seen, Window, body_corners, placed, share_in_picture, window
from pedicle.model.conebeam import ConeBeam
from pedicle.model.errors import NumericalError
from pedicle.model.frames import Pose, angle_deg, unit
from pedicle.model.notices import Notice
from pedicle.model.se3 import motion_between

# Joined pixels against the finest, and blur in joined pixels: blurs of 8, 4, 2 and 1 finest pixels.
COARSE = ((2, 1.0),)
FINE = ((1, 1.0),)
# Steps of the coarse climbs, and how many of their ends are climbed to the top.
SHORT, FINALISTS = 8, 3
# Room about the shadow for the fine climbs, mm at the vertebra.
ROOM_MM = 8.0
# Two pictures closer than this in direction are one as far as depth is concerned.
LEAST_SEPARATION_DEG = 30.0
LEAST_SHARE = 0.7
# An end as good as this part of the best is a second answer.
AS_GOOD = 0.95
MOTIONS = (
    "shift to the left, mm",
    "shift to the back, mm",
    "shift to the head, mm",
    "turn about the left axis, deg",
    "turn about the back axis, deg",
    "turn about the head axis, deg",
)


@dataclass(frozen=True, eq=False)
class Registration:
    """Where a vertebra lies in the pictures' frame.

    `lps_from_ct` takes points of the CT to where they are seen. `covariance` (6, 6) is of a shift (mm) and a turn (deg)
    about the vertebra's centre, in the order of `MOTIONS`; it holds the misfit of the pictures and the stated error of
    the source's distance. `similarity` is the correlation of edges in each picture. `depth_lps` points along the one beam,
    or is None when two pictures fix the depth. When `converged` is False, `reason` says why and the pose is not to be used.
    """

    lps_from_ct: Pose
    converged: bool
    covariance: Array
    similarity: tuple[float, ...]
    centre_lps_mm: Array
    evaluations: int
    reason: str = ""
    depth_lps: Array | None = None
    warnings: tuple[Notice, ...] = ()

    @property
    def sigmas(self) -> dict[str, float]:
        """1 SD of each motion, by its words."""
        return dict(zip(MOTIONS, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    def sigma_along_mm(self, direction_lps: NDArray[np.float64]) -> float:
        """1 SD of the centre along a unit direction."""
        return float(np.sqrt(direction_lps @ self.covariance[:3, :3] @ direction_lps))

    @property
    def sentence(self) -> str:
        """The answer in words; for one picture the depth is stated apart."""
        if not self.converged:
            return f"vertebra not found: {self.reason}"
        if self.depth_lps is None:
            worst = float(np.sqrt(np.linalg.eigvalsh(self.covariance[:3, :3])[-1]))
            return f"vertebra found to {worst:.1f} mm (1 SD) by {len(self.similarity)} views"
        across = np.eye(3) - np.outer(self.depth_lps, self.depth_lps)
        worst = float(np.sqrt(np.linalg.eigvalsh(across @ self.covariance[:3, :3] @ across)[-1]))
        depth = self.sigma_along_mm(self.depth_lps)
        return (
            f"vertebra found to {worst:.1f} mm across the beam (1 SD); along the beam only to {depth:.1f} mm: one view"
        )


def register(
    absorber: Absorber,
    pictures: list[Seen],
    start: Pose,
    options: RegistrationOptions | None = None,
    around: Absorber | None = None,
) -> Registration:
    """The pose of one vertebra (see `vertebra_absorber`) in pictures that show it, begun at `start` (lps_from_ct).

    `around` (see `skeleton_absorber`) is the bone about it in the CT, which tells this level from the next; it only
    chooses where to begin and which end to take, because neighbours may have moved. Everything in the pictures but the vertebra is taken as unknown: neighbours, soft tissue, scatter, needles. An answer
    whose fit is poor or that is one of several is returned with `converged` False and the reason. NumericalError when
    there is nothing to compare: no picture, or the vertebra lies beside all of them.
    """
    options = options or RegistrationOptions()
    body = Body(absorber, centre_lps_mm(absorber))
    corners = body_corners(absorber)
    shown = [seen for seen in pictures if share_in_picture(seen.beam, placed(corners, start)) > 0.2]
    if not shown:
        raise NumericalError(160, "registration", "the vertebra lies in no picture", "one is needed", "move the start")
    context = body if around is None else Body(around, body.centre_ct_mm, body.drawn)
    ends = [_fine(body, shown, end, options) for end in _coarse_ends(body, context, shown, start, options)]
    wide = _windows(body, shown, start, options.reach_mm + ROOM_MM, COARSE[0], options)
    ranked = sorted(((_merit(context, wide, end[0]), end) for end in ends), key=lambda pair: -pair[0])
    best, windows = ranked[0][1]
    others = [end for merit, (end, _) in ranked[1:] if merit > AS_GOOD * ranked[0][0]]
    rival = next((end for end in others if _far(body, end, best, options)), None)
    return _answer(body, (shown, windows), start, (best, rival), options)


def _merit(around: Body, wide: list[Window], end: State) -> float:
    """How good an end is: the vertebra's own edges, and with the same weight those about it."""
    return end.similarity + state_at(around, wide, end.pose).similarity


def _far(body: Body, end: State, other: State, options: RegistrationOptions) -> bool:
    """Whether two ends are two answers."""
    motion = motion_between(end.pose, other.pose, body.centre_ct_mm)
    return bool(np.linalg.norm(motion * [1, 1, 1, RADIUS_MM, RADIUS_MM, RADIUS_MM]) > options.apart_mm)


def _windows(
    body: Body, shown: list[Seen], pose: Pose, margin_mm: float, level: tuple[int, float], options: RegistrationOptions
) -> list[Window]:
    corners = placed(body_corners(body.absorber), pose)
    found = []
    for seen in shown:
        at_body = seen.beam.pixel_mm[0] / float(seen.beam.magnification(pose @ body.centre_ct_mm))
        join = max(round(options.finest_mm / at_body), 1) * level[0]
        part = window(seen, corners, margin_mm, Fineness(join, level[1]))
        if part is not None:
            found.append(part)
    if not found:
        raise NumericalError(160, "registration", "the vertebra lies in no picture", "one is needed", "move the start")
    return found


def _coarse_ends(body: Body, around: Body, shown: list[Seen], start: Pose, options: RegistrationOptions) -> list[State]:
    """The best few ends of the coarse climbs from all starts, each a place of its own, best first."""
    wide = _windows(body, shown, start, options.reach_mm + ROOM_MM, COARSE[0], options)
    ends = [
        climb(body, wide, begin.pose, SHORT)
        for begin in starts(body, around, wide, start, options.reach_mm, options.starts)
    ]
    kept: list[State] = []
    for end in sorted(ends, key=lambda end: -_merit(around, wide, end)):
        if all(_far(body, end, other, options) for other in kept):
            kept.append(end)
    return kept[:FINALISTS]


def _fine(body: Body, shown: list[Seen], end: State, options: RegistrationOptions) -> tuple[State, list[Window]]:
    """The end of the fine climbs and the windows it was found in."""
    state, windows = end, []
    for level in FINE:
        windows = _windows(body, shown, state.pose, ROOM_MM, level, options)
        state = climb(body, windows, state.pose, options.iterations)
    return state, windows


def _answer(
    body: Body,
    seen: tuple[list[Seen], list[Window]],
    start: Pose,
    ends: tuple[State, State | None],
    options: RegistrationOptions,
) -> Registration:
    """The result in words and numbers."""
    (shown, windows), (best, rival) = seen, ends
    spread = covariance(body, windows, best, options.distance_error_mm)
    reason = _refusal(body, best, rival, start, spread is not None, options)
    to_deg = np.diag([1.0, 1.0, 1.0, *[np.degrees(1.0)] * 3])
    centre = best.pose @ body.centre_ct_mm
    return Registration(
        lps_from_ct=best.pose,
        converged=not reason,
        covariance=to_deg @ (spread if spread is not None else np.diag([np.inf] * 6)) @ to_deg,
        similarity=tuple(look.fit.similarity for look in best.looks),
        centre_lps_mm=centre,
        evaluations=body.drawn[0],
        reason=reason,
        depth_lps=_open_depth([window.beam for window in windows], centre),
        warnings=tuple(_warnings(body, shown, best)),
    )


def _refusal(
    body: Body, best: State, rival: State | None, start: Pose, known: bool, options: RegistrationOptions
) -> str:
    """Why the answer is not to be used; empty when it is."""
    if not known:
        return "some motion of the vertebra changes nothing in the pictures"
    if best.similarity < options.minimum_similarity:
        return (
            f"its edges fit the pictures too poorly ({best.similarity:.2f}, at least {options.minimum_similarity:.2f})"
        )
    if rival is not None:
        away = np.linalg.norm(motion_between(best.pose, rival.pose, body.centre_ct_mm)[:3])
        return f"two answers fit about as well, {away:.1f} mm apart"
    if not best.small:
        return "the climb had not ended when its steps ran out"
    shift = motion_between(start, best.pose, body.centre_ct_mm)[:3]
    if np.linalg.norm(shift) > options.reach_mm + options.apart_mm:
        return f"the best fit lies {np.linalg.norm(shift):.0f} mm from the start, beyond its reach"
    return ""


def _open_depth(beams: list[ConeBeam], centre: Array) -> Array | None:
    """Direction of the beam along which depth is hardly seen; None when two views differ enough."""
    rays = [unit(centre - beam.source_lps_mm) for beam in beams]
    apart = [angle_deg(a, b) for n, a in enumerate(rays) for b in rays[n + 1 :]]
    if any(LEAST_SEPARATION_DEG <= a <= 180.0 - LEAST_SEPARATION_DEG for a in apart):
        return None
    return np.asarray(rays[0])


def _warnings(body: Body, shown: list[Seen], best: State) -> list[Notice]:
    """What changes how far to trust the answer."""
    corners = placed(body_corners(body.absorber), best.pose)
    found = []
    for n, seen in enumerate(shown):
        share = share_in_picture(seen.beam, corners)
        if share < LEAST_SHARE:
            text = f"picture {n + 1} shows {100 * share:.0f} % of the vertebra"
            found.append(Notice("vertebra-cut-by-picture", "registration", text))
    if len(shown) > 1 and _open_depth([seen.beam for seen in shown], best.pose @ body.centre_ct_mm) is not None:
        text = f"the views differ by less than {LEAST_SEPARATION_DEG:.0f} deg: depth is hardly seen"
        found.append(Notice("views-too-close", "registration", text))
    return found
