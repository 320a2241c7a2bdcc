"""Where a measured tip lies in its vertebra, and what its straight track passed on the way, in words.

All distances are to the surfaces of `Vertebra.maps`. "Measured" is said, never "confirmed": that is the operator's word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.frames import unit
from pedicle.model.notices import Notice
from pedicle.model.shot import TipEstimate
from pedicle.model.vertebra import LocalMaps, Vertebra
from pedicle.model.volume import Volume

Array = NDArray[np.float64]
_STEP_MM, _LONGEST_MM = 0.25, 80.0
NOT_INCLUDED = (
    "not included: movement after the shot; errors of the CT's labels and of where the CT lies in the picture"
)


@dataclass(frozen=True)
class Place:
    """A tip in its vertebra: millimetres and 1 SD, from the measured place's covariance alone.

    `anterior_mm` is bone between the tip and the front wall straight ahead of it in the vertebra's frame, None outside the bone.
    `wall_mm` is the distance to the nearest outer surface, negative outside; `wall` names it. `left_mm` is counted from the
    body's middle, negative to the right.
    """

    anterior_mm: float | None
    anterior_sd_mm: float
    left_mm: float
    left_sd_mm: float
    wall: str
    wall_mm: float
    wall_sd_mm: float


def place_in(tip: TipEstimate, vertebra: Vertebra) -> Place | None:
    """Where the tip lies in the vertebra; None without a frame or maps, or beyond the maps."""
    if vertebra.lps_from_vertebra is None or vertebra.maps is None:
        return None
    surface, point = vertebra.maps.surface_mm, tip.tip_lps_mm
    depth = float(surface.sampled(point))
    if not np.isfinite(depth):
        return None
    outward = gradient(surface, point)
    ahead = _to_surface(surface, point, vertebra.anterior) if depth < 0 else None
    local = vertebra.lps_from_vertebra.inverse
    # A slanted front wall moves along the way ahead by the tip's error across that way as well.
    front = gradient(surface, point + (ahead or 0.0) * vertebra.anterior)
    slanted = front / max(float(front @ vertebra.anterior), 0.3)
    return Place(
        ahead,
        _sd(tip, slanted),
        float((local @ point)[0]),
        _sd(tip, vertebra.right),
        wall_word(vertebra, point, outward),
        -depth,
        _sd(tip, outward),
    )


def tip_words(tip: TipEstimate, vertebra: Vertebra) -> str:
    """One sentence: depth behind the front wall, side, nearest wall, the views' angle, and what is not in the figures.

    Dangers of the measurement (rays that miss each other) stand first.
    """
    place = place_in(tip, vertebra)
    dangers = [notice.text for notice in tip.warnings if notice.severity == "danger"]
    if place is None:
        words = f"tip measured, but not within the maps of {vertebra.level}"
    elif place.wall_mm <= 0.0:
        away = _figure(-place.wall_mm, place.wall_sd_mm)
        words = (
            f"tip measured OUTSIDE the bone of {vertebra.level}: {away} beyond its {place.wall} wall, {_side(place)}"
        )
    else:
        wall = _figure(place.wall_mm, place.wall_sd_mm)
        words = f"tip {_ahead(place)}, {_side(place)}, nearest wall: {place.wall}, {wall}"
        if place.wall_mm < 2.0 * place.wall_sd_mm:
            words += " (it may be through: the wall is nearer than 2 SD)"
    return "; ".join([*dangers, words, f"two views {tip.separation_deg:.0f} deg apart", NOT_INCLUDED])


def _ahead(place: Place) -> str:
    if place.anterior_mm is None:
        return "with no front wall ahead"
    return f"{_figure(place.anterior_mm, place.anterior_sd_mm)} behind the anterior wall"


def _figure(value: float, sd: float) -> str:
    """Millimetres with 1 SD, never rounded to surer than it is.

    >>> _figure(4.12, 0.58), _figure(4.1, 0.01)
    ('4.1 +- 0.6 mm', '4.1 +- 0.1 mm')
    """
    return f"{value:.1f} +- {max(np.ceil(10.0 * sd - 0.5) / 10.0, 0.1):.1f} mm"


def _side(place: Place) -> str:
    side = "left" if place.left_mm >= 0 else "right"
    away = abs(place.left_mm)
    return "on the midline" if away < 0.5 else f"{away:.0f} mm {side} of the midline"


def _sd(tip: TipEstimate, direction: Array) -> float:
    return float(np.sqrt(direction @ tip.covariance_mm2 @ direction))


def gradient(field: Volume, point_lps_mm: ArrayLike) -> Array:
    """Unit direction in which a distance field grows at a point, from differences over one voxel each way."""
    step = float(field.grid.spacing_mm.max())
    steps = step * np.eye(3)
    point = np.asarray(point_lps_mm, dtype=np.float64)
    slope = np.nan_to_num(field.sampled(point + steps) - field.sampled(point - steps))
    size = float(np.linalg.norm(slope))
    return slope / size if size > 1e-9 else np.array([0.0, -1.0, 0.0])


def wall_word(vertebra: Vertebra, point_lps_mm: Array, outward: Array) -> str:
    """The wall that lies in a direction, in the vertebra's own axes: anterior, posterior, left or right lateral, endplates.

    Behind the body there are no endplates: superior and inferior. Beside the canal, towards it, it is the medial wall.
    """
    assert vertebra.maps is not None
    parts = np.array([-outward @ vertebra.right, -outward @ vertebra.anterior, outward @ vertebra.superior])
    main = int(np.abs(parts).argmax())
    if main == 0 and _toward_canal(vertebra.maps, point_lps_mm, outward):
        return "medial"
    ends = ("superior", "inferior") if _behind_body(vertebra, point_lps_mm) else ("upper endplate", "lower endplate")
    words = (("left lateral", "right lateral"), ("posterior", "anterior"), ends)
    return words[main][0 if parts[main] > 0 else 1]


def _behind_body(vertebra: Vertebra, point: Array) -> bool:
    if vertebra.lps_from_vertebra is None or vertebra.posterior_wall_mm is None:
        return False
    return float((vertebra.lps_from_vertebra.inverse @ point)[1]) > vertebra.posterior_wall_mm


def _toward_canal(maps: LocalMaps, point: Array, outward: Array) -> bool:
    """Whether a step outward leads nearer to the canal, within its width."""
    here, there = maps.canal_mm.sampled(np.stack([point, point + 2.0 * outward]))
    return bool(there < here - 1.0 and here < 15.0)


def _to_surface(surface: Volume, point: Array, direction: Array) -> float | None:
    """Way in mm from a point inside to the surface; None when there is none within the maps."""
    ways = np.arange(0.0, _LONGEST_MM, _STEP_MM)
    depth = surface.sampled(point + ways[:, None] * direction)
    out = np.flatnonzero(depth > 0)
    if not out.size or not np.isfinite(depth[: out[0]]).all():
        return None
    last = int(out[0])
    return float(ways[last] - _STEP_MM * depth[last] / (depth[last] - depth[last - 1]))


def track_notices(
    tip: TipEstimate, direction_lps: ArrayLike, vertebra: Vertebra, radius_mm: float, turn_sd_deg: float = 0.0
) -> tuple[Notice, ...]:
    """What the straight track behind the tip passed: the canal, and walls it left and came back through.

    The whole track within the vertebra's maps is looked at, with the needle's radius about it; the final picture of a tip
    tells nothing of this. A caution where the canal is clear by less than two standard deviations. `turn_sd_deg` is 1 SD of
    the direction. Without maps: one notice that says so.
    """
    if vertebra.maps is None:
        return (Notice("track-not-assessed", vertebra.level, "track not assessed: this vertebra has no maps"),)
    ways = np.arange(0.0, _LONGEST_MM, _STEP_MM)
    points = tip.tip_lps_mm - ways[:, None] * unit(direction_lps)
    depth = vertebra.maps.surface_mm.sampled(points)
    canal = vertebra.maps.canal_mm.sampled(points)
    inside = np.isfinite(depth) & np.isfinite(canal)
    sd = np.sqrt(tip.sigma_mm**2 + (np.radians(turn_sd_deg) * ways) ** 2)
    found = [_canal_notice(vertebra, canal[inside] - radius_mm, sd[inside])]
    found.append(_left_bone(vertebra, points[inside], depth[inside]))
    return tuple(notice for notice in found if notice is not None)


def _canal_notice(vertebra: Vertebra, clear_mm: Array, sd: Array) -> Notice | None:
    """The canal along the track, at its worst place."""
    if not clear_mm.size:
        return Notice("track-not-assessed", vertebra.level, "track not assessed: it lies outside the maps")
    worst = int((clear_mm - 2.0 * sd).argmin())
    clear, spread = float(clear_mm[worst]), float(sd[worst])
    if clear < 0.0:
        text = f"the needle's track runs {_figure(-clear, spread)} inside the spinal canal: the medial wall is broken"
        return Notice("track-in-canal", vertebra.level, text, "danger")
    if clear < 2.0 * spread:
        text = f"the needle's track passes the spinal canal at {_figure(clear, spread)}: not told apart from a breach"
        return Notice("track-near-canal", vertebra.level, text)
    return None


def _left_bone(vertebra: Vertebra, points: Array, depth: Array) -> Notice | None:
    """Bone, open space, bone again on the way to the tip: a wall was broken out and in."""
    bone = depth < 0.0
    if not bone.any():
        return None
    first, last = int(bone.argmax()), len(bone) - 1 - int(bone[::-1].argmax())
    gap = depth[first : last + 1]
    deepest = first + int(gap.argmax())
    if depth[deepest] <= 0.0:
        return None
    # Coming from the skin the needle leaves through the wall on the far side of the gap, towards the open space.
    edge = deepest + int((depth[deepest:] < 0.0).argmax())
    wall = wall_word(vertebra, points[edge], gradient(vertebra.maps.surface_mm, points[edge])) if vertebra.maps else ""
    text = f"on its way the needle left the bone by {depth[deepest]:.1f} mm through the {wall} wall and came back"
    return Notice("track-left-bone", vertebra.level, text, "danger")
