"""Fracture by shape: height loss against what the body should measure, Genant's grade with its probability, shape.

A grade is a shape, not an age. Losses are against this patient's intact levels where there are any and against the
level's norm otherwise; never against the same vertebra's posterior height alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.cleft import find_cleft
from pedicle.anatomy.expected import Expected, expected_heights, height_sigma_mm, measured, places
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.posterior_wall import WallState, wall_states
from pedicle.anatomy.tension_band import Band, junctions, posterior_band
from pedicle.anatomy.verdict import verdict
from pedicle.anatomy.wall_gap import THICK_SLICE_MM, wall_gap_mm
from pedicle.model.notices import Notice
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Fracture, Shape, Vertebra

_FILE = "fracture/limits"
DRAWS = 4000


@dataclass(frozen=True, eq=False)
class Loss:
    """Height loss in percent of the expected height at the three stations, with 1 SD, and the grades they give."""

    percent: NDArray[np.float64]
    sigma: NDArray[np.float64]

    @property
    def worst(self) -> int:
        """The station that lost most."""
        return int(self.percent.argmax())


def grade_fractures(vertebrae: Sequence[Vertebra], scan: Scan | None, options: MeasureOptions) -> list[Vertebra]:
    """The same vertebrae, in the same order, with `fracture` filled where heights are measured and complete.

    `scan` may be None (labels alone): clefts are then None and the wall is judged by its shape only.
    """
    expected = expected_heights(vertebrae, options.sex)
    walls = wall_states(vertebrae, places([v.level for v in vertebrae]).tolist())
    graded = []
    for vertebra, wall in zip(vertebrae, walls, strict=True):
        if not measured(vertebra):
            graded.append(vertebra)
            continue
        found = _fracture(vertebra, expected[vertebra.level], scan, wall)
        graded.append(with_wall(replace(vertebra, fracture=found), scan, wall is not None and wall.alone))
    return with_bands(graded, scan)


def with_bands(vertebrae: Sequence[Vertebra], scan: Scan | None) -> list[Vertebra]:
    """The same levels, those fractured by height with what their posterior column shows, in `of5` and the verdict."""
    if not any(_broken(vertebra) for vertebra in vertebrae):
        return list(vertebrae)
    found = junctions(vertebrae)
    return [_with_band(v, posterior_band(v, found, scan)) if _broken(v) else v for v in vertebrae]


def _broken(vertebra: Vertebra) -> bool:
    return vertebra.fracture is not None and vertebra.fracture.genant_grade > 0


def _with_band(vertebra: Vertebra, band: Band) -> Vertebra:
    assert vertebra.fracture is not None
    fracture = replace(vertebra.fracture, of5=band.words, verdict=f"{vertebra.fracture.verdict}; {band.words}")
    notices = (Notice("of5", vertebra.level, band.words),) if band.signs else ()
    return replace(vertebra, fracture=fracture, warnings=(*vertebra.warnings, *notices))


def with_wall(vertebra: Vertebra, scan: Scan | None, alone: bool) -> Vertebra:
    """The level with a gap in its wall's cortex taken for a broken wall, and what was not or only half seen said.

    Only a body fractured by height is searched for a gap. `alone`: a neighbour on one side at least shows no wall.
    """
    fracture = vertebra.fracture
    if fracture is None or fracture.posterior_wall is None:
        return vertebra
    notices: list[Notice] = []
    if alone and fracture.posterior_wall != "intact":
        text = "canal narrowing is a lower bound: no wall above or below to compare with"
        notices.append(Notice("narrowing-lower-bound", vertebra.level, text, "note"))
    if fracture.genant_grade > 0 and scan is not None:
        gap = wall_gap_mm(vertebra, scan)
        if gap:
            fracture = replace(fracture, posterior_wall="broken", of_suggestion=_at_least_of3(fracture.of_suggestion))
        notices += _gap_notices(vertebra.level, gap, scan)
    return replace(vertebra, fracture=fracture, warnings=(*vertebra.warnings, *notices))


def _at_least_of3(suggestion: str) -> str:
    return "OF3" if suggestion == "OF2" else suggestion


def _gap_notices(level: str, gap_mm: float | None, scan: Scan) -> list[Notice]:
    if gap_mm is None:
        thick = float(scan.volume.grid.spacing_mm.max()) > THICK_SLICE_MM
        why = "slices over 2 mm" if thick else "cortex too faint or not in view"
        return [Notice("wall-gap-not-seen", level, f"{why}: posterior wall judged by its shape alone", "note")]
    if gap_mm == 0.0:
        return []
    text = f"posterior wall without cortex over {gap_mm:.1f} mm of its height in the CT: taken for broken"
    return [Notice("wall-gap", level, text)]


def height_loss(vertebra: Vertebra, expected: Expected) -> Loss:
    """Loss of each height against its expectation; 1 SD from the measurement and the expectation together."""
    assert vertebra.heights_mm is not None
    found = vertebra.heights_mm
    heights = np.array([found.anterior, found.middle, found.posterior])
    ratio = heights / expected.heights_mm
    sigma = ratio * np.hypot(expected.sigma, height_sigma_mm(vertebra) / heights)
    return Loss(100.0 * (1.0 - ratio), 100.0 * sigma)


def genant_bounds() -> NDArray[np.float64]:
    """Lower bounds of grades 1, 2 and 3 in percent."""
    return np.array([quantity(_FILE, "genant", f"grade_{n}").value for n in (1, 2, 3)])


def genant_grade(loss_percent: float) -> int:
    """Grade 0 to 3 of a height loss.

    >>> [genant_grade(loss) for loss in (19.9, 20.0, 30.0, 60.0)]
    [0, 1, 2, 3]
    """
    return int(np.searchsorted(genant_bounds(), loss_percent, side="right"))


def grade_probability(loss: Loss) -> tuple[float, float, float, float]:
    """Probability of each grade: the worst of three losses, each normal, half correlated, by fixed draws."""
    draws = np.random.Generator(np.random.Philox(key=(0x9E47, 3))).standard_normal((DRAWS, 4))
    correlated = np.sqrt(0.5) * (draws[:, :3] + draws[:, 3:])
    # The worst of several noisy losses overshoots; what it overshoots by where no height is worse is taken off again.
    worst = (loss.percent + loss.sigma * correlated).max(axis=1)
    worst -= float(worst.mean()) - float(loss.percent.max())
    grades = np.searchsorted(genant_bounds(), worst, side="right")
    p0, p1, p2, p3 = np.bincount(grades, minlength=4) / DRAWS
    return float(p0), float(p1), float(p2), float(p3)


def shape_of(loss: Loss) -> Shape:
    """Wedge, biconcave or crush by which heights are lost; "none" below grade 1."""
    anterior, middle, posterior = loss.percent
    if genant_grade(float(loss.percent.max())) == 0:
        return "none"
    if posterior >= 15.0 and posterior >= 0.4 * loss.percent.max():
        return "crush"
    if middle - anterior > 5.0 and anterior < 0.75 * middle:
        return "biconcave"
    return "wedge"


def of_suggestion(loss: Loss, wall: WallState | None) -> str:
    """OF2, OF3 or OF4 by shape, "" when no fracture is graded. OF1 needs MRI, OF5 other signs (`tension_band`)."""
    worst = float(loss.percent.max())
    if genant_grade(worst) == 0:
        return ""
    limit = {name: quantity(_FILE, "of", name).value for name in ("posterior_loss", "collapse_loss", "both_plates")}
    if worst >= limit["collapse_loss"] or float(loss.percent.min()) >= limit["both_plates"]:
        return "OF4"
    hurt = wall is not None and wall.state in ("bulged", "broken")
    return "OF3" if hurt or loss.percent[2] >= limit["posterior_loss"] else "OF2"


def _fracture(vertebra: Vertebra, expected: Expected, scan: Scan | None, wall: WallState | None) -> Fracture:
    loss = height_loss(vertebra, expected)
    worst = float(loss.percent.max())
    grade = genant_grade(worst)
    probability = grade_probability(loss)
    cleft = find_cleft(vertebra, scan, fractured=grade > 0)
    anterior, middle, posterior = (float(x) for x in loss.percent)
    return Fracture(
        loss_percent=(anterior, middle, posterior),
        reference=reference_words(expected),
        height_loss_percent=worst,
        sigma_percent=float(loss.sigma[loss.worst]),
        genant_grade=grade,
        grade_probability=probability,
        shape=shape_of(loss),
        over_20_percent=worst >= genant_bounds()[0],
        over_25_percent=worst >= quantity(_FILE, "genant", "second_cut_off").value,
        of_suggestion=of_suggestion(loss, wall),
        cleft=cleft,
        posterior_wall=None if wall is None else wall.state,
        canal_narrowing_percent=None if wall is None else wall.narrowing_percent,
        verdict=verdict(loss.percent, grade, probability, expected, cleft),
    )


def reference_words(expected: Expected) -> str:
    """What the losses are against, and the worst loss against the bare norm of each sex.

    >>> import numpy as np
    >>> norm = {"F": np.array([12.0, 20.4, 3.0]), "M": np.array([20.0, 27.7, 11.0])}
    >>> reference_words(Expected(np.ones(3), np.ones(3), np.ones(3), 4, 1, True, norm))
    'neighbours (norm F: 20 %, norm M: 28 %)'
    """
    against = "neighbours" if expected.neighbours >= 2 else "neighbour and norm" if expected.neighbours else "norm"
    norms = ", ".join(f"norm {sex}: {loss.max():.0f} %" for sex, loss in expected.norm_loss_percent.items())
    return f"{against} ({norms})"
