"""Real series against SimpleITK, which reads and sorts on its own; real files with known faults against the table."""

from __future__ import annotations

import random
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from benchmarks.series_maker import save
from pedicle.io.dicom.reader import read_dicom
from pedicle.io.options import ImportOptions
from pedicle.model.errors import InputError, PedicleError
from pedicle.model.scan import Scan

pytestmark = pytest.mark.data
AIR = -900


@pytest.fixture(scope="module")
def thorax(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _unpacked(shared_data / "lidc-0314-thorax" / "lidc-0314-lower-thorax-dicom.tar.xz", tmp_path_factory)


@pytest.fixture(scope="module")
def tilted(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _unpacked(shared_data / "dcmqa-ct-ge-tilt" / "ge-tilt-variable-spacing.tar.xz", tmp_path_factory)


def _unpacked(archive: Path, factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp("series")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def itk_volume(files: list[Path]) -> tuple[Any, Any]:
    """Values [i, j, k] and lps_from_ijk from SimpleITK, files sorted by it through their z."""
    import SimpleITK

    names = sorted(files, key=lambda f: float(pydicom.dcmread(f, stop_before_pixels=True).ImagePositionPatient[2]))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(name) for name in names])
    image = reader.Execute()
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0), matrix


def assert_same(scan: Scan, files: list[Path]) -> None:
    """Corners to 1e-3 mm, values to 0.5 HU; padding may differ only where it lies below air."""
    values, matrix = itk_volume(files)
    assert scan.volume.values.shape == values.shape
    assert np.abs(scan.volume.grid.lps_from_ijk - matrix)[:3, :3].max() * 512 < 1e-3
    assert np.abs(scan.volume.grid.lps_from_ijk - matrix)[:3, 3].max() < 1e-3
    assert np.abs(scan.volume.values.astype(np.float32) - values).max() <= 0.5


def test_thorax_equals_simpleitk(thorax: Path):
    files = [f for f in thorax.rglob("*") if f.is_file()]
    scan = read_dicom(thorax)
    assert len(files) == len(scan.inputs) == 112
    assert_same(scan, files)
    assert scan.acquisition.kernel == "D"


def test_compressed_series_equals_simpleitk(shared_data: Path):
    """JPEG 2000 in both: SimpleITK decodes with GDCM, the reader with OpenJPEG; the kernel has two values."""
    folder = shared_data / "totalsegmentator-dicom-j2k" / "series"
    scan = read_dicom(folder)
    assert_same(scan, list(folder.iterdir()))
    assert scan.acquisition.kernel == "Br38f\\3"
    assert scan.volume.grid.spacing_mm[2] == pytest.approx(2.0, abs=1e-6)
    assert scan.acquisition.slice_thickness_mm == 3.0


def _outcome(folder: Path) -> Scan | int:
    try:
        return read_dicom(folder)
    except PedicleError as error:
        return error.code


def test_whole_thorax_shuffled_is_the_same(thorax: Path, tmp_path: Path):
    files = sorted(f for f in thorax.rglob("*") if f.is_file())
    names = [f"{n:03d}" for n in range(len(files))]
    random.Random(5).shuffle(names)
    for file, name in zip(files, names, strict=True):
        shutil.copy(file, tmp_path / name)
    first, second = read_dicom(thorax), read_dicom(tmp_path)
    assert (first.volume.values == second.volume.values).all()
    assert first.inputs == second.inputs


@pytest.mark.parametrize(("drop", "code"), [((50,), 6), ((50, 51, 52), 7)])
def test_missing_slices_of_a_real_series(thorax: Path, tmp_path: Path, drop: tuple[int, ...], code: int):
    files = [f for f in thorax.rglob("*") if f.is_file()]
    files.sort(key=lambda f: float(pydicom.dcmread(f, stop_before_pixels=True).ImagePositionPatient[2]))
    for n, file in enumerate(files):
        if n not in drop:
            shutil.copy(file, tmp_path / file.name)
    with pytest.raises(InputError, match="missing slice") as refusal:
        read_dicom(tmp_path)
    assert refusal.value.code == code


def test_tilted_head_is_refused_with_its_angle(tilted: Path):
    with pytest.raises(InputError, match=r"18\.5") as refusal:
        read_dicom(tilted)
    assert refusal.value.code == 9


def test_tilted_head_resampled_lies_where_its_slices_lie(tilted: Path):
    """At the plane of an original slice the resampled volume holds that slice, at the slice's own position."""
    scan = read_dicom(tilted, ImportOptions(resample=True))
    assert scan.acquisition.tilt_resampled_deg == pytest.approx(18.5, abs=0.05)
    volume = scan.volume
    for file in sorted(f for f in tilted.rglob("*") if f.is_file())[2::7]:
        header = pydicom.dcmread(file)
        cosines = np.array([float(c) for c in header.ImageOrientationPatient])
        spacing = [float(s) for s in header.PixelSpacing]
        j, i = np.mgrid[40:470:11, 40:470:11]
        points = np.array([float(p) for p in header.ImagePositionPatient])
        points = points + i[..., None] * cosines[:3] * spacing[1] + j[..., None] * cosines[3:] * spacing[0]
        stored = header.pixel_array[j, i] * float(header.RescaleSlope) + float(header.RescaleIntercept)
        found = volume.sampled(points)
        inside = np.isfinite(found) & (stored > -200)
        assert inside.mean() > 0.1
        # a tilted plane between two grid planes is blended with its neighbours: most voxels agree, all lie in place
        correlation = np.corrcoef(found[inside], stored[inside])[0, 1]
        assert correlation > 0.9


SINGLE = {
    "highdicom/ct_image.dcm": 36, "highdicom/dx_image.dcm": 37, "highdicom/seg_image_ct_binary.dcm": 37,
    "highdicom/seg_image_ct_binary_overlap.dcm": 37, "highdicom/seg_image_ct_true_fractional.dcm": 37,
    "highdicom/sr_document.dcm": 37, "pydicom/CT_small.dcm": 36, "pydicom/ExplVR_BigEnd.dcm": 37,
    "pydicom/ExplVR_BigEndNoMeta.dcm": 37, "pydicom/J2K_pixelrep_mismatch.dcm": 36,
    "pydicom/JPEG2000-embedded-sequence-delimiter.dcm": 37, "pydicom/MR_small_RLE.dcm": 37,
    "pydicom/MR_small_jp2klossless.dcm": 37, "pydicom/MR_small_jpeg_ls_lossless.dcm": 37, "pydicom/MR_truncated.dcm": 37,
    "pydicom/badVR.dcm": 37, "pydicom/dicomdirtests/DICOMDIR": 19, "pydicom/dicomdirtests/DICOMDIR-bigEnd": 19,
    "pydicom/dicomdirtests/DICOMDIR-empty.dcm": 34, "pydicom/dicomdirtests/DICOMDIR-implicit": 19,
    "pydicom/dicomdirtests/DICOMDIR-nooffset": 19, "pydicom/dicomdirtests/DICOMDIR-nopatient": 19,
    "pydicom/dicomdirtests/DICOMDIR-reordered": 19, "pydicom/liver_1frame.dcm": 37, "pydicom/meta_missing_tsyntax.dcm": 33,
    "pydicom/no_meta.dcm": 33, "pydicom/rtstruct.dcm": 37, "pydicom/zipMR.gz": 37, "pydicom-data/693_J2KR.dcm": 36,
    "pydicom-data/693_UNCI.dcm": 36, "pydicom-data/693_UNCR.dcm": 36, "pydicom-data/RG1_J2KI.dcm": 37,
    "pydicom-data/bad_sequence.dcm": 36, "pydicom-data/eCT_Supplemental.dcm": 37, "pydicom-data/liver.dcm": 37,
    "pydicom-data/liver_deflate.dcm": 37, "pydicom-data/liver_expb.dcm": 37, "pydicom-data/liver_nonbyte_aligned.dcm": 37,
    "pydicom-data/liver_rle.dcm": 37, "pydicom-data/parametric_map_double_float.dcm": 37, "pylibjpeg-data/693_J2KI.dcm": 36,
    "pylibjpeg-data/CT1_JLSN.dcm": 36, "pylibjpeg-data/ELSCINT1_JP2vsJ2K.dcm": 36,
    "pylibjpeg-data/JPEGLossless_1s_1f_i_16_16_bad.dcm": 36, "pylibjpeg-data/MAROTECH_CT_JP2Lossy.dcm": 22,
    "pylibjpeg-data/TOSHIBA_J2K_SIZ0_PixRep1.dcm": 36, "pylibjpeg-data/TOSHIBA_J2K_SIZ1_PixRep0.dcm": 36,
    "pylibjpeg-data/explicit_VR-UN.dcm": 36,
}  # fmt: skip


# Folders of the DICOMDIR media: images shrunk to a few pixels (27) or single (36), localizers, other modalities.
MEDIA = {
    "CT2": {27, 36}, "CT5N": {27, 36}, "CT2N": {22}, "MR1": {37}, "MR2": {37}, "MR700": {37}, "CR1": {37}, "CR2": {37}, "CR3": {37},
}  # fmt: skip


def test_every_corner_case_is_refused_with_its_row(shared_data: Path):
    """No file of the collection is a whole CT: one slice (36), no CT (37), several series (19), damaged (33) ..."""
    root = shared_data / "dicom-corner-cases"
    wrong = []
    for file in sorted(root.rglob("*")):
        name = str(file.relative_to(root))
        if not file.is_file() or "LICENSE" in name or "README" in name:
            continue
        expected = {SINGLE[name]} if name in SINGLE else MEDIA[name.split("/")[3]]
        code = _outcome(file)
        if code not in expected:
            wrong.append((name, code, expected))
    assert not wrong


STACKED = {
    "pydicom/CT_small.dcm": 16,  # a crop inside the body, no air in view
    "pydicom-data/693_J2KR.dcm": 0,
    "pydicom-data/693_UNCR.dcm": 0,
    "pydicom-data/693_UNCI.dcm": 17,  # lossy compression has smeared the padding of -2000
    "pydicom-data/bad_sequence.dcm": 0,
    "pylibjpeg-data/693_J2KI.dcm": 17,
    "pylibjpeg-data/CT1_JLSN.dcm": 49,  # near-lossless: padding of -2000 is no longer one number
    "pylibjpeg-data/ELSCINT1_JP2vsJ2K.dcm": 0,
    "pylibjpeg-data/JPEGLossless_1s_1f_i_16_16_bad.dcm": 17,  # decodes to noise
    "pylibjpeg-data/MAROTECH_CT_JP2Lossy.dcm": 22,
    "pylibjpeg-data/TOSHIBA_J2K_SIZ0_PixRep1.dcm": 0,
    "pylibjpeg-data/TOSHIBA_J2K_SIZ1_PixRep0.dcm": 17,  # the header's sign contradicts the stream's
    "pylibjpeg-data/explicit_VR-UN.dcm": 0,
    "pydicom/J2K_pixelrep_mismatch.dcm": 0,
    "pydicom/MR_truncated.dcm": 37,
}


@pytest.mark.parametrize("name", STACKED)
def test_pixels_of_a_corner_case_stacked_to_a_volume(shared_data: Path, tmp_path: Path, name: str):
    """One real slice repeated 20 times: HU of each voxel as SimpleITK decodes the slice, or refused for a stated reason."""
    source = shared_data / "dicom-corner-cases" / name
    with pydicom.config.disable_value_validation():
        _stack(source, tmp_path)
    outcome = _outcome(tmp_path)
    if STACKED[name]:
        assert outcome == STACKED[name]
        return
    assert isinstance(outcome, Scan)
    image, points = _itk_slice(source)
    found = outcome.volume.sampled(points, order=0)
    outside = outcome.volume.outside
    mask = np.zeros(image.shape, bool) if outside is None else _sampled_mask(outcome, points)
    seen = np.isfinite(found)  # rounding may put the outermost pixels beyond the outermost centres
    assert seen[1:-1, 1:-1].all()
    assert np.abs(found - image)[seen & ~mask].max() <= 0.5
    assert (image[mask] < AIR).all()


def _stack(source: Path, folder: Path) -> None:
    dataset = pydicom.dcmread(source)
    cosines = np.array([float(c) for c in dataset.ImageOrientationPatient])
    start = np.array([float(p) for p in dataset.ImagePositionPatient])
    for k in range(20):
        dataset.ImagePositionPatient = [f"{p:.5f}" for p in start + 2.0 * k * np.cross(cosines[:3], cosines[3:])]
        dataset.SOPInstanceUID = f"2.25.{k + 1}"
        save(dataset, folder / f"{k}.dcm", dataset.file_meta.TransferSyntaxUID)


def _itk_slice(source: Path) -> tuple[Any, Any]:
    import SimpleITK

    image = SimpleITK.ReadImage(str(source))
    values = SimpleITK.GetArrayFromImage(image)[0].astype(np.float64)
    dataset = pydicom.dcmread(source)
    cosines = np.array([float(c) for c in dataset.ImageOrientationPatient])
    spacing = [float(s) for s in dataset.PixelSpacing]
    j, i = np.indices(values.shape)
    points = np.array([float(p) for p in dataset.ImagePositionPatient])
    points = points + i[..., None] * cosines[:3] * spacing[1] + j[..., None] * cosines[3:] * spacing[0]
    return values, points


def _sampled_mask(scan: Scan, points: Any) -> Any:
    outside = scan.volume.outside
    assert outside is not None
    return scan.volume.with_values(outside.astype(np.uint8)).sampled(points, order=0) > 0.5
