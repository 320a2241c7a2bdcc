"""NRRD with header and data in one file, raw or gzip; `.seg.nrrd` label maps with their segment names."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from pedicle.io.bounded import CT_BUDGET, LABEL_BUDGET, Budget, check_budget, opened, sha256_of, slabs_of, trailing
from pedicle.io.labelmap.values import LabelSlabs
from pedicle.io.nrrd_header import NrrdHeader, read_header
from pedicle.io.options import ImportOptions
from pedicle.io.raw import RawLabels, RawScan, trailing_notice
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import Acquisition, Scan
from pedicle.model.volume import Volume


def read_nrrd_ct(path: Path, options: ImportOptions | None = None, progress: Progress = silent) -> Scan:
    """An NRRD CT through the gate. Raises InputError 39, 41, 44, 47, 48, 50 and what the gate raises."""
    options = options or ImportOptions()
    with _opened(path, CT_BUDGET) as (header, stream):
        small = header.dtype.kind in "iu" and np.can_cast(header.dtype, np.int16)
        values = np.zeros(header.grid.shape, np.int16 if small else np.float32, order="F")
        for start, slab in slabs_of(stream, header.grid.shape, header.dtype, path.name, progress):
            with np.errstate(over="ignore", invalid="ignore"):
                values[:, :, start : start + slab.shape[2]] = slab
        extra = trailing(stream, path.name)
    digest = sha256_of(path)
    volume, facts = Volume(header.grid, values), Acquisition(source_format="nrrd")
    return RawScan(volume, facts, path.name, digest, trailing_notice(extra, digest)).through_gate(options.resample)


def read_nrrd_labels(path: Path, options: ImportOptions | None = None, progress: Progress = silent) -> RawLabels:
    """An NRRD label map as the file has it; segment names where it is a .seg.nrrd. Errors as for the CT, and 52."""
    with _opened(path, LABEL_BUDGET) as (header, stream):
        slabs = LabelSlabs(header.grid.shape)
        for start, slab in slabs_of(stream, header.grid.shape, header.dtype, path.name, progress):
            slabs.put(start, slab, path.name)
        extra = trailing(stream, path.name)
    digest = sha256_of(path)
    volume = Volume(header.grid, slabs.values).canonical()
    return RawLabels(volume, header.names, path.name, digest, "nrrd", trailing_notice(extra, digest))


@contextmanager
def _opened(path: Path, budget: Budget) -> Iterator[tuple[NrrdHeader, BinaryIO]]:
    """The believed header and the stream of unpacked voxels."""
    with opened(path) as stream:
        header = read_header(stream, path.name)
        check_budget(path, header.data_bytes, budget)
        if header.packed:
            with gzip.GzipFile(fileobj=stream) as unpacked:
                yield header, cast(BinaryIO, unpacked)
        else:
            yield header, stream
