"""One vertebra found in one or two X-ray pictures: where it lies, how well that is known, or why it is not.

The vertebra is cut out of the CT and drawn as the pictures would show it. Its edges are slid over the pictures, the best
places are climbed, and the answer is refused when another fits about as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.bone_shadow import centre_lps_mm
from pedicle.fluoroscopy.climb import Body
from pedicle.fluoroscopy.ends import LEAST_SEPARATION_DEG, Chase, End, apart_mm, chase_of, ends, open_depth
from pedicle.fluoroscopy.options import RegistrationOptions
from pedicle.fluoroscopy.projection import Absorber, Array
from pedicle.fluoroscopy.spread import covariance
from pedicle.fluoroscopy.windows import Seen, body_corners, placed, share_in_picture
from pedicle.model.errors import NumericalError
from pedicle.model.frames import Pose
from pedicle.model.notices import Notice
from pedicle.model.se3 import motion_between

# A picture that shows less of the vertebra than this is said.
LEAST_SHARE = 0.7
# An end as good as this part of the best, its own edges and those about it together, is a second answer.
AS_GOOD = 0.9
UNSEEN = "some motion of the vertebra changes nothing in the pictures"
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
    chooses where to begin and which end to take, because neighbours may have moved. Everything in the pictures but the
    vertebra is taken as unknown: neighbours, soft tissue, scatter, needles. An answer whose fit is poor or that is one of
    several is returned with `converged` False and the reason. NumericalError when there is nothing to compare: no picture,
    or the vertebra lies beside all of them.
    """
    options = options or RegistrationOptions()
    body = Body(absorber, centre_lps_mm(absorber))
    corners = body_corners(absorber)
    shown = [seen for seen in pictures if share_in_picture(seen.beam, placed(corners, start)) > 0.2]
    if not shown:
        raise NumericalError(160, "registration", "the vertebra lies in no picture", "one is needed", "move the start")
    context = body if around is None else Body(around, body.centre_ct_mm, body.drawn)
    chase = chase_of(body, context, shown, start, options)
    best, *others = ends(chase, start)
    # What lies beyond reach was not asked for: it may be as good, for it may be the next vertebra. The vertebra's own edges
    # alone do not decide: the next one's fitted better once (0.63 to 0.48), with the bone about it equally well.
    good = AS_GOOD * best.merit
    rival = next((end for end in others if end.merit > good and not _beyond(chase, end, start)), None)
    return _answer(chase, start, best, rival)


def _answer(chase: Chase, start: Pose, best: End, rival: End | None) -> Registration:
    """The result in words and numbers."""
    body, state = chase.body, best.state
    spread = covariance(body, best.windows, state, chase.options.distance_error_mm)
    reason = _refusal(chase, best, rival, start) if spread is not None else UNSEEN
    to_deg = np.diag([1.0, 1.0, 1.0, *[np.degrees(1.0)] * 3])
    centre = best.pose @ body.centre_ct_mm
    return Registration(
        lps_from_ct=best.pose,
        converged=not reason,
        covariance=to_deg @ (spread if spread is not None else np.diag([np.inf] * 6)) @ to_deg,
        similarity=tuple(look.fit.similarity for look in state.looks),
        centre_lps_mm=centre,
        evaluations=body.drawn[0],
        reason=reason,
        depth_lps=open_depth([window.beam for window in best.windows], centre),
        warnings=tuple(_warnings(chase, best.pose)),
    )


def _refusal(chase: Chase, best: End, rival: End | None, start: Pose) -> str:
    """Why the answer is not to be used; empty when it is."""
    options, state = chase.options, best.state
    if state.similarity < options.minimum_similarity:
        return (
            f"its edges fit the pictures too poorly ({state.similarity:.2f}, at least {options.minimum_similarity:.2f})"
        )
    if rival is not None:
        away = apart_mm(chase, best.pose, rival.pose)
        return f"two answers fit about as well, {away:.1f} mm apart"
    if not state.small:
        return "the climb had not ended when its steps ran out"
    return _beyond(chase, best, start)


def _beyond(chase: Chase, best: End, start: Pose) -> str:
    """That the answer lies beyond what was looked through, in words; an open depth does not count."""
    options = chase.options
    motion = motion_between(start, best.pose, chase.body.centre_ct_mm)
    shift, turn = motion[:3], float(np.degrees(np.linalg.norm(motion[3:])))
    depth = open_depth([window.beam for window in best.windows], best.pose @ chase.body.centre_ct_mm)
    if depth is not None:
        shift = shift - (shift @ depth) * depth
    if np.linalg.norm(shift) > options.reach_mm + options.apart_mm:
        return f"the best fit lies {np.linalg.norm(shift):.0f} mm from the start, beyond its reach"
    if turn > options.reach_deg:
        return f"the best fit is turned by {turn:.0f} deg against the start, beyond its reach"
    return ""


def _warnings(chase: Chase, pose: Pose) -> list[Notice]:
    """What changes how far to trust the answer."""
    corners = placed(body_corners(chase.body.absorber), pose)
    found = []
    for n, seen in enumerate(chase.shown):
        share = share_in_picture(seen.beam, corners)
        if share < LEAST_SHARE:
            text = f"picture {n + 1} shows {100 * share:.0f} % of the vertebra"
            found.append(Notice("vertebra-cut-by-picture", "registration", text))
    beams = [seen.beam for seen in chase.shown]
    if len(beams) > 1 and open_depth(beams, pose @ chase.body.centre_ct_mm) is not None:
        text = f"the views differ by less than {LEAST_SEPARATION_DEG:.0f} deg: depth is hardly seen"
        found.append(Notice("views-too-close", "registration", text))
    return found
