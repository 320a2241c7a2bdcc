"""The live fluoroscopic picture end to end: frames a second, milliseconds a stage, peak extra memory.

The demo phantom's CT, a needle that is pushed on and cement that grows in every frame, eight energies, scatter, noise,
lag, automatic brightness control, display. "Still" leaves the C-arm where it is, "moving" turns it by a degree a frame,
"panned" moves the detector alone. Wall time, kernels compiled. Memory is that of a process of its own.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._table import Row, flags, publish, short_of
from pedicle.fluoroscopy.automatic import set_technique
from pedicle.fluoroscopy.looks import roomy
from pedicle.fluoroscopy.needle_shadow import cement_shadow, needle_shadows
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.picture import detector_reading, displayed, primary_signal
from pedicle.fluoroscopy.projection import cast
from pedicle.fluoroscopy.scatter import veil
from pedicle.fluoroscopy.scene import Scene
from pedicle.fluoroscopy.shoot import pulse
from pedicle.fluoroscopy.views import standard_arm
from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import SUPERIOR, unit
from pedicle.model.grid import Grid
from pedicle.model.needle import catalogue
from pedicle.model.placed import PlacedCement, PlacedNeedle
from pedicle.model.scan import Acquisition, Scan
from pedicle.model.volume import Volume

# A level's own cement grid, and how it fills: voxels a side, mm, radius of the ball in the first and the last frame.
SIDE, SPACING_MM, RADII_MM = 80, 0.5, (2.0, 14.0)
OPTIONS = PictureOptions()
CHILD = "--memory-of"
NO_ACQUISITION = Acquisition(kvp=120.0)


@dataclass
class Procedure:
    """A patient on the table, the needle on its way, the cement before it is pushed."""

    scan: Scan
    scene: Scene
    centre: Any
    frames: int

    @classmethod
    def of(cls, scan: Scan, pixels: int = 512, frames: int = 60) -> Procedure:
        """The body in the middle of a CT, a detector of so many pixels along a side."""
        centre = np.array(scan.volume.grid.centre_lps_mm)
        return cls(scan, Scene.of(scan, (centre[2], centre[2]), standard_arm(pixels)), centre, frames)

    def beam(self, primary_deg: float) -> ConeBeam:
        """The C-arm at a positioner primary angle."""
        view = View.from_dicom_angles("", primary_deg, 0.0)
        return ConeBeam.aimed(self.scene.arm, self.centre, view.detector_lps, SUPERIOR)

    def needle(self, n: int) -> PlacedNeedle:
        """2 mm further with every ten frames' way."""
        inward = unit([0.35, -0.93, -0.1])
        return PlacedNeedle(catalogue()[0], self.centre + (0.2 * (n % self.frames) - 12.0) * inward, inward)

    def cements(self) -> list[PlacedCement]:
        """What a solver would hand over with every frame, made beforehand."""
        matrix = np.diag([SPACING_MM] * 3 + [1.0])
        matrix[:3, 3] = self.centre - 0.5 * (SIDE - 1) * SPACING_MM
        grid = Grid((SIDE,) * 3, matrix)
        away = np.linalg.norm(grid.centres_lps_mm() - self.centre, axis=-1).astype(np.float32)
        radii = np.linspace(*RADII_MM, 12)
        return [PlacedCement(Volume(grid, np.clip((r - away) / SPACING_MM + 0.5, 0.0, 1.0))) for r in radii]

    def run(self, beams: Callable[[int], ConeBeam]) -> tuple[list[float], float]:
        """Milliseconds of each frame of a run, and of processor time a frame, all threads."""
        cements, state, found, spent = self.cements(), None, [], 0.0
        for n in range(-2, self.frames):
            spent = time.process_time() if n == 0 else spent
            started = time.perf_counter()
            scene = self.scene.with_cement(cements[n % len(cements)])
            state = pulse(scene, beams(n), (self.needle(n),), None, OPTIONS, state).state
            found.append(1000.0 * (time.perf_counter() - started))
        return found[2:], 1000.0 * (time.process_time() - spent) / self.frames


def rate_rows(procedure: Procedure, case: str, limits: tuple[str, str]) -> list[Row]:
    """Frames a second over whole runs, and how long the slowest tenth took."""
    still = procedure.beam(160.0)
    runs = {
        "still": (lambda n: still, limits[0]),
        "moving": (lambda n: procedure.beam(120.0 + n), limits[1]),
        "panned": (lambda n: panned(still, n), ""),
    }
    rows = []
    for name, (beams, limit) in runs.items():
        took, spent = procedure.run(beams)
        rows.append(Row(f"{case}, {name}", "frames", 1000.0 * len(took) / sum(took), "1/s", limit))
        rows.append(Row(f"{case}, {name}", "slowest tenth", float(np.percentile(took, 90)), "ms"))
        rows.append(Row(f"{case}, {name}", "processor time a frame", spent, "ms"))
    return rows


def panned(beam: ConeBeam, n: int) -> ConeBeam:
    """The detector up to 20 pixels to and fro along both ways; the source stays."""
    column, row = 20.0 * np.sin(0.3 * n), 20.0 * np.cos(0.2 * n)
    return replace(beam, corner_lps_mm=beam.pixel_lps_mm([column, row]))


def stage_rows(procedure: Procedure, case: str) -> list[Row]:
    """Median milliseconds of the parts, each by itself on what it gets in a frame."""
    beam, placed, cement = procedure.beam(160.0), procedure.needle(30), procedure.cements()[-1]
    scene = procedure.scene.with_cement(cement)
    paths, names, looks = scene.paths(beam, (placed,)), scene.materials, scene.looks
    technique = set_technique(paths, names, beam, OPTIONS)
    plane, primary = cast(looks.absorber, beam, looks.arm), primary_signal(paths, names, technique)[0]
    read, room = detector_reading(paths, names, beam, technique, OPTIONS), np.empty_like(paths)
    stages: dict[str, Callable[[], Any]] = {
        "sum of the patient (a new source)": partial(cast, looks.absorber, beam, looks.arm),
        "the same with room for panning": partial(cast, looks.absorber, roomy(beam), looks.arm),
        "look at the patient (a new detector)": partial(plane.seen_by, beam),
        "needle": partial(needle_shadows, placed, beam),
        "cement": partial(cement_shadow, cement.filled, beam, cement.material),
        "line integrals with nothing moved": partial(scene.paths, beam, (placed,), room),
        "brightness control": partial(set_technique, paths, names, beam, OPTIONS),
        "eight energies": partial(primary_signal, paths, names, technique),
        "scatter and glare": partial(veil, primary, beam, technique, OPTIONS),
        "energies, scatter, noise, blur": partial(detector_reading, paths, names, beam, technique, OPTIONS),
        "display": partial(displayed, read, beam, OPTIONS),
    }
    return [Row(case, stage, milliseconds(action), "ms") for stage, action in stages.items()]


def start_rows(scan: Scan) -> list[Row]:
    """What is paid once: CT to materials, and the energies of a tube voltage seen for the first time."""
    from pedicle.fluoroscopy.bins import _chosen

    centre = scan.volume.grid.centre_lps_mm[2]
    kvps = iter(61.5 + np.arange(20.0))
    return [
        Row("once", "CT to materials", milliseconds(partial(Scene.of, scan, (centre, centre)), 3), "ms"),
        Row("once a tube voltage", "eight energies", milliseconds(lambda: _chosen(next(kvps), 0.0, 0.1), 3), "ms"),
    ]


def milliseconds(action: Callable[[], Any], repeats: int = 15) -> float:
    """Median wall time."""
    action()
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        found.append(1000.0 * (time.perf_counter() - started))
    return statistics.median(found)


def memory_rows(scan: Scan) -> list[Row]:
    """Peak of a process beyond what it held with the CT loaded and the kernels compiled, per material channel."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ct.npz"
        np.savez(path, values=scan.volume.values, lps_from_ijk=scan.volume.grid.lps_from_ijk)
        command = [sys.executable, "-m", "benchmarks.live", CHILD, str(path)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    extra, channels = float(answer[0]), int(answer[1])
    of_a_channel = extra / channels / (4.0 * scan.volume.values.size / 2**20)
    return [
        Row("512 x 512", "peak extra memory", extra, "MB"),
        Row("512 x 512", "peak extra memory", of_a_channel, "float32 volumes a material channel", "<= 1.3"),
    ]


def measure_memory(path: str) -> None:
    """In a process of its own: AP, oblique, lateral, steep, panned."""
    with np.load(path) as given:
        volume = Volume(Grid(given["values"].shape, given["lps_from_ijk"]), given["values"])
    small = Volume(centred(volume.grid), np.ascontiguousarray(volume.values[::8, ::8, ::8]))
    views(Procedure.of(Scan(small, NO_ACQUISITION), frames=3))
    before = resident_mb()
    procedure = Procedure.of(Scan(volume, NO_ACQUISITION), frames=3)
    views(procedure)
    print(peak_mb() - before, len(procedure.scene.looks.absorber.values))


def views(procedure: Procedure) -> None:
    """Runs from several sides, so that every kernel is compiled and every kept plane is there."""
    for primary_deg in (180.0, 150.0, 90.0, 45.0):
        procedure.run(lambda n, deg=primary_deg: panned(procedure.beam(deg), n))  # type: ignore[misc]


def centred(grid: Grid) -> Grid:
    """Every eighth voxel of a grid."""
    matrix = np.array(grid.lps_from_ijk)
    matrix[:3, :3] *= 8.0
    return Grid(tuple(-(-n // 8) for n in grid.shape), matrix)  # type: ignore[arg-type]


def resident_mb() -> float:
    """What the process holds now; the peak begins anew from here where the system lets it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def peak_mb() -> float:
    """The most it held since."""
    try:
        return _status("VmHWM")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1]) / 1024.0


def main() -> int:
    """Print the rows; 1 when one of them falls short of what it must show."""
    if CHILD in sys.argv:
        measure_memory(sys.argv[-1])
        return 0
    import numba

    from pedicle.phantom.cases import named_case
    from pedicle.phantom.make import make_phantom

    chosen = flags(__doc__ or "")
    scan = make_phantom(named_case("demo")).scan
    threads = numba.get_num_threads()
    procedure = Procedure.of(scan, frames=40 if chosen.quick else 120)
    procedure.run(lambda n: procedure.beam(160.0 + 40.0 * (n % 2)))
    case = f"512 x 512, {threads} threads"
    rows = rate_rows(procedure, case, (">= 30", ">= 8"))
    rows += stage_rows(procedure, case) + start_rows(scan) + memory_rows(scan)
    if not chosen.quick:
        large = Procedure.of(scan, 1024, 60)
        rows += rate_rows(large, f"1024 x 1024, {threads} threads", (">= 20", ""))
    publish("live", rows, chosen)
    return short_of(rows)


if __name__ == "__main__":
    sys.exit(main())
