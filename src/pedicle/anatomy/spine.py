"""From a label map, with or without its CT, to the spine: the one door of this package."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.abreast import abreast
from pedicle.anatomy.bone import cut_bone
from pedicle.anatomy.border import parts_cut, touching
from pedicle.anatomy.calibration import scan_law
from pedicle.anatomy.canal import Loan
from pedicle.anatomy.curve import kyphosis_deg, superior_directions
from pedicle.anatomy.density import measure_density, patient_density
from pedicle.anatomy.edges import with_ct_edges
from pedicle.anatomy.field import BoneField, Box, bone_field, label_boxes
from pedicle.anatomy.flags import find_flags, patient_marrow_hu
from pedicle.anatomy.fracture import grade_fractures
from pedicle.anatomy.frame import NO_CANAL, Anatomy, settle
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.order import Count, check_order, check_piece, count_levels
from pedicle.anatomy.pedicles import find_pedicles
from pedicle.anatomy.ribs import RibCount, count_ribs, rib_conflict
from pedicle.anatomy.vertebra import measured, unmeasured
from pedicle.model.density import DensityLaw
from pedicle.model.errors import InputError
from pedicle.model.frames import unit
from pedicle.model.levels import verse_of_level
from pedicle.model.notices import Notice
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import Acquisition, LabelMap, Scan
from pedicle.model.vertebra import Spine, Vertebra
from pedicle.model.volume import Volume

_Look = tuple[Anatomy, float] | str
# What the reader says of single labels; it goes with the level, not with the whole map.
OFF_BONE = "label-off-bone"


@dataclass(frozen=True, eq=False)
class _Labelled:
    """One label on its way to becoming a vertebra."""

    field: BoneField
    border_mm: NDArray[np.float64]
    count: Count
    notices: list[Notice]

    @property
    def level(self) -> str:
        return self.field.level


def find_vertebrae(
    scan: Scan | None, labels: LabelMap, options: MeasureOptions | None = None, progress: Progress = silent
) -> Spine:
    """The vertebrae of a label map: frames, parts, heights, and, with a CT, what can be read from it.

    Without a scan there is no density and no edge of the CT. Both must lie on one canonical grid. Vertebrae that the
    border cuts, or that cannot be taken apart, are listed with `complete` False or None values and the reason.

    Raises InputError 300 when no vertebra is labelled, 301 when scan and labels lie on different grids.
    """
    options = options or MeasureOptions()
    volume = labels.volume
    names = labels.levels
    _check_input(scan, labels, names)
    padding = _padding(scan, volume)
    boxes = label_boxes(volume)
    ribs = count_ribs(labels, boxes, padding)
    counts = count_levels(labels, names, ribs)
    labelled = [_labelled(labels, name, counts[name], padding, boxes) for name in names]
    centres = np.array([one.field.centroid_lps_mm for one in labelled])
    directions = superior_directions(centres, np.array([_looks_whole(one, volume) for one in labelled]))
    progress(0.05, "looking through the vertebrae")
    looks = _look_at_all(labelled, directions, labels.coverage == "whole")
    progress(0.4, "measuring")
    found = abreast(lambda pair: _measure(*pair, scan, options), list(zip(labelled, looks, strict=True)))
    progress(0.6, "pedicles, fractures, density")
    # One law for the whole scan: its tissue is looked at once.
    law = scan_law(scan, options, [vertebra for vertebra, _ in found]) if scan is not None else None
    vertebrae = _with_findings([vertebra for vertebra, _ in found], scan, volume, options, law)
    sacrum = _landmark_notices(volume, padding, boxes)
    body_centres = np.array([vertebra.centroid_lps_mm for vertebra in vertebrae])
    return Spine(
        vertebrae,
        volume,
        scan.acquisition if scan is not None else Acquisition(source_format=labels.scheme),
        labels.coverage,
        density=patient_density(vertebrae, scan, options, law),
        kyphosis_deg=_kyphosis(found),
        structures=labels.structures,
        not_evaluable=(*_not_evaluable(vertebrae), *(f"S1 (sacrum): {notice.text}" for notice in sacrum)),
        warnings=(
            *_dangers(labels),
            *check_order(names, body_centres),
            *_rib_notices(ribs, counts),
            *sacrum,
            *_scale_notices(law),
        ),
    )


def _scale_notices(law: DensityLaw | None) -> list[Notice]:
    """What the air outside the patient says against the scan's scale."""
    return [Notice("air-off", "scan", law.remark)] if law is not None and law.remark else []


def _dangers(labels: LabelMap) -> tuple[Notice, ...]:
    """What the reader found so wrong with the map that every later step must say it again."""
    return tuple(notice for notice in labels.warnings if notice.severity == "danger" and notice.code != OFF_BONE)


def _rib_notices(ribs: RibCount | None, counts: dict[str, Count]) -> tuple[Notice, ...]:
    """What the ribs tell of the levels, or why they do not."""
    if ribs is None:
        return ()
    proven = ribs.last is not None and not counts[ribs.last].conflict
    return (*rib_conflict(ribs, proven), *ribs.notices)


def _check_input(scan: Scan | None, labels: LabelMap, names: list[str]) -> None:
    if not names:
        raise InputError(300, "label map", "no vertebra is labelled", "at least one", "check the file and --scheme")
    if scan is not None and not scan.volume.grid.same_place(labels.volume.grid):
        raise InputError(301, "label map", "lies on another grid than the CT", "one grid", "use --resample-labels")


def _padding(scan: Scan | None, labels: Volume) -> NDArray[np.bool_] | None:
    """Voxels without data in the scan or the map; None when there are none."""
    masks = [volume.outside for volume in (labels, scan.volume if scan is not None else labels)]
    there = [mask for mask in masks if mask is not None and mask.any()]
    return None if not there else np.logical_or.reduce(there)


def _labelled(
    labels: LabelMap, name: str, count: Count, padding: NDArray[np.bool_] | None, boxes: dict[int, Box]
) -> _Labelled:
    number = verse_of_level(name)
    field = bone_field(labels.volume, number, name, boxes[number])
    border = touching(labels.volume, number, padding, boxes[number])
    told = [notice for notice in labels.warnings if notice.code == OFF_BONE and notice.where == name]
    return _Labelled(field, border, count, [*told, *check_piece(name, field.surface_mm < 0)])


def _looks_whole(one: _Labelled, volume: Volume) -> bool:
    """A first guess before parts are known: nothing at the head and feet end of the map."""
    k = volume.grid.index_from_lps(one.border_mm)[:, 2] if len(one.border_mm) else np.empty(0)
    return not bool(((k < 0.5) | (k > volume.grid.shape[2] - 1.5)).any())


def _look_at_all(labelled: list[_Labelled], directions: NDArray[np.float64], whole: bool) -> list[_Look]:
    """Every level in its own frame; where no canal is seen, once more with the neighbours' canal."""
    looks: list[_Look] = abreast(lambda n: settle(labelled[n].field, directions[n], whole), range(len(labelled)))
    for n, one in enumerate(labelled):
        loan = _loan(looks, n) if looks[n] == NO_CANAL and not len(one.border_mm) else None
        if loan is not None:
            looks[n] = settle(one.field, directions[n], True, loan)
    return looks


def _loan(looks: list[_Look], n: int) -> Loan | None:
    """The canal between the neighbours above and below, when both show theirs."""
    beside = [looks[m] for m in (n - 1, n + 1) if 0 <= m < len(looks)]
    seen = [look[0] for look in beside if not isinstance(look, str) and look[0].canal is not None]
    if len(seen) < 2:
        return None
    above, below = (a.lps_from_vertebra @ np.array([*a.canal.centre_at(0.0), 0.0]) for a in seen if a.canal)
    section = seen[1].canal
    return None if section is None else Loan(0.5 * (above + below), unit(above - below), section)


def _measure(
    one: _Labelled, look: _Look, scan: Scan | None, options: MeasureOptions
) -> tuple[Vertebra, Anatomy | None]:
    if isinstance(look, str):
        reason = "cut by the border of the scan" if len(one.border_mm) else look
        return unmeasured(one.field, one.count, reason, not len(one.border_mm), one.notices), None
    anatomy, step_deg = look
    cut = parts_cut(anatomy, one.border_mm)
    if cut:
        reason = f"{' and '.join(cut)} cut by the border of the scan"
        return unmeasured(one.field, one.count, reason, False, one.notices), None
    if scan is not None:
        anatomy = anatomy.with_columns(with_ct_edges(anatomy.columns, anatomy.view, anatomy.low_mm, scan))
    return measured(one.field, one.count, anatomy, step_deg, options, one.notices), anatomy


def _with_findings(
    vertebrae: list[Vertebra], scan: Scan | None, labels: Volume, options: MeasureOptions, law: DensityLaw | None
) -> tuple[Vertebra, ...]:
    """Pedicles, flags, fracture, density and bone of each level; fracture first, for it decides what density means."""
    voxel_mm = float(labels.grid.spacing_mm.max())
    marrow_hu = patient_marrow_hu(vertebrae, scan)

    def seen(v: Vertebra) -> Vertebra:
        return find_flags(replace(v, pedicles=find_pedicles(v, scan, voxel_mm)), scan, marrow_hu)

    def dense(v: Vertebra) -> Vertebra:
        v = replace(v, density=measure_density(v, scan, options, law))
        return replace(v, bone=cut_bone(v, scan))

    return tuple(abreast(dense, grade_fractures(abreast(seen, vertebrae), scan, options)))


def _kyphosis(found: list[tuple[Vertebra, Anatomy | None]]) -> dict[str, float]:
    """Angles about every measured vertebra between its neighbours, and over all measured levels."""
    known = [(v, a) for v, a in found if a is not None]
    pairs = [(n - 1, n + 1) for n in range(1, len(known) - 1)]
    if len(known) > 1 and (0, len(known) - 1) not in pairs:
        pairs.append((0, len(known) - 1))
    return {f"{known[a][0].level}-{known[b][0].level}": _angle(known[a], known[b]) for a, b in pairs}


def _angle(upper: tuple[Vertebra, Anatomy | None], lower: tuple[Vertebra, Anatomy | None]) -> float:
    (above, top), (below, bottom) = upper, lower
    assert top is not None
    assert bottom is not None
    axes = np.array([above.anterior + below.anterior, above.superior + below.superior])
    upper_plate = top.lps_from_vertebra.turn(top.upper.normal)
    return kyphosis_deg(upper_plate, bottom.lps_from_vertebra.turn(bottom.lower.normal), axes)


def _not_evaluable(vertebrae: tuple[Vertebra, ...]) -> list[str]:
    return [f"{v.level}: {v.warnings[0].text}" for v in vertebrae if v.heights_mm is None]


def _landmark_notices(volume: Volume, padding: NDArray[np.bool_] | None, boxes: dict[int, Box]) -> list[Notice]:
    """What a labelled sacrum is good for."""
    number = verse_of_level("sacrum")
    if number not in boxes:
        return []
    cut = "cut by the border of the scan; " if len(touching(volume, number, padding, boxes[number])) else ""
    return [Notice("sacrum", "sacrum", f"{cut}counted from, not measured, never planned", "note")]
