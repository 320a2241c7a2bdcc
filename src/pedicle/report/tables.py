"""The tables of the report as plain data: a heading, columns, rows of finished text."""

from __future__ import annotations

from dataclasses import dataclass

from pedicle.model.frames import SIDES
from pedicle.model.trajectory import WALLS, Clearance, LevelPlan, Trajectory
from pedicle.model.vertebra import Fracture, Pedicle, Vertebra
from pedicle.report.dossier import Dossier
from pedicle.report.words import (
    BASIS_SHORT,
    BASIS_WORDS,
    figure,
    finite,
    interval,
    listed,
    measure,
    missing,
    probability,
    with_unit,
)


@dataclass(frozen=True)
class Table:
    """Rows of text under columns; the first cell of a row names it; a row of two cells gives one reason for all."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


WALL_WORDS = {
    "medial": "Medial pedicle wall",
    "lateral": "Lateral pedicle wall",
    "superior": "Upper pedicle wall",
    "inferior": "Lower pedicle wall",
    "canal": "Spinal canal",
    "anterior": "Front wall of the body",
    "foramen": "Pedicle's edge to the foramen (nerve root)",
    "pleura": "Pleura (lung label)",
    "great_vessel": "Aorta and cava",
    "kidney": "Kidney",
}
SHAPE_WORDS = {"none": "no fracture shape", "wedge": "wedge", "biconcave": "biconcave", "crush": "crush"}


def vertebra_tables(dossier: Dossier) -> list[Table]:
    """The three tables of the vertebrae: counting and shape, bone density, pedicles."""
    spine = dossier.spine.vertebrae
    return [
        Table(
            "Levels and heights",
            ("Level", "Counted from", "Height front", "Height middle", "Height back", "Width", "Depth", "Body volume"),
            tuple(_height_row(dossier, vertebra) for vertebra in spine),
            "Percent behind the landmark: confidence in the name. Heights at 12, 50 and 88 % of the depth in the mid-sagittal strip; ± is one standard deviation.",
        ),
        Table(
            "Shape against what it should be",
            (
                "Level",
                "Height loss",
                "Over 20 %",
                "Over 25 %",
                "Genant grade",
                "Shape",
                "OF class",
                "Cleft",
                "Posterior wall",
                "Reading",
            ),
            tuple(_fracture_row(dossier, vertebra) for vertebra in spine),
            "A grade is a shape, not an age: recent or old, painful or not, is not known from CT. OF1 needs MRI.",
        ),
        Table(
            "Bone density",
            ("Level", "Trabecular CT number", "Density", "How known", "Counts as bone density"),
            tuple(_density_row(dossier, vertebra) for vertebra in spine),
            "Calcium hydroxyapatite equivalent. The value of a fractured, cemented or instrumented level is shown apart "
            "and never counts as the patient's bone density.",
        ),
        Table(
            "Pedicles",
            ("Level", "Left width", "Left height", "Right width", "Right height"),
            tuple(_pedicle_row(dossier, vertebra) for vertebra in spine),
            "Least width of the narrowest section; ± is one standard deviation.",
        ),
    ]


_TOPICS = {
    "heights": ("height", "endplate", "body"),
    "shape": ("grade", "norm", "fracture", "shape", "height"),
    "density": ("density", "hounsfield", "calibrat", "contrast", "trabecular"),
    "pedicles": ("pedicle", "arch"),
}


def why_missing(dossier: Dossier, vertebra: Vertebra, topic: str) -> str:
    """The reason a figure of this vertebra is missing: the border, the input, or the warning that speaks of it."""
    if not vertebra.complete:
        return "cut by the border of the scan"
    if topic == "density" and dossier.scan is None:
        return "no CT was given"
    if topic == "pedicles" and dossier.spine.coverage == "body":
        return "the label holds the body alone"
    told = [notice.text for notice in vertebra.warnings if notice.code == "not-evaluable"]
    told += [notice.text for notice in vertebra.warnings if any(word in notice.text.lower() for word in _TOPICS[topic])]
    return told[0] if told else "the measurement gave no value"


def counted_words(vertebra: Vertebra) -> str:
    """How a level got its name and how sure that is."""
    return f"{BASIS_WORDS[vertebra.basis]}; confidence {probability(vertebra.confidence)}"


def _cut(vertebra: Vertebra) -> tuple[str, str]:
    return vertebra.level, missing("cut by the border of the scan, neither measured nor planned")


def _height_row(dossier: Dossier, vertebra: Vertebra) -> tuple[str, ...]:
    if not vertebra.complete:
        return _cut(vertebra)
    why = why_missing(dossier, vertebra, "heights")
    heights = vertebra.heights_mm
    sigma = heights.sigma_mm if heights else None
    three = (heights.anterior, heights.middle, heights.posterior) if heights else (None, None, None)
    return (
        vertebra.level,
        f"{BASIS_SHORT[vertebra.basis]}, {probability(vertebra.confidence)}",
        *(measure(value, "mm", sigma, why) for value in three),
        measure(vertebra.body_width_mm, "mm", None, why),
        measure(vertebra.body_depth_mm, "mm", None, why),
        measure(vertebra.body_volume_ml, "ml", None, why),
    )


def _fracture_row(dossier: Dossier, vertebra: Vertebra) -> tuple[str, ...]:
    found = vertebra.fracture
    if not vertebra.complete:
        return _cut(vertebra)
    if found is None:
        return (vertebra.level, missing(why_missing(dossier, vertebra, "shape")))
    return (
        vertebra.level,
        f"{measure(found.height_loss_percent, 'percent', found.sigma_percent)} against {found.reference}",
        "yes" if found.over_20_percent else "no",
        "yes" if found.over_25_percent else "no",
        grade_words(found),
        SHAPE_WORDS[found.shape],
        _of_words(found),
        {None: missing("no CT or not seen"), "none": "none seen", "gas": "gas", "fluid": "fluid"}[found.cleft],
        _posterior_wall(found),
        found.verdict,
    )


def _of_words(found: Fracture) -> str:
    """The class by shape, and beside it that OF5 is to be excluded where bone asks for it; the verdict says why."""
    doubt = "; OF5 to be excluded" if found.of5.startswith("OF5 to be excluded") else ""
    return (found.of_suggestion or "none suggested") + doubt


def grade_words(found: Fracture) -> str:
    """Genant grade with its probability, and the next likely grade where it is not sure."""
    grade = found.genant_grade
    text = f"{grade} (probability {probability(found.grade_probability[grade])})"
    others = sorted(((p, n) for n, p in enumerate(found.grade_probability) if n != grade), reverse=True)
    share, other = others[0]
    return text + (f", or {other} ({probability(share)})" if share >= 0.05 else "")


def _posterior_wall(found: Fracture) -> str:
    wall = found.posterior_wall or missing("wall not evaluable")
    narrowing = found.canal_narrowing_percent
    narrowed = narrowing is not None and finite(narrowing) and narrowing >= 1.0
    return wall + (f", canal narrowed by {measure(narrowing, 'percent')}" if narrowed else "")


def _density_row(dossier: Dossier, vertebra: Vertebra) -> tuple[str, ...]:
    found = vertebra.density
    if not vertebra.complete:
        return _cut(vertebra)
    if found is None:
        return (vertebra.level, missing(why_missing(dossier, vertebra, "density")))
    value = found.density_mg_cm3
    usable = "yes" if found.usable else f"no: {found.reason or 'not usable'}"
    return (
        vertebra.level,
        measure(found.mean_hu, "HU", None, found.reason) + (", sclerosis" if found.sclerosis else ""),
        interval(value, found.reason),
        value.basis if value else "–",
        usable,
    )


def _pedicle_row(dossier: Dossier, vertebra: Vertebra) -> tuple[str, ...]:
    if not vertebra.complete:
        return _cut(vertebra)
    cells: list[str] = [vertebra.level]
    for side in SIDES:
        pedicle = (vertebra.pedicles or {}).get(side)
        why = why_missing(dossier, vertebra, "pedicles")
        cells += [_pedicle(pedicle, "width", why), _pedicle(pedicle, "height", why)]
    return tuple(cells)


def _pedicle(pedicle: Pedicle | None, which: str, why: str) -> str:
    if pedicle is None:
        return missing(why)
    if which == "width" and pedicle.width_mm is None and pedicle.inscribed_mm is not None:
        return f"inscribed circle {pedicle.inscribed_mm:.0f} mm: {pedicle.reason}"
    if which == "width":
        return measure(pedicle.width_mm, "mm", pedicle.sigma_mm, pedicle.reason)
    return measure(pedicle.height_mm, "mm", pedicle.sigma_mm, pedicle.reason)


def clearance_table(trajectories: tuple[Trajectory, ...]) -> Table:
    """Distance from each needle's surface to each wall, its spread, and how likely it is to be crossed."""
    columns = [
        f"{trajectory.side.upper()} {what}"
        for trajectory in trajectories
        for what in ("clearance", "chance of crossing", "by over 2 mm")
    ]
    rows = [
        (WALL_WORDS[wall], *(cell for found in trajectories for cell in clearance_cells(found.clearance.get(wall))))
        for wall in WALLS
    ]
    return Table(
        "Clearance to each wall",
        ("Wall", *columns),
        tuple(rows),
        "From the needle's surface at its true outer diameter, the least over the whole way; negative lies outside. "
        "± is one standard deviation; chances are for the stated placement error. The root itself is in no label: the foramen "
        "is the nearer of the pedicle's upper and lower edge. Iliac and segmental vessels are not assessed.",
    )


def clearance_cells(clearance: Clearance | None) -> tuple[str, str, str]:
    """Distance, chance of a breach, chance of a breach over 2 mm; or why there is none."""
    if clearance is None:
        return missing("the plan holds no value"), "–", "–"
    if not finite(clearance.mm):
        return missing(clearance.reason), "–", "–"
    return (
        measure(clearance.mm, "mm", clearance.sigma_mm),
        probability(clearance.breach_probability, clearance.reason or "no placement error stated"),
        probability(clearance.breach_over_2mm_probability, clearance.reason or "no placement error stated"),
    )


def nearest_wall(trajectory: Trajectory) -> tuple[str, Clearance] | None:
    """The wall with the least clearance, or None when none was assessed."""
    known = [
        (found.mm, wall) for wall, found in trajectory.clearance.items() if found.mm is not None and finite(found.mm)
    ]
    if not known:
        return None
    _, wall = min(known)
    return wall, trajectory.clearance[wall]


def plan_table(dossier: Dossier) -> Table | None:
    """All needles of the session at a glance."""
    plan = dossier.plan
    if plan is None or not plan.levels:
        return None
    rows = tuple(_plan_row(level, trajectory) for level in plan.levels for trajectory in level.trajectories)
    return Table(
        "All needles looked at",
        ("Needle", "Way", "Size", "Nearest wall", "Possible", "Used"),
        rows,
    )


def _plan_row(level: LevelPlan, trajectory: Trajectory) -> tuple[str, ...]:
    nearest = nearest_wall(trajectory)
    wall = missing("no wall could be assessed")
    if nearest is not None:
        wall = f"{WALL_WORDS[nearest[0]]}, {measure(nearest[1].mm, 'mm', nearest[1].sigma_mm)}"
    reasons = listed(trajectory.reasons) if trajectory.reasons else ""
    return (
        f"{level.level} {trajectory.side}",
        trajectory.approach,
        needle_words(trajectory),
        wall,
        ("yes" if trajectory.feasible else "no") + (f": {reasons}" if reasons else ""),
        "yes" if trajectory.side in level.recommended else "no",
    )


def needle_words(trajectory: Trajectory) -> str:
    """Gauge, length and outer diameter."""
    needle = trajectory.needle
    diameter = with_unit(figure(needle.outer_diameter_mm, 1), "mm")
    return f"{needle.name.replace(' x ', ' × ')}, {diameter} thick"
