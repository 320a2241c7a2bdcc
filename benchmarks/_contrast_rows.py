"""Contrast of a needle and of cement behind water beside gVirtualXRay's pictures of their meshes.

The peer has its own geometry (triangles), spectrum (SpekPy at half a keV) and attenuation (xraylib), and the light of 4 x 4
rays a pixel. Ours has cylinders and planes, a volume of shares for the cement, and eight energies.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import _meshes, _peer
from benchmarks._beam_rows import phosphor_mm
from benchmarks._table import Row
from pedicle.fluoroscopy.machine import mobile_arm, usual_technique
from pedicle.fluoroscopy.needle_shadow import PLASTIC, STEEL, cement_shadow, needle_shadows
from pedicle.fluoroscopy.picture import primary_signal
from pedicle.model.beam import density_g_cm3
from pedicle.model.conebeam import ConeBeam
from pedicle.model.grid import Grid
from pedicle.model.needle import Needle, catalogue
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import Technique
from pedicle.model.sourced import quantity
from pedicle.model.volume import Volume

PEER, CEMENT = "gVirtualXRay", "cement_barium"
MATERIALS = ("water", STEEL, PLASTIC, CEMENT)
PARTS, WATER_MM = 4, 200.0
BALL_LPS_MM, BALL_MM, VOXELS = (-20.0, 10.0, -15.0), 5.0, 20
# The middle of a shadow: behind at least so much of the longest way through it.
MIDDLE = 0.8


@dataclass(frozen=True)
class Pictures:
    """Signals (rows, columns) of one side: water alone, all added, and with the water's place taken (ours: by cement only)."""

    water: np.ndarray
    added: np.ndarray
    displaced: np.ndarray


def contrast_rows(quick: bool) -> list[Row]:
    """Needle and cement at two tube voltages; one line when the peer is absent."""
    if not _peer.is_there(PEER):
        return [Row("contrast", PEER, _peer.ABSENT, "")]
    beam = ConeBeam.aimed(mobile_arm(2), [0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    needle = PlacedNeedle(eleven_gauge(), np.array([12.0, -5.0, 8.0]), np.array([0.55, 0.75, -0.35]))
    paths = our_paths(needle, beam)
    rows = []
    for kvp in (75.0,) if quick else (75.0, 90.0):
        technique = replace(usual_technique(), kvp=kvp)
        rows += voltage_rows(paths, our_pictures(paths, technique), peer_pictures(needle, beam, technique), kvp)
    return rows


def voltage_rows(paths: np.ndarray, ours: Pictures, theirs: Pictures, kvp: float) -> list[Row]:
    """The differences at one tube voltage."""
    behind = f"behind {WATER_MM:g} mm of water, {kvp:g} kV"
    off = 100.0 * float(np.abs(ours.water / theirs.water - 1.0).max())
    rows = [Row(f"nothing {behind}", "signal, difference", off, "percent", "<= 1", PEER)]
    for name, channel in (("needle", 1), ("cement ball 10 mm", 3)):
        alone = (paths[channel] > 0) & (np.delete(paths, [0, channel], axis=0).sum(axis=0) == 0)
        middle = alone & (paths[channel] > MIDDLE * paths[channel][alone].max())
        rows += object_rows(f"{name} {behind}", (alone, middle), ours, theirs)
    return rows


def object_rows(case: str, where: tuple[np.ndarray, np.ndarray], ours: Pictures, theirs: Pictures) -> list[Row]:
    """Contrast in the middle of the shadow, over the whole of it, and beside the peer's with the water's place taken.

    Cement is held as shares of 1 mm voxels, whose blurred rim is no error of light: over its whole shadow there is no limit.
    """
    alone, middle = where
    needle = case.startswith("needle")
    rim, place = ("<= 1", "") if needle else ("", "<= 1")
    added = (ours.added / ours.water, theirs.added / theirs.water)
    displaced = (ours.displaced / ours.water, theirs.displaced / theirs.water)
    return [
        *difference_rows(f"{case}, middle", middle, added, ("<= 1", "<= 1")),
        *difference_rows(f"{case}, whole shadow", alone, added, (rim, "")),
        *difference_rows(f"{case} in its place, middle", middle, displaced, (place, place)),
    ]


def difference_rows(
    case: str, mask: np.ndarray, sides: tuple[np.ndarray, np.ndarray], limits: tuple[str, str]
) -> list[Row]:
    """Difference of mean contrast, 1 - signal / background, and of its logarithm, which is what the screen shows."""
    lights = [side[mask] for side in sides]
    contrasts = {
        "contrast": [1.0 - light.mean() for light in lights],
        "contrast on the screen": [-np.log(light).mean() for light in lights],
    }
    rows = []
    for limit, (name, (mine, other)) in zip(limits, contrasts.items(), strict=True):
        same = {"ours": float(mine), "peer": float(other), "pixels": int(mask.sum())}
        off = 100.0 * abs(float(mine / other) - 1.0)
        rows.append(Row(case, f"{name}, difference", off, "percent", limit, PEER, None, None, same))
    return rows


def eleven_gauge() -> Needle:
    """An 11 G needle."""
    return next(needle for needle in catalogue() if needle.gauge == 11)


def our_paths(needle: PlacedNeedle, beam: ConeBeam) -> np.ndarray:
    """Millimetres of MATERIALS, (4, rows, columns)."""
    paths = np.zeros((len(MATERIALS), beam.rows, beam.columns), np.float32)
    paths[0] = WATER_MM / np.abs(beam.rays(beam.pixels())[..., 1])
    for shadow in (*needle_shadows(needle, beam), cement_shadow(ball_shares(), beam, CEMENT)):
        shadow.add_to(paths[MATERIALS.index(shadow.material)])
    return paths


def ball_shares() -> Volume:
    """The ball as shares of 1 mm voxels, each counted at 8 x 8 x 8 points."""
    matrix = np.eye(4)
    matrix[:3, 3] = np.array(BALL_LPS_MM) - 0.5 * (VOXELS - 1)
    at = (np.arange(8 * VOXELS) + 0.5) / 8 - 0.5 * VOXELS
    inside = at[:, None, None] ** 2 + at[None, :, None] ** 2 + at[None, None, :] ** 2 < BALL_MM**2
    shares = inside.reshape(VOXELS, 8, VOXELS, 8, VOXELS, 8).mean(axis=(1, 3, 5), dtype=np.float32)
    return Volume(Grid(shares.shape, matrix), shares)


def our_pictures(paths: np.ndarray, technique: Technique) -> Pictures:
    """Without scatter, noise and blur. Cement takes the water's place as it takes the marrow's; a needle only adds."""
    water = paths * np.array([1, 0, 0, 0], np.float32)[:, None, None]
    displaced = paths.copy()
    displaced[0] -= paths[MATERIALS.index(CEMENT)]
    alone, added, taken = (
        primary_signal(each, MATERIALS, technique)[0].astype(float) for each in (water, paths, displaced)
    )
    return Pictures(alone, added, taken)


def peer_pictures(needle: PlacedNeedle, beam: ConeBeam, technique: Technique) -> Pictures:
    """The same scene as meshes, the mean light of PARTS x PARTS rays a pixel."""
    fine = finer(beam, PARTS)
    scene = meshes(needle)
    given = {
        **_peer.beam_arrays(fine),
        "tube": (technique.kvp, 3.0 + technique.aluminium_mm, technique.copper_mm),
        "phosphor_mm": phosphor_mm(),
        "names": list(scene),
    }
    for name, (mesh, material) in scene.items():
        given |= {f"{name}_vertices": mesh[0], f"{name}_triangles": mesh[1]}
        given |= {f"{name}_material": material, f"{name}_density": density_g_cm3(material)}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/given.npz", **given)
        _peer.answer("gvirtualxray.py", f"{folder}/given.npz", f"{folder}/seen.npy")
        seen = np.load(Path(folder) / "seen.npy").astype(float)
    means = seen.reshape(3, beam.rows, PARTS, beam.columns, PARTS).mean(axis=(2, 4))
    return Pictures(*means)


def finer(beam: ConeBeam, parts: int) -> ConeBeam:
    """The same detector with each pixel cut into parts x parts."""
    corner = beam.pixel_lps_mm([0.5 / parts - 0.5] * 2)
    steps = beam.column_step_lps_mm / parts, beam.row_step_lps_mm / parts
    return ConeBeam(beam.source_lps_mm, corner, *steps, beam.rows * parts, beam.columns * parts)


def meshes(placed: PlacedNeedle) -> dict[str, tuple[_meshes.Mesh, str]]:
    """Water, cannula, stylet, hub and cement."""
    needle, half = placed.needle, WATER_MM / 2.0
    bore, length = needle.inner_diameter_mm / 2.0, needle.length_mm
    keys = (
        ("stylet", "gap"),
        ("stylet", "beyond_cannula"),
        ("tip", "diamond_face"),
        ("hub", "diameter"),
        ("hub", "length"),
    )
    gap, rim, face, width, hub = (quantity("fluoroscopy/needle", *key).value for key in keys)
    made = {
        "cannula": (_meshes.tube(needle.radius_mm, bore, rim, length), STEEL),
        "stylet": (_meshes.diamond(bore - gap, length, face), STEEL),
        "hub": (_meshes.rod(width / 2.0, length, length + hub), PLASTIC),
    }
    pose = placed.lps_from_needle
    return {
        "slab": (_meshes.box((-200.0, -half, -200.0), (200.0, half, 200.0)), "water"),
        **{name: ((pose @ mesh[0], mesh[1]), material) for name, (mesh, material) in made.items()},
        "cement": (_meshes.ball(BALL_LPS_MM, BALL_MM), CEMENT),
    }
