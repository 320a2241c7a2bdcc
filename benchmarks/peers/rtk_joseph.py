"""RTK's Joseph projector, asked line by line: `run` answers the seconds of one picture, `save PATH` writes the last one.

Started with the path of an .npz: values (i, j, k) float32, lps_from_ijk (4, 4), source, corner, column and row vectors of one
pixel, rows and columns.
"""

from __future__ import annotations

import sys
import time

import itk
import numpy as np
from itk import RTK as rtk

IMAGE = itk.Image[itk.F, 3]


def volume_of(given: dict[str, np.ndarray]) -> object:
    """The volume as an ITK image."""
    image = itk.image_from_array(np.ascontiguousarray(given["values"].transpose(2, 1, 0)))
    matrix = given["lps_from_ijk"]
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    image.SetSpacing([float(x) for x in spacing])
    image.SetOrigin([float(x) for x in matrix[:3, 3]])
    image.SetDirection(itk.matrix_from_array(np.ascontiguousarray(matrix[:3, :3] / spacing)))
    return image


def geometry_of(given: dict[str, np.ndarray]) -> object:
    """The cone beam by source, detector corner and the directions of a row and a column."""
    geometry = rtk.ThreeDCircularProjectionGeometry.New()
    vectors = [given["source"], given["corner"], given["column"], given["row"]]
    vectors[2:] = [v / np.linalg.norm(v) for v in vectors[2:]]
    geometry.AddProjection(*[[float(x) for x in v] for v in vectors])
    return geometry


def projector(given: dict[str, np.ndarray]) -> object:
    """The filter, ready to run again and again."""
    empty = rtk.ConstantImageSource[IMAGE].New()
    empty.SetOrigin([0.0, 0.0, 0.0])
    pixel = [float(np.linalg.norm(given[name])) for name in ("column", "row")]
    empty.SetSpacing([*pixel, 1.0])
    empty.SetSize([int(given["columns"]), int(given["rows"]), 1])
    empty.SetConstant(0.0)
    empty.Update()
    found = rtk.JosephForwardProjectionImageFilter[IMAGE, IMAGE].New()
    found.SetInput(0, empty.GetOutput())
    found.SetInput(1, volume_of(given))
    found.SetGeometry(geometry_of(given))
    found.InPlaceOff()
    return found


def main() -> None:
    """Answer until the lines end."""
    given = dict(np.load(sys.argv[1]))
    joseph = projector(given)
    print(f"RTK Joseph, ITK {itk.Version.GetITKVersion()}", flush=True)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "run":
            joseph.Modified()
            started, worked = time.perf_counter(), time.process_time()
            joseph.Update()
            print(time.perf_counter() - started, time.process_time() - worked, flush=True)
        elif word == "save":
            np.save(rest, itk.array_from_image(joseph.GetOutput())[0])
            print("saved", flush=True)


if __name__ == "__main__":
    main()
