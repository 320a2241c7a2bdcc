"""Stiffness and loads of one body against millilitres of cement: its own cement cut back in the order it came, and grown beyond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pedicle.mechanics.loads import press
from pedicle.mechanics.plastic import push
from pedicle.mechanics.states import StrengthCase, solid_in
from pedicle.mechanics.stiffness import stiffness_of
from pedicle.model.fill import Fill
from pedicle.model.sourced import quantity
from pedicle.model.strength import FillCurve, State, StateStrength
from pedicle.model.vertebra import PART_BODY, Vertebra
from pedicle.model.volume import Volume

Floats = NDArray[np.float64]
# Share of a portion's cells, the youngest, whose middle is taken as the place where it came in.
_YOUNGEST = 0.02
# Distance that no cell of one portion has, mm: the next portion comes after it.
_A_PORTION_MM = 1e3
BY_AGE = "cut back by portion and by distance from where its youngest cement lies (the tip); grown by distance from it"
BY_DEPTH = "cut back from its surface inwards (no order of arrival given); grown by distance from it"


def order_of_arrival(fill: Fill) -> Volume:
    """When each cell was reached, as a number that rises: portions in turn, in each the distance (mm) from where it came in.

    A fill keeps the age of cement, not when a cell was first reached: old cement lies at the front because it was pushed there.
    The youngest cement lies at the tip, so that distance from it is the order. Defined everywhere, by the nearest portion.
    """
    portion = fill.portion.values
    near = ndimage.distance_transform_edt(portion == 0, return_distances=False, return_indices=True)
    nearest = portion[tuple(near)] if (portion > 0).any() else np.ones_like(portion)
    points = fill.share.grid.centres_lps_mm()
    found = np.zeros(portion.shape)
    for number in np.unique(portion[portion > 0]):
        away = np.linalg.norm(points - _entry(fill, portion == number, points), axis=-1)
        found = np.where(nearest == number, float(number) * _A_PORTION_MM + away, found)
    return Volume(fill.share.grid, found)


def _entry(fill: Fill, cells: NDArray[np.bool_], points: Floats) -> Floats:
    """Middle of the youngest cement among some cells, LPS mm."""
    age = np.where(cells, fill.age_s.values, np.inf)
    youngest = cells & (age <= np.quantile(age[cells], _YOUNGEST))
    return np.asarray(points[youngest].mean(axis=0))


def filled_to(share: Floats, body: NDArray[np.bool_], order: Floats, cement: float) -> Floats:
    """`share` with `cement` cells' worth of cement in the body: less of it, last come first gone, or more, nearest first.

    What grows fills cells to the median share of the present ones that are more than half full; never beyond the body.
    """
    own = np.where(body, share, 0.0)
    if cement <= own.sum():
        return _poured(np.zeros_like(own), own, order, cement)
    usual = float(np.median(own[own > 0.5 * own.max()]))
    away = np.asarray(ndimage.distance_transform_edt(own < 0.5 * usual))
    room = np.where(body, np.maximum(usual - own, 0.0), 0.0)
    return _poured(own, room, away, cement - float(own.sum()))


def _poured(start: Floats, room: Floats, order: Floats, cement: float) -> Floats:
    """`start` plus `room` of the cells that come first, the last of them in part, until `cement` is in."""
    flat = room.ravel()
    turn = np.argsort(order.ravel(), kind="stable")
    before = np.cumsum(flat[turn]) - flat[turn]
    taken = np.zeros_like(flat)
    taken[turn] = np.clip(cement - before, 0.0, flat[turn])
    return start + taken.reshape(room.shape)


def fill_curve(
    vertebra: Vertebra, case: StrengthCase, states: dict[State, StateStrength], order: Floats | None
) -> FillCurve:
    """The curve at `case.options.curve` fills; `states` holds what is known already, `order` (bone's grid) when cells were reached."""
    assert case.share is not None
    body = np.asarray(case.bone.parts.values == PART_BODY)
    voxel_ml, own = case.bone.parts.grid.voxel_ml, float(case.share[body].sum())
    words = BY_DEPTH if order is None else BY_AGE
    turn = -np.asarray(ndimage.distance_transform_edt(case.share > 0.0)) if order is None else order
    count = case.options.curve
    fills = own * quantity("mechanics/materials", "fill_curve", "reach").value * np.arange(1, count + 1) / count
    shares = [filled_to(case.share, body, turn, cement) for cement in fills]
    points = [states.get("fractured", states["intact"]), *(_at(vertebra, case, share) for share in shares)]
    millilitres = np.array([0.0, *(float(share.sum()) for share in shares)]) * voxel_ml
    per_ml = 100.0 / (float(body.sum()) * voxel_ml)
    curves = {key: np.array([of(one) for one in points]) for key, of in _read(case).items()}
    whole = states["intact"] if case.fractured else None
    at = {key: passes(millilitres, curves[key], of(whole) if whole else None) for key, of in _read(case).items()}
    return FillCurve(
        cement_ml=millilitres,
        percent_of_body=per_ml * millilitres,
        stiffness_n_mm=curves["stiffness"],
        screen_n=curves["screen"],
        yield_n=curves["yield"],
        push_n=curves.get("push"),
        own_ml=own * voxel_ml,
        intact_at={key: None if ml is None else (ml, per_ml * ml) for key, ml in at.items()},
        order=words,
    )


def _read(case: StrengthCase) -> dict[str, Callable[[StateStrength], float]]:
    """What is read of each fill, by its name in the curve."""
    found: dict[str, Callable[[StateStrength], float]] = {
        "stiffness": lambda one: one.stiffness_n_mm,
        "screen": lambda one: one.screen_n,
        "yield": lambda one: one.yield_n,
    }
    return found | {"push": _greatest} if case.options.analysis == "plastic" else found


def _greatest(one: StateStrength) -> float:
    """Greatest load of a push; a curve of an elastic-plastic analysis has one at every fill."""
    assert one.curve is not None
    return float(one.curve.load_n.max())


def _at(vertebra: Vertebra, case: StrengthCase, share: Floats) -> StateStrength:
    """The broken body with another field of cement."""
    changed = replace(case, share=share, cement_mpa=_everywhere(case))
    pressed = press(solid_in(vertebra, "augmented", changed), case.options.plate, case.options.solver)
    found = stiffness_of(pressed)
    return replace(found, curve=push(pressed, case.options.push)) if case.options.analysis == "plastic" else found


def _everywhere(case: StrengthCase) -> Floats | float:
    """The cement's modulus, where there is none yet the mean of what there is."""
    if isinstance(case.cement_mpa, float) or case.share is None:
        return case.cement_mpa
    modulus = np.asarray(case.cement_mpa)
    mean = float((modulus * case.share).sum() / case.share.sum()) if case.share.any() else 0.0
    return np.where(modulus > 0.0, modulus, mean)


def passes(x: Floats, y: Floats, limit: float | None) -> float | None:
    """Where a line through points first reaches `limit` from below, by straight pieces; None = nowhere, or no limit.

    >>> passes(np.array([0.0, 1.0, 3.0]), np.array([2.0, 4.0, 5.0]), 4.5), passes(np.arange(2.0), np.arange(2.0), 3.0)
    (2.0, None)
    """
    if limit is None or not (y >= limit).any():
        return None
    n = int(np.argmax(y >= limit))
    if n == 0:
        return float(x[0])
    return float(x[n - 1] + (limit - y[n - 1]) / (y[n] - y[n - 1]) * (x[n] - x[n - 1]))
