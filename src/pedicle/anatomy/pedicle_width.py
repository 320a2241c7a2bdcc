"""How far a pedicle's width can be trusted: label against CT edge, left against right, against what is published."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pedicle.anatomy.pedicle_edge import Edge
from pedicle.anatomy.pedicle_section import LYING, Section
from pedicle.model.sourced import quantity, table
from pedicle.model.vertebra import Pedicle

_FILE = "morphometry/pedicles"
LABEL_SIGMA_MM = 0.8
LABEL_VOXELS = 0.45
APART_MM = 3.0
LEAST_SHARE = 0.5
NO_OVAL_SIGMA_MM = 1.5
L5_SD_MM = 4.1
BRIDGED_SIGMA_MM = 1.0
SIDES_APART_MM = 2.5
SIDES_APART_SHARE = 0.3


def best_width(section: Section, edge: Edge | None, voxel_mm: float) -> tuple[float, float]:
    """Width and its 1 SD, mm, of a closed section; at least 1 mm where the label had a gap that was bridged."""
    width, sigma = weighed(section.width_mm, edge, voxel_mm)
    return width, max(sigma, BRIDGED_SIGMA_MM) if section.bridged else sigma


def weighed(label_mm: float, edge: Edge | None, voxel_mm: float) -> tuple[float, float]:
    """Width and its 1 SD, mm, from the label's section and the CT's edge, weighted by their variances.

    A label's width wavers with the segmenter and with its voxels; the CT's edge hardly does. Where the two differ by more
    than their spreads explain, the spread grows by that factor. Where they are more than 3 mm apart, or the edges enclose
    less than half of the label, one of them is wrong, and the label alone is given with the difference as its spread.

    >>> from pedicle.anatomy.pedicle_edge import Edge
    >>> weighed(10.0, None, 1.0)[0], weighed(10.0, Edge(9.0, 0.35), 1.0)[0] < 9.2
    (10.0, True)
    """
    label_sigma = label_sigma_mm(voxel_mm)
    if edge is None:
        return label_mm, label_sigma
    apart = abs(edge.width_mm - label_mm)
    if apart > APART_MM or edge.width_mm < LEAST_SHARE * label_mm:
        return label_mm, max(label_sigma, apart)
    sigmas = np.array([label_sigma, edge.sigma_mm])
    weights = sigmas**-2.0
    excess = max(1.0, apart / float(np.linalg.norm(sigmas)))
    return float(weights @ [label_mm, edge.width_mm] / weights.sum()), float(weights.sum() ** -0.5) * excess


def label_sigma_mm(voxel_mm: float) -> float:
    """1 SD of a width by the label alone: half a millimetre a wall of any segmenter, and the voxels."""
    return float(np.hypot(LABEL_SIGMA_MM, LABEL_VOXELS * voxel_mm))


def without_oval(section: Section, edge: Edge | None, voxel_mm: float) -> tuple[float, float]:
    """Width and its 1 SD, mm, of a section that runs on into a process: the label's, and how little it is defined.

    The spread is at least half of what the width exceeds the inscribed circle by, and half of its distance from the CT's
    edge, which falls on different bone from line to line there. Where the least diameter runs up and down it may be the
    pedicle's height: then also half of the difference between both diameters, but no more than people differ (4.1 mm).
    """
    apart = 0.0 if edge is None else abs(edge.width_mm - section.width_mm)
    upright = abs(float(section.width_direction[0])) >= LYING
    other = min(0.5 * (section.height_mm - section.width_mm), L5_SD_MM) if upright else 0.0
    loose = max(0.5 * (section.width_mm - section.inscribed_mm), 0.5 * apart, other)
    return section.width_mm, max(float(np.hypot(NO_OVAL_SIGMA_MM, label_sigma_mm(voxel_mm))), loose)


def compared(found: dict[str, Pedicle], level: str) -> dict[str, Pedicle]:
    """Both pedicles of a level with what speaks against their widths: said in `reason`, and in a larger `sigma_mm`."""
    banded = {side: _against_band(pedicle, level) for side, pedicle in found.items()}
    widths = [pedicle.width_mm for pedicle in banded.values() if pedicle.width_mm is not None]
    apart = max(widths) - min(widths) if len(widths) == 2 else 0.0
    if not widths or apart <= max(SIDES_APART_MM, SIDES_APART_SHARE * max(widths)):
        return banded
    word = f"left and right differ by {apart:.0f} mm: look at both"
    return {side: _doubted(pedicle, 0.5 * apart, word) for side, pedicle in banded.items()}


def _against_band(pedicle: Pedicle, level: str) -> Pedicle:
    """The pedicle, doubted when its width lies outside the published band of its level."""
    if pedicle.width_mm is None or level not in table(_FILE)["width"]:
        return pedicle
    band = quantity(_FILE, "width", level)
    assert band.low is not None
    assert band.high is not None
    beyond = max(band.low - pedicle.width_mm, pedicle.width_mm - band.high)
    if beyond <= 0.0:
        return pedicle
    return _doubted(pedicle, beyond, f"implausible width: published {band.low:.0f} to {band.high:.0f} mm at this level")


def _doubted(pedicle: Pedicle, sigma_mm: float, word: str) -> Pedicle:
    reason = f"{word}; {pedicle.reason}" if pedicle.reason else word
    return replace(pedicle, sigma_mm=max(pedicle.sigma_mm or 0.0, sigma_mm), reason=reason)
