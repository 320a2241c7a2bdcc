"""The picture of a C-arm: beams and attenuation against SpekPy and xraylib, contrast of needle and cement against gVirtualXRay,
noise, energies, and a procedure's dose. Frame times are those of `benchmarks.live`. Peers: `make peers`; an absent one is said to be absent.

`--picture FILE` writes AP and lateral pictures of the demo phantom and, where PEDICLE_DATA names the folder, of real CTs
beside a real X-ray frame of a wrist. Look at it.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._beam_rows import peer_rows
from benchmarks._contrast_rows import contrast_rows
from benchmarks._table import Row, publish, short_of

ISOCENTRE_UP = (0.0, 0.0, 1.0)


def data_folder() -> Path:
    """Where the real CTs lie."""
    given = os.environ.get("PEDICLE_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def technique(kvp: float = 75.0) -> Any:
    from pedicle.model.shot import Technique

    return Technique(kvp=kvp, aluminium_mm=0.0, copper_mm=0.1, mas_per_pulse=0.15, pulses_per_s=7.5)


def view(centre: Any, primary_deg: float, binning: int = 1) -> Any:
    from pedicle.fluoroscopy.machine import mobile_arm
    from pedicle.model.carm import View
    from pedicle.model.conebeam import ConeBeam

    towards = View.from_dicom_angles("", primary_deg, 0.0).detector_lps
    return ConeBeam.aimed(mobile_arm(binning), centre, towards, ISOCENTRE_UP)


def energy_rows() -> list[Row]:
    """Eight energies against the sum over every keV, behind slabs they were not chosen behind."""
    from pedicle.fluoroscopy.bins import energy_bins, whole_signal

    materials = ("water", "adipose", "hydroxyapatite", "steel_316l", "cement_barium", "cement_zirconia")
    slabs = product([0, 10, 30, 80, 150, 250, 350], [0, 50], [0, 6, 12], [0, 0.5, 2], [0, 5, 20], [0, 7])
    paths = np.array(list(slabs), dtype=float).T
    worst = []
    for kvp, copper in product((60, 65, 70, 75, 80, 90, 110, 125), (0.1, 0.2)):
        setting = replace(technique(kvp), copper_mm=copper)
        bins, true = energy_bins(setting, materials), whole_signal(paths, materials, setting)
        found = np.exp(-bins.mu @ paths).T @ bins.share
        worst.append(np.abs(found / true - 1.0)[true > 1e-5].max())
    return [
        Row("eight energies", "signal, largest difference", 100.0 * float(max(worst)), "percent", "<= 1", "1 keV sum")
    ]


def dose_rows(volume: Any) -> list[Row]:
    """Half of the published time in AP, half lateral, voltage and charge set by the automatic, field 150 mm x 200 mm."""
    from pedicle.fluoroscopy.automatic import set_technique
    from pedicle.fluoroscopy.dose import beside_published, dose_of
    from pedicle.fluoroscopy.machine import number
    from pedicle.fluoroscopy.materials import CHANNELS, absorber
    from pedicle.fluoroscopy.options import PictureOptions
    from pedicle.fluoroscopy.projection import project

    held, options = absorber(volume), PictureOptions(field_width_mm=150.0, field_height_mm=200.0)
    total, rows = None, []
    for name, primary_deg in (("AP", 180.0), ("lateral", 90.0)):
        beam = view(volume.grid.centre_lps_mm, primary_deg, 4)
        chosen = set_technique(project(held, beam), CHANNELS, beam, options)
        pulses = round(0.5 * 60.0 * number("published", "fluoroscopy_minutes") * chosen.pulses_per_s)
        dose = dose_of(chosen, beam, number("arm", "source_to_isocentre"), options, pulses)
        rows.append(
            Row(
                f"dose, {name}, {chosen.kvp:g} kV, {chosen.mas_per_pulse:.3f} mAs",
                "kerma-area",
                dose.kap_gy_cm2,
                "Gy cm2",
            )
        )
        total = dose if total is None else total + dose
    assert total is not None
    return [*rows, Row("dose, two views", "kerma-area", total.kap_gy_cm2, "Gy cm2", beside_published(total))]


def sheet(volume: Any) -> np.ndarray:
    """AP and lateral of a CT side by side after six pulses, uint8."""
    from pedicle.fluoroscopy.automatic import set_technique
    from pedicle.fluoroscopy.materials import CHANNELS, absorber
    from pedicle.fluoroscopy.options import PictureOptions
    from pedicle.fluoroscopy.picture import render
    from pedicle.fluoroscopy.projection import project

    held, options, shown = absorber(volume), PictureOptions(field_width_mm=220.0, field_height_mm=270.0), []
    for primary_deg in (180.0, 90.0):
        beam, state = view(volume.grid.centre_lps_mm, primary_deg), None
        paths = project(held, beam)
        chosen = set_technique(paths, CHANNELS, beam, options)
        for _ in range(6):
            state = render(paths, CHANNELS, beam, chosen, options, state).state
        assert state is not None
        shown.append(state.held)
    return np.concatenate(shown, axis=1)


def real_volumes() -> list[Any]:
    """The real CTs that are there."""
    from pedicle.io.read import read_ct

    names = ("verse014-l1-l5/sub-verse014_ct.nii.gz", "totalsegmentator-example/example_ct.nii.gz")
    return [read_ct(data_folder() / name).volume for name in names if (data_folder() / name).exists()]


def real_frame() -> np.ndarray:
    """A real frame as wide as two of ours; black where there is none."""
    from matplotlib.image import imread

    path = data_folder() / "autoscoper-wrist-biplane" / "xr_rad_uln_cam01_UND.0099.tif"
    found = np.zeros((512, 1024), np.uint8)
    if path.exists():
        frame = np.asarray(imread(path))
        frame = frame if frame.ndim == 2 else frame[..., 0]
        found[:, 256:768] = frame[::3, ::3][:512, :512]
    return found


def main() -> int:
    """Measure, print, and write the pictures when asked; 1 when a figure falls short."""
    parser = argparse.ArgumentParser(description=__doc__)
    for flag in ("--quick", "--json", "--keep"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--cases", type=int)
    parser.add_argument("--picture", type=Path)
    chosen = parser.parse_args()
    from pedicle.phantom.cases import named_case
    from pedicle.phantom.make import make_phantom

    volume = make_phantom(named_case("demo")).scan.volume
    rows = [*peer_rows(), *contrast_rows(chosen.quick), *energy_rows(), *dose_rows(volume)]
    publish("fluoroscopy", rows, chosen)
    if chosen.picture:
        from matplotlib.image import imsave

        pictures = [sheet(each) for each in (volume, *real_volumes())] + [real_frame()]
        imsave(chosen.picture, np.concatenate(pictures, axis=0), cmap="gray", vmin=0, vmax=255)
    return short_of(rows)


if __name__ == "__main__":
    sys.exit(main())
