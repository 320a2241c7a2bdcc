"""The flow of cement beside OPM Flow on the same deck, and how much faster than an injection it runs.

A block of uneven bone (permeability 1e-9 to 1e-8 m2), cement a thousand times as viscous as marrow, 0.1 ml/s through four cells,
no gravity, capillarity or compressibility on either side. `same_work` holds what shows that both did the same: L1 is the
difference of cement volume by cell over the cement's volume, Dice that of the cells more than half full, and both volumes.
"fine" lets the front cross a quarter of a cell in a step, "coarse" a whole one; nothing else differs. CPU seconds, one
thread, kernels compiled, median of seven; OPM's own start and reading of the deck (below a second) are in its time.

Real-time factor: 10 ml in 100 s into 45 x 45 x 30 mm. The 60x60x40 deck stops at 47.5 s, because OPM 2022.10 does not reach 50.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import _opm, _peer
from benchmarks._table import Row, flags, publish, short_of
from pedicle.injection.flow import FlowOptions, FlowState, Source, advance_flow, ball_source, start_flow
from pedicle.injection.pressure import BoxSystem, Fields, Openings
from pedicle.model.medium import Medium
from pedicle.verify.media import MARROW_PA_S, newtonian, smooth_bone, smooth_field
from pedicle.verify.properties import random_injection
from pedicle.verify.sphere import RADIUS_MM, WAYS, grown, radius_along

RATIO, FLOW_MM3_S = 1000.0, 100.0
STEPS = {"fine": 0.25, "coarse": 1.0}
REPEATS = 7
CHILD = "--random-injections"
INJECTIONS = 60
# Shape, cell mm, seconds, OPM's reports; ratios and L1 that the fine and the coarse step must show.
DECKS = {
    "30x30x20": ((30, 30, 20), 1.5, 50.0, 10, {"fine": (30, 0.012), "coarse": (100, 0.03)}),
    "60x60x40": ((60, 60, 40), 0.75, 47.5, 19, {"fine": (50, 0.01), "coarse": (150, 0.02)}),
}
BLOCK_MM, REAL_TIME = (45.0, 45.0, 30.0), {1.0: 40, 0.75: 20, 0.5: 5}


def cpu_s(action: partial[FlowState], repeats: int = REPEATS) -> tuple[float, FlowState]:
    """Median CPU time of an action, and its answer."""
    found = []
    for _ in range(repeats):
        started = time.process_time()
        answer = action()
        found.append(time.process_time() - started)
    return statistics.median(found), answer


def injection(medium: Medium, source: Source, until_s: float, options: FlowOptions) -> FlowState:
    """From marrow alone to `until_s` at 0.1 ml/s."""
    fluids = newtonian(RATIO * MARROW_PA_S)
    return advance_flow(medium, source, fluids, start_flow(medium, source, fluids), FLOW_MM3_S, until_s, options)


def deck_rows(name: str, repeats: int = REPEATS) -> list[Row]:
    """Both steps beside OPM, or the times alone where it is absent."""
    shape, h, seconds, reports, must = DECKS[name]
    medium = smooth_bone(shape, h)
    field = smooth_field(shape, h)
    permeability, porosity = 10.0 ** (-8.5 + 0.25 * field), 0.85 + 0.03 * field
    problem = _opm.Problem(permeability, porosity, h, 0.1, seconds, RATIO * MARROW_PA_S, MARROW_PA_S, reports)
    cells = np.ravel_multi_index(tuple(np.array(problem.wells).T), shape)
    source = Source(cells, np.full(4, 0.25), h, h, 1e-2, 0.85)
    injection(medium, source, 0.1, FlowOptions())
    runs = {
        step: cpu_s(partial(injection, medium, source, seconds, FlowOptions(courant=courant)), repeats)
        for step, courant in STEPS.items()
    }
    if not _peer.is_there("OPM Flow"):
        return [
            Row(f"{name} vs OPM", f"time {step}", run[0], "s cpu", "", f"OPM Flow {_peer.ABSENT}")
            for step, run in runs.items()
        ]
    with tempfile.TemporaryDirectory() as folder:
        peer = _opm.run(problem, Path(folder))
    rows = []
    for step, (spent, state) in runs.items():
        rows += compared(
            f"{name} vs OPM", step, (spent, ended(medium, source, state, STEPS[step])), peer, (medium, must)
        )
    return rows


def ended(medium: Medium, source: Source, state: FlowState, courant: float) -> FlowState:
    """A step of no length: the pressure of the last saturation."""
    fluids, options = newtonian(RATIO * MARROW_PA_S), FlowOptions(courant=courant)
    return advance_flow(medium, source, fluids, state, FLOW_MM3_S, state.t_s + 1e-9, options)


def compared(
    case: str,
    step: str,
    ours: tuple[float, FlowState],
    peer: _opm.Found,
    given: tuple[Medium, dict[str, tuple[int, float]]],
) -> list[Row]:
    """Time, L1, Dice and peak pressure of one step; RuntimeError when OPM's volume is not what was asked for."""
    (spent, state), (medium, must) = ours, given
    pores = medium.pore_volume_mm3
    volume, theirs = pores * state.saturation, pores * peer.saturation
    asked = FLOW_MM3_S * state.t_s
    if abs(theirs.sum() / asked - 1.0) > 1e-3 or abs(peer.reached_s / state.t_s - 1.0) > 1e-6:
        raise RuntimeError(
            f"{case}: OPM holds {theirs.sum():.1f} of {asked:.1f} mm3 at {peer.reached_s:g} s: nothing is compared"
        )
    l1 = float(np.abs(volume - theirs).sum() / theirs.sum())
    full, full_theirs = state.saturation > 0.5, peer.saturation > 0.5
    dice = float(2.0 * (full & full_theirs).sum() / (full.sum() + full_theirs.sum()))
    away = abs(float(state.pressure_pa.max()) / peer.peak_pa - 1.0)
    same = {"L1": l1, "Dice": dice, "volume_mm3": float(volume.sum()), "peer_volume_mm3": float(theirs.sum())}
    same |= {"seconds": state.t_s, "steps": state.steps, "balance": state.balance_error}
    ratio, most = must[step]
    fine = step == "fine"
    return [
        Row(
            case,
            f"time {step}",
            spent,
            "s cpu",
            f"ratio >= {ratio}",
            peer.version,
            peer.cpu_s,
            peer.cpu_s / spent,
            same,
        ),
        Row(case, f"L1 {step}", l1, "1", f"<= {most}", peer.version, same_work=same),
        Row(case, f"Dice {step}", dice, "1", ">= 0.997" if fine else "", peer.version, same_work=same),
        Row(
            case,
            f"peak pressure {step}, difference",
            away,
            "1",
            "<= 0.001" if fine else "",
            peer.version,
            same_work=same,
        ),
    ]


def block(h: float) -> tuple[Medium, Source]:
    """Bone of BLOCK_MM and an opening of 1.2 mm in its middle."""
    shape = tuple(round(side / h) for side in BLOCK_MM)
    medium = smooth_bone((shape[0], shape[1], shape[2]), h)
    return medium, ball_source(medium, np.array(shape) * h / 2.0, 1.2)


def real_time_rows() -> list[Row]:
    """10 ml in 100 s on three grids, with the coarse step."""
    rows = []
    for h, least in REAL_TIME.items():
        medium, source = block(h)
        injection(medium, source, 0.1, FlowOptions())
        spent, state = cpu_s(partial(injection, medium, source, 100.0, FlowOptions()), 3 if h > 0.9 else 1)
        same = {"cells": medium.pore_volume_mm3.size, "steps": state.steps, "most_iterations": state.most_iterations}
        rows.append(Row(f"{h:g} mm", "real-time factor", 100.0 / spent, "1", f">= {least}", same_work=same))
        rows.append(Row(f"{h:g} mm", "most iterations", float(state.most_iterations), "1", "<= 15"))
    return rows


def slice_rows(quick: bool) -> list[Row]:
    """Calls of 0.1 s at 1 mm as the live view makes them, the cement's volume by cell included, and what the cutting changes."""
    medium, source = block(1.0)
    fluids, options = newtonian(RATIO * MARROW_PA_S), FlowOptions()
    begin = 95.0 if quick else 0.0
    state = injection(medium, source, begin, options) if begin else start_flow(medium, source, fluids)
    count, found = round((100.0 - begin) / 0.1), []
    for n in range(count):
        started, spent = time.perf_counter(), time.process_time()
        state = advance_flow(medium, source, fluids, state, FLOW_MM3_S, begin + 0.1 * (n + 1), options)
        volume = (medium.pore_volume_mm3 * state.saturation).astype(np.float32)
        found.append((1000.0 * (time.perf_counter() - started), 1000.0 * (time.process_time() - spent)))
    wall, alone = np.array(found).T
    # Processor time is what a call takes on a core of its own; wall time beside it tells how busy the machine was.
    rows = [
        Row(
            "1 mm, slices of 0.1 s", "processor time, 95 of 100 within", float(np.percentile(alone, 95)), "ms", "<= 50"
        ),
        Row("1 mm, slices of 0.1 s", "processor time, longest", float(alone.max()), "ms"),
        Row("1 mm, slices of 0.1 s", "wall time, median", float(np.median(wall)), "ms"),
        Row("1 mm, slices of 0.1 s", "wall time, 95 of 100 within", float(np.percentile(wall, 95)), "ms"),
    ]
    if quick:
        return rows
    free = injection(medium, source, 100.0, options)
    l1 = float(np.abs(volume - medium.pore_volume_mm3 * free.saturation).sum() / volume.sum())
    worst = float(np.abs(state.outflow_marrow_mm3 / free.outflow_marrow_mm3 - 1.0).max())
    return [
        *rows,
        Row("1 mm, slices of 0.1 s against free steps", "L1", l1, "1", "<= 0.015"),
        Row("1 mm, slices of 0.1 s against free steps", "worst outlet's marrow", worst, "1", "<= 0.02"),
    ]


def scaling_row() -> Row:
    """Exponent of one pressure solve's time with the cells, cement a ball of 9 mm, from pressure 0."""
    sizes, times = [], []
    for h in (1.5, 1.0, 0.75, 0.5):
        medium, source = block(h)
        shape = medium.pore_volume_mm3.shape
        middle = np.array(BLOCK_MM) / 2.0
        radius = np.sqrt(sum(((x + 0.5) * h - m) ** 2 for x, m in zip(np.indices(shape), middle, strict=True)))
        times.append(min(_solve_s(medium, source, np.where(radius < 9.0, 1.0, 0.0)) for _ in range(3)))
        sizes.append(medium.pore_volume_mm3.size)
    exponent = float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
    same = {"cells": sizes, "seconds": times}
    return Row(
        f"{sizes[0]} to {sizes[-1]} cells", "exponent of a pressure solve", exponent, "1", "<= 1.1", same_work=same
    )


def _solve_s(medium: Medium, source: Source, saturation: NDArray[np.float64]) -> float:
    shape, none = saturation.shape, np.zeros((0, 0, 0))
    fields = Fields(
        np.zeros(shape), np.zeros(shape), 1.0, saturation, np.ones(shape), np.full(shape, 1.0 / (RATIO * MARROW_PA_S)),
        (none, none, none), 1.0 / MARROW_PA_S,
    )  # fmt: skip
    system = BoxSystem(medium, Openings.of(medium), source, np.array([[0, n] for n in shape]))
    system.assemble(fields)
    started = time.process_time()
    system.solve_response(fields, FlowOptions())
    return time.process_time() - started


def mass_rows() -> list[Row]:
    """Random injections in processes of one and of two threads: worst balance of all steps, and whether bytes agree."""
    answers = []
    for threads in ("1", "2"):
        command = [sys.executable, "-m", "benchmarks.injection", CHILD]
        environment = {**os.environ, "NUMBA_NUM_THREADS": threads}
        answers.append(
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
        )
    worst = max(float(answer[0]) for answer in answers)
    case = f"{INJECTIONS} random injections"
    return [
        Row(case, "worst balance of a step", worst, "1", "<= 1e-6"),
        Row(case, "different bytes, one and two threads", float(answers[0][1] != answers[1][1]), "1", "<= 0"),
    ]


def random_injections() -> None:
    """What a process of `mass_rows` prints."""
    states = [random_injection(seed, "ordered", 1.0) for seed in range(INJECTIONS)]
    digest = hashlib.sha256()
    for state in states:
        digest.update(state.saturation.tobytes() + state.pressure_pa.tobytes() + state.scalars.tobytes())
    print(max(state.balance_error for state in states), digest.hexdigest())


def orientation_rows() -> list[Row]:
    """The grid's own error: the radius of a sphere of cement by direction, 5 ml, M 10, over the exact one."""
    rows = []
    for h, limit in ((2.4, ""), (1.2, "<= 2.5")):
        state = grown("ordered", 1.0, h)[1]
        for way in WAYS:
            off = 100.0 * (radius_along(state, h, way) / RADIUS_MM - 1.0)
            rows.append(Row(f"sphere, {h:g} mm cells", f"radius along {way}, off by", off, "percent", limit))
    return rows


def compile_row() -> Row:
    """Seconds of a first injection with an empty kernel cache, over those of the second."""
    code = (
        "import time\nfrom pedicle.verify.properties import random_injection\nseen = []\n"
        "for _ in range(2):\n t = time.perf_counter(); random_injection(0, 'ordered', 1.0); seen.append(time.perf_counter() - t)\n"
        "print(seen[0] - seen[1])\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return Row("kernels", "compile time", float(done.stdout), "s wall")


def main() -> int:
    """Print the rows; 1 when one of them falls short of what it must show."""
    if CHILD in sys.argv:
        random_injections()
        return 0
    import numba

    chosen = flags(__doc__ or "")
    numba.set_num_threads(1)
    rows = deck_rows("30x30x20", 3 if chosen.quick else REPEATS)
    rows += real_time_rows() + slice_rows(chosen.quick)
    if not chosen.quick:
        rows += [scaling_row(), *mass_rows(), *orientation_rows(), compile_row()]
        rows += deck_rows("60x60x40")
    publish("injection", rows, chosen)
    return short_of(rows)


if __name__ == "__main__":
    sys.exit(main())
