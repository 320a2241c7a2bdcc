"""The file of a curing: ``cure-LEVEL.json``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io.documents import rounded, to_bytes
from pedicle.model.cure import Cure, CureCurve

# Rows of the curve that a file holds; more steps are thinned to these, first and last and the hottest kept.
_ROWS = 200


def cure_files(cure: Cure) -> dict[str, bytes]:
    """Files by name: ``cure-LEVEL.json``."""
    return {f"cure-{cure.level}.json": to_bytes(cure_document(cure))}


def cure_document(cure: Cure) -> dict[str, Any]:
    """cure-LEVEL.json. `setting_time_s` is from mixing until half of the cement in the bone had set, None when it did not."""
    bone, clock = cure.harm["bone"], cure.clock
    return {
        "level": cure.level,
        "cement": cure.cement,
        "peak_temperature_c": {
            "cement": rounded(cure.peak_cement_c),
            **{name: None if one is None else rounded(one.peak_c) for name, one in cure.harm.items()},
        },
        "thermal_damage": {
            "omega_max": None if bone is None else rounded(bone.omega_max),
            "volume_over_1_ml": None if bone is None else rounded(bone.over_1_ml),
            "necrosis_rim_mm": rounded(cure.necrosis_rim_mm),
            "by_tissue": {name: None if one is None else rounded(asdict(one)) for name, one in cure.harm.items()},
        },
        "setting_time_s": None if clock.set_s is None else rounded(clock.set_s - clock.mixed_s),
        "setting_at_constant_temperature_s": rounded(cure.setting_s),
        "degree_of_cure_1h": rounded(cure.degree_of_cure["1h"]),
        "degree_of_cure_24h": rounded(cure.degree_of_cure["24h"]),
        "modulus_1h_mpa": rounded(cure.modulus_by_time_mpa["1h"]),
        "modulus_24h_mpa": rounded(cure.modulus_by_time_mpa["24h"]),
        "strength_1h_mpa": rounded(cure.strength_by_time_mpa["1h"]),
        "strength_24h_mpa": rounded(cure.strength_by_time_mpa["24h"]),
        "strength_ratio_1h": rounded(cure.strength_ratio_1h),
        "strength_why": cure.why_strength,
        "shrinkage_percent": rounded(cure.shrinkage_percent),
        "porosity_percent": rounded(cure.porosity_percent),
        "energy_j": rounded(cure.energy_j),
        "energy_balance_error": cure.energy_balance_error,
        "steps": cure.steps,
        "clock": {**rounded({k: v for k, v in asdict(clock).items() if k != "basis"}), "basis": clock.basis},
        "evidence": cure.evidence,
        "curve": curve_rows(cure.curve),
        "hardening": {name: rounded(values.tolist()) for name, values in vars(cure.hardening).items()},
        "warnings": [dict(vars(notice)) for notice in cure.warnings],
    }


def curve_rows(curve: CureCurve) -> dict[str, list[float | None]]:
    """The curve by name; a temperature of tissue that is not there is None."""
    keep = _kept(curve)
    return {name: [_plain(value) for value in values[keep].tolist()] for name, values in vars(curve).items()}


def _kept(curve: CureCurve) -> NDArray[np.int64]:
    """Rows evenly by number, and those of the peaks."""
    last = len(curve.t_s) - 1
    rows = np.unique(np.linspace(0, last, min(_ROWS, last + 1)).round().astype(np.int64))
    hottest = [int(np.argmax(values)) for values in (curve.cement_c, curve.bone_c) if np.isfinite(values).all()]
    return np.union1d(rows, np.array(hottest, np.int64))


def _plain(value: float) -> float | None:
    return float(rounded(value)) if np.isfinite(value) else None
