"""Frames of a multi-frame CT: geometry and rescale stand in shared and per-frame functional groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pedicle.io.dicom.files import FoundFile
from pedicle.io.dicom.headers import (
    Frame,
    hash_of,
    identity_of,
    instance_uid,
    making_of,
    pixel_format,
    place_of,
    text,
    uid,
    words,
)
from pedicle.io.dicom.parse import damaged

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_FRAMES = 20_000


def frames_of(file: FoundFile, dataset: Dataset) -> list[Frame]:
    """All frames of an enhanced or legacy-converted CT image; InputError 33 where its groups do not match its frames."""
    from dataclasses import replace

    shared = _only(dataset.get("SharedFunctionalGroupsSequence"))
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    base = pixel_format(dataset, dataset)
    if len(per_frame) != base.frames or base.frames > MOST_FRAMES:
        raise damaged(file, f"{base.frames} frames but {len(per_frame)} descriptions of frames")
    identity, patient_number = identity_of(dataset), hash_of(dataset, "PatientID")
    sop_uid, series_uid = instance_uid(dataset), uid(dataset, "SeriesInstanceUID")
    frames = []
    for number, own in enumerate(per_frame):
        groups = _Groups(own, shared)
        rescale = pixel_format(dataset, groups.one("PixelValueTransformationSequence"))
        frames.append(
            Frame(
                file=file,
                number=number,
                sop_uid=sop_uid,
                series_uid=series_uid,
                identity=identity,
                patient_number=patient_number,
                pixels=replace(
                    base, slope=rescale.slope, intercept=rescale.intercept, rescale_type=rescale.rescale_type
                ),
                place=place_of(
                    dataset,
                    groups.one("PixelMeasuresSequence"),
                    groups.one("PlanePositionSequence"),
                    groups.one("PlaneOrientationSequence"),
                ),
                making=_making(dataset, groups),
            )
        )
    return frames


def _making(dataset: Dataset, groups: _Groups) -> Any:
    from dataclasses import replace

    content = groups.one("FrameContentSequence")
    kind = words(groups.one("CTImageFrameTypeSequence"), "FrameType") or words(dataset, "ImageType")
    phase = "/".join(text(content, key) for key in ("StackID", "TemporalPositionIndex"))
    making = making_of(dataset, kind, phase.strip("/"))
    kernel = making_of(groups.one("CTReconstructionSequence"), kind).kernel
    kvp = making_of(groups.one("CTXRayDetailsSequence"), kind).kvp
    return replace(
        making,
        kernel=kernel or making.kernel,
        kvp=making.kvp if kvp is None else kvp,
        acquisition=text(content, "FrameAcquisitionNumber") or making.acquisition,
        acquired_at=text(content, "FrameAcquisitionDateTime") or making.acquired_at,
    )


class _Groups:
    """The functional groups of one frame: its own first, then the shared ones."""

    def __init__(self, own: Dataset, shared: Dataset) -> None:
        self._own = own
        self._shared = shared

    def one(self, keyword: str) -> Dataset:
        """The single item of a group; an empty data set where neither holds it."""
        found = _only(self._own.get(keyword))
        return found if len(found) else _only(self._shared.get(keyword))


def _only(sequence: Any) -> Dataset:
    from pydicom.dataset import Dataset

    return sequence[0] if sequence else Dataset()
