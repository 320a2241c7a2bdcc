"""The first page: warnings by weight, what was refused, what was not checked, and the summary."""

from __future__ import annotations

from dataclasses import dataclass

from pedicle.model.frames import Side
from pedicle.model.notices import Notice, Severity
from pedicle.model.trajectory import Trajectory
from pedicle.report.dossier import Dossier
from pedicle.report.sides import side_conflict
from pedicle.report.tables import WALL_WORDS
from pedicle.report.words import counted, finite, gathered, interval, listed, measure, missing, position_words, sentence

SEVERITIES: tuple[Severity, ...] = ("danger", "caution", "note")
SEVERITY_WORDS = {"danger": "Stop and look", "caution": "Caution", "note": "Note"}


@dataclass(frozen=True)
class Warned:
    """One warning row; `where` joins all the places that say the same."""

    severity: Severity
    where: str
    text: str


def warnings_of(dossier: Dossier) -> list[Warned]:
    """All warnings of the case, the gravest first, the same sentence once with all its places."""
    places: dict[tuple[Severity, str], list[str]] = {}
    for notice in _notices(dossier):
        seen = places.setdefault((notice.severity, notice.text), [])
        if notice.where not in seen:
            seen.append(notice.where)
    rows = [Warned(severity, listed(where), sentence(text)) for (severity, text), where in places.items()]
    return sorted(rows, key=lambda row: SEVERITIES.index(row.severity))


def _notices(dossier: Dossier) -> list[Notice]:
    found: list[Notice] = [*_conflicts(dossier)]
    for source in (dossier.scan, dossier.labels, dossier.spine, dossier.plan, dossier.expected, dossier.care):
        found += [_placed(notice) for notice in source.warnings] if source is not None else []
    for vertebra in dossier.spine.vertebrae:
        found += vertebra.warnings
    for level in dossier.plan.levels if dossier.plan else ():
        found += level.warnings
    return found


def _placed(notice: Notice) -> Notice:
    """A file is called the input: its hash stands in the footer and says nothing to a reader here."""
    is_hash = len(notice.where) >= 12 and all(letter in "0123456789abcdef" for letter in notice.where)
    return Notice(
        notice.code, "input file" if is_hash or not notice.where else notice.where, notice.text, notice.severity
    )


def _conflicts(dossier: Dossier) -> list[Notice]:
    found = []
    for level in dossier.plan.levels if dossier.plan else ():
        for trajectory in level.trajectories:
            why = side_conflict(dossier.spine[level.level], trajectory)
            if why:
                found.append(Notice("R520", f"{level.level} {trajectory.side}", f"needle withheld: {why}", "danger"))
    return found


def opening(dossier: Dossier) -> str:
    """What a rehearsal lacks, as the first sentence of the report; "" where a fracture is seen and facts are stated."""
    if dossier.plan is None or dossier.plan.purpose == "plan":
        return ""
    levels = [dossier.spine[level.level] for level in dossier.plan.levels]
    proven = any(one.fracture is not None and one.fracture.genant_grade >= 1 for one in levels)
    lacking = [] if proven else ["no fracture proven"]
    lacking += [] if dossier.patient is not None else ["no clinical facts"]
    return f"{sentence(', '.join(lacking)).rstrip('.')}: rehearsal only." if lacking else ""


def refusals_of(dossier: Dossier) -> list[Warned]:
    """Everything the plan refused, level and side, each with its reasons."""
    rows = []
    for level in dossier.plan.levels if dossier.plan else ():
        rows += [Warned("caution", level.level, sentence(reason)) for reason in level.refused]
        for trajectory in level.trajectories:
            if not trajectory.feasible:
                reasons = listed(trajectory.reasons) if trajectory.reasons else "no reason given"
                rows.append(Warned("caution", f"{level.level} {trajectory.side}", sentence(f"not possible: {reasons}")))
    return rows


def gates_of(dossier: Dossier) -> tuple[str, ...]:
    """Open gates of the session, as sentences."""
    return tuple(sentence(gate) for gate in gathered(dossier.plan.open_gates if dossier.plan else ()))


def unchecked(dossier: Dossier) -> list[str]:
    """What this case did not look at, said plainly."""
    rows = [sentence(text) for text in dossier.spine.not_evaluable]
    if dossier.scan is None:
        rows.append("No CT was given: density, cleft, skin, and everything that needs CT numbers were not assessed.")
    if dossier.plan is None:
        rows.append("No needle was planned: this is a report of the measurements only.")
    rows += _walls_not_assessed(dossier)
    rows += _facts_not_stated(dossier)
    rows.append("Marrow oedema, and with it whether a fracture is fresh: needs MRI.")
    rows.append("Identity, consent, and that this is the painful level: to be confirmed by people before any step.")
    steps = {
        "X-ray pictures": dossier.expected and dossier.expected.levels,
        "cement flow and leaks": dossier.injected,
        "heat": dossier.cures,
        "strength": dossier.strengths,
        "care": dossier.care,
    }
    absent = [name for name, there in steps.items() if not there]
    if absent:
        rows.append(sentence(f"{listed(absent)}: not computed in this report"))
    return rows


def _walls_not_assessed(dossier: Dossier) -> list[str]:
    places: dict[str, list[str]] = {}
    for level in dossier.plan.levels if dossier.plan else ():
        for trajectory in level.trajectories:
            for wall, clearance in trajectory.clearance.items():
                if not finite(clearance.mm):
                    key = f"{WALL_WORDS.get(wall, wall)} {missing(clearance.reason)}"
                    places.setdefault(key, []).append(f"{level.level} {trajectory.side}")
    return [f"{text} ({listed(where)})." for text, where in places.items()]


def _facts_not_stated(dossier: Dossier) -> list[str]:
    if dossier.patient is None:
        return ["No facts about the patient were stated: nothing was computed from age, sex, drugs or blood tests."]
    asked = {
        "pain_level_confirmed": "painful level",
        "neurology": "neurology",
        "inr": "INR",
        "platelets_10e9_l": "platelets",
        "antithrombotics": "antithrombotics",
        "allergies": "allergies",
        "infection": "infection",
        "consent": "consent",
    }
    absent = [words for name, words in asked.items() if name not in dossier.patient.stated()]
    return [f"Not stated about the patient: {listed(absent)}."] if absent else []


def summary_of(dossier: Dossier) -> list[tuple[str, str]]:
    """The case in a few lines: name and value."""
    spine, made = dossier.spine, dossier.spine.acquisition
    rows = [
        ("CT", f"{position_words(made.patient_position)}; {made.study_date or 'date not stated'}; {_energy(dossier)}"),
        ("Levels seen", listed(_level_words(dossier))),
        ("Fracture shapes", listed(_fracture_words(dossier))),
        ("Bone density", _density(dossier)),
    ]
    if spine.kyphosis_deg:
        rows.append(
            (
                "Kyphosis (minus: lordosis)",
                "; ".join(f"{pair} {measure(angle, 'deg')}" for pair, angle in spine.kyphosis_deg.items()),
            )
        )
    return rows + _plan_rows(dossier)


def _energy(dossier: Dossier) -> str:
    made = dossier.spine.acquisition
    if dossier.scan is None:
        return "labels only, no CT"
    kvp = f"{made.kvp:.0f} kV" if finite(made.kvp) else "tube voltage not stated"
    contrast = {None: "contrast not known", True: "with contrast", False: "no contrast"}[made.contrast]
    return f"{kvp}; {contrast}"


def _level_words(dossier: Dossier) -> list[str]:
    return [v.level + ("" if v.complete else " (cut by the border)") for v in dossier.spine.vertebrae]


def _fracture_words(dossier: Dossier) -> list[str]:
    return [
        f"{v.level} grade {v.fracture.genant_grade} {v.fracture.shape if v.fracture.shape != 'none' else ''}".strip()
        for v in dossier.spine.vertebrae
        if v.fracture is not None and v.fracture.genant_grade > 0
    ]


def _density(dossier: Dossier) -> str:
    density = dossier.spine.density
    if density is None:
        return missing("no complete, unfractured, uncemented level with usable CT numbers")
    return f"{interval(density)}; {density.basis}"


def _plan_rows(dossier: Dossier) -> list[tuple[str, str]]:
    plan = dossier.plan
    if plan is None:
        return [("Plan", missing("the plan step has not run"))]
    used = [f"{level.level} {listed(_sides(level.recommended))}" for level in plan.levels if level.recommended]
    total = measure(plan.cement_total_ml, "ml", None, "no volume planned")
    return [
        ("Purpose", plan.purpose),
        ("Needles", f"{counted(plan.needles_total, 'needle')} in all: {'; '.join(used) or 'none'}"),
        ("Cement planned in all", total),
    ]


def _sides(sides: tuple[Side, ...]) -> list[str]:
    return sorted(sides)


def infeasible(trajectory: Trajectory) -> str:
    """Why a needle is not possible, or ""."""
    return "" if trajectory.feasible else listed(trajectory.reasons) or "no reason given"
