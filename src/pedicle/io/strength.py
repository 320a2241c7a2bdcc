"""The file of a level's strength."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from pedicle.io.documents import rounded, to_bytes
from pedicle.model.sourced import quantity
from pedicle.model.strength import (
    STATES,
    TRANSFER_BASIS,
    FillCurve,
    NeighbourLoad,
    StateStrength,
    Strength,
    neighbour_evidence,
)
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
        "load_transfer": rounded(found.load_transfer),
        "load_transfer_basis": TRANSFER_BASIS if found.neighbours is not None else None,
        "neighbours": _neighbours(found.neighbours),
        "gap_motion_mm": _gap(found),
        "fill_curve": _fill_curve(found.fill_curve),
        "elements": max(one.elements for one in states),
        "dof": max(one.dof for one in states),
        "iterations": max(one.iterations for one in states),
        "relative_residual": max(one.relative_residual for one in states),
        "balance_error": max(one.balance_error for one in states),
        "evidence": found.evidence,
        "warnings": [asdict(notice) for notice in found.warnings],
    }


def _neighbours(found: dict[str, NeighbourLoad | None] | None) -> dict[str, Any] | None:
    """Both neighbours, each figure before cement and with it."""
    if found is None:
        return None
    keys = [field.name for field in fields(NeighbourLoad)]
    return {
        side: None if one is None else {key: _before_after(getattr(one, key)) for key in keys}
        for side, one in found.items()
    }


def _before_after(pair: tuple[float, float]) -> dict[str, float]:
    """Strains and deflections are small: four digits of each, not four places."""
    return {name: float(f"{value:.4g}") for name, value in zip(("before", "after"), pair, strict=True)}


def _gap(found: Strength) -> dict[str, Any] | None:
    """Motion of the cleft's faces in the fractured and the augmented state; null without a cleft."""
    before, after = (found.states[state].gap_mm if state in found.states else None for state in STATES[1:])
    if before is None:
        return None
    load = quantity("mechanics/materials", "gap", "load").value
    return {"fractured": rounded(before), "augmented": rounded(after), "load_n": rounded(load)}


def _fill_curve(curve: FillCurve | None) -> dict[str, Any] | None:
    if curve is None:
        return None
    keys = ("cement_ml", "percent_of_body", "stiffness_n_mm", "screen_n", "yield_n")
    at = {
        key: None if one is None else {"ml": one[0], "percent_of_body": one[1]} for key, one in curve.intact_at.items()
    }
    return {
        **{key: rounded(getattr(curve, key).tolist()) for key in keys},
        "push_n": None if curve.push_n is None else rounded(curve.push_n.tolist()),
        "own_ml": rounded(curve.own_ml),
        "intact_at": rounded(at),
        "order": curve.order,
        "neighbours": neighbour_evidence(),
    }


def _ranged(value: Estimate | None) -> dict[str, Any] | None:
    return rounded({key: getattr(value, key) for key in ("value", "low", "high")}) if value else None


def _state(one: StateStrength) -> dict[str, Any]:
    keys = ["screen_n", "failure_estimate_n", "yield_n", "plate_n_mm", "bending_nmm_rad", "height_mm"]
    keys += ["elements", "dof", "iterations", "islands_removed"]
    curve = None
    if one.curve is not None:
        curve = {"strain": one.curve.strain.tolist(), "load_n": rounded(one.curve.load_n.tolist())}
    return {
        **{key: rounded(getattr(one, key)) for key in keys},
        "tilt_rad_per_kn": list(one.tilt_rad_per_kn),
        "curve": curve,
    }
