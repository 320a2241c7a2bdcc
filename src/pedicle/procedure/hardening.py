"""The steps `cure` and `strength`: how the cement of the injected levels hardens, and what each can then carry."""

from __future__ import annotations

from dataclasses import replace

from pedicle.curing.clock import batch_clock
from pedicle.curing.cure import cure
from pedicle.curing.options import CureOptions
from pedicle.curing.warming import ROOM_C
from pedicle.io.curing import cure_files
from pedicle.io.strength import strength_files
from pedicle.mechanics.fill_curve import order_of_arrival
from pedicle.mechanics.strength import assess_strength
from pedicle.mechanics.unit import Side
from pedicle.model.case import Case
from pedicle.model.cure import Cure
from pedicle.model.events import OperationState
from pedicle.model.fill import InjectedLevel
from pedicle.model.levels import NOT_ALWAYS_THERE, rank
from pedicle.model.progress import Progress, part, silent
from pedicle.model.strength import Strength
from pedicle.model.vertebra import Spine, Vertebra
from pedicle.procedure.chosen import RunOptions


def cured(case: Case, chosen: RunOptions, progress: Progress) -> tuple[tuple[Cure, ...], dict[str, bytes]]:
    """Every injected level from the end of its injection on; the results and their files."""
    spine, operated = case.load("measure"), case.load("operate")
    room_c = chosen.operate.room_c if chosen.cure.room_c is None else chosen.cure.room_c
    options = replace(chosen.cure, room_c=room_c)
    found: list[Cure] = []
    files: dict[str, bytes] = {}
    for number, done in enumerate(operated["injected"]):
        here = part(progress, number / len(operated["injected"]), (number + 1) / len(operated["injected"]))
        here(0.0, f"curing in {done.level}")
        found.append(cured_level(operated["state"], spine[done.level], done, options, here))
        files |= cure_files(found[-1])
    return tuple(found), files


def cured_level(
    state: OperationState, vertebra: Vertebra, done: InjectedLevel, options: CureOptions, progress: Progress = silent
) -> Cure:
    """One injected level from the end of its injection on; the needle it was injected through stays in."""
    now, bone = state.injection(done.level), vertebra.bone
    assert now is not None
    assert bone is not None
    room_c = ROOM_C if options.room_c is None else options.room_c
    batch = batch_clock(done.fill.cement, now.portions[-1].mixed_s, room_c)
    return cure(bone, done.fill, now.needle, options, now.flow.t_s, batch, progress)


def strengths(case: Case, chosen: RunOptions, progress: Progress) -> tuple[tuple[Strength, ...], dict[str, bytes]]:
    """Every injected level before and after; the results and their files."""
    spine, operated, cures = case.load("measure"), case.load("operate"), case.load("cure")
    modulus = {one.level: one.modulus_mpa for one in cures}
    found: list[Strength] = []
    files: dict[str, bytes] = {}
    for number, done in enumerate(operated["injected"]):
        progress(number / len(operated["injected"]), f"strength of {done.level}")
        order = order_of_arrival(done.fill) if chosen.strength.curve else None
        beside = neighbours_of(spine, done.level)
        found.append(
            assess_strength(spine[done.level], done.fill.share, chosen.strength, modulus[done.level], order, beside)
        )
        files |= strength_files(found[-1])
    return tuple(found), files


def neighbours_of(spine: Spine, level: str) -> dict[Side, Vertebra | None]:
    """The vertebrae above and below a level; None where the next one in the spine is not that of the count of levels."""
    there = {rank(one.level): one for one in spine.vertebrae}
    place = rank(level)
    # T13 and L6 are there in few people: without them T12 and L1, L5 and the sacrum are neighbours.
    skipped = {rank(name) for name in NOT_ALWAYS_THERE}
    above, below = place - 1, place + 1
    if above in skipped and above not in there:
        above -= 1
    if below in skipped and below not in there:
        below += 1
    return {"upper": there.get(above), "lower": there.get(below)}
