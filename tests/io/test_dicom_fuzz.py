"""Damaged files: whatever bytes are changed, the reader answers with a scan or with one of its own refusals."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import dicom_container_cases, dicom_content_cases
from benchmarks.series_maker import Plan, series, write
from pedicle.io.dicom.codestream import declared_size
from pedicle.io.dicom.reader import read_dicom
from pedicle.io.options import ImportOptions
from pedicle.model.errors import PedicleError
from pedicle.model.scan import Scan

RUNS = 60
KINDS = ["plain", "compressed: JPEG 2000 Image Compression (Lossless Only)", "compressed: JPEG-LS Lossless Image Compression",
         "compressed: RLE Lossless", "encoded: Implicit VR Little Endian", "multi-frame CT"]  # fmt: skip


def _flipped(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, most of them in the header; sometimes a piece cut out or doubled."""
    changed = bytearray(data)
    reach = len(changed) if chance.random() < 0.3 else min(len(changed), 2500)
    for _ in range(chance.choice((1, 2, 8, 40))):
        changed[chance.randrange(reach)] = chance.choice((0, 255, chance.randrange(256)))
    if chance.random() < 0.2:
        at, count = chance.randrange(reach), chance.randrange(1, 60)
        changed[at : at + count] = changed[at : at + count] * 2 if chance.random() < 0.5 else b""
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_only_own_refusals_escape(kind: str, tmp_path: Path):
    folder = tmp_path / "series"
    folder.mkdir()
    cases = {case.name: case for case in (*dicom_content_cases.CASES, *dicom_container_cases.CASES)}
    if kind == "plain":
        write(series(Plan(count=20)), folder)
    else:
        cases[kind].build(folder)
    files = sorted(folder.iterdir())
    for surplus in files[20:]:
        surplus.unlink()
    victim = files[min(3, len(files) - 1)]
    original = victim.read_bytes()
    refusals = []
    for run in range(RUNS if len(files) > 1 else RUNS // 2):
        victim.write_bytes(_flipped(original, random.Random(run)))
        try:
            scan = read_dicom(victim if run % 3 and len(files) > 1 else folder, ImportOptions(resample=run % 2 == 0))
        except PedicleError as error:
            refusals.append(error)
        else:
            assert isinstance(scan, Scan)
            assert np.isfinite(scan.volume.grid.lps_from_ijk).all()
    assert refusals
    assert all(error.fix and "\n" not in str(error) for error in refusals)


def test_broken_element_in_the_meta_group(tmp_path: Path):
    """A value representation that does not exist is met only when the value is asked for."""
    path = write(series(Plan(count=1)), tmp_path)[0]
    path.write_bytes(path.read_bytes().replace(b"\x02\x00\x02\x00UI", b"\x02\x00\x02\x00U\0"))
    with pytest.raises(PedicleError) as refusal:
        read_dicom(path)
    assert refusal.value.code == 33


def test_file_of_noise(tmp_path: Path):
    for run in range(40):
        data = random.Random(run).randbytes(3000)
        (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM" + data if run % 2 else data)
        with pytest.raises(PedicleError):
            read_dicom(tmp_path)


def test_declared_size_never_reads_past_the_end():
    for run in range(400):
        chance = random.Random(run)
        stream = chance.choice((b"\xff\xd8", b"\xff\x4f\xff\x51", b"")) + chance.randbytes(chance.randrange(80))
        found = declared_size(stream)
        assert found is None or len(found) == 3


def test_jpeg_size_is_found_behind_other_segments():
    stream = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc3\x00\x0b\x10\x02\x00\x01\x80\x01"
    assert declared_size(stream) == (512, 384, 1)


def test_folder_may_vanish_between_listing_and_reading(tmp_path: Path):
    from pedicle.io.dicom.files import find_files, opened

    write(series(Plan(count=1)), tmp_path / "s")
    file = find_files(tmp_path / "s").files[0]
    shutil.rmtree(tmp_path / "s")
    with pytest.raises(PedicleError) as refusal:
        opened(file)
    assert refusal.value.code == 34
