"""The file of a level's strength."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pedicle.io.documents import rounded, to_bytes
from pedicle.model.strength import STATES, StateStrength, Strength
from pedicle.model.vertebra import Estimate


def strength_files(found: Strength) -> dict[str, bytes]:
    """Files by name: ``strength-LEVEL.json``."""
    return {f"strength-{found.level}.json": to_bytes(strength_document(found))}


def strength_document(found: Strength) -> dict[str, Any]:
    """strength-LEVEL.json; a state that the level does not have is null. Solver figures are the worst of all states."""
    states = list(found.states.values())
    return {
        "level": found.level,
        "law": found.law,
        "end_layer": found.end_layer,
        "plate": found.plate,
        "cell_mm": rounded(found.cell_mm),
        "criterion": found.criterion,
        "stiffness_n_mm": {state: _ranged(found.stiffness_n_mm.get(state)) for state in STATES},
        "strength_n": {state: _ranged(found.strength_n.get(state)) for state in STATES},
        "states": {state: _state(found.states[state]) if state in found.states else None for state in STATES},
        "load_transfer": found.load_transfer,
        "elements": max(one.elements for one in states),
        "dof": max(one.dof for one in states),
        "iterations": max(one.iterations for one in states),
        "relative_residual": max(one.relative_residual for one in states),
        "balance_error": max(one.balance_error for one in states),
        "evidence": found.evidence,
        "warnings": [asdict(notice) for notice in found.warnings],
    }


def _ranged(value: Estimate | None) -> dict[str, Any] | None:
    return rounded({key: getattr(value, key) for key in ("value", "low", "high")}) if value else None


def _state(one: StateStrength) -> dict[str, Any]:
    keys = ["screen_n", "failure_estimate_n", "plate_n_mm", "bending_nmm_rad", "height_mm"]
    keys += ["elements", "dof", "iterations", "islands_removed"]
    curve = None
    if one.curve is not None:
        curve = {"strain": one.curve.strain.tolist(), "load_n": rounded(one.curve.load_n.tolist())}
    return {
        **{key: rounded(getattr(one, key)) for key in keys},
        "tilt_rad_per_kn": list(one.tilt_rad_per_kn),
        "curve": curve,
    }
