"""nanodrr's 2D/3D registration: Adam on a pose through its differentiable pictures, from given starts to 1 mm.

Started with the path of an .npz; prints one JSON object a start: seconds and iterations until the mean distance of the target
points first is at most `stop_mm` (looked at after every step, off the clock), whether it ever was, that distance at the end, and
the pose there. A peer that stops by the truth is timed as well as it can be: a user would have to wait longer.

The .npz holds
  values (i, j, k), lps_from_ijk (4, 4)          the volume, in the CT's frame
  source, corner, column, row (views, 3)         cone beams in the room's frame, LPS mm; one or two views
  targets (views, rows, columns)                 attenuation seen (minus the logarithm of the signal)
  starts (starts, 4, 4), truth (4, 4)            room from CT
  points (points, 3)                             target points in the CT's frame, LPS mm
and may hold
  samples (64), similarity ("ncc" or "gradient"), rate_mm (1.0), rate_rad (0.02), most_iterations (400), stop_mm (1.0)
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from nanodrr.data import Subject
from nanodrr.geometry import convert
from nanodrr.metrics import GradientNormalizedCrossCorrelation2d, NormalizedCrossCorrelation2d
from nanodrr.registration import Registration
from nanodrr_march import camera_of, subject_of

Given = dict[str, np.ndarray]
USUAL = {
    "samples": 64,
    "similarity": "ncc",
    "rate_mm": 1.0,
    "rate_rad": 0.02,
    "most_iterations": 400,
    "stop_mm": 1.0,
}


class OneBody(Registration):
    """nanodrr's registration with one motion of the body for all views: its own turns about each camera's axes."""

    @property
    def pose(self) -> torch.Tensor:
        """World from camera of each view (views, 4, 4)."""
        return self.motion() @ self.rt_inv

    def motion(self) -> torch.Tensor:
        """Motion of the cameras about the volume's centre, in the CT's frame (1, 4, 4)."""
        there = self._make_translation(self.subject.isocenter[None])
        return there @ convert(self._rot, self._xyz, "so3_log") @ self._make_translation(-self.subject.isocenter[None])


@dataclass
class Task:
    """What is looked for, and how."""

    given: Given
    subject: Subject
    cameras: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    targets: torch.Tensor
    options: dict[str, Any]


def task_of(given: Given) -> Task:
    """The cameras in the room and the pictures, as nanodrr wants them."""
    views = [
        camera_of({name: given[name][n] for name in ("source", "corner", "column", "row")})
        for n in range(len(given["source"]))
    ]
    inverse, distance, world = (torch.cat(parts) for parts in zip(*views, strict=True))
    targets = torch.tensor(given["targets"], dtype=torch.float32)[:, None]
    options = {name: given[name].item() if name in given else usual for name, usual in USUAL.items()}
    return Task(given, subject_of(given), (inverse, distance, world), targets, options)


def body_at(task: Task, start: np.ndarray) -> OneBody:
    """The registration at a start."""
    inverse, distance, world = task.cameras
    in_ct = torch.tensor(np.linalg.inv(start), dtype=torch.float32) @ world
    rows, columns = task.targets.shape[-2:]
    return OneBody(task.subject, in_ct, inverse, distance, rows, columns)


def distance_mm(found: np.ndarray, given: Given) -> float:
    """Mean distance of target points under a pose and the true one."""
    points = np.c_[given["points"], np.ones(len(given["points"]))]
    return float(np.linalg.norm((points @ (found - given["truth"]).T)[:, :3], axis=1).mean())


def register(task: Task, start: np.ndarray) -> dict[str, Any]:
    """Adam until the truth is near enough, or the iterations run out."""
    torch.manual_seed(0)
    body, options = body_at(task, start), task.options
    metrics = {"gradient": GradientNormalizedCrossCorrelation2d, "ncc": NormalizedCrossCorrelation2d}
    alike = metrics[options["similarity"]]()
    rates = [{"params": [body._xyz], "lr": options["rate_mm"]}, {"params": [body._rot], "lr": options["rate_rad"]}]
    adam = torch.optim.Adam(rates)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(adam, int(options["most_iterations"]), 0.02)
    seconds, iterations, found, off = 0.0, 0, start, distance_mm(start, task.given)
    while off > options["stop_mm"] and iterations < options["most_iterations"]:
        started = time.perf_counter()
        adam.zero_grad()
        loss = -alike(body(int(options["samples"])), task.targets).mean()
        loss.backward()
        adam.step()
        slower.step()
        seconds += time.perf_counter() - started
        iterations += 1
        found = start @ np.linalg.inv(body.motion().detach()[0].double().numpy())
        off = distance_mm(found, task.given)
    reached = off <= options["stop_mm"]
    return {"seconds": seconds, "iterations": iterations, "reached": reached, "mtre_mm": off, "pose": found.tolist()}


def main() -> None:
    """One line a start."""
    task = task_of(dict(np.load(sys.argv[1])))
    for start in task.given["starts"]:
        print(json.dumps(register(task, start)), flush=True)


if __name__ == "__main__":
    main()
