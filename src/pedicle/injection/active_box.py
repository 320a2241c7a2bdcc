"""The box of cells in which pressure is solved: the cement and a margin, while the marrow around keeps its response.

Where cement is much more viscous than marrow nearly all pressure falls inside it, and what lies around answers to the flow as
it did when the box was drawn: its response (pressure for a unit flow) stands at the box's sides. When the cement comes near a
side the whole grid is solved again and a new box drawn, so that the sides never lag by more than the margin. Through which
opening marrow leaves that goes through the sides is taken from that solve too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.options import FlowOptions
from pedicle.injection.pressure import Fields
from pedicle.kernels import flow_transport
from pedicle.model.flow import Source
from pedicle.model.medium import Medium

# Cement from here counts as reached; marrow alone decides what lies beyond.
REACHED = 1e-6
# Cells between cement and side at which the box is drawn anew.
SPARE = 2
# A box pays where cement is so much more viscous than marrow, and where it saves so much of the grid.
RATIO, WORTH = 5.0, 0.6
Box = NDArray[np.int64]


def whole(medium: Medium) -> Box:
    """Box of all cells with pores."""
    found = np.empty((3, 2), np.int64)
    flow_transport.reach(medium.pore_volume_mm3, 0.0, found)
    return found


def next_box(medium: Medium, source: Source, fields: Fields, box: Box, options: FlowOptions) -> tuple[Box, bool]:
    """The box of the next solves, and whether the whole grid is to be solved this time."""
    domain = whole(medium)
    if not _pays(fields, options):
        return domain, True
    reached = _reached(fields, source)
    if _has_room(box, domain, reached):
        return box, False
    wider = reached + options.margin_cells * np.array([-1, 1])
    drawn = np.stack([np.maximum(wider[:, 0], domain[:, 0]), np.minimum(wider[:, 1], domain[:, 1])], axis=1)
    worth_it = options.active_box == "on" or _cells(drawn) <= WORTH * _cells(domain)
    return (drawn if worth_it else domain), True


def _pays(fields: Fields, options: FlowOptions) -> bool:
    if options.active_box == "off" or fields.rate == 0.0:
        return False
    return options.active_box == "on" or float(fields.inverse.max()) * RATIO <= fields.inverse_marrow


def _reached(fields: Fields, source: Source) -> Box:
    """Box of cement and of the needle's opening."""
    found = np.empty((3, 2), np.int64)
    flow_transport.reach(fields.saturation, REACHED, found)
    at = np.stack(np.unravel_index(source.cells, fields.saturation.shape))
    low, high = np.minimum(found[:, 0], at.min(axis=1)), np.maximum(found[:, 1], at.max(axis=1) + 1)
    return np.stack([low, high], axis=1)


def _has_room(box: Box, domain: Box, reached: Box) -> bool:
    """Whether a box smaller than the domain still holds the cement with cells to spare, or ends where the domain does."""
    if not box.any() or np.array_equal(box, domain):
        return False
    low = (reached[:, 0] - box[:, 0] >= SPARE) | (box[:, 0] == domain[:, 0])
    high = (box[:, 1] - reached[:, 1] >= SPARE) | (box[:, 1] == domain[:, 1])
    return bool((low & high).all())


def _cells(box: Box) -> int:
    return int(np.prod(box[:, 1] - box[:, 0]))
