"""The synthetic patient as a test object: how long a large one takes, and that the voxels do not change the truth."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks._table import Row, flags, publish
from pedicle.io.documents import to_bytes
from pedicle.phantom.cases import named_case
from pedicle.phantom.make import Phantom, make_phantom
from pedicle.phantom.options import FractureOptions, PhantomOptions

SLICES_MM = (0.6, 1.0, 3.0)
DEPTH_MM = 4.0


def large_rows() -> list[Row]:
    """Time and peak memory of 512 x 512 x 300 voxels in a process of its own, kernels compiled."""
    make_phantom(PhantomOptions(shape=(64, 64, 24), spacing_mm=(4.0, 4.0, 4.0)))
    code = "from benchmarks.phantom import timed; timed()"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return [
        Row("512x512x300", "made", found["seconds"], "s wall", "<= 20"),
        Row("512x512x300", "peak memory", found["gib"], "GiB", "<= 1.5"),
    ]


def timed() -> None:
    """Make the large patient twice, the second counts; prints seconds and GiB as one JSON line."""
    options = named_case("large")
    make_phantom(replace(options, shape=(64, 64, 24)))
    started = time.perf_counter()
    make_phantom(options)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))


def grid_rows() -> list[Row]:
    """One patient at three slice thicknesses: the truth file, and the mean HU of an intact body 4 mm inside."""
    fracture = FractureOptions(level="L1", loss_percent=30.0)
    made = [
        make_phantom(
            PhantomOptions(
                top="T12",
                bottom="L2",
                shape=(170, 190, round(150 / slice_mm)),
                spacing_mm=(0.8, 0.8, slice_mm),
                fractures=(fracture,),
                body=False,
                noise_hu=0.0,
                seed=3,
            )
        )
        for slice_mm in SLICES_MM
    ]
    files = {to_bytes(_without_whole(phantom)) for phantom in made}
    hu = [mean_hu(phantom, "L2") for phantom in made]
    spread = 100.0 * (max(hu) - min(hu)) / abs(float(np.mean(hu)))
    return [
        Row("0.6, 1 and 3 mm slices", "different truth files", float(len(files)), "1", "1"),
        Row("0.6, 1 and 3 mm slices", "mean HU 4 mm inside L2 without noise, spread", spread, "percent"),
    ]


def _without_whole(phantom: Phantom) -> object:
    """The truth without the one thing that depends on the picture: whether a level lies whole in it."""
    document = phantom.truth.document()
    for level in document["levels"]:
        level.pop("whole", None)
    document.pop("options", None)
    return document


def mean_hu(phantom: Phantom, level: str) -> float:
    """Mean HU of points that lie over 4 mm inside the true body, the same points at every voxel size."""
    from pedicle.phantom.query import truth_distance

    truth = phantom.truth[level]
    axis = np.arange(-16.0, 16.1, 1.0)
    local = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    points = truth.lps_from_vertebra @ local
    inside = truth_distance(phantom.geometry, level, points).surface < -DEPTH_MM
    inside &= local[:, 1] < (truth.posterior_wall_mm - DEPTH_MM)
    return float(phantom.scan.volume.sampled(points[inside]).mean())


def main() -> None:
    """Print the rows."""
    chosen = flags(__doc__ or "")
    publish("phantom", [*grid_rows(), *large_rows()], chosen)


if __name__ == "__main__":
    main()
