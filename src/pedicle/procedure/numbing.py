"""Drugs that the scripted operator gives, as far as the care tables propose any for this patient: never a default dose."""

from __future__ import annotations

from pedicle.care.anaesthetic import anaesthetic_budget, given_mg, milligrams
from pedicle.care.rows import load_rows
from pedicle.care.sedation import REVERSAL, sedation_plan
from pedicle.model.acts import AnaestheticInjected, DrugGiven, Layer
from pedicle.model.sourced import quantity
from pedicle.model.trajectory import Trajectory
from pedicle.procedure.operating import Operating
from pedicle.procedure.script import seconds

# How the volume of one site is shared, from the skin inwards.
_SHARES: tuple[tuple[Layer, float], ...] = (("skin", 0.2), ("track", 0.4), ("periosteum", 0.4))


def sedate(operating: Operating) -> None:
    """The first dose of each sedative that is proposed; none where facts are missing."""
    briefing = operating.briefing
    for plan in sedation_plan(briefing.patient, briefing.care, load_rows(briefing.care.local)):
        if plan.first is not None and plan.drug in REVERSAL:
            at_s = operating.now_s + max(plan.over_s or 0.0, plan.interval_s or 0.0)
            operating.do(DrugGiven(at_s, plan.drug, plan.first, plan.unit, plan.route))  # type: ignore[arg-type]


def numb(operating: Operating, trajectory: Trajectory) -> None:
    """Skin, track and periosteum numbed within this site's share of the patient's limit; nothing where no limit is known."""
    briefing, level, side = operating.briefing, trajectory.level, trajectory.side
    rows = load_rows(briefing.care.local)
    budget = anaesthetic_budget(briefing.patient, briefing.plan, briefing.care, rows)
    most = next((site.most_ml for site in budget.sites if (site.level, site.side) == (level, side)), None)
    if most is None and budget.limit_mg is not None:
        # A needle that nobody planned to use: what the limit leaves.
        given = [act for act in operating.state.acts if isinstance(act, AnaestheticInjected)]
        most = (budget.limit_mg - sum(given_mg(given).values())) / milligrams(budget.percent, 1.0)
    if most is None or most <= 0.0:
        return
    volume = min(most, quantity("operation/operators", "volumes", "site").value)
    for number, (layer, share) in enumerate(_SHARES, 1):
        at_s = operating.now_s + seconds("numb") / len(_SHARES)
        if number == len(_SHARES):
            at_s += seconds("numb_wait")
        operating.do(
            AnaestheticInjected(
                at_s, level, side, layer, budget.drug, budget.percent, share * volume, budget.adrenaline
            )
        )
