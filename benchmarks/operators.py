"""Scripted operators of three policies bring the same planned needles in and inject: what they do, where tips and cement end.

In train mode, where no gate holds them back; every picture is computed, cement on 2 mm cells. Each run has a hand and openings of its
own, the same for all policies. Scripts are
not people: this shows that the scores tell policies apart from the hand's noise, not how well anyone works.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks._campaign import run_campaign
from benchmarks._table import Row, flags, publish

POLICIES = ("careful", "average", "careless")
RUNS, QUICK_RUNS = 30, 3
CELL_MM = 2.0
COUNTED = (
    "tip error", "aimed again", "pictures", "dose", "advanced without a lateral", "medial wall", "protocol", "most between looks",
    "pushed on at once", "in the body", "leaked", "leaked unseen",
)  # fmt: skip


def case(key: str) -> dict[str, Any]:
    """One run: both needles of the fractured level of the embedded patient to their targets, and cement through them."""
    from pedicle.fluoroscopy.options import PictureOptions
    from pedicle.injection.options import InjectOptions
    from pedicle.model.acts import LevelCounted, TimeOut
    from pedicle.model.errors import RefusedError
    from pedicle.model.events import OperationState
    from pedicle.model.fill import InjectedLevel
    from pedicle.model.operator import ScriptOptions
    from pedicle.operation.briefing import Briefing
    from pedicle.operation.scores import scores
    from pedicle.procedure.operating import Operating
    from pedicle.procedure.operator import operate_level
    from pedicle.procedure.script import script

    policy, seed = key.split(":")
    scan, spine, plan = _patient()
    level = plan.levels[0]
    options = ScriptOptions(policy=policy, hand_seed=int(seed))  # type: ignore[arg-type]
    chance = np.random.Generator(np.random.Philox(key=(int(seed), 11)))
    briefing = Briefing(spine, plan, "train")
    operating = Operating(briefing, scan, PictureOptions(), script(options), chance, OperationState())
    sides = tuple((level.level, one.side) for one in level.trajectories if one.feasible)
    operating.do(TimeOut(0.0, "before sedation", {"identity": "yes"}))
    operating.do(TimeOut(1.0, "before skin", {"team": "yes"}, sides))
    operating.do(LevelCounted(2.0, level.level, "sacrum"))
    cement = InjectOptions(cell_mm=CELL_MM, second="never", openings_seed=int(seed))
    try:
        done = operate_level(operating, level, cement)
    except RefusedError as refused:
        # The body allows what a body allows: a tip outside it takes no cement.
        done = f"E{refused.code} {refused.found}"
    injected = (done,) if isinstance(done, InjectedLevel) else ()
    rows = scores(tuple(operating.events), tuple(operating.findings), briefing, injected)
    canal = sum(one.gate == "canal" for one in operating.findings)
    return {
        "key": key,
        "policy": policy,
        "scores": {row.name: row.value for row in rows},
        "canal": canal,
        "needles": len(sides),
        "no cement": "" if injected else str(done),
    }


_KEPT: list[Any] = []


def _patient() -> tuple[Any, Any, Any]:
    """Scan, spine and plan of the embedded patient, once a process."""
    if not _KEPT:
        from pedicle.anatomy.spine import find_vertebrae
        from pedicle.model.scan import LabelMap
        from pedicle.phantom.cases import named_case
        from pedicle.phantom.make import make_phantom
        from pedicle.planning.options import PlanOptions
        from pedicle.planning.plan import plan

        phantom = make_phantom(named_case("demo"))
        spine = find_vertebrae(phantom.scan, LabelMap(phantom.labels, "verse", landmarks=("sacrum",)))
        _KEPT.extend((phantom.scan, spine, plan(spine, phantom.scan, PlanOptions(levels="fractured", needles="two"))))
    scan, spine, made = _KEPT
    return scan, spine, made


def table(results: list[dict[str, Any]]) -> list[Row]:
    """Means and spreads by policy, how far apart policies lie in units of the hand's spread, canal breaches."""
    by: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        by[result["policy"]].append(result)
    found = []
    for name in COUNTED:
        means = {}
        for policy, runs in by.items():
            values = np.array([run["scores"][name] for run in runs if name in run["scores"]])
            if len(values) < 2:
                continue
            means[policy] = (float(values.mean()), float(values.std(ddof=1)))
            found.append(Row(policy, name, means[policy][0], "mean"))
            found.append(Row(policy, f"{name}, SD between hands", means[policy][1], ""))
        if not {"careful", "careless"} <= set(means):
            continue
        low, high = means["careful"], means["careless"]
        pooled = float(np.hypot(low[1], high[1]) / np.sqrt(2.0))
        apart = (
            abs(high[0] - low[0]) / pooled
            if pooled > 1e-9 * abs(high[0])
            else float("inf")
            if high[0] != low[0]
            else 0.0
        )
        if np.isfinite(apart):
            found.append(Row("careful against careless", f"{name}, apart", apart, "SD"))
    for policy, runs in by.items():
        needles, canal = sum(run["needles"] for run in runs), sum(run["canal"] > 0 for run in runs)
        limit = "0" if policy == "careful" else ""
        found.append(Row(policy, "runs with a needle in the canal", canal, f"of {len(runs)}", limit))
        found.append(Row(policy, "upper 95 % limit of a run in the canal", upper_95(canal, len(runs)), "share"))
        found.append(Row(policy, "needles planned", needles, "1"))
        found.append(Row(policy, "runs without cement", sum(bool(run["no cement"]) for run in runs), f"of {len(runs)}"))
    return found


def upper_95(events: int, runs: int) -> float:
    """One-sided Clopper-Pearson limit.

    >>> round(upper_95(0, 30), 3)
    0.095
    """
    from scipy.stats import beta

    return 1.0 if events >= runs else float(beta.ppf(0.95, events + 1, runs - events))


def main() -> None:
    """Print the rows."""
    chosen = flags(__doc__ or "")
    count = QUICK_RUNS if chosen.quick else min(chosen.cases or RUNS, RUNS)
    keys = [f"{policy}:{seed}" for policy in POLICIES for seed in range(100, 100 + count)]
    results = [case(key) for key in keys] if chosen.quick else run_campaign("operators", case, keys)
    publish("operators", table(results), chosen)


if __name__ == "__main__":
    main()
