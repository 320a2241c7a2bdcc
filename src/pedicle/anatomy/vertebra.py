"""One vertebra's measurements put together."""

from __future__ import annotations

from pedicle.anatomy.edges import voxel_step_mm
from pedicle.anatomy.field import BoneField
from pedicle.anatomy.frame import Anatomy
from pedicle.anatomy.heights import STATIONS, Profile, front_to_back, side_to_side, wedge_deg
from pedicle.anatomy.local import local_maps
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.order import Count
from pedicle.anatomy.split import OPENING_MM, opened_share
from pedicle.model.notices import Notice
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Heights, Vertebra

ROUGH_ENDPLATE_MM = 2.0
RESTLESS_DEG = 1.5
COUNTED = {"sacrum": "the sacrum", "c2": "C2", "ribs": "the last ribs"}


def measured(
    field: BoneField, count: Count, found: Anatomy, step_deg: float, options: MeasureOptions, notices: list[Notice]
) -> Vertebra:
    """A whole vertebra: frame, heights, width, depth, volume, wedge angle and maps."""
    profile = front_to_back(found)
    if profile is None:
        return unmeasured(field, count, "the mid-sagittal strip holds no body", True, notices)
    pose = found.lps_from_vertebra
    across = side_to_side(found, 0.5 * (profile.low_mm + profile.high_mm))
    back = found.canal.extent_mm[1, 1] if found.canal is not None else None
    wall = float(found.wall.at(0.0)) if found.wall is not None else profile.high_mm
    return Vertebra(
        level=field.level,
        basis=count.basis,
        confidence=count.confidence,
        complete=True,
        centroid_lps_mm=pose.origin_mm,
        lps_from_vertebra=pose,
        heights_mm=_heights(field, found, profile),
        body_width_mm=across.length_mm if across is not None else None,
        body_depth_mm=profile.length_mm,
        body_volume_ml=field.volume_ml * (found.body_share if found.wall is not None else 1.0),
        wedge_deg=wedge_deg(found),
        canal_depth_mm=float(back - wall) if back is not None else None,
        posterior_wall_mm=wall,
        anterior_wall_mm=profile.low_mm,
        maps=local_maps(field, found, options.field_spacing_mm),
        warnings=(
            *notices,
            *_count_notices(field.level, count),
            *_quality_notices(field.level, found, step_deg),
            *split_notices(field.level, found, profile),
        ),
    )


def unmeasured(field: BoneField, count: Count, reason: str, complete: bool, notices: list[Notice]) -> Vertebra:
    """A vertebra that is there but cannot be measured; the reason comes first among its warnings."""
    why = Notice("not-evaluable" if complete else "border-cut", field.level, reason, "danger")
    return Vertebra(
        field.level,
        count.basis,
        count.confidence,
        complete,
        field.centroid_lps_mm,
        warnings=(why, *notices, *_count_notices(field.level, count)),
    )


def _heights(field: BoneField, found: Anatomy, profile: Profile) -> Heights:
    """Heights at the stations; the standard deviation grows with the voxel's step along the body's own axis."""
    step = voxel_step_mm(field.grid, found.lps_from_vertebra.axis(2))
    anterior, middle, posterior = (profile.height_at(share) for share in STATIONS)
    return Heights(anterior, middle, posterior, max(0.2, 0.33 * step))


def _count_notices(level: str, count: Count) -> list[Notice]:
    if count.counts >= 2:
        return []
    how = f"counted from {COUNTED[count.basis]}" if count.basis != "given" else "taken from the label map"
    if count.conflict:
        why = "; the last ribs say otherwise"
    elif not count.counts:
        why = ", no landmark to count from"
    else:
        why = "; an extra vertebra (T13 or L6) is labelled, only C2 can settle it" if count.extra else " only"
    return [Notice("level-unverified", level, f"level unverified: {how}{why}")]


def split_notices(level: str, found: Anatomy, profile: Profile) -> list[Notice]:
    """A word when body and arch may be parted in the wrong place: the body against the label opened by a ball.

    A body lower than three radii of the ball is not asked: the ball hardly fits into it.
    """
    lowest = min(profile.height_at(share) for share in STATIONS)
    if found.wall is None or lowest < 3.0 * OPENING_MM:
        return []
    usual, most = (quantity("anatomy/flags", "split", name).value for name in ("opened_share", "apart"))
    apart = opened_share(found.view, found.body) / usual - 1.0
    if abs(apart) <= most / 100.0:
        return []
    text = (
        f"body and arch may be parted in the wrong place: opening the label by {OPENING_MM:.0f} mm gives a body "
        f"{100.0 * abs(apart):.0f} % {'larger' if apart > 0 else 'smaller'} than the split"
    )
    return [Notice("split-doubtful", level, text)]


def _quality_notices(level: str, found: Anatomy, step_deg: float) -> list[Notice]:
    notices = []
    for name, plate in (("lower", found.lower), ("upper", found.upper)):
        if plate.residual_mm > ROUGH_ENDPLATE_MM:
            text = f"{name} endplate is no plane: {plate.residual_mm:.1f} mm rms (osteophytes, fracture or fused rim)"
            notices.append(Notice("endplate-rough", level, text))
    if step_deg > RESTLESS_DEG:
        notices.append(Notice("frame-restless", level, f"axes still turned by {step_deg:.1f} deg in the last round"))
    if found.canal is not None and found.canal.closed_mm > 0:
        text = f"arch open: canal found by bridging a gap of up to {found.canal.closed_mm:.0f} mm"
        notices.append(Notice("arch-open", level, text))
    if found.canal is not None and found.canal.carried:
        text = "no closed arch: canal carried over from the neighbours, its distance is a guess"
        notices.append(Notice("canal-carried", level, text, "danger"))
    if found.canal is None:
        notices.append(Notice("body-only", level, "label holds the body alone: no canal, no pedicles", "note"))
    return notices
