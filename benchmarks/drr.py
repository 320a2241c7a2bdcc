"""Line integrals of whole pictures: time beside RTK's Joseph projector on the same volume and geometry, and the error of both.

Both sides run two threads in turn, seven pairs, median wall time. `same_work` holds each side's error against the exact
integral of the trilinear interpolant, in percent of the mean line integral. Peers: `make peers`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import _peer
from benchmarks._table import Row, flags, publish
from pedicle.fluoroscopy.projection import Absorber, cast, exact, project, rms_percent
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.grid import Grid

VIEWS = {"AP": (0.0, 0.0), "LAT": (90.0, 0.0), "OBL": (35.0, 15.0)}
PAIRS = 7
VOLUMES = {"256^3": ((256, 256, 256), (1.0, 1.0, 1.0)), "512x512x200": ((512, 512, 200), (0.7, 0.7, 1.5))}
DETECTORS = {"512^2": (512, 0.6), "1024^2": (1024, 0.3)}
CASES = (("256^3", "512^2"), ("256^3", "1024^2"), ("512x512x200", "512^2"))
ABSENT = ("plastimatch", "nanodrr")


def body(name: str) -> Absorber:
    """Attenuation per mm of a trunk: fat, muscle, vertebrae with shell and texture, ribs, air around; int16 as in use."""
    shape, spacing = VOLUMES[name]
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = -(np.array(shape) - 1) / 2 * spacing
    grid = Grid(shape, matrix)
    x, y, z = (matrix[n, 3] + spacing[n] * np.arange(shape[n], dtype=np.float32) for n in range(3))
    x, y, z = x[:, None, None], y[None, :, None], z[None, None, :]
    values = np.zeros(shape, np.float32)
    trunk = np.broadcast_to(np.hypot(x / 112.0, y / 84.0), shape)
    values[trunk < 1.0] = 0.0186
    values[trunk < 0.88] = 0.0205
    height = np.mod(z + 17.0, 34.0) - 17.0
    vertebra = np.maximum(np.hypot(x / 22.0, (y - 38.0) / 16.0), np.abs(height) / 14.0)
    grain = _grain(shape, spacing)
    values = np.where(vertebra < 1.0, 0.024 + 0.004 * grain, values)
    values = np.where((vertebra < 1.0) & (vertebra > 0.94), 0.045, values)
    for side in (-1.0, 1.0):
        pedicle = np.maximum(np.hypot((x - side * 15.0) / 5.0, height / 7.0), np.abs(y - 60.0) / 12.0)
        values = np.where(pedicle < 1.0, 0.034, values)
    ring = np.abs(np.hypot(x / 100.0, y / 72.0) - 1.0)
    rib = (ring < 0.04) & (np.mod(z + 0.25 * np.abs(x), 26.0) < 9.0)
    values = np.where(rib, 0.032, values)
    scale = float(values.max()) / 32000.0
    return Absorber(grid, np.rint(values / scale).astype(np.int16)[None], scale)


def _grain(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> np.ndarray:
    """Smooth noise of unit variance, 2 mm wide: trabeculae as a CT resolves them."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(3).standard_normal(shape, dtype=np.float32)
    smooth = gaussian_filter(noise, 2.0 / np.array(spacing))
    return np.asarray(smooth / smooth.std())


def beam_of(view: str, detector: str) -> ConeBeam:
    """Source 1020 mm from the detector, 510 mm from the isocentre."""
    pixels, pixel_mm = DETECTORS[detector]
    direction = View.from_dicom_angles(view, *VIEWS[view]).detector_lps
    return ConeBeam.aimed(CArm(1020.0, 510.0, pixel_mm, pixels, pixels), [0.0, 0.0, 0.0], direction, [0.0, 0.0, 1.0])


def case_rows(absorber: Absorber, names: tuple[str, str], view: str) -> list[Row]:
    """Time of one picture beside RTK's, and the error of both."""
    beam = beam_of(view, names[1])
    case = f"{names[0]}-{names[1]} {view}"
    truth = exact(absorber, beam)[0]
    rms = rms_percent(project(absorber, beam)[0], truth)
    limit = "<= 0.07" if view == "OBL" else "<= 0.01"
    rows = [Row(f"{case} vs exact trilinear", "rms", rms, "percent", limit)]
    if not _peer.is_there():
        return [*rows, Row(f"{case} vs RTK", "time", _alone(absorber, beam), "s wall", "", "absent: make peers")]
    ours, theirs, peer_rms = _pairs(absorber, beam, truth)
    same = {"rms_percent": rms, "peer_rms_percent": peer_rms}
    needed = _needed(names, view)
    found = Row(f"{case} vs RTK", "time", ours, "s wall", needed, "RTK Joseph", theirs, theirs / ours, same)
    return [*rows, found]


def _needed(names: tuple[str, str], view: str) -> str:
    if names[1] == "1024^2":
        return "ratio >= 10" if view != "OBL" else ""
    if names[0] == "512x512x200":
        return "ratio >= 9"
    return "ratio >= 6" if view == "OBL" else "ratio >= 8"


def _alone(absorber: Absorber, beam: ConeBeam) -> float:
    return float(np.median([_timed(absorber, beam) for _ in range(PAIRS)]))


def _timed(absorber: Absorber, beam: ConeBeam) -> float:
    started = time.perf_counter()
    cast(absorber, beam).seen_by(beam)
    return time.perf_counter() - started


def _pairs(absorber: Absorber, beam: ConeBeam, truth: np.ndarray) -> tuple[float, float, float]:
    """Median seconds of ours and theirs, runs in turn, and their error."""
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given.npz"
        np.savez(
            given,
            values=absorber.values[0].astype(np.float32) * np.float32(absorber.scale),
            lps_from_ijk=absorber.grid.lps_from_ijk,
            source=beam.source_lps_mm,
            corner=beam.corner_lps_mm,
            column=beam.column_step_lps_mm,
            row=beam.row_step_lps_mm,
            rows=beam.rows,
            columns=beam.columns,
        )
        with _peer.Peer("rtk_joseph.py", str(given)) as peer:
            peer.ask("run")
            times = [(_timed(absorber, beam), float(peer.ask("run").split()[0])) for _ in range(PAIRS)]
            peer.ask(f"save {folder}/seen.npy")
        error = rms_percent(np.load(f"{folder}/seen.npy"), truth)
    ours, theirs = np.median(times, axis=0)
    return float(ours), float(theirs), error


def thread_row(absorber: Absorber) -> Row:
    """One thread against two."""
    import numba

    beam = beam_of("AP", "512^2")
    two = _alone(absorber, beam)
    numba.set_num_threads(1)
    one = _alone(absorber, beam)
    numba.set_num_threads(2)
    return Row("256^3-512^2 AP", "one thread over two", one / two, "1", ">= 1.6")


def switch_row(absorber: Absorber) -> Row:
    """The picture on both sides of 45 degrees, where the slices are taken along another axis."""
    seen = []
    for primary in (44.999, 45.001):
        direction = View.from_dicom_angles("", primary, 0.0).detector_lps
        arm = CArm(1020.0, 510.0, DETECTORS["512^2"][1], *[DETECTORS["512^2"][0]] * 2)
        seen.append(project(absorber, ConeBeam.aimed(arm, [0.0, 0.0, 0.0], direction, [0.0, 0.0, 1.0]))[0])
    return Row("256^3-512^2 across 45 deg", "difference", rms_percent(*seen), "percent", "<= 0.1")


def main() -> None:
    """Print the rows."""
    chosen = flags(__doc__ or "")
    rows: list[Row] = []
    for names in CASES[:1] if chosen.quick else CASES:
        absorber = body(names[0])
        for view in VIEWS:
            rows += case_rows(absorber, names, view)
        if names == CASES[0]:
            rows += [thread_row(absorber), switch_row(absorber)]
    rows += [Row(f"256^3-512^2 vs {name}", "time", "not run", "", "", f"{name}: absent") for name in ABSENT]
    publish("drr", rows, chosen)


if __name__ == "__main__":
    main()
