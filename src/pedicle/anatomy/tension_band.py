"""Signs in bone that what holds a fractured level to the next from behind has failed (OF5 of AO Spine-DGOU).

Ligaments are not seen in CT; what their failure does to bone is: spinous processes that gape, a step to the side or a
turn of one canal against the next, an arch in two pieces. A step to the front or back is measured and not told: under a
wedge's kyphosis ordinary spines show it (docs/explanation/fracture-and-density.md). Each is measured at both junctions
of a level, against the junctions beside them, so that a curved, turned or slid spine is its own yardstick, and told with
its size. Never a diagnosis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pedicle.model.frames import Pose, unit
from pedicle.model.levels import usual_neighbour
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import (
    PART_CANAL,
    PART_LEFT_PEDICLE,
    PART_POSTERIOR,
    PART_RIGHT_PEDICLE,
    Vertebra,
)

_FILE = "fracture/limits"
MIDLINE_MM = 4.0
LEAST_CELLS = 30
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Junction:
    """How one vertebra stands on the next: what is measured on it, against nothing yet.

    `gape_mm` is the distance of the spinous processes' middles along the spine less half of both posterior heights;
    `bend_deg` the angle between the endplates that face each other, positive when they gape behind; `turn_deg` the
    axial turn of the upper, positive to the patient's left in front; `back_mm` and `side_mm` how far the upper canal's
    back wall stands behind, and its middle left of, the lower's in the plane between both.
    """

    upper: str
    lower: str
    gape_mm: float
    bend_deg: float
    turn_deg: float
    back_mm: float
    side_mm: float


@dataclass(frozen=True)
class Band:
    """What the bone says of a level's posterior column: signs in words, or why it was not looked at ("" when it was)."""

    signs: tuple[str, ...]
    reason: str = ""

    @property
    def words(self) -> str:
        """One line: OF5 to be excluded, not assessed, or no sign seen."""
        if self.reason:
            return f"OF5 not assessed: {self.reason}"
        if self.signs:
            return f"OF5 to be excluded (or an old slip or curve): {'; '.join(self.signs)}"
        return "no sign of OF5 in bone; ligaments, and a step to front or back, not assessed"


class _Arch:
    """A vertebra's canal and spinous process as points in LPS."""

    def __init__(self, vertebra: Vertebra) -> None:
        assert vertebra.maps is not None
        assert vertebra.lps_from_vertebra is not None
        assert vertebra.heights_mm is not None
        self.vertebra, self.pose = vertebra, vertebra.lps_from_vertebra
        grid, parts = vertebra.maps.parts.grid, vertebra.maps.parts.values
        low = self.pose.inverse @ grid.lps_from_index(np.zeros(3))
        spacing = float(grid.spacing_mm[0])
        self._canal = np.argwhere(parts == PART_CANAL) * spacing + low
        self._posterior = np.argwhere(parts == PART_POSTERIOR) * spacing + low

    @cached_property
    def canal_mm(self) -> Array:
        """Two points (2, 3), LPS, on a line that runs along the middle of the canal's back wall, from feet to head."""
        found = self.vertebra.heights_mm
        assert found is not None
        half = 0.5 * max(found.anterior, found.posterior)
        inside = self._canal[np.abs(self._canal[:, 2]) < half]
        heights, place = np.unique(np.round(inside[:, 2], 3), return_inverse=True)
        slices = [inside[place == n] for n in range(len(heights))]
        x = [float(np.median(s[:, 0])) for s in slices]
        y = [float(np.percentile(s[:, 1], 97.0)) for s in slices]
        ends = np.array([-half, half])
        line = [np.polyval(np.polyfit(heights, values, 1), ends) for values in (x, y)]
        return self.pose @ np.stack([*line, ends], axis=1)

    @cached_property
    def spinous_mm(self) -> Array | None:
        """Middle (3,), LPS, of the posterior bone within 4 mm of the mid-line; None where hardly any is labelled."""
        middle = float(np.median(self._canal[:, 0]))
        near = self._posterior[np.abs(self._posterior[:, 0] - middle) <= MIDLINE_MM]
        return None if len(near) < LEAST_CELLS else self.pose @ near.mean(axis=0)


def junctions(vertebrae: Sequence[Vertebra]) -> list[Junction]:
    """The junctions of neighbouring levels that both show body, canal and spinous process; from the head down."""
    seen = [_Arch(v) for v in vertebrae if not why_not(v)]
    return [_junction(a, b) for a, b in pairwise(seen) if usual_neighbour(a.vertebra.level, b.vertebra.level)]


def why_not(vertebra: Vertebra) -> str:
    """Why a level's arch cannot be compared, "" when it can."""
    if not vertebra.complete:
        return "cut by the border of the scan"
    if vertebra.maps is None or not (vertebra.maps.parts.values == PART_CANAL).any():
        return "no arch in the label"
    if vertebra.heights_mm is None or vertebra.wedge_deg is None:
        return "body not measured"
    return "" if _Arch(vertebra).spinous_mm is not None else "no spinous process in the label"


def _junction(upper: _Arch, lower: _Arch) -> Junction:
    axes = _between(upper.pose, lower.pose)
    middle = 0.5 * (upper.pose.origin_mm + lower.pose.origin_mm)
    above, below = (_at_middle((line - middle) @ axes.T) for line in (upper.canal_mm, lower.canal_mm))
    step = above - below
    assert upper.spinous_mm is not None
    assert lower.spinous_mm is not None
    heights = [v.heights_mm.posterior for v in (upper.vertebra, lower.vertebra) if v.heights_mm is not None]
    wedges = [v.wedge_deg for v in (upper.vertebra, lower.vertebra) if v.wedge_deg is not None]
    relative = lower.pose.inverse.turn(upper.pose.matrix[:3, :3].T).T
    return Junction(
        upper.vertebra.level,
        lower.vertebra.level,
        gape_mm=float((upper.spinous_mm - lower.spinous_mm) @ axes[2]) - 0.5 * sum(heights),
        bend_deg=_angle(relative[2, 1] - relative[1, 2], relative[1, 1] + relative[2, 2]) - 0.5 * sum(wedges),
        turn_deg=_angle(relative[1, 0] - relative[0, 1], relative[0, 0] + relative[1, 1]),
        back_mm=float(step[1]),
        side_mm=float(step[0]),
    )


def _between(upper: Pose, lower: Pose) -> Array:
    """Axes (rows: left, back, head) half-way between two frames."""
    z = unit(upper.axis(2) + lower.axis(2))
    y = upper.axis(1) + lower.axis(1)
    y = unit(y - (y @ z) * z)
    return np.stack([np.cross(y, z), y, z])


def _at_middle(line_mm: Array) -> Array:
    """Where the line through two points meets the plane z = 0."""
    low, high = line_mm
    return np.asarray(low + (high - low) * (-low[2] / (high[2] - low[2])))


def _angle(sine: float, cosine: float) -> float:
    return float(np.degrees(np.arctan2(sine, cosine)))


def posterior_band(vertebra: Vertebra, found: Sequence[Junction], scan: Scan | None) -> Band:
    """What the bone says of one level; `found` are the junctions of its spine, `scan` may be None (labels alone).

    Not looked at, with the reason: a level whose arch is not labelled, or that lacks one of four levels in a row.
    """
    reason = why_not(vertebra)
    band = Band((), reason) if reason else junction_band(vertebra.level, found)
    return band if band.reason else Band((*band.signs, *_split_words(vertebra, scan)))


def junction_band(level: str, found: Sequence[Junction]) -> Band:
    """What the junctions of a spine say of one of its levels.

    A sign is a junction of the level that stands out from those beside it beyond a limit in data/fracture/limits.toml,
    and that the levels above and below the fractured one, taken past it, confirm: its own crushed frame makes none.
    """
    found_sizes = sign_sizes(level, found)
    if not found_sizes:
        return Band((), "levels above, below and one more beside them are needed in view")
    return Band(tuple(sign for junction, sizes in found_sizes for sign in _told(junction, sizes)))


@dataclass(frozen=True)
class _Around:
    """The junctions above and below a level, and those beyond them, of which one may lack."""

    upper: Junction
    lower: Junction
    beyond: tuple[Junction, ...]
    beside_upper: tuple[Junction, ...]
    beside_lower: tuple[Junction, ...]


def _around(found: Sequence[Junction], level: str) -> _Around | None:
    upper = next((junction for junction in found if junction.lower == level), None)
    lower = next((junction for junction in found if junction.upper == level), None)
    if upper is None or lower is None:
        return None
    above = tuple(junction for junction in found if junction.lower == upper.upper)
    below = tuple(junction for junction in found if junction.upper == lower.lower)
    if not above and not below:
        return None
    return _Around(upper, lower, (*above, *below), (*above, lower), (upper, *below))


def _excess(junction: Junction, beside: Sequence[Junction]) -> Junction:
    """What a junction exceeds the mean of those beside it by; nothing where it is one of those that stands out."""
    away = [np.array([getattr(junction, name) - getattr(other, name) for other in beside]) for name in _measures()]
    return Junction(junction.upper, junction.lower, *[_shared(difference) for difference in away])


def _across(around: _Around) -> Junction:
    """Both junctions of a level together, less as many of those beyond: the frame of the level itself drops out."""
    values = [
        getattr(around.upper, name)
        + getattr(around.lower, name)
        - 2.0 * float(np.mean([getattr(other, name) for other in around.beyond]))
        for name in _measures()
    ]
    return Junction(around.upper.upper, around.lower.lower, *values)


def _measures() -> list[str]:
    return [field.name for field in fields(Junction) if field.type == "float"]


def _shared(differences: Array) -> float:
    """Mean of the differences to both sides; 0 where they disagree in sign or one is less than half of the mean.

    >>> _shared(np.array([6.0, 4.0])), _shared(np.array([-0.9, 12.2]))
    (5.0, 0.0)
    """
    mean = float(differences.mean())
    return mean if (differences * np.sign(mean) >= 0.5 * abs(mean)).all() else 0.0


def _readings(excess: Junction) -> dict[str, float]:
    """The four signs' sizes. Widening is the mean of what the spinous processes show and what the endplates' angle gives
    at their distance behind the hinge: neither alone is told from the shape of single processes and plates.
    """
    arm = quantity(_FILE, "band", "arm").value
    widening = 0.5 * (excess.gape_mm + arm * float(np.radians(excess.bend_deg)))
    return {"widening": widening, "step": excess.back_mm, "side_step": excess.side_mm, "turn": excess.turn_deg}


def sign_sizes(level: str, found: Sequence[Junction]) -> list[tuple[Junction, dict[str, float]]]:
    """Both junctions of a level with the confirmed size of "widening", "step", "side_step" (mm) and "turn" (deg), signed.

    Empty where one of four levels in a row is not there.
    """
    around = _around(found, level)
    if around is None:
        return []
    past = _readings(_across(around))
    confirm = quantity(_FILE, "band", "confirm").value
    pairs = ((around.upper, around.beside_upper), (around.lower, around.beside_lower))
    return [(junction, _confirmed(_readings(_excess(junction, beside)), past, confirm)) for junction, beside in pairs]


def _confirmed(alone: dict[str, float], past: dict[str, float], share: float) -> dict[str, float]:
    """Each size as far as what is seen past the level confirms it; 0 where that points the other way."""
    return {
        name: float(np.sign(size) * min(abs(size), abs(past[name]) / share)) if size * past[name] > 0.0 else 0.0
        for name, size in alone.items()
    }


def _told(junction: Junction, found: dict[str, float]) -> list[str]:
    upper, lower = junction.upper, junction.lower
    left = "left" if found["side_step"] > 0 else "right"
    told = {
        "widening": f"spinous processes of {upper} and {lower} gape {{:.0f}} mm wider",
        "side_step": f"{upper} stands {{:.0f}} mm further {left} of {lower}",
        "turn": f"{upper} is turned {{:.0f}} deg further on {lower}",
    }
    size = found | {name: abs(found[name]) for name in told if name != "widening"}
    seen = [name for name in told if size[name] >= quantity(_FILE, "band", name).value]
    if "turn" in seen and "side_step" in seen:
        # A canal that turns about the body goes to the side by itself.
        seen.remove("side_step")
    return [f"{told[name].format(size[name])} than the levels beside" for name in seen]


def _split_words(vertebra: Vertebra, scan: Scan | None) -> list[str]:
    gap = arch_gap_mm(vertebra, scan)
    return [f"arch of {vertebra.level} in two pieces, {gap:.0f} mm dark between them"] if gap else []


def arch_gap_mm(vertebra: Vertebra, scan: Scan | None) -> float:
    """Distance between two pieces of an arch, one above the other, with no bone between them in the CT; else 0.

    0 without a CT in Hounsfield units as well. A label that lost a slab of bone shows bone in the CT; an arch open in
    the mid-line (spina bifida, laminectomy) has its pieces beside, not above, each other.
    """
    from scipy.ndimage import label

    assert vertebra.maps is not None
    if scan is None or not scan.acquisition.calibrated_hu:
        return 0.0
    parts = vertebra.maps.parts
    arch = np.isin(parts.values, (PART_POSTERIOR, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE))
    pieces, _ = label(arch, np.ones((3, 3, 3), int))
    sizes = np.bincount(pieces.ravel())[1:]
    first, second = np.argsort(sizes)[-2:][::-1] + 1 if len(sizes) > 1 else (0, 0)
    cell_ml = float(parts.grid.spacing_mm[0]) ** 3 / 1000.0
    if not second or sizes[second - 1] * cell_ml < quantity(_FILE, "band", "piece").value:
        return 0.0
    ends = _nearest(pieces == first, pieces == second)
    across = np.abs(ends[1] - ends[0])
    if across[2] < max(across[0], across[1]):
        return 0.0
    between = parts.grid.lps_from_index(ends[0] + np.linspace(0.0, 1.0, 9)[:, None] * (ends[1] - ends[0]))
    dark = float(scan.volume.sampled(between, fill=3000.0).min()) < quantity(_FILE, "band", "dark").value
    return (float(np.linalg.norm(across)) - 1.0) * float(parts.grid.spacing_mm[0]) if dark else 0.0


def _nearest(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Array:
    """The two cells (2, 3), one of each mask, that are nearest to each other."""
    from scipy.ndimage import distance_transform_edt

    away, place = distance_transform_edt(~first, return_indices=True)
    cells = np.argwhere(second)
    end = cells[int(away[second].argmin())]
    return np.array([place[(slice(None), *end)], end], dtype=np.float64)
