"""The state before the first cement."""

from __future__ import annotations

import numpy as np

from pedicle.model.flow import FlowState, Fluids, Source
from pedicle.model.medium import Medium


def start_flow(medium: Medium, source: Source, fluids: Fluids, t_s: float = 0.0) -> FlowState:
    """All marrow, at rest, with the clock at `t_s`. Pressure and the tip's answer are those of the first step to come."""
    shape = medium.pore_volume_mm3.shape
    scalars = np.zeros((len(fluids.growth_per_s), *shape))
    faces = tuple(np.zeros(face.shape if fluids.shear_dependent else (0, 0, 0)) for face in medium.face_mm3)
    outlets = len(medium.outlets)
    pressure = np.full(shape, outlet_mean_pa(medium))
    return FlowState(
        t_s=t_s,
        saturation=np.zeros(shape),
        set_saturation=np.zeros(shape),
        scalars=scalars,
        set_scalars=scalars.copy(),
        response_pa_s_mm3=np.zeros(shape),
        base_pa=pressure,
        fluxes_mm3_s=(faces[0], faces[1], faces[2]),
        rate_mm3_s=0.0,
        injected_mm3=0.0,
        outflow_cement_mm3=np.zeros(outlets),
        outflow_marrow_mm3=np.zeros(outlets),
        tip_pressure_pa=float(pressure.ravel()[source.cells] @ source.weights),
        tip_slope_pa_s_mm3=0.0,
        steps=0,
        iterations=0,
        most_iterations=0,
        balance_error=0.0,
        box=np.zeros((3, 2), np.int64),
        far_outflow=np.zeros(outlets),
        stretch=1.0,
    )


def outlet_mean_pa(medium: Medium) -> float:
    """Pressure outside, mean over the openings' conductances; 0 without an opening."""
    pairs = [(outlet.conductance_mm3.sum(), outlet.pressure_pa) for outlet in medium.outlets]
    total = sum(float(conductance) for conductance, _ in pairs)
    return sum(float(conductance) * pressure for conductance, pressure in pairs) / total if total > 0.0 else 0.0
