"""nanodrr's trilinear ray march on the CPU: `run` answers the seconds of one picture, `save PATH` writes the last one.

Started with the path of an .npz as rtk_joseph.py and the number of samples on each ray's way through the volume.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version

import numpy as np
import torch
from nanodrr.data import Subject
from nanodrr.drr import DRR
from torchio import ScalarImage


def subject_of(given: dict[str, np.ndarray]) -> Subject:
    """The volume as it is, without turning HU into attenuation."""
    image = ScalarImage(tensor=torch.from_numpy(given["values"])[None], affine=given["lps_from_ijk"])
    return Subject.from_images(image, convert_to_mu=False)


def camera_of(given: dict[str, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inverse intrinsic matrix, source to detector in mm, and world from camera; each a batch of one.

    nanodrr's pixel (0, 0) has its centre at (0.5, 0.5). The camera's axes are our columns, rows and the way to the detector:
    a left-handed frame, which a matrix does not mind.
    """
    size = [float(np.linalg.norm(given[name])) for name in ("column", "row")]
    u, v = given["column"] / size[0], given["row"] / size[1]
    normal = np.cross(u, v)
    normal *= np.sign(normal @ (given["corner"] - given["source"]))
    distance = float(normal @ (given["corner"] - given["source"]))
    foot = given["source"] + distance * normal - given["corner"]
    place = [foot @ u / size[0] + 0.5, foot @ v / size[1] + 0.5]
    intrinsic = np.array([[distance / size[0], 0, place[0]], [0, distance / size[1], place[1]], [0, 0, 1]])
    world = np.eye(4)
    world[:3] = np.stack([u, v, normal, given["source"]], axis=1)
    matrices = (np.linalg.inv(intrinsic)[None], np.array([distance]), world[None])
    return tuple(torch.tensor(matrix, dtype=torch.float32) for matrix in matrices)  # type: ignore[return-value]


def main() -> None:
    """Answer until the lines end."""
    given, samples = dict(np.load(sys.argv[1])), int(sys.argv[2])
    subject, (inverse, distance, world) = subject_of(given), camera_of(given)
    drr = DRR(inverse, distance, int(given["rows"]), int(given["columns"]))
    print(f"nanodrr {version('nanodrr')}, {samples} samples", flush=True)
    seen = torch.empty(0)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "run":
            with torch.inference_mode():
                started, worked = time.perf_counter(), time.process_time()
                seen = drr(subject, world, n_samples=samples)
                print(time.perf_counter() - started, time.process_time() - worked, flush=True)
        elif word == "save":
            np.save(rest, seen[0, 0].numpy())
            print("saved", flush=True)


if __name__ == "__main__":
    main()
