"""What an injection left: volumes by place, leaks by opening, the balance, the curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.delivery import pressure_of_flow
from pedicle.injection.leak_shape import leaked_volume
from pedicle.injection.session import mass_error
from pedicle.injection.site import Site
from pedicle.model.errors import NumericalError
from pedicle.model.fill import ROUTES, Curve, Fill, Leak, least_leak_ml
from pedicle.model.injection import InjectionState
from pedicle.model.medium import Outlet
from pedicle.model.notices import Notice
from pedicle.model.sourced import quantity
from pedicle.model.volume import Volume

Floats = NDArray[np.float64]
# When each view first showed a leak, by opening: (AP, lateral), None = never.
Seen = dict[str, tuple[float | None, float | None]]
# Cement this far over the midline counts as across it, mm and ml.
_ACROSS_MM, _ACROSS_ML = 2.0, 0.1
_BALANCE = 1e-6
EVIDENCE = (
    "computed: flow and balance verified against exact solutions; permeability, openings and cement constants partly "
    "unverified. A pattern and a range, not this patient's leak"
)


def finish(site: Site, state: InjectionState, seen: Seen | None = None) -> Fill:
    """The fill as it stands; NumericalError 566 when its balance is open by more than a millionth."""
    error = mass_error(state)
    if error > _BALANCE:
        raise NumericalError(
            566, state.level, f"volumes differ by {error:.1e}", f"at most {_BALANCE:.0e}", "report it with the case"
        )
    flow, grid = state.flow, site.grid
    cement_mm3 = flow.saturation * site.medium.pore_volume_mm3
    share = cement_mm3 / (grid.voxel_ml * 1e3)
    leaks = leaks_of(site, state, seen or {})
    syringes = (*state.used, state.delivery)
    return Fill(
        level=state.level,
        cement=site.cement.name,
        saturation=Volume(grid, flow.saturation.astype(np.float32)),
        share=Volume(grid, np.clip(share, 0.0, 1.0).astype(np.float32)),
        age_s=Volume(grid, flow.mean_scalars[0].astype(np.float32)),
        portion=Volume(grid, portions(state)),
        injected_ml=state.injected_ml,
        in_body_ml=float(cement_mm3.sum()) / 1e3,
        syringe_ml=sum(one.syringe_ml + one.set_aside_ml for one in syringes),
        in_cannula_ml=sum(one.in_cannula_ml for one in syringes),
        leaked_ml=_by_route(site.medium.outlets, flow.outflow_cement_mm3),
        leaks=leaks,
        marrow_out_ml=_by_route(site.medium.outlets, flow.outflow_marrow_mm3),
        fill_percent_of_body=_percent_of_body(site, cement_mm3),
        fill_percent_of_fracture_space=_percent_of_cleft(site, cement_mm3),
        crossed_midline=_crosses(site, state, cement_mm3),
        mass_balance_error=error,
        peak_pressure_kpa=_peaks(state),
        steps=flow.steps,
        curve=_curve(state),
        stopped=tuple(f"{one.side} needle: {one.ended or 'going on'}" for one in state.portions),
        evidence=EVIDENCE,
        warnings=_notices(site, state),
    )


def leaks_of(site: Site, state: InjectionState, seen: Seen) -> tuple[Leak, ...]:
    """The openings through which at least the least volume of a leak has gone, largest first."""
    found = []
    for outlet, mm3, onset in zip(site.medium.outlets, state.flow.outflow_cement_mm3, state.onset_s, strict=True):
        if mm3 >= least_leak_ml() * 1e3:
            ml = float(mm3) / 1e3
            shape = leaked_volume(site.bone, outlet, outlet_lps_mm(site, outlet), ml)
            ap, lateral = seen.get(outlet.name, (None, None))
            found.append(Leak(outlet.name, outlet.route, outlet.place, ml, float(onset), shape, ap, lateral))
    return tuple(sorted(found, key=lambda leak: -leak.ml))


def outlet_lps_mm(site: Site, outlet: Outlet) -> Floats:
    """Centres (n, 3) of an outlet's cells, LPS mm."""
    index = np.stack(np.unravel_index(outlet.cells, site.grid.shape), axis=1)
    return site.grid.lps_from_index(index)


def portions(state: InjectionState) -> NDArray[np.uint8]:
    """Which injection each cell's cement came with, 1 and up, 0 where there is none; by its mean time of entry."""
    entry, there = state.flow.mean_scalars[1], state.flow.saturation > 0.0
    begun = np.array([one.began_s for one in state.portions])
    return np.where(there, np.searchsorted(begun, entry + 1e-9, side="right"), 0).clip(0, 255).astype(np.uint8)


def cement_share(site: Site, state: InjectionState) -> Volume:
    """The share of each cell of the flow's grid that is cement, float32: what a picture is made of."""
    share = state.flow.saturation * site.medium.pore_volume_mm3 / (site.grid.voxel_ml * 1e3)
    return Volume(site.grid, np.clip(share, 0.0, 1.0).astype(np.float32))


def _by_route(outlets: tuple[Outlet, ...], mm3: Floats) -> dict[str, float]:
    found = dict.fromkeys(ROUTES, 0.0)
    for outlet, volume in zip(outlets, mm3, strict=True):
        found[outlet.route] += float(volume) / 1e3
    return {str(route): ml for route, ml in found.items()}


def _percent_of_body(site: Site, cement_mm3: Floats) -> float:
    """Cement in the body, of the whole body's volume, bone included."""
    body = site.regions.body
    return 100.0 * float(cement_mm3[body].sum()) / (float(body.sum()) * site.grid.voxel_ml * 1e3)


def _percent_of_cleft(site: Site, cement_mm3: Floats) -> float | None:
    """How full the fracture space is, None where there is none."""
    regions = site.regions
    return 100.0 * regions.cleft_filled_share(cement_mm3) if regions.cleft_ml > 0.0 else None


def _crosses(site: Site, state: InjectionState, cement_mm3: Floats) -> bool:
    """Whether cement lies clearly beyond the body's middle plane: of a needle from the left on the right, and so on."""
    beyond = {"left": site.regions.right, "right": site.regions.left}
    clear = [
        float(cement_mm3[beyond[side] & _off_middle(site)].sum()) > _ACROSS_ML * 1e3
        for side in {one.side for one in state.portions}
    ]
    return all(clear)


def _off_middle(site: Site) -> NDArray[np.bool_]:
    """Cells of the body at least so far from its middle plane."""
    columns = np.flatnonzero(site.regions.body.any(axis=(1, 2)))
    middle = 0.5 * float(columns[0] + columns[-1])
    off = np.abs(np.arange(site.grid.shape[0]) - middle) * site.medium.spacing_mm[0] > _ACROSS_MM
    return np.asarray(site.regions.body & off[:, None, None])


def _peaks(state: InjectionState) -> dict[str, float]:
    record = state.record
    syringe, tip = (float(record[:, column].max()) / 1e3 if len(record) else 0.0 for column in (2, 3))
    return {"syringe": syringe, "bone": tip}


def _curve(state: InjectionState) -> Curve:
    t, flow, syringe, tip, injected, leaked, force = state.record.T
    return Curve(t, flow / 1e3, syringe / 1e3, tip / 1e3, injected / 1e3, leaked / 1e3, force)


def _held_back(site: Site, state: InjectionState) -> Notice | None:
    """Why the syringe at its greatest force moved no faster; None where it did as asked."""
    if "force limit" not in state.delivery.limits:
        return None
    needle, line, flow = state.needle.needle, site.line(state.needle), site.options.flow
    needed = pressure_of_flow(state.delivery, line)(flow * 1e3)
    asked = "more than any force: it has set" if np.isinf(needed) else f"{needed / 1e3:.0f} kPa"
    text = (
        f"the syringe gave its most, {line.syringe.pressure_limit_pa / 1e3:.0f} kPa: cement {state.delivery.hand_age_s / 60:.0f} min old through "
        f"{needle.gauge} G x {needle.length_mm:g} mm asks for {asked} at {flow:g} ml/s, the bone's answer left out. A wider needle, a pump or younger cement gives more"
    )
    return Notice("syringe-limit", state.level, text, "caution")


def _notices(site: Site, state: InjectionState) -> tuple[Notice, ...]:
    text = (
        "a drawing of where leaked cement lies outside the bone, of the volume the flow says; its way is not computed"
    )
    grave = quantity("planning/cement", "volume_embolism_step")
    found = [Notice("leak-drawn", state.level, text, "note")]
    held_back = _held_back(site, state)
    if held_back:
        found.insert(0, held_back)
    if state.injected_ml > grave.value:
        found.append(
            Notice(
                "much-cement", state.level, f"more than {grave.value:.0f} ml in one level: embolism rises", "caution"
            )
        )
    return tuple(found)
