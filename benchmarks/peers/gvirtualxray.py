"""gVirtualXRay's pictures of triangle meshes in SpekPy's beam, relative to the open beam; started with .npz and .npy paths.

The .npz holds the cone beam (source, corner, column, row vectors of one pixel, rows, columns), `tube` (kvp, mm Al, mm Cu),
`phosphor_mm` of solid caesium iodide, and for each of `names`: NAME_vertices (n, 3) in mm, NAME_triangles (m, 3),
NAME_material (a material of beam.py) and NAME_density in g/cm3. Written are three pictures, (3, rows, columns): the first
object alone, all with their attenuation added, and all where the others take the first one's place. The detector's middle
must lie square to the source. Draws without a screen: EGL and Mesa.
"""

from __future__ import annotations

import sys

import numpy as np
import xraylib
from beam import absorbed, elements, photons
from gvxrPython3 import gvxr

Given = dict[str, np.ndarray]
# Energies with fewer photons than this part of the most are left out: Mesa has room for about 150 of them.
LEAST = 1e-5


def set_geometry(given: Given) -> None:
    """Source and detector; the detector's up is towards row 0."""
    pixel_mm = [float(np.linalg.norm(given[name])) for name in ("column", "row")]
    rows, columns = int(given["rows"]), int(given["columns"])
    middle = given["corner"] + 0.5 * (columns - 1) * given["column"] + 0.5 * (rows - 1) * given["row"]
    gvxr.setSourcePosition(*(float(x) for x in given["source"]), "mm")
    gvxr.usePointSource()
    gvxr.setDetectorPosition(*(float(x) for x in middle), "mm")
    gvxr.setDetectorUpVector(*(float(-x) for x in given["row"] / pixel_mm[1]))
    gvxr.setDetectorRightVector(*(float(-x) for x in given["column"] / pixel_mm[0]))
    gvxr.setDetectorNumberOfPixels(columns, rows)
    gvxr.setDetectorPixelSize(*pixel_mm, "mm")


def set_beam(given: Given) -> None:
    """SpekPy's photons, and a detector that takes the energy its caesium iodide stops."""
    kev, count = photons(*(float(x) for x in given["tube"]))
    for energy, number in zip(kev, count, strict=True):
        if number > LEAST * count.max():
            gvxr.addEnergyBinToSpectrumPerPixelAtSDD(float(energy), "keV", float(number))
    fine = np.arange(1.0, 151.0, 0.25)
    response = fine * absorbed(fine, float(given["phosphor_mm"]))
    gvxr.setDetectorEnergyResponse(np.stack([fine, response], axis=1).tolist(), "keV")


def make_object(given: Given, name: str) -> None:
    """One closed mesh of one material."""
    vertices = given[f"{name}_vertices"].ravel().astype(float).tolist()
    triangles = given[f"{name}_triangles"].ravel().astype(int).tolist()
    gvxr.makeTriangularMesh(name, vertices, triangles, "mm")
    parts = elements(str(given[f"{name}_material"]))
    gvxr.setMixture(name, [xraylib.AtomicNumberToSymbol(number) for number in parts], list(parts.values()))
    gvxr.setDensity(name, float(given[f"{name}_density"]), "g/cm3")


def picture() -> np.ndarray:
    """What is in the scene now; gVirtualXRay counts rows from the bottom and looks from the source."""
    return np.array(gvxr.computeXRayImage())[::-1, ::-1] / gvxr.getTotalEnergyWithDetectorResponse()


def pictures(names: list[str]) -> list[np.ndarray]:
    """The first alone, all added, and the first with the others in its place."""
    gvxr.addPolygonMeshAsInnerSurface(names[0])
    found = [picture()]
    for name in names[1:]:
        gvxr.addPolygonMeshAsInnerSurface(name)
    found.append(picture())
    gvxr.removePolygonMeshesFromXRayRenderer()
    gvxr.addPolygonMeshAsOuterSurface(names[0])
    for name in names[1:]:
        gvxr.addPolygonMeshAsInnerSurface(name)
    return [*found, picture()]


def main() -> None:
    """Draw and write."""
    given = dict(np.load(sys.argv[1]))
    gvxr.createWindow(-1, 0, "EGL")
    set_geometry(given)
    set_beam(given)
    names = [str(name) for name in given["names"]]
    for name in names:
        make_object(given, name)
    np.save(sys.argv[2], np.stack(pictures(names)))
    gvxr.destroyAllWindows()


if __name__ == "__main__":
    main()
