"""What soft tissue lies where at each height: a table by slice that the soft-tissue kernel reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels import phantom_soft as column
from pedicle.model.levels import rank
from pedicle.phantom.chain import Link
from pedicle.phantom.options import PhantomOptions

Array = NDArray[np.float64]
Along = Callable[[list[float]], Array]


def back_of(links: list[Link], options: PhantomOptions) -> float:
    """Skin of the back, LPS y in mm: behind every spinous process, independent of the curve between them."""
    tips = [link.lps_from_vertebra @ _tip(link) for link in links if rank(link.shape.level) >= rank("T8")]
    return float(max(tip[1] for tip in tips)) + 7.0 + back_fat(options)


def back_fat(options: PhantomOptions) -> float:
    """Fat under the skin of the back, mm."""
    return 7.0 + 26.0 * options.obesity


def _tip(link: Link) -> NDArray[np.float64]:
    shape = link.shape
    back = 0.25 * (shape.depth_top + shape.depth_bottom) + shape.canal_depth + 1.0
    tilt = np.radians(shape.spine_tilt)
    return np.array([0.0, back + shape.spine_length * np.cos(tilt), -4.0 + shape.spine_length * np.sin(tilt)])


def slice_table(links: list[Link], options: PhantomOptions, z_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The table (slices, SLICE_COLUMNS) at LPS heights `z_mm`."""
    table = np.zeros((z_mm.size, column.SLICE_COLUMNS))
    centres = np.array([link.lps_from_vertebra.origin_mm for link in links])[::-1]
    height = {link.shape.level: float(link.lps_from_vertebra.origin_mm[2]) for link in links}

    def along(values: list[float]) -> NDArray[np.float64]:
        return np.asarray(np.interp(z_mm, centres[:, 2], np.array(values)[::-1]))

    _spine_columns(table, links, centres, z_mm, along)
    _outline_columns(table, links, options, z_mm, height)
    _organ_columns(table, options, z_mm, height)
    return table


def _spine_columns(table: Array, links: list[Link], centres: Array, z_mm: Array, along: Along) -> None:
    table[:, column.SPINE_X] = np.interp(z_mm, centres[:, 2], centres[:, 0])
    table[:, column.SPINE_Y] = np.interp(z_mm, centres[:, 2], centres[:, 1])
    table[:, column.BODY_HALF_WIDTH] = along(
        [0.25 * (link.shape.width_top + link.shape.width_bottom) for link in links]
    )
    table[:, column.BODY_HALF_DEPTH] = along(
        [0.25 * (link.shape.depth_top + link.shape.depth_bottom) for link in links]
    )
    back = along([link.shape.canal_depth for link in links])
    table[:, column.CANAL_Y] = table[:, column.SPINE_Y] + table[:, column.BODY_HALF_DEPTH] + back


def _outline_columns(
    table: Array, links: list[Link], options: PhantomOptions, z_mm: Array, height: dict[str, float]
) -> None:
    """Skin, fat, wall and table. Prone flattens the belly, supine the back."""
    girth = (0.5 * options.size + 0.5) * (1.0 if options.sex == "F" else 1.06) * (1.0 + 0.16 * options.obesity)
    waist = 1.0 - 0.05 * np.exp(-(((z_mm - height["L3"]) / 70.0) ** 2))
    chest = np.clip((z_mm - height["L1"]) / 220.0, 0.0, 1.0)
    table[:, column.HALF_WIDTH] = (158.0 - 16.0 * chest) * girth * waist
    depth = 113.0 * girth * (1.0 + 0.04 * np.sin(z_mm / 60.0)) + 20.0 * options.obesity
    if options.posture == "prone":
        depth = depth * 0.95
    back = back_of(links, options)
    flat = 0.0 if options.posture == "supine" else 2.0
    table[:, column.BACK_Y] = back - flat
    table[:, column.HALF_DEPTH] = depth
    table[:, column.MIDDLE_Y] = back + 4.0 - depth
    table[:, column.FAT] = back_fat(options)
    table[:, column.RING] = 13.0
    below = back + 6.0
    front = float((table[:, column.MIDDLE_Y] - depth).min()) - 4.0
    table[:, column.TABLE_Y] = below if options.posture == "supine" else front
    table[:, column.TIP_Y] = back - back_fat(options) - 3.0
    table[:, column.BELLY] = table[:, column.MIDDLE_Y] - 0.42 * depth


def _organ_columns(table: Array, options: PhantomOptions, z_mm: Array, height: dict[str, float]) -> None:
    """Psoas, kidneys, diaphragm. HIGH counts mm above L1; the posterior recess of the lung reaches T12."""
    high = z_mm - height["L1"]
    table[:, column.HIGH] = high
    down = np.clip((height["T12"] - z_mm) / max(1.0, height["T12"] - height["L4"]), 0.0, 1.0)
    table[:, column.PSOAS] = np.where(down > 0.03, (4.0 + 17.0 * down) * options.size, 0.0)
    table[:, column.KIDNEY] = np.sqrt(np.clip(1.0 - ((z_mm - height["L2"] - 8.0) / 55.0) ** 2, 0.0, 1.0))
    above = z_mm - height["T12"]
    table[:, column.LUNG] = np.where(above > -12.0, 1.0, 0.0)
    table[:, column.ABOVE] = above + 12.0
