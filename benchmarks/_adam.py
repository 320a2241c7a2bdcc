"""Finding a vertebra beside nanodrr's Adam: the same volume, beams, pictures of our own model, and three of the starts.

nanodrr is stopped by the truth, at 1 mm; a person would have to wait for longer. Ours is timed to its own end.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _peer
from benchmarks._table import Row
from benchmarks._xray import Array
from pedicle.fluoroscopy.projection import Absorber
from pedicle.fluoroscopy.registration import register
from pedicle.fluoroscopy.windows import Seen
from pedicle.model.frames import Pose

SCRIPT = _peer.ROOT / "benchmarks" / "peers" / "nanodrr_adam.py"
CASE = "two views, matched model vs nanodrr with Adam"
# How far the three starts are off, mm, and their seed.
STARTS_MM, SEED, NEAR_MM = (5.0, 10.0, 15.0), 1189, 1.0
LIMIT = "ratio >= 60"


def adam_rows(
    absorber: Absorber, centre: Array, points: Array, truth: Pose, pictures: list[Seen], start_at: Callable[..., Pose]
) -> list[Row]:
    """A row a start; `start_at` as in `benchmarks.registration`, `points` are targets (n, 3) in the CT's frame."""
    if not (_peer.PYTHON.exists() and SCRIPT.exists()):
        return [Row(CASE, "time", "absent: make peers", "s wall", LIMIT, "nanodrr")]
    starts = [start_at(np.random.default_rng([n, SEED]), truth, centre, points, mm) for n, mm in enumerate(STARTS_MM)]
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given.npz"
        np.savez(given, **asked(absorber, points, truth, pictures, starts))
        answers = asked_of_peer(given)
    register(absorber, pictures, starts[0])
    return [
        row_of(mm, ours(absorber, points, truth, pictures, start), answer)
        for mm, start, answer in zip(STARTS_MM, starts, answers, strict=True)
    ]


def asked(absorber: Absorber, points: Array, truth: Pose, pictures: list[Seen], starts: list[Pose]) -> dict[str, Any]:
    """What the script reads."""
    beams = [seen.beam for seen in pictures]
    return {
        "values": absorber.values[0],
        "lps_from_ijk": absorber.grid.lps_from_ijk,
        "source": [beam.source_lps_mm for beam in beams],
        "corner": [beam.corner_lps_mm for beam in beams],
        "column": [beam.column_step_lps_mm for beam in beams],
        "row": [beam.row_step_lps_mm for beam in beams],
        "targets": [seen.attenuation for seen in pictures],
        "starts": [start.matrix for start in starts],
        "truth": truth.matrix,
        "points": points,
    }


def asked_of_peer(given: Path) -> list[dict[str, Any]]:
    """Its answers, one a start."""
    done = subprocess.run([str(_peer.PYTHON), str(SCRIPT), str(given)], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(absorber: Absorber, points: Array, truth: Pose, pictures: list[Seen], start: Pose) -> tuple[float, float]:
    """Wall time, and the mean distance of target points at the end."""
    begun = time.perf_counter()
    found = register(absorber, pictures, start)
    wall = time.perf_counter() - begun
    return wall, float(np.linalg.norm((found.lps_from_ct @ points) - (truth @ points), axis=1).mean())


def row_of(start_mm: float, found: tuple[float, float], answer: dict[str, Any]) -> Row:
    """A peer that did not arrive was stopped: its time is the least it could be."""
    wall, left = found
    peer = "nanodrr" if answer["reached"] else f"nanodrr, not below {NEAR_MM:g} mm"
    same = {"mtre_mm": left, "peer_mtre_mm": answer["mtre_mm"], "peer_iterations": answer["iterations"]}
    seconds = answer["seconds"]
    return Row(f"{CASE}, {start_mm:g} mm", "time", wall, "s wall", LIMIT, peer, seconds, seconds / wall, same)
