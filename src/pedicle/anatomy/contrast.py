"""Whether a vessel in front of a body holds contrast: a bright, even ball that no calcification or bone can be."""

from __future__ import annotations

import numpy as np

from pedicle.model.grid import Grid
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Vertebra

SPACING_MM = 2.0
BALL_MM = 8.0


def enhanced(vertebra: Vertebra, scan: Scan) -> bool:
    """Whether an even region of more than 130 HU and 8 mm across lies within 45 mm in front of the body."""
    if vertebra.lps_from_vertebra is None or vertebra.anterior_wall_mm is None:
        return False
    from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

    low = np.array([-35.0, vertebra.anterior_wall_mm - 45.0, -8.0])
    high = np.array([35.0, vertebra.anterior_wall_mm - 2.0, 8.0])
    grid = Grid.in_frame(vertebra.lps_from_vertebra, low, high, SPACING_MM)
    values = scan.volume.sampled(grid.centres_lps_mm(), fill=0.0)
    smooth = uniform_filter(values, 3)
    size = round(BALL_MM / SPACING_MM)
    least, most = minimum_filter(smooth, size), maximum_filter(smooth, size)
    limit = quantity("density/calibration", "contrast", "aorta").value
    return bool(((least > limit) & (most < 3.0 * limit)).any())
