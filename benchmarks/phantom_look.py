"""Does the synthetic CT look like a CT: noise, shares of tissue, bone shell and marrow measured on it and on real CTs.

The real CTs lie outside the repository (PEDICLE_DATA, else ../shared/data). Ratios are synthetic over real; what is off
by more than 25 % is written down in docs/explanation/phantom.md. `--picture FILE` puts slices side by side.
"""

from __future__ import annotations

import argparse
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._table import Row, publish

BANDS = {"lung": (-1100, -500), "fat": (-150, -50), "between": (-50, 30), "soft": (30, 110), "bone": (150, 3100)}
FREQUENCIES = (0.1, 0.2, 0.3, 0.4, 0.5)
DEPTHS = (-3, 0, 1, 2, 3, 5, 7)


def data_folder() -> Path:
    """Where the real CTs lie."""
    given = os.environ.get("PEDICLE_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def real_thorax() -> tuple[np.ndarray, tuple[float, ...]]:
    """A 1 mm, 120 kV, sharp-kernel thorax as (i, j, k) towards left, back, head."""
    import pydicom

    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(next((data_folder() / "lidc-0314-thorax").glob("*.tar.xz"))) as archive:
            archive.extractall(folder, filter="data")
        slices = [pydicom.dcmread(path) for path in sorted(Path(folder).rglob("*.dcm"))]
    slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    hu = np.stack([s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices], axis=-1)
    return hu.transpose(1, 0, 2), (0.78125, 0.78125, 1.0)


def real_nifti(*parts: str) -> tuple[np.ndarray, tuple[float, ...]]:
    """A NIfTI as (i, j, k) towards left, back, head."""
    import nibabel

    image = nibabel.as_closest_canonical(nibabel.load(data_folder().joinpath(*parts)))
    return np.asarray(image.dataobj)[::-1, ::-1], tuple(float(z) for z in image.header.get_zooms()[:3])


def even_patch(hu: np.ndarray, size: int = 40, slices: int = 12) -> np.ndarray:
    """The most even block of soft tissue (size, size, slices): mean 35 to 80 HU, least spread after smoothing."""
    from scipy.ndimage import uniform_filter

    smooth = uniform_filter(hu.astype(np.float32), (7, 7, 5))
    best, found = np.inf, (0, 0, 0)
    for k in range(2, hu.shape[2] - slices - 2, 6):
        for i in range(0, hu.shape[0] - size, 8):
            for j in range(0, hu.shape[1] - size, 8):
                block = smooth[i : i + size : 4, j : j + size : 4, k : k + slices : 3]
                if 35 < block.mean() < 80 and block.std() < best:
                    best, found = float(block.std()), (i, j, k)
    i, j, k = found
    return hu[i : i + size, j : j + size, k : k + slices].astype(float)


def noise_rows(hu: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    """Spread, spectrum (share of the power by frequency, against 0.2 per mm) and slice-to-slice correlation."""
    patch = even_patch(hu)
    patch = patch - patch.mean(axis=(0, 1), keepdims=True)
    power = (np.abs(np.fft.fft2(patch, axes=(0, 1))) ** 2).mean(axis=2)
    f = np.fft.fftfreq(patch.shape[0], spacing[0])
    radius = np.hypot(f[:, None], f[None, :])
    ring = {m: float(power[np.abs(radius - m) < 0.05].mean()) for m in FREQUENCIES}
    found = {"noise sd": float(patch.std())}
    found |= {f"noise power at {m}/mm over 0.2/mm": ring[m] / ring[0.2] for m in FREQUENCIES if m != 0.2}
    neighbours = [
        np.corrcoef(patch[..., k].ravel(), patch[..., k + 1].ravel())[0, 1] for k in range(patch.shape[2] - 1)
    ]
    found["slice to slice correlation"] = float(np.mean(neighbours))
    return found


def band_rows(hu: np.ndarray) -> dict[str, float]:
    """Share of the body's voxels in each band of HU, body = filled outline slice by slice."""
    from scipy.ndimage import binary_fill_holes, label, uniform_filter

    counts, total = dict.fromkeys(BANDS, 0), 0
    for k in range(2, hu.shape[2] - 2, 3):
        slab = hu[:, :, k]
        islands, _ = label(uniform_filter(slab.astype(np.float32), 3) > -300)
        sizes = np.bincount(islands.ravel())[1:]
        body = binary_fill_holes(islands == int(np.argmax(sizes)) + 1)
        total += int(body.sum())
        for name, (low, high) in BANDS.items():
            counts[name] += int((body & (slab >= low) & (slab < high)).sum())
    return {f"share {name}": n / total for name, n in counts.items()}


def bone_rows(hu: np.ndarray, bodies: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    """The front wall along lines from front to back, each line shifted to its own peak; and the spread deep inside.

    Label maps are a voxel or so wide of the bone, each in its own way: profiles against the label's border would measure
    the labels. The peak is sought within 4 mm of the label's front.
    """
    from scipy.ndimage import distance_transform_edt

    reach = round(4.0 / spacing[1])
    profiles = []
    for i, k in np.argwhere(bodies.any(axis=1)):
        front = int(np.argmax(bodies[i, :, k]))
        if front < 3 * reach or bodies[i, :, k].sum() * spacing[1] < 18.0:
            continue
        peak = front - reach + int(np.argmax(hu[i, front - reach : front + reach + 1, k]))
        profiles.append(hu[i, peak - 2 * reach : peak + 3 * reach, k])
    mean = np.mean(profiles, axis=0)
    place = (np.arange(mean.size) - 2 * reach) * spacing[1]
    found = {f"front wall, HU at {d} mm": float(np.interp(d, place, mean)) for d in DEPTHS}
    depth = distance_transform_edt(bodies, sampling=spacing)
    found["sd inside bodies (6 mm)"] = float(hu[depth > 6.0].std())
    return found


def front_of(labels: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """The front 24 mm of every label in a strip of 16 mm about its middle: body without arch, from whole vertebrae."""
    found = np.zeros(labels.shape, bool)
    for number in np.unique(labels)[1:]:
        place = np.argwhere(labels == number)
        strip = np.abs(place[:, 0] - np.median(place[:, 0])) * spacing[0] < 8.0
        near = (place[:, 1] - np.quantile(place[:, 1], 0.01)) * spacing[1] < 24.0
        chosen = place[strip & near]
        found[tuple(chosen.T)] = True
    return found


def synthetic(**given: Any) -> Any:
    """A phantom with these options."""
    from pedicle.phantom.make import make_phantom
    from pedicle.phantom.options import PhantomOptions

    return make_phantom(PhantomOptions(**given))


def thorax_pair(quick: bool) -> list[Row]:
    """Noise and tissue of a thorax of 1 mm, sharp kernel."""
    real, spacing = real_thorax()
    made = synthetic(
        top="T9", bottom="T12", shape=(512, 512, 60 if quick else 112), spacing_mm=spacing, seed=3, kernel="sharp",
        age_y=60.0, sex="M", density_mg_cm3=120.0, obesity=0.1,
    )  # fmt: skip
    drawn = made.scan.volume.values
    rows = pairs("thorax 1 mm", noise_rows(real, spacing), noise_rows(drawn, spacing))
    return rows + pairs("thorax 1 mm", band_rows(real), band_rows(drawn))


def abdomen_pair() -> list[Row]:
    """Tissue and bone of an abdomen at 3 mm; bone of a lumbar spine at 1 x 1 x 2 mm."""
    real, spacing = real_nifti("totalsegmentator-example", "example_ct.nii.gz")
    bodies, _ = real_nifti("totalsegmentator-example", "totalseg_vertebrae_body.nii.gz")
    made = synthetic(
        top="L1", bottom="L5", shape=(122, 101, 70), spacing_mm=(3.0, 3.0, 3.0), seed=5, kernel="soft", age_y=55.0,
        sex="M", density_mg_cm3=90.0, obesity=0.3,
    )  # fmt: skip
    drawn = made.scan.volume.values
    own = (made.parts.values == 1) & (made.labels.values >= 20) & (made.labels.values <= 24)
    rows = pairs("abdomen 3 mm", band_rows(real[:, :, 40:]), band_rows(drawn))
    rows += pairs("abdomen 3 mm", bone_rows(real, bodies == 1, spacing), bone_rows(drawn, own, spacing))
    real, spacing = real_nifti("verse014-l1-l5", "sub-verse014_ct.nii.gz")
    labels, _ = real_nifti("verse014-l1-l5", "sub-verse014_seg-vert_msk.nii.gz")
    made = synthetic(
        top="L1", bottom="L5", shape=(40, 190, 190), spacing_mm=spacing, seed=6, kernel="sharp", age_y=75.0,
        density_mg_cm3=65.0, noise_hu=60.0, obesity=0.4,
    )  # fmt: skip
    drawn, own = made.scan.volume.values, made.labels.values * (made.labels.values >= 20) * (made.labels.values <= 24)
    return rows + pairs(
        "lumbar 1 x 1 x 2 mm",
        bone_rows(real, front_of(labels, spacing), spacing),
        bone_rows(drawn, front_of(own, spacing), spacing),
    )


def pairs(case: str, real: dict[str, float], drawn: dict[str, float]) -> list[Row]:
    """One row a figure: synthetic beside real, `ratio` synthetic over real."""
    rows = []
    for name, value in drawn.items():
        unit = "HU" if "HU" in name or " sd" in name or name.startswith("sd") else "1"
        ratio = value / real[name] if abs(real[name]) > 1e-9 else None
        rows.append(Row(case, name, value, unit, "ratio 0.75 to 1.25 or explained", "real CT", real[name], ratio))
    return rows


def picture(path: Path) -> None:
    """Axial and sagittal slices, real above, synthetic below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    real, spacing = real_thorax()
    chest = synthetic(top="T9", bottom="T12", shape=(512, 512, 112), spacing_mm=spacing, seed=3, kernel="sharp", sex="M",
                      age_y=60.0, density_mg_cm3=120.0, obesity=0.1)  # fmt: skip
    belly, _ = real_nifti("totalsegmentator-example", "example_ct.nii.gz")
    lumbar = synthetic(
        top="L1", bottom="L5", shape=(320, 300, 200), spacing_mm=(1.1, 1.1, 1.0), seed=5, sex="M", age_y=55.0
    )
    own = chest.scan.volume.values, lumbar.scan.volume.values
    middle = np.argwhere((lumbar.labels.values == 22) & (lumbar.parts.values > 2)).mean(axis=0).astype(int)
    views = [
        [(real[:, :, 15].T, 1.0), (real[:, :, 70].T, 1.0), (real[258, :, ::-1].T, 1.28), (belly[:, :, 75].T, 1.0)],
        [
            (own[0][:, :, 20].T, 1.0),
            (own[0][:, :, 95].T, 1.0),
            (own[0][256, :, ::-1].T, 1.28),
            (own[1][:, :, middle[2]].T, 1.0),
        ],
    ]
    figure, axes = plt.subplots(2, 4, figsize=(26, 13))
    for row, shown in zip(axes, views, strict=True):
        for ax, (image, aspect) in zip(row, shown, strict=True):
            ax.imshow(image, cmap="gray", vmin=-200, vmax=400, aspect=aspect)
            ax.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=50)


def main() -> None:
    """Print the table, or draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    for flag in ("--quick", "--json", "--keep"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--picture", type=Path, help="write slices side by side instead")
    chosen = parser.parse_args()
    if not data_folder().is_dir():
        sys.exit("real CTs not here: set PEDICLE_DATA")
    if chosen.picture:
        picture(chosen.picture)
        return
    publish("phantom_look", thorax_pair(chosen.quick) + abdomen_pair(), chosen)


if __name__ == "__main__":
    main()
