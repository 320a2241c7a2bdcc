"""Options of the import gate: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Literal

from pedicle.model.options import options

SchemeName = Literal[
    "verse",
    "totalsegmentator-v1",
    "totalsegmentator-v2",
    "totalsegmentator-v3",
    "vertebrae-body",
    "vertebrae-pp",
    "spineps",
    "dicom-seg",
]


@options
class ImportOptions:
    """What the gate may do on request. What it may not mend it refuses."""

    scheme: SchemeName | None = None
    """Label scheme, when the file does not name it."""
    series: str | None = None
    """SeriesInstanceUID, or its first characters, when a folder holds several."""
    pick: str | None = None
    """SOPInstanceUID to keep when two images lie at one position."""
    resample: bool = False
    """Resample tilted, sheared or unevenly spaced input; recorded."""
    resample_labels: bool = False
    """Bring a label map from another grid to the CT's; recorded."""
    skip_bad: bool = False
    """Leave out DICOM files that cannot be read; recorded."""
    use: Literal["qform", "sform"] | None = None
    """NIfTI form to trust when both disagree."""
