"""ParOSol on a block of cubes of side 1 mm between held ends; prints its reaction, CPU seconds and iterations."""

import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
from parosol_py import solve

asked = json.loads(Path(sys.argv[1]).read_text())
modulus = np.load(asked["modulus"])
made = solve(
    material=np.ascontiguousarray(modulus.transpose(2, 1, 0)),
    spacing=(1.0, 1.0, 1.0),
    material_unit="MPa",
    poisson_ratio=asked["poisson"],
    strain=asked["strain"],
    tolerance=asked["tolerance"],
    outputs=("forces",),
    work_dir=asked["folder"],
    dry_run=True,
)
before = resource.getrusage(resource.RUSAGE_CHILDREN)
said = subprocess.run(made.command, capture_output=True, text=True, check=True).stdout
after = resource.getrusage(resource.RUSAGE_CHILDREN)
with h5py.File(made.input_file) as file:
    force, place = file["Solution/force"][:], file["Mesh/Coordinates"][:]
top = place[:, 2] > modulus.shape[2] - 0.5
answer = {
    "reaction_n": float(force[top, 2].sum()),
    "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    "iterations": int(re.findall(r"Nr of It: (\d+)", said)[-1]),
}
print(json.dumps(answer))
