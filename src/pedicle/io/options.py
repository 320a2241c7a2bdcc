"""Options of the import gate: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

SchemeName = Literal[
    "verse", "totalsegmentator-v1", "totalsegmentator-v2", "totalsegmentator-v3", "vertebrae-body", "vertebrae-pp",
    "spineps", "dicom-seg",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What the gate may do on request; everything it does not may refuse."""

    scheme: Annotated[SchemeName | None, Field(description="Label scheme, when the file does not name it.")] = None
    series: Annotated[
        str | None, Field(description="SeriesInstanceUID, or its first characters, when a folder holds several.")
    ] = None
    pick: Annotated[str | None, Field(description="SOPInstanceUID to keep when two images lie at one position.")] = None
    resample: Annotated[bool, Field(description="Resample tilted, sheared or unevenly spaced input; recorded.")] = False
    resample_labels: Annotated[
        bool, Field(description="Bring a label map from another grid to the CT's; recorded.")
    ] = False
    skip_bad: Annotated[bool, Field(description="Leave out DICOM files that cannot be read; recorded.")] = False
    use: Annotated[Literal["qform", "sform"] | None, Field(description="NIfTI form to trust when both disagree.")] = (
        None
    )
