"""Gates on whole operations: every event of a log is let through, and the same event spoiled is refused with its reason.

Good events are those of the scripted operation of the synthetic patient and, where the data lie ready, of two real CTs (PEDICLE_DATA).
Unsafe ones are made of them, each at the moment where the good one stood. A refusal counts when the number of its reason is one of
those that name this danger.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._table import Row, flags, publish, short_of
from benchmarks.faults import small_case
from pedicle.model.acts import (
    AnaestheticInjected,
    CementMixed,
    Discharged,
    DrugGiven,
    LevelCounted,
    Overridden,
    Scored,
    TimeOut,
    TipConfirmed,
    Turned,
)
from pedicle.model.case import Case
from pedicle.model.errors import PedicleError
from pedicle.model.events import (
    Event,
    InjectionEnded,
    InjectionStarted,
    NeedleMoved,
    OperationState,
    Pushed,
    TipMeasured,
)
from pedicle.model.patient import Patient
from pedicle.operation.briefing import Briefing
from pedicle.operation.gates.needle import at_place
from pedicle.operation.send import send
from pedicle.procedure import RunOptions, demo, run

REAL = {
    "verse014, L1 and L3": ("verse014-l1-l5/sub-verse014_ct.nii.gz", "verse014-l1-l5/sub-verse014_seg-vert_msk.nii.gz", "L1,L3"),
    "totalsegmentator, L2": ("totalsegmentator-example/example_ct.nii.gz", "totalsegmentator-example/totalseg.nii.gz", "L2"),
}  # fmt: skip
# A patient's facts for the gates of drugs, invented.
FACTS = Patient(age_y=76, sex="F", weight_kg=58, height_cm=158, asa=3, allergies=(), invented=True)


@dataclass(frozen=True)
class Walk:
    """An operation, event by event: the state before each one, and what was found against it."""

    name: str
    briefing: Briefing
    events: tuple[Event, ...]
    before: tuple[OperationState, ...]
    refused: tuple[str, ...]

    def first(self, kind: type[Any], such: Callable[[Any], bool] = lambda _: True) -> tuple[Any, OperationState]:
        """The first event of a kind, and the state before it."""
        for event, state in zip(self.events, self.before, strict=True):
            if isinstance(event, kind) and such(event):
                return event, state
        raise LookupError(kind.__name__)

    def without(self, kind: type[Any], until: Event, such: Callable[[Any], bool] = lambda _: True) -> OperationState:
        """The state before an event of an operation in which those of a kind never happened; no gate looks."""
        free, state = replace(self.briefing, purpose="train"), OperationState()
        for event in self.events[: self.events.index(until)]:
            if not (isinstance(event, kind) and such(event)):
                state, _ = send(state, event, free)
        return state


def walked(name: str, case: Case) -> Walk:
    """Every event of a case's log through the gates."""
    given, cared = case.load("read"), case.load("care")
    events = (*case.load("operate")["events"], *cared["events"])
    clocks = {one.level: one.clock for one in case.load("cure")}
    facts = given["patient"] or FACTS
    briefing = Briefing(case.load("measure"), case.load("plan"), "rehearse", facts, clocks=clocks)
    state, before, refused = OperationState(), [], []
    for event in events:
        before.append(state)
        try:
            state, _ = send(state, event, briefing)
        except PedicleError as error:
            refused.append(f"{type(event).__name__}: {error}")
            state, _ = send(state, event, replace(briefing, purpose="train"))
    return Walk(name, briefing, events, tuple(before), tuple(refused))


Unsafe = tuple[str, OperationState, Event, Briefing, set[int]]


def unsafe(walk: Walk) -> Iterator[Unsafe]:
    """What must be refused: its name, the state, the event, what the team knows, and the numbers that name this danger."""
    for made in (_checklist, _needles, _cement, _drugs, _end):
        for name, state, event, codes in made(walk):
            yield name, state, event, walk.briefing, codes


Made = Iterator[tuple[str, OperationState, Event, set[int]]]


def _checklist(walk: Walk) -> Made:
    said, state = walk.first(TimeOut, lambda act: act.block == "before skin")
    level, side = said.levels[0]
    other = next(v.level for v in walk.briefing.spine.vertebrae if v.level != level)
    yield "another level read aloud", state, replace(said, levels=((other, side), *said.levels[1:])), {722}
    wrong = "right" if side == "left" else "left"
    yield "the other side read aloud", state, replace(said, levels=((level, wrong), *said.levels[1:])), {722}
    yield "consent answered no", state, replace(said, answers={**said.answers, "consent": "no"}), {722}
    needle, _ = walk.first(NeedleMoved)
    yield "a needle before the checklist", OperationState(), needle, {722}
    yield "a level that was not counted", walk.without(LevelCounted, needle), needle, {735}
    yield "an override without a reason", state, Overridden(said.t_s, "canal", "ok"), {736}


def _needles(walk: Walk) -> Made:
    needle, state = walk.first(NeedleMoved)
    vertebra = walk.briefing.vertebrae[needle.level]
    plan = next(one for one in walk.briefing.level(needle.level).trajectories if one.side == needle.side)  # type: ignore[union-attr]
    inward = vertebra.right * (1.0 if needle.side == "left" else -1.0)

    def at(tip: Any, direction: Any = plan.direction_lps) -> NeedleMoved:
        return replace(needle, tip_lps_mm=tuple(map(float, tip)), direction_lps=tuple(map(float, direction)))  # type: ignore[no-any-return]

    behind = plan.bone_entry_lps_mm + (plan.posterior_wall_depth_mm - 2.0) * plan.direction_lps
    body_height = 30.0
    up = 1.0 if any(v.level != needle.level and (v.centroid_lps_mm - vertebra.centroid_lps_mm) @ vertebra.superior > body_height / 2 for v in walk.briefing.spine.vertebrae) else -1.0  # fmt: skip
    neighbour = min(
        (v for v in walk.briefing.spine.vertebrae if up * float((v.centroid_lps_mm - vertebra.centroid_lps_mm) @ vertebra.superior) > 0.0),
        key=lambda v: float(np.linalg.norm(v.centroid_lps_mm - vertebra.centroid_lps_mm)),
    )  # fmt: skip
    yield (
        "in the next vertebra",
        state,
        at(plan.target_lps_mm + neighbour.centroid_lps_mm - vertebra.centroid_lps_mm),
        {720},
    )
    into, mirror = vertebra.lps_from_vertebra, np.array([-1.0, 1.0, 1.0])
    assert into is not None
    tip, ahead = (into @ (mirror * (into.inverse @ p)) for p in (plan.bone_entry_lps_mm, plan.target_lps_mm))
    yield "on the other side", state, at(tip, (ahead - tip) / np.linalg.norm(ahead - tip)), {721}
    yield "in the canal", state, at(behind + 9.0 * inward), {721, 723, 724}
    yield "over the medial wall", state, at(behind + 4.5 * inward), {723, 724}
    ways_on = (plan.target_lps_mm + mm * plan.direction_lps for mm in range(1, 60))
    through = next(tip for tip in ways_on if (at_place(vertebra, tip) or 0.0) < -3.0)
    yield "through the front of the body", state, at(through), {720, 725}
    side = "right" if needle.side == "left" else "left"
    yield "a needle said to be on the other side", state, replace(needle, side=side), {721, 722}


def _cement(walk: Walk) -> Made:
    begun, state = walk.first(InjectionStarted)
    back = walk.first(NeedleMoved)[0].direction_lps
    outside = replace(state, needles=tuple(
        (level, side, replace(placed, tip_lps_mm=placed.tip_lps_mm - 60.0 * np.array(back)) if level == begun.level else placed)
        for level, side, placed in state.needles
    ))  # fmt: skip
    yield "cement with the tip outside", outside, begun, {422, 725}
    yield "cement that nobody mixed", walk.without(CementMixed, begun), begun, {734}
    old = CementMixed(begun.t_s - 3000.0, 9, begun.settings["cement"], 22.0)
    aged = replace(state, acts=(*state.acts, old))
    yield "cement past its working time", aged, replace(begun, mixed_s=old.t_s), {425}
    fresh = CementMixed(begun.t_s - 1.0, 9, begun.settings["cement"], 22.0)
    thin = replace(state, acts=(*state.acts, fresh))
    yield "cement before its working time", thin, replace(begun, mixed_s=fresh.t_s), {426}
    huge = replace(begun, settings={**begun.settings, "volume": 20.0})
    yield "more than the body holds", state, huge, {424, 728}
    pushed, ready = walk.first(Pushed, lambda push: push.value > 0.0)
    yield "a push with no tip confirmed", walk.without(TipConfirmed, pushed), pushed, {726}
    yield "a push with no tip measured", walk.without(TipMeasured, pushed), pushed, {726}
    yield "a push far beyond the plan's volume", ready, replace(pushed, t_s=pushed.t_s + 900.0, duration_s=900.0), {728}
    ended, _ = walk.first(InjectionEnded)
    after = walk.before[walk.events.index(ended) + 1]
    late = replace(pushed, t_s=after.t_s + pushed.duration_s)
    yield "a push after the injection was ended", after, late, {427, 728, 729}


def _drugs(walk: Walk) -> Made:
    needle, state = walk.first(NeedleMoved)
    much = AnaestheticInjected(needle.t_s, needle.level, needle.side, "bone", "lidocaine", 1.0, 60.0)
    yield "more anaesthetic than this patient may have", state, much, {733}
    yield "8 mg of midazolam at once", state, DrugGiven(needle.t_s, "midazolam", 8.0, "mg", "iv"), {739}
    yield "a sedative before the checklist", OperationState(), DrugGiven(5.0, "midazolam", 1.0, "mg", "iv"), {722}


def _end(walk: Walk) -> Made:
    turned, _ = walk.first(Turned)
    ended, _ = walk.first(InjectionEnded)
    soon = walk.before[walk.events.index(ended) + 1]
    yield "turned with soft cement and a needle in", soon, replace(turned, t_s=soon.t_s + 5.0), {722, 731}
    home, last = walk.first(Discharged)
    yield "home without a score", walk.without(Scored, home), home, {732}
    yield "home without somebody along", last, replace(home, to="home", escort="no"), {732}
    yield "home from the table", soon, replace(home, t_s=soon.t_s + 60.0), {732}


def verdict(case: Unsafe) -> str:
    """ "" for a refusal with the right number, else what happened."""
    name, state, event, briefing, codes = case
    try:
        send(state, event, briefing)
    except PedicleError as error:
        return "" if error.code in codes else f"{name}: E{error.code} instead of {sorted(codes)}"
    return f"{name}: let through"


def cases(folder: Path, quick: bool) -> Iterator[tuple[str, Case]]:
    """The operations, the synthetic one first; the quick one on a small patient and coarse cells."""
    if quick:
        yield "small synthetic", small_case(folder)
        return
    yield "synthetic", demo(folder / "synthetic")
    data = os.environ.get("PEDICLE_DATA")
    if not data:
        return
    for number, (name, (ct, labels, levels)) in enumerate(REAL.items()):
        options = replace(RunOptions(), plan=replace(RunOptions().plan, levels=levels))
        yield name, run(Path(data) / ct, Path(data) / labels, folder / f"real{number}", options)


def main() -> None:
    """Walk, spoil, count."""
    chosen = flags(__doc__ or "")
    rows, good, bad = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for name, case in cases(Path(folder), chosen.quick):
            walk = walked(name, case)
            wrong = [(found[0], verdict(found)) for found in unsafe(walk)]
            for said in (*walk.refused, *(text for _, text in wrong if text)):
                print(f"{name}: {said}")
            rows.append(
                Row(
                    name, "good events let through", f"{len(walk.events) - len(walk.refused)} of {len(walk.events)}", ""
                )
            )
            rows.append(Row(name, "unsafe ones refused", f"{sum(not text for _, text in wrong)} of {len(wrong)}", ""))
            good.append((len(walk.events), len(walk.refused)))
            bad += [text for _, text in wrong]
    total, held = (sum(column) for column in zip(*good, strict=True))
    rows.append(Row("all", "good events held back", held / total, "1", "<= 0.025"))
    rows.append(Row("all", "unsafe ones", float(len(bad)), "count", "" if len(good) < 2 else ">= 40"))
    rows.append(
        Row(
            "all", "unsafe ones let through, or refused for another reason", float(sum(map(bool, bad))), "count", "<= 0"
        )
    )
    publish("gates", rows, chosen)
    raise SystemExit(short_of(rows))


if __name__ == "__main__":
    main()
