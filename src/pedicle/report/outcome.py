"""What came of the plan, on the first page: a row a level, what was planned beside what was done."""

from __future__ import annotations

from pedicle.model.fill import InjectedLevel, Leak
from pedicle.model.frames import SIDES
from pedicle.model.strength import State, Strength
from pedicle.report.dossier import Dossier
from pedicle.report.injection import ml
from pedicle.report.tables import Table
from pedicle.report.words import clock, figure, listed, with_unit

COLUMNS = ("Level", "Needles", "Cement", "Leaks", "Ended", "Hard enough to turn", "Stiffness")
NOTE = "Planned, then what was done. Leaks: all of them, then what pictures showed. Stiffness: without cement, fractured where it is, then with it."
ARROW = " \N{RIGHTWARDS ARROW} "


def outcome_table(dossier: Dossier) -> Table | None:
    """The table, None where no level was to be injected."""
    if not dossier.injected and not dossier.left_out:
        return None
    rows = [_row(dossier, done) for done in dossier.injected]
    rows += [(level, why) for level, why in dossier.left_out.items()]
    return Table("Plan and result", COLUMNS, tuple(rows), NOTE)


def _row(dossier: Dossier, done: InjectedLevel) -> tuple[str, ...]:
    plan, cure = dossier.level_plan(done.level), dossier.cure(done.level)
    fill = done.fill
    planned = plan.cement.planned if plan and plan.cement else None
    asked = "" if planned is None else f"{ml(planned)}{ARROW}"
    turn = None if cure is None else cure.clock.turn_s
    return (
        done.level,
        f"{_sides(plan.recommended if plan else ())}{ARROW}{_sides(done.sides)}",
        f"{asked}{ml(fill.injected_ml)} out of the needle, {ml(fill.in_body_ml)} in the body",
        _leaks(fill.leaks, sum(fill.leaked_ml.values())),
        "; ".join(fill.stopped),
        "not computed" if cure is None else "not within what was computed" if turn is None else f"{clock(turn - cure.clock.mixed_s)} min after mixing",
        _stiffness(dossier.strength(done.level)),
    )  # fmt: skip


def _sides(sides: tuple[str, ...]) -> str:
    return listed([side for side in SIDES if side in sides]) or "none"


def _leaks(leaks: tuple[Leak, ...], all_ml: float) -> str:
    if not leaks:
        return "none a CT would show"
    seen = sum(leak.ml for leak in leaks if (leak.seen_ap_s, leak.seen_lateral_s) != (None, None))
    return f"{ml(all_ml)}{ARROW}{ml(seen)} seen"


def _stiffness(found: Strength | None) -> str:
    if found is None:
        return "not computed"
    first: State = "fractured" if "fractured" in found.stiffness_n_mm else "intact"
    if not {first, "augmented"} <= set(found.stiffness_n_mm):
        return "not computed"
    before, after = 1e-3 * found.stiffness_n_mm[first].value, 1e-3 * found.stiffness_n_mm["augmented"].value
    return f"{figure(before, 1)}{ARROW}{with_unit(figure(after, 1), 'kN/mm')}"
