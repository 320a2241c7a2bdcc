"""Where a label's border wavers, the CT's edge brings the endplates back; where the CT shows none, the label stays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pedicle.anatomy.spine import find_vertebrae
from pedicle.model.levels import verse_of_level
from pedicle.model.scan import Acquisition, LabelMap, Scan
from pedicle.model.volume import Volume

BONE_HU, TISSUE_HU, BLUR_MM, NOISE_HU = 220.0, 40.0, 0.7, 15.0


@pytest.fixture(scope="module")
def wavering(solid, posed, grid):
    """The truth, its CT, and a label whose border wavers along the axis by 0.7 mm (1 SD) over about 6 mm."""
    shape, pose, where = solid(wedge_deg=6.0), posed((6.0, 4.0, -5.0)), grid((1.0, 1.0, 1.0))
    chance = np.random.Generator(np.random.Philox(key=(5, 1)))
    points = pose.inverse @ where.centres_lps_mm()
    sharp = np.where(shape(points), BONE_HU, TISSUE_HU)
    hu = gaussian_filter(sharp, BLUR_MM) + NOISE_HU * chance.standard_normal(sharp.shape)
    waver = gaussian_filter(chance.standard_normal(sharp.shape), 3.0)
    points[..., 2] += 0.7 * waver / waver.std()
    label = np.where(shape(points), verse_of_level("L2"), 0).astype(np.uint8)
    scan = Scan(Volume(where, hu.astype(np.int16)), Acquisition())
    return np.array(shape.heights()), scan, LabelMap(Volume(where, label), "verse")


def errors(truth, scan, labels):
    found = find_vertebrae(scan, labels)["L2"].heights_mm
    return np.array([found.anterior, found.middle, found.posterior]) - truth


def test_the_edge_repairs_the_course_of_a_wavering_label(wavering):
    """The mean place of the endplates stays the label's; what differs from station to station comes from the CT."""
    truth, scan, labels = wavering
    with_ct, without = errors(truth, scan, labels), errors(truth, None, labels)
    assert np.ptp(with_ct) < 0.5
    assert np.ptp(with_ct) < 0.6 * np.ptp(without)


def test_a_ct_without_edges_changes_nothing(wavering):
    truth, scan, labels = wavering
    flat = Scan(scan.volume.with_values(np.full_like(scan.volume.values, 40)), Acquisition())
    assert errors(truth, flat, labels) == pytest.approx(errors(truth, None, labels), abs=1e-9)
