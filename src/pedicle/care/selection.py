"""Who is treated: the indication against guidelines and trials, what speaks against it, the trials, this patient's risks."""

from __future__ import annotations

from pedicle.care.facts import confirmed_levels, oedema_at, treated
from pedicle.care.rows import Rows
from pedicle.model.acts import Answer
from pedicle.model.care import Criterion, Risk, Selection, Trial
from pedicle.model.patient import Patient
from pedicle.model.sourced import Quantity, as_quantity, as_statement
from pedicle.model.trajectory import Plan
from pedicle.model.vertebra import Fracture, Spine


def selection_of(patient: Patient, spine: Spine, plan: Plan | None, rows: Rows) -> Selection:
    """The indication and what is known about it. Nothing is computed from a fact that was not stated."""
    levels = tuple(level.level for level in treated(plan))
    fractures = {name: spine[name].fracture for name in levels if name in spine.levels}
    absolute, relative = _against(patient, fractures, rows)
    said = rows.statements("selection.words")
    return Selection(
        levels,
        _words(patient, levels),
        tuple(rows.statements("selection.indication").values()),
        _criteria(patient, levels, rows),
        absolute,
        relative,
        _trials(patient, rows),
        tuple(words for key, words in said.items() if key != "malignant" or patient.malignancy_history),
        _risks(patient, levels, fractures, rows),
    )


def _words(patient: Patient, levels: tuple[str, ...]) -> str:
    kind = "vertebral fracture with a history of malignancy" if patient.malignancy_history else "vertebral fracture"
    return f"painful {kind} of {', '.join(levels) or 'no level'}"


def _criteria(patient: Patient, levels: tuple[str, ...], rows: Rows) -> tuple[Criterion, ...]:
    pain, sham, acute = (rows.number(f"limits.{name}") for name in ("pain", "pain_sham", "acute"))
    nice = rows.statement("selection.indication.nice")
    confirmed, named = confirmed_levels(patient), patient.pain_level_confirmed
    seen: dict[str, bool | None] = {level: oedema_at(patient, level) for level in levels}
    age = patient.fracture_age_weeks

    def said(name: str, asked: str, found: str | None, met: bool | None) -> Criterion:
        answer: Answer = "not stated" if found is None or met is None else "yes" if met else "no"
        return Criterion(name, asked, found or "not stated", answer, nice.source, nice.evidence)

    def measured(name: str, asked: str, value: float | None, row: Quantity, met: bool | None, unit: str) -> Criterion:
        found = "not stated" if value is None else f"{value:g} {unit}"
        answer: Answer = "not stated" if value is None or not row.verified else "yes" if met else "no"
        return Criterion(name, asked, found, answer, row.source, row.evidence)

    nrs = patient.pain_nrs
    treatment = patient.pain_despite_treatment
    return (
        said("pain", "the fracture hurts", None if nrs is None else f"{nrs:g} of 10", None if nrs is None else nrs > 0),
        measured("severe pain", f"at least {pain.value:g} of 10, as in trials; {sham.value:g} in the sham-controlled one that found a difference", nrs, pain, nrs is not None and nrs >= pain.value, "of 10"),
        said("pain at the level", "pain confirmed at each level", named, None if named is None else set(levels) <= confirmed),
        said("unhealed", "marrow oedema at each level", _oedema_words(seen), _all(seen)),
        measured("recent", f"at most {acute.value:g} weeks, as in trials of acute fractures", age, acute, age is not None and age <= acute.value, "weeks"),
        said("treatment tried", "pain despite optimal treatment", None if treatment is None else "stated" if treatment else "no", treatment),
    )  # fmt: skip


def _all(seen: dict[str, bool | None]) -> bool | None:
    """False as soon as one level has no oedema, None while one is not stated."""
    if any(value is False for value in seen.values()):
        return False
    return True if seen and all(seen.values()) else None


def _oedema_words(seen: dict[str, bool | None]) -> str | None:
    words = {True: "found", False: "none", None: "not stated"}
    return "; ".join(f"{level} {words[value]}" for level, value in seen.items()) or None


def _against(
    patient: Patient, fractures: dict[str, Fracture | None], rows: Rows
) -> tuple[tuple[Risk, ...], tuple[Risk, ...]]:
    """Absolute and relative contraindications that stated facts or the CT give; the rest are gates."""
    absolute, relative = rows.statements("selection.absolute"), rows.statements("selection.relative")
    healed = [level for level in fractures if oedema_at(patient, level) is False]
    wall = [name for name, one in fractures.items() if one and one.posterior_wall in ("bulged", "broken")]
    most = rows.number("limits.collapse")
    low = [name for name, one in fractures.items() if one and most.verified and one.height_loss_percent > most.value]
    hard = {
        "infection": "stated" if patient.infection else "",
        "healed": f"no oedema at {', '.join(healed)}" if healed else "no pain" if patient.pain_nrs == 0 else "",
    }
    soft = {
        "posterior_wall": "; ".join(f"{name} {fractures[name].posterior_wall}" for name in wall),  # type: ignore[union-attr]
        "collapse": "; ".join(f"{name} has lost {fractures[name].height_loss_percent:.0f} %" for name in low),  # type: ignore[union-attr]
    }
    return (
        tuple(Risk(name, why, absolute[name]) for name, why in hard.items() if why),
        tuple(Risk(name, why, relative[name]) for name, why in soft.items() if why),
    )


def _trials(patient: Patient, rows: Rows) -> tuple[Trial, ...]:
    """The trials, those of fractures as old as this one first."""
    age, acute = patient.fracture_age_weeks, rows.number("limits.acute").value
    found = [
        Trial(
            one["name"],
            as_quantity(one["patients"]),
            one["against"],
            one["acute"],
            one["differs"],
            as_statement(one["result"]),
            None if age is None else one["acute"] == (age <= acute),
        )
        for one in rows.raw("selection.trial")
    ]
    return tuple(sorted(found, key=lambda trial: trial.fits is False))


def _risks(
    patient: Patient, levels: tuple[str, ...], fractures: dict[str, Fracture | None], rows: Rows
) -> tuple[Risk, ...]:
    known = rows.statements("selection.risk")
    seen = {name: one for name, one in fractures.items() if one is not None}
    cleft = [name for name, one in seen.items() if one.cleft in ("gas", "fluid")]
    wall = [name for name, one in seen.items() if one.posterior_wall in ("bulged", "broken")]
    middle = [name for name, one in seen.items() if one.shape in ("biconcave", "crush")]
    chest = [name for name in levels if name.startswith("T")]
    young, age = rows.number("limits.fresh"), patient.fracture_age_weeks
    fresh = age is not None and young.verified and age < young.value
    many = rows.number("limits.many_levels")
    why = {
        "routes": "every injection" if levels else "",
        "cleft": f"cleft in {', '.join(cleft)}" if cleft else "",
        "cleft_fill": f"cleft in {', '.join(cleft)}" if cleft else "",
        "endplate": f"endplate sunk in {', '.join(middle)}" if middle else "",
        "wall": f"posterior wall of {', '.join(wall)}" if wall else "",
        "levels": f"{len(levels)} levels" if many.verified and len(levels) >= many.value else "",
        "thoracic": f"thoracic: {', '.join(chest)}" if chest else "",
        "fresh": f"{age:g} weeks old" if fresh else "",
        "lung": "every injection" if levels else "",
        "refracture": "every patient",
    }
    return tuple(Risk(name, words, known[name]) for name, words in why.items() if words)
