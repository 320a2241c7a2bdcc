"""The two doors: real files against nibabel's own reading, formats by content, damaged files in one line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import pedicle
from benchmarks import dicom_container_cases
from benchmarks.inputs_labels import MASK, VERSE, boxes, caret, total
from benchmarks.inputs_nifti import HU, MATRIX, NRRD, nrrd_file, plain, rotation
from benchmarks.nifti_maker import Nifti, lps_from_ijk, scene_on
from pedicle.io.fingerprint import fingerprint
from pedicle.io.labelmap.write import write_label_nifti, write_scan_nifti
from pedicle.io.read import format_of, read_ct, read_labels
from pedicle.model.errors import InputError, PedicleError
from pedicle.model.levels import level_of_verse, verse_of_level

RAS = np.diag([-1.0, -1.0, 1.0])


def at_places_of(volume, path: Path, count: int = 4000):
    """(pedicle's values, nibabel's values) at the same physical voxel centres, chosen by nibabel's own affine."""
    image = nib.load(path)
    values = np.asanyarray(image.dataobj)
    index = np.random.default_rng(0).integers(0, values.shape, size=(count, 3))
    lps = nib.affines.apply_affine(image.affine, index) @ RAS
    found = volume.grid.index_from_lps(lps)
    assert np.abs(found - np.rint(found)).max() < 1e-3
    ours = volume.values[tuple(np.rint(found).astype(int).T)]
    return ours, values[tuple(index.T)], tuple(np.rint(found).astype(int).T)


@pytest.mark.data
@pytest.mark.parametrize("name", ["verse014-l1-l5/sub-verse014_ct", "totalsegmentator-example/example_ct"])
def test_a_real_ct_has_the_values_nibabel_finds_at_the_same_places(shared_data, name):
    scan = read_ct(shared_data / f"{name}.nii.gz")
    ours, theirs, at = at_places_of(scan.volume, shared_data / f"{name}.nii.gz")
    kept = np.ones(len(ours), bool) if scan.volume.outside is None else ~scan.volume.outside[at]
    assert kept.mean() > 0.7
    assert (ours[kept] == theirs[kept]).all()
    assert scan.volume.values.dtype == np.int16
    assert scan.volume.grid.orientation == ("L", "P", "S")
    assert scan.acquisition.kvp is None


@pytest.mark.data
def test_the_margin_around_a_cut_block_is_outside(shared_data):
    """The spine strip lies in flat padding that is no air: nothing left of it may look like skin in air."""
    scan = read_ct(shared_data / "verse014-l1-l5/sub-verse014_ct.nii.gz")
    assert scan.volume.outside is not None
    assert 0.15 < scan.volume.outside.mean() < 0.25
    inside = scan.volume.values[~scan.volume.outside]
    assert (inside < -900).mean() < 1e-3


@pytest.mark.data
@pytest.mark.parametrize(
    ("ct", "name", "scheme", "coverage", "levels", "landmarks"),
    [
        ("verse014-l1-l5/sub-verse014_ct.nii.gz", "verse014-l1-l5/sub-verse014_seg-vert_msk.nii.gz", "verse", "whole", "L1 L2 L3 L4 L5", ()),
        (None, "verse004-mask/sub-verse004_seg-vert_msk.nii.gz", "verse", "whole", "T9 T10 T11 T12 L1 L2 L3 L4 L5", ()),
        ("totalsegmentator-example/example_ct.nii.gz", "totalsegmentator-example/totalseg.nii.gz", "totalsegmentator-v2", "whole", "T11 T12 L1 L2 L3 L4 L5", ("sacrum",)),
        ("totalsegmentator-example/example_ct.nii.gz", "totalsegmentator-example/totalseg_vertebrae_pp_refined.nii.gz", "vertebrae-pp", "body", "T12 L1 L2 L3 L4 L5", ()),
        (None, "totalsegmentator-dicom-j2k/example_seg_dicom.nii.gz", "totalsegmentator-v2", "whole", "T11 T12", ("ribs",)),
    ],
)  # fmt: skip
def test_a_real_label_map_has_its_levels_where_nibabel_finds_them(
    shared_data, ct, name, scheme, coverage, levels, landmarks
):
    scan = read_ct(shared_data / ct) if ct else None
    found = read_labels(shared_data / name, scan)
    assert (found.scheme, found.coverage, found.landmarks) == (scheme, coverage, landmarks)
    assert found.levels == levels.split()
    if scan is not None:
        assert found.volume.grid is scan.volume.grid
    image = nib.load(shared_data / name)
    numbers = np.asanyarray(image.dataobj)
    told = {"totalsegmentator-v2": {"T11": 33, "T12": 32, "L1": 31, "L2": 30, "L3": 29, "L4": 28, "L5": 27}}.get(
        scheme, {}
    )
    for level in found.levels:
        theirs = numbers == told.get(level, verse_of_level(level))
        ours = found.volume.values == verse_of_level(level)
        assert ours.sum() == theirs.sum()
        centre = nib.affines.apply_affine(image.affine, np.argwhere(theirs)).mean(axis=0) @ RAS
        np.testing.assert_allclose(found.volume.grid.lps_from_index(np.argwhere(ours)).mean(axis=0), centre, atol=1e-3)


@pytest.mark.data
def test_bodies_of_the_real_example_are_refused_alone(shared_data):
    with pytest.raises(InputError, match="does not tell one vertebra from another"):
        read_labels(shared_data / "totalsegmentator-example/totalseg_vertebrae_body.nii.gz")


@pytest.mark.data
def test_centroids_published_with_a_mask_lie_in_the_level_they_name(shared_data):
    """The _ctd.json gives voxel indices of the file's own axes: the level found there must be the label named there."""
    for folder, stem, ctd in (
        ("verse014-l1-l5", "sub-verse014", "seg-vb_ctd"),
        ("verse004-mask", "sub-verse004", "seg-subreg_ctd"),
    ):
        path = shared_data / folder / f"{stem}_seg-vert_msk.nii.gz"
        found, affine = read_labels(path), nib.load(path).affine
        for row in json.loads((shared_data / folder / f"{stem}_{ctd}.json").read_text())[1:]:
            lps = RAS @ nib.affines.apply_affine(affine, [row["X"], row["Y"], row["Z"]])
            assert found.volume.sampled(lps, order=0) == row["label"]


def test_the_shop_window_shows_both_doors():
    assert pedicle.read_ct is read_ct
    assert pedicle.read_labels is read_labels


def test_a_written_label_map_reads_back_and_its_bytes_repeat(tmp_path):
    Nifti(boxes(VERSE), MATRIX, dtype="<u1").save(tmp_path / MASK)
    found = read_labels(tmp_path / MASK)
    names = {number: str(level_of_verse(number)) for number in (19, 20, 21)}
    for name in ("a.nii.gz", "b.nii.gz", "c.nii"):
        write_label_nifti(found.volume, tmp_path / name, names)
        again = read_labels(tmp_path / name)
        assert again.scheme == "verse"
        assert (again.volume.values == found.volume.values).all()
        assert again.volume.grid.same_place(found.volume.grid, 1e-4)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    image = nib.load(tmp_path / "c.nii")
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
    np.testing.assert_allclose(image.affine, np.diag([-1.0, -1, 1, 1]) @ found.volume.grid.lps_from_ijk, atol=1e-4)
    assert (
        b"<![CDATA[" in image.header.extensions[0].get_content() or b">L1<" in image.header.extensions[0].get_content()
    )


def test_labels_beyond_255_are_written_in_16_bits(tmp_path):
    Nifti(boxes({"L1": 20}), MATRIX, dtype="<u1").save(tmp_path / MASK)
    volume = read_labels(tmp_path / MASK).volume
    write_label_nifti(volume.with_values(volume.values.astype(np.uint16) * 20), tmp_path / "x.nii", {400: "L1"})
    assert read_labels(tmp_path / "x.nii").levels == ["L1"]


def test_a_written_ct_reads_back(tmp_path):
    Nifti(HU, MATRIX).save(tmp_path / "ct.nii")
    scan = read_ct(tmp_path / "ct.nii")
    write_scan_nifti(scan.volume, tmp_path / "again.nii.gz")
    again = read_ct(tmp_path / "again.nii.gz")
    assert (again.volume.values == scan.volume.values).all()
    assert again.volume.grid.same_place(scan.volume.grid, 1e-4)


def test_a_bids_sidecar_is_believed_where_it_makes_sense(tmp_path):
    Nifti(HU, MATRIX).save(tmp_path / "ct.nii.gz")
    facts = {"KVP": 120, "ConvolutionKernel": ["Br38f", "3"], "SliceThickness": 2.0, "PatientPosition": "HFS"}
    (tmp_path / "ct.json").write_text(json.dumps(facts))
    acquisition = read_ct(tmp_path / "ct.nii.gz").acquisition
    assert (acquisition.kvp, acquisition.kernel, acquisition.slice_thickness_mm) == (120.0, "Br38f\\3", 2.0)
    for broken in ('{"KVP": 12000}', "[1]", "{", '{"KVP": "120"}'):
        (tmp_path / "ct.json").write_text(broken)
        assert read_ct(tmp_path / "ct.nii.gz").acquisition.kvp is None


@pytest.mark.parametrize(
    ("start", "name"), [(b"PK\x03\x04", "zip"), (b"BZh9", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"7z\xbc\xaf\x27", "7z")]
)
def test_archives_are_named_and_refused(tmp_path, start, name):
    path = tmp_path / "file"
    path.write_bytes(start + bytes(600))
    with pytest.raises(InputError, match=name) as caught:
        read_labels(path)
    assert caught.value.code == 39


def test_nothing_a_folder_and_noise_are_no_label_maps(tmp_path):
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "empty").write_bytes(b"")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "noise", tmp_path / "empty"):
        with pytest.raises(InputError):
            read_labels(path)


def test_formats_are_told_by_content(tmp_path):
    nrrd_file()(tmp_path)
    (tmp_path / NRRD).rename(tmp_path / "x.nii.gz")
    Nifti(HU, MATRIX, version=2, dtype=">i2").save(tmp_path / "y.nrrd")
    (tmp_path / "z").write_bytes(gzip.compress((tmp_path / "y.nrrd").read_bytes()))
    assert [format_of(tmp_path / name) for name in ("x.nii.gz", "y.nrrd", "z")] == ["nrrd", "nifti", "nifti"]
    assert format_of(tmp_path) == "dicom"


@pytest.mark.parametrize("name", ["ct.nii.gz", "ct.nrrd", "ct.nii"])
@pytest.mark.parametrize("degrees", [0.0, 7.0])
def test_files_of_another_program_lie_where_it_put_them(tmp_path, name, degrees):
    """SimpleITK writes the scene (its frame is LPS); the marker must come back where SimpleITK says it is."""
    sitk = pytest.importorskip("SimpleITK")
    matrix = lps_from_ijk(rotation(degrees).tolist())
    image = sitk.GetImageFromArray(scene_on(matrix).astype(np.int16).transpose(2, 1, 0))
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    image.SetDirection((matrix[:3, :3] / spacing).ravel().tolist())
    sitk.WriteImage(image, str(tmp_path / name))
    volume = read_ct(tmp_path / name).volume
    index = np.unravel_index(volume.values.argmax(), volume.values.shape)
    theirs = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    place = np.unravel_index(theirs.argmax(), theirs.shape)
    np.testing.assert_allclose(
        volume.grid.lps_from_index(index),
        image.TransformIndexToPhysicalPoint([int(n) for n in place]),
        atol=1e-3,
    )


@pytest.mark.data
@pytest.mark.parametrize("name", ["verse014-l1-l5/sub-verse014_ct", "totalsegmentator-example/example_ct"])
def test_a_real_ct_lies_where_another_library_puts_it(shared_data, name):
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.ReadImage(str(shared_data / f"{name}.nii.gz"))
    grid = read_ct(shared_data / f"{name}.nii.gz").volume.grid
    corners = [
        image.TransformIndexToPhysicalPoint([(n - 1) * (c >> a & 1) for a, n in enumerate(image.GetSize())])
        for c in range(8)
    ]
    index = grid.index_from_lps(np.array(corners))
    assert np.abs(index - np.rint(index)).max() * grid.spacing_mm.max() < 1e-3
    assert {tuple(row) for row in np.rint(index).astype(int)} == {
        tuple((n - 1) * (c >> a & 1) for a, n in enumerate(grid.shape)) for c in range(8)
    }


def flipped(good: bytes, random: np.random.Generator, head: int) -> bytes:
    """A copy with a few bytes changed, most of them in the header, now and then cut short."""
    bad = bytearray(good)
    for _ in range(int(random.integers(1, 12))):
        place = random.integers(head) if random.random() < 0.8 else random.integers(len(bad))
        bad[int(place)] = int(random.integers(256))
    return bytes(bad[: int(random.integers(len(bad)))]) if random.random() < 0.15 else bytes(bad)


@pytest.mark.parametrize("kind", ["nifti", "nifti2", "labels", "gzip", "nrrd"])
def test_damaged_files_end_in_one_line(tmp_path, kind):
    """Seeded byte flips: either a volume comes back or one PedicleError; nothing else escapes."""
    path = tmp_path / "file"
    if kind == "nrrd":
        nrrd_file("file.nrrd")(tmp_path)
        good = (tmp_path / "file.nrrd").read_bytes()
    elif kind == "labels":
        numbers = {"T12": 32, "L1": 31, "L2": 30}
        good = Nifti(boxes(numbers), MATRIX, dtype="<u1", extension=caret(total(numbers))).content()
    else:
        good = Nifti(HU, MATRIX, codes=(1, 1), version=2 if kind == "nifti2" else 1).content()
    good = gzip.compress(good, 1, mtime=0) if kind == "gzip" else good
    random = np.random.Generator(np.random.Philox(key=(3, len(kind))))
    refused = 0
    for _ in range(80):
        path.write_bytes(flipped(good, random, 1200 if kind == "labels" else 400))
        try:
            (read_labels if kind == "labels" else read_ct)(path)
        except PedicleError as error:
            refused += "\n" not in str(error)
    assert refused > 15


def test_a_medium_is_another_when_one_of_its_images_changes(tmp_path):
    """A DICOMDIR names the images; a step must not stand because the names are the same."""
    next(
        case for case in dicom_container_cases.CASES if case.name == "a DICOMDIR in capitals, files in small letters"
    ).build(tmp_path)
    before = fingerprint(tmp_path / "DICOMDIR")
    image = tmp_path / "images" / "im005"
    image.write_bytes(image.read_bytes()[:-2] + b"xx")
    assert fingerprint(tmp_path / "DICOMDIR") != before


def test_a_nifti_is_another_when_its_sidecar_changes(tmp_path):
    plain()(tmp_path)
    before = fingerprint(tmp_path / "ct.nii")
    (tmp_path / "ct.json").write_text('{"KVP": 80}')
    assert fingerprint(tmp_path / "ct.nii") != before


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that cannot be read")
@pytest.mark.parametrize("open_it", [read_ct, read_labels, fingerprint])
def test_a_file_the_system_does_not_hand_out_is_one_line(open_it):
    with pytest.raises(InputError, match="cannot be read") as refusal:
        open_it(Path("/proc/self/mem"))
    assert refusal.value.code == 34


@pytest.mark.parametrize("open_it", [read_ct, read_labels, fingerprint])
def test_a_path_that_is_too_long_is_one_line(open_it, tmp_path):
    with pytest.raises(InputError) as refusal:
        open_it(tmp_path / ("x" * 5000))
    assert refusal.value.code == 34
    assert len(str(refusal.value)) < 300
