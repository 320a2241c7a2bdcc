"""Good and bad label maps (rows 51 to 55): three boxes called T12, L1 and L2 in the known scene, in every scheme."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nrrd
import numpy as np

from benchmarks.inputs_nifti import HU, MATRIX, orientations
from benchmarks.nifti_maker import SHAPE, SPACING_MM, Nifti, lps_from_ijk, points_of
from benchmarks.series_maker import CENTRE_MM, Vector
from pedicle.io.options import ImportOptions
from pedicle.io.read import read_ct, read_labels
from pedicle.model.errors import PedicleError
from pedicle.model.levels import verse_of_level
from pedicle.model.scan import LabelMap, Scan

Build = Callable[[Path], None]
CT = "ct.nii"
BOX_MM = (26.0, 24.0, 13.0)
BOXES = {level: CENTRE_MM + [3.0, 5.0, up] for level, up in (("T12", 18.0), ("L1", 0.0), ("L2", -18.0))}
VERSE = {"T12": 19, "L1": 20, "L2": 21}
V1 = {"T12": 23, "L1": 22, "L2": 21}
V2 = {"T12": 32, "L1": 31, "L2": 30}
PLACE_MM, VOLUME_SHARE = 0.5, 0.12


@dataclass(frozen=True)
class LabelCase:
    """`build(folder)` makes the label map; `code` is the refusal, None where `levels` must come in at their places."""

    row: int
    name: str
    build: Build
    path: str
    code: int | None
    levels: tuple[str, ...] = ("T12", "L1", "L2")
    notice: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.row}: {self.name}"


CASES: list[LabelCase] = []


def good(row: int, name: str, build: Build, path: str, **more: Any) -> None:
    """A variant that must come in right; other keywords than `levels` and `notice` are import options."""
    kept = {key: more.pop(key) for key in ("levels", "notice") if key in more}
    CASES.append(LabelCase(row, name, build, path, None, **kept, options=more))


def bad(row: int, name: str, build: Build, path: str, code: int | None = None, **options: Any) -> None:
    """A variant that must be refused with its row (or `code`)."""
    CASES.append(LabelCase(row, name, build, path, row if code is None else code, options=options))


def boxes(numbers: dict[str, int], matrix: Vector = MATRIX, shape: tuple[int, ...] = SHAPE) -> Vector:
    """The three boxes on a grid, called by `numbers`."""
    points = points_of(matrix, shape)
    values = np.zeros(shape)
    for level, number in numbers.items():
        values[(np.abs(points - BOXES[level]) < np.array(BOX_MM) / 2).all(axis=-1)] = number
    return values


def caret(names: dict[int, str]) -> bytes:
    """A name table in the words TotalSegmentator writes it in."""
    rows = "".join(
        f'<Label Key="{number}" Red="0.0" Green="1.0" Blue="0.0" Alpha="1"><![CDATA[{name}]]></Label>\n'
        for number, name in names.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <Date><![CDATA[2013-07-14T05:45:09]]></Date>   '
        f'<VolumeInformation Index="0">   <LabelTable>\n{rows}\n  </LabelTable>  <StudyMetaDataLinkSet>  '
        "</StudyMetaDataLinkSet>  <VolumeType><![CDATA[Label]]></VolumeType>   </VolumeInformation></CaretExtension>"
        "\n              "
    ).encode()


def total(numbers: dict[str, int], **extra: str) -> dict[int, str]:
    """Names as TotalSegmentator's task total gives them."""
    return {number: f"vertebrae_{level}" for level, number in numbers.items()} | {
        int(key[1:]): name for key, name in extra.items()
    }


def labels(path: str, values: Vector, names: dict[int, str] | None = None, **changed: Any) -> Build:
    """A NIfTI label map of the scene."""

    def build(folder: Path) -> None:
        given = {"matrix": MATRIX, "dtype": "<u1", "extension": caret(names) if names else b"", **changed}
        Nifti(values, **given).save(folder / path)

    return build


MASK = "sub-x_seg-vert_msk.nii.gz"
ANY = "labels.nii.gz"
_TRUE = boxes(VERSE)
_PP = {n: f"vertebrae_{level}" for n, level in enumerate(
    [*(f"C{k}" for k in range(1, 8)), *(f"T{k}" for k in range(1, 13)), *(f"L{k}" for k in range(1, 6))], 1
)}  # fmt: skip

good(52, "VerSe by its file name", labels(MASK, _TRUE), MASK)
good(
    52,
    "VerSe, the older file names",
    labels("verse004_CT-sag_seg.nii.gz", _TRUE),
    "verse004_CT-sag_seg.nii.gz",
    scheme="verse",
)
good(52, "VerSe named by the user", labels(ANY, _TRUE), ANY, scheme="verse")
good(52, "VerSe with a name table", labels(ANY, _TRUE, {19: "T12", 20: "L1", 21: "L2"}), ANY)
good(52, "TotalSegmentator 2 by its name table", labels(ANY, boxes(V2), total(V2)), ANY)
good(52, "TotalSegmentator 1 by its name table", labels(ANY, boxes(V1), total(V1)), ANY)
good(52, "TotalSegmentator 1 named by the user", labels(ANY, boxes(V1)), ANY, scheme="totalsegmentator-v1")
good(52, "TotalSegmentator 2 named by the user", labels(ANY, boxes(V2)), ANY, scheme="totalsegmentator-v2")
good(
    52,
    "a name table of its own numbers",
    labels(ANY, boxes({"T12": 7, "L1": 2, "L2": 200}), {7: "T12", 2: "L1 vertebra", 200: "vertebra_L2"}),
    ANY,
)
good(52, "name table and scheme agree", labels(ANY, boxes(V2), total(V2)), ANY, scheme="totalsegmentator-v2")
good(52, "bodies by the table of vertebrae_pp", labels(ANY, _TRUE, _PP), ANY)
good(52, "SPINEPS named by the user", labels(MASK, _TRUE), MASK, scheme="spineps")
good(52, "stored in double precision", labels(MASK, _TRUE, dtype="<f8"), MASK)
good(52, "float within a millionth", labels(MASK, _TRUE * (1 - 2e-8), dtype="<f8"), MASK)
good(52, "stored in 16 bits, big endian", labels(MASK, _TRUE, dtype=">i2"), MASK)
good(
    54,
    "L6 of TotalSegmentator 3 (26)",
    labels(ANY, boxes({"T12": 32, "L1": 27, "L2": 26}), total({"T12": 32, "L5": 27, "L6": 26})),
    ANY,
    levels=("T12", "L5", "L6"),
)
good(
    54,
    "26 of TotalSegmentator 2 is the sacrum",
    labels(ANY, boxes({"T12": 32, "L1": 27, "L2": 26}), total({"T12": 32, "L5": 27, "S1": 26})),
    ANY,
    levels=("T12", "L5"),
)
good(54, "L6 and T13 of VerSe", labels(MASK, boxes({"T12": 28, "L1": 24, "L2": 25})), MASK, levels=("T13", "L5", "L6"))


def _oriented(axes: Vector) -> Build:
    order = [int(np.abs(axis).argmax()) for axis in axes]
    shape = tuple(SHAPE[n] for n in order)
    matrix = lps_from_ijk(axes.tolist(), shape, [SPACING_MM[n] for n in order])
    return labels(MASK, boxes(VERSE, matrix, shape), matrix=matrix)


for letters, axes in orientations():
    good(51, f"axes {letters} against a CT of axes LPS", _oriented(axes), MASK)

_MOVED = MATRIX.copy()
_MOVED[0, 3] += 1.5
_NEAR = MATRIX.copy()
_NEAR[:3, 3] += 0.04
_COARSE_SHAPE = (48, 38, 32)
_COARSE = lps_from_ijk(shape=_COARSE_SHAPE, spacing_mm=(2.0, 2.4, 2.0))
_FLIPPED = np.diag([-1.0, 1, 1, 1]) @ MATRIX
good(51, "0.07 mm away", labels(MASK, _TRUE, matrix=_NEAR), MASK)
good(
    51,
    "coarser grid, resampling asked for",
    labels(MASK, boxes(VERSE, _COARSE, _COARSE_SHAPE), matrix=_COARSE),
    MASK,
    notice="labels-resampled",
    resample_labels=True,
)
good(
    51,
    "cut to the spine, resampling asked for",
    labels(
        MASK,
        _TRUE[10:-10, 8:-8, 2:-2],
        matrix=MATRIX @ np.array([[1, 0, 0, 10], [0, 1, 0, 8], [0, 0, 1, 2], [0, 0, 0, 1.0]]),
    ),
    MASK,
    notice="labels-resampled",
    resample_labels=True,
)
_LEANING = lps_from_ijk([[1, 0, 0], [0, 1, 0], [0, 0.1, 0.995]])
bad(45, "sheared label map", labels(MASK, boxes(VERSE, _LEANING), matrix=_LEANING), MASK)
good(
    51,
    "sheared label map, resampling asked for",
    labels(MASK, boxes(VERSE, _LEANING), matrix=_LEANING),
    MASK,
    notice="labels-resampled",
    resample_labels=True,
)
bad(51, "one voxel aside, same shape", labels(MASK, _TRUE, matrix=_MOVED), MASK)
bad(51, "same array, x axis the other way", labels(MASK, _TRUE, matrix=_FLIPPED), MASK)
bad(51, "other spacing, same shape", labels(MASK, _TRUE, matrix=lps_from_ijk(spacing_mm=(1.6, 1.9, 2.0))), MASK)
bad(51, "coarser grid", labels(MASK, boxes(VERSE, _COARSE, _COARSE_SHAPE), matrix=_COARSE), MASK)
bad(
    51,
    "cut to the spine",
    labels(MASK, _TRUE[10:-10], matrix=MATRIX @ np.array([[1, 0, 0, 10], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])),
    MASK,
)
_AWAY = MATRIX.copy()
_AWAY[2, 3] += 40.0
bad(51, "half outside the CT, resampling asked for", labels(MASK, _TRUE, matrix=_AWAY), MASK, resample_labels=True)
bad(47, "label map without orientation", labels(MASK, _TRUE, codes=(0, 0)), MASK)
bad(48, "label map in metres", labels(MASK, _TRUE, fields={"xyzt_units": 1}), MASK)
bad(46, "label map with two orientations", labels(MASK, _TRUE, codes=(1, 1), qform_matrix=_FLIPPED), MASK)
bad(50, "label map cut off", labels("sub_seg-vert_msk.nii", _TRUE, cut=10), "sub_seg-vert_msk.nii")
bad(50, "label map of four dimensions", labels(MASK, np.stack([_TRUE, _TRUE], -1)), MASK)

bad(52, "no scheme named", labels(ANY, _TRUE), ANY)
bad(
    52,
    "a name table that cannot be read",
    labels(ANY, _TRUE, extension=b"<CaretExtension><LabelTable><Label Key='19'>T12"),
    ANY,
)
bad(
    52,
    "a name table with an entity",
    labels(ANY, _TRUE, extension=b"<!DOCTYPE a [<!ENTITY x 'y'>]><CaretExtension><LabelTable/></CaretExtension>"),
    ANY,
)
bad(
    52,
    "a name table with a number twice",
    labels(
        ANY, _TRUE, extension=b"<C><LabelTable><Label Key='19'>T12</Label><Label Key='19'>L1</Label></LabelTable></C>"
    ),
    ANY,
)
bad(
    52, "a value without a name", labels(ANY, boxes({"T12": 32, "L1": 31, "L2": 99}), total({"T12": 32, "L1": 31})), ANY
)
bad(52, "a value VerSe does not know", labels(MASK, boxes({"T12": 19, "L1": 20, "L2": 43})), MASK)
bad(52, "SPINEPS discs read as VerSe", labels(MASK, boxes({"T12": 19, "L1": 20, "L2": 119})), MASK)
bad(52, "float labels of 19.9999", labels(MASK, _TRUE * 0.999995, dtype="<f8"), MASK)
bad(52, "negative labels", labels(MASK, np.where(_TRUE == 20, -1, _TRUE), dtype="<i2"), MASK)
bad(52, "labels beyond 65535", labels(MASK, np.where(_TRUE == 20, 70000, _TRUE), dtype="<i4"), MASK)
bad(42, "NaN among the labels", labels(MASK, np.where(_TRUE == 20, np.nan, _TRUE), dtype="<f4"), MASK)
bad(52, "the user's scheme against the table", labels(ANY, boxes(V2), total(V2)), ANY, scheme="totalsegmentator-v1")
bad(
    52,
    "VerSe said, another table inside",
    labels(ANY, boxes({"T12": 20, "L1": 22, "L2": 21}), total({"L3": 20, "L1": 22, "L2": 21})),
    ANY,
    scheme="verse",
)
bad(52, "nothing labelled", labels(MASK, np.zeros(SHAPE)), MASK)
bad(52, "only organs", labels(ANY, boxes({"L1": 5}), {5: "liver"}), ANY)
bad(52, "only the sacrum", labels(MASK, boxes({"L1": 27}), {27: "coccyx"}), MASK, code=52)
bad(
    52,
    "bodies without levels",
    labels(ANY, boxes({"L1": 1, "L2": 1}), {1: "vertebrae_body", 2: "intervertebral_discs"}),
    ANY,
)
bad(52, "parts without levels", labels(ANY, boxes({"L1": 50, "L2": 41}), {50: "body", 41: "vertebral_arch"}), ANY)
bad(
    52,
    "parts by their file name",
    labels("sub-x_seg-spine_msk.nii.gz", boxes({"L1": 50})),
    "sub-x_seg-spine_msk.nii.gz",
)
bad(52, "TotalSegmentator names on VerSe numbers", labels(ANY, _TRUE, total(VERSE)), ANY)
bad(52, "the scheme of a DICOM SEG", labels(ANY, _TRUE), ANY, scheme="dicom-seg")
bad(52, "a CT given as label map", labels(ANY, HU, dtype="<i2"), ANY)


def _masks(*files: tuple[str, Vector]) -> Build:
    """A folder of masks, one file a structure."""

    def build(folder: Path) -> None:
        (folder / "masks").mkdir()
        for name, values in files:
            labels(f"masks/{name}", values)(folder)

    return build


_ONES = {level: (number == _TRUE) * 1.0 for level, number in VERSE.items()}
_THREE_MASKS = [(f"vertebrae_{level}.nii.gz", mask) for level, mask in _ONES.items()]
good(52, "a folder of masks", _masks(*_THREE_MASKS), "masks")
bad(52, "a folder with two masks of one vertebra", _masks(*_THREE_MASKS, ("vertebrae_L1.nii", _ONES["L2"])), "masks")
bad(52, "a folder of masks that overlap", _masks(*_THREE_MASKS, ("vertebrae_L3.nii.gz", _ONES["L2"])), "masks")
bad(52, "a folder of masks of 255", _masks(("vertebrae_L1.nii.gz", 255 * _ONES["L1"])), "masks")
bad(52, "a folder of probabilities", lambda folder: (
    (folder / "masks").mkdir(), labels("masks/vertebrae_L1.nii.gz", 0.7 * _ONES["L1"], dtype="<f4")(folder)
), "masks")  # fmt: skip
_OWN = boxes({"T12": 1, "L1": 2, "L2": 3})
bad(52, "two numbers of one name", labels(ANY, _OWN, {1: "L1", 2: "L1", 3: "L2"}), ANY)
good(
    52,
    "a label of an unknown name",
    labels(ANY, _OWN, {1: "T12", 2: "L1", 3: "something"}),
    ANY,
    levels=("T12", "L1"),
    notice="labels-left-out",
)
good(52, "scaled by a slope of 0.1", labels(MASK, 10 * _TRUE, dtype="<i2", fields={"scl_slope": 0.1}), MASK)
good(52, "numbers above 255", labels(ANY, 300 * _OWN, {300: "T12", 600: "L1", 900: "L2"}, dtype="<u2"), ANY)
bad(52, "a background of 1", labels(MASK, _TRUE, fields={"scl_slope": 1.0, "scl_inter": 1.0}), MASK)
bad(50, "a label map in colours", labels(MASK, _TRUE, fields={"datatype": 128, "bitpix": 24}), MASK)


def _two_places() -> Vector:
    values = boxes({"T12": 20, "L2": 20})
    return values


def _with_piece(share: float) -> Vector:
    """L1 with a piece of the given share 4 mm beside it."""
    points, values = points_of(MATRIX), _TRUE.copy()
    offset = points - BOXES["L1"] - [BOX_MM[0] / 2 + 4.0, 0.0, 0.0]
    wide = BOX_MM[0] * share / (1 - share)
    values[
        (offset[..., 0] > 0) & (offset[..., 0] < wide) & (np.abs(offset[..., 1:]) < np.array(BOX_MM[1:]) / 2).all(-1)
    ] = 20
    return values


bad(53, "one number on two vertebrae", labels(MASK, _two_places()), MASK)
good(
    53,
    "a speck called L2",
    labels(MASK, np.where((_TRUE == 21) & (np.cumsum(_TRUE == 21).reshape(SHAPE) > 20), 0, _TRUE)),
    MASK,
    notice="label-speck",
    levels=("T12", "L1"),
)
good(
    53,
    "a label cut off at the pedicle",
    labels(MASK, _with_piece(0.3)),
    MASK,
    notice="label-pieces",
    levels=("T12", "L2"),
)
good(52, "a label map of soft tissue is doubted", labels(MASK, _TRUE), MASK, notice="labels-off-bone")


def seg_nrrd(values: Vector, segments: dict[int, tuple[str, str]], **changed: Any) -> Build:
    """A .seg.nrrd as 3D Slicer writes it: segments by label value, with name and tags."""

    def build(folder: Path) -> None:
        header: dict[str, Any] = {
            "space": "left-posterior-superior",
            "space directions": MATRIX[:3, :3].T,
            "space origin": MATRIX[:3, 3],
            "kinds": ["domain"] * 3,
            "encoding": "gzip",
        }
        for n, (value, (name, tags)) in enumerate(segments.items()):
            header |= {f"Segment{n}_LabelValue": str(value), f"Segment{n}_Name": name, f"Segment{n}_Tags": tags}
        nrrd.write(str(folder / "s.seg.nrrd"), values.astype("u1"), header | changed)

    return build


_TAG = "Segmentation.category.type:Segmentation category~SCT^123037004^Anatomical Structure~SCT^{}^x~^^~"
SEG = "s.seg.nrrd"
_THREE = {1: ("T12", ""), 2: ("L1 vertebra", ""), 3: ("vertebrae_L2", "")}
_NUMBERED = boxes({"T12": 1, "L1": 2, "L2": 3})
good(52, "seg.nrrd by segment names", seg_nrrd(_NUMBERED, _THREE), SEG)
good(
    52,
    "seg.nrrd by SNOMED codes",
    seg_nrrd(
        _NUMBERED,
        {
            1: ("Segment_1", _TAG.format(23215003)),
            2: ("Segment_2", _TAG.format(66794005)),
            3: ("Segment_3", _TAG.format(14293000)),
        },
    ),
    SEG,
)
good(52, "plain NRRD with a named scheme", seg_nrrd(_TRUE, {}), SEG, scheme="verse")
bad(52, "plain NRRD without a scheme", seg_nrrd(_TRUE, {}), SEG)
bad(52, "seg.nrrd with a nameless value", seg_nrrd(_NUMBERED, {1: ("T12", ""), 2: ("L1", "")}), SEG)
bad(
    52,
    "seg.nrrd with a code of one vertebra and the name of another",
    seg_nrrd(_NUMBERED, {1: ("T12", ""), 2: ("L3", _TAG.format(66794005)), 3: ("L2", "")}),
    SEG,
)
bad(52, "seg.nrrd with a value twice", seg_nrrd(_NUMBERED, _THREE, Segment3_LabelValue="3", Segment3_Name="L4"), SEG)
bad(47, "seg.nrrd without a space", seg_nrrd(_NUMBERED, _THREE, space="scanner-xyz"), SEG)


@dataclass(frozen=True)
class LabelOutcome:
    """`verdict` is "right", "refused", or what is wrong."""

    case: LabelCase
    verdict: str

    @property
    def holds(self) -> bool:
        """Whether the case came out as its row says."""
        return self.verdict in ("right", "refused")


def judge(case: LabelCase, folder: Path) -> LabelOutcome:
    """Build the case in `folder`, read it for the scene's CT, compare with the boxes."""
    case.build(folder)
    try:
        found = read_labels(folder / case.path, _scan(), ImportOptions(**case.options))
    except PedicleError as error:
        return LabelOutcome(case, _refusal(case, error))
    if case.code is not None:
        return LabelOutcome(case, f"accepted, E{case.code:03d} expected")
    return LabelOutcome(case, _fault(case, found) or "right")


@cache
def _scan() -> Scan:
    """The scene's CT, the same for every case."""
    with tempfile.TemporaryDirectory() as folder:
        Nifti(HU, MATRIX).save(Path(folder) / CT)
        return read_ct(Path(folder) / CT)


def _refusal(case: LabelCase, error: PedicleError) -> str:
    line = str(error)
    if error.code != case.code:
        return f"not E{case.code}: {line}"
    return "refused" if error.fix and error.found and "\n" not in line else f"unclear: {line}"


def _fault(case: LabelCase, found: LabelMap) -> str | None:
    missing = set(case.levels) - set(found.levels)
    if missing:
        return f"levels {found.levels}, expected {case.levels}"
    if case.notice and case.notice not in {notice.code for notice in found.warnings}:
        return f"no notice {case.notice!r}"
    for level, box in zip(case.levels, ("T12", "L1", "L2"), strict=False):
        if level in BOXES:
            box = level
        fault = _place_fault(found, level, box)
        if fault:
            return fault
    return None


def _place_fault(found: LabelMap, level: str, box: str) -> str | None:
    mask = found.volume.values == verse_of_level(level)
    centre = found.volume.grid.lps_from_index(np.argwhere(mask)).mean(axis=0)
    truth = points_of(MATRIX)[boxes({box: 1}) == 1].mean(axis=0)
    volume, expected = mask.sum() * found.volume.grid.voxel_ml, np.prod(BOX_MM) / 1000
    if np.linalg.norm(centre - truth) > PLACE_MM + 0.5 * bool(found.warnings and "resampled" in str(found.warnings)):
        return f"silent: {level} {np.linalg.norm(centre - truth):.2f} mm away"
    return f"silent: {level} {volume:.1f} ml" if abs(volume - expected) > VOLUME_SHARE * expected + 1.0 else None
