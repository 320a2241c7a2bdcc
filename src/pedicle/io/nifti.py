"""NIfTI-1 and NIfTI-2, plain or gzip, read in slabs under a byte budget; header rules are in `nifti_header`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io.bounded import CT_BUDGET, LABEL_BUDGET, check_budget, opened, sha256_of, slabs_of, trailing
from pedicle.io.labelmap.caret import name_table
from pedicle.io.labelmap.values import LabelSlabs
from pedicle.io.nifti_header import NiftiHeader, read_header
from pedicle.io.options import ImportOptions
from pedicle.io.raw import RawLabels, RawScan, trailing_notice
from pedicle.io.sidecar import acquisition_beside
from pedicle.model.errors import InputError
from pedicle.model.notices import Notice
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import Scan
from pedicle.model.volume import Volume


def read_nifti_ct(path: Path, options: ImportOptions | None = None, progress: Progress = silent) -> Scan:
    """A NIfTI CT through the gate: canonical, in HU, padding marked.

    NIfTI says nothing of how the CT was made; a BIDS sidecar (.json beside it) is asked, else facts are None.
    Raises InputError 39, 43, 44, 46 to 50 for the file and what the gate raises for its content.
    """
    options = options or ImportOptions()
    with opened(path) as stream:
        header = read_header(stream, path.name, options.use)
        check_budget(path, header.data_bytes, CT_BUDGET)
        values = _hounsfield(header)
        for start, slab in slabs_of(stream, header.grid.shape, header.dtype, path.name, progress):
            with np.errstate(over="ignore", invalid="ignore"):
                values[:, :, start : start + slab.shape[2]] = _scaled(header, slab)
        extra = trailing(stream, path.name)
    digest = sha256_of(path)
    volume = Volume(header.grid, values)
    told = trailing_notice(extra, digest) + _template_notice(header)
    raw = RawScan(volume, acquisition_beside(path), path.name, digest, told)
    scan = raw.through_gate(options.resample)
    _check_scaling_confirmed(scan, header.slope, path.name)
    return scan


def read_nifti_labels(path: Path, options: ImportOptions | None = None, progress: Progress = silent) -> RawLabels:
    """A NIfTI label map as the file has it: whole numbers on a canonical grid, and the name table if there is one.

    Raises InputError 39, 42 to 48, 50, and 52 for values that are not whole numbers.
    """
    options = options or ImportOptions()
    with opened(path) as stream:
        header = read_header(stream, path.name, options.use)
        check_budget(path, header.data_bytes, LABEL_BUDGET)
        slabs = LabelSlabs(header.grid.shape, header.slope, header.intercept)
        for start, slab in slabs_of(stream, header.grid.shape, header.dtype, path.name, progress):
            slabs.put(start, slab, path.name)
        extra = trailing(stream, path.name)
    digest = sha256_of(path)
    volume = Volume(header.grid, slabs.values).canonical()
    names = name_table(header.extensions, path.name, must_read=options.scheme is None)
    return RawLabels(volume, names, path.name, digest, "nifti", trailing_notice(extra, digest))


def _template_notice(header: NiftiHeader) -> tuple[Notice, ...]:
    if not header.template:
        return ()
    text = "coordinates of a template (Talairach, MNI): if the image was fitted to it, its sizes are not the patient's"
    return (Notice("template-space", "scan", text, "danger"),)


def _hounsfield(header: NiftiHeader) -> NDArray[Any]:
    """Room for the values: int16 when every stored value is one already, else float32 (exact to 2^24)."""
    plain = (header.slope, header.intercept) == (1.0, 0.0)
    small = header.dtype.kind in "iu" and np.can_cast(header.dtype, np.int16)
    return np.zeros(header.grid.shape, np.int16 if plain and small else np.float32, order="F")


def _scaled(header: NiftiHeader, slab: NDArray[Any]) -> NDArray[Any]:
    if (header.slope, header.intercept) == (1.0, 0.0):
        return slab
    return np.asarray(slab * header.slope + header.intercept)


def _check_scaling_confirmed(scan: Scan, slope: float, where: str) -> None:
    """A factor in the header is believed only when air in the image lies where air lies."""
    from pedicle.io import gate_limits as limits

    if slope == 1.0:
        return
    values, outside = scan.volume.values, scan.volume.outside
    air = values < limits.AIR_HU if outside is None else (values < limits.AIR_HU) & ~outside
    if air.mean() < limits.AIR_SHARE:
        found = f"values scaled by {slope:g} and no air to confirm it"
        raise InputError(49, where, found, "air near -1000 HU", "export the CT in Hounsfield units without scaling")
