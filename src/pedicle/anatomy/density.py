"""Trabecular density of a body in a standard region, and the patient's own from levels that are fit for it."""

from __future__ import annotations

from collections.abc import Sequence

from pedicle.anatomy.options import MeasureOptions
from pedicle.model.scan import Scan
from pedicle.model.vertebra import Density, Estimate, Vertebra


def measure_density(vertebra: Vertebra, scan: Scan | None, options: MeasureOptions) -> Density:
    """Density of one level; all None with the reason when it cannot be evaluated."""
    return Density(None, None, 0.0, None, False, False, "not measured yet")


def patient_density(vertebrae: Sequence[Vertebra], scan: Scan | None, options: MeasureOptions) -> Estimate | None:
    """The patient's trabecular density from usable levels; None when there is none."""
    return None
