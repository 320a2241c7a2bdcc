"""Constants of curing fitted to published setting times, and what published moulds say of the heat: nothing is fitted to temperatures in bone.

Each cement of the catalogue gets the rate that makes it set, at 22 degrees, at the age in its own file; data/curing/kinetics.toml
holds these and marks them as fit, and this script compares. Order, start and heat are every cement's, as read.

Moulds (Li and Schmid): cement of 60 mm across, 6 or 40 mm high, in PTFE or polyurethane foam, in a room of 23 degrees. Their
abstract gives differences of peaks and of setting times, no peak and no cement; walls of 20 mm, their properties and a
conventional cement are assumed here. They were meant to fit the heat. They do not: the first difference comes near the published
one for any heat of these, the others for none (freeing rate and start as well drove the rate to its bound).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks._table import Row, flags, publish, short_of
from pedicle.curing.heat import Body, Pace, advance, body_of, started
from pedicle.curing.kinetics import Kinetics, general_kinetics
from pedicle.curing.paste import Paste
from pedicle.model.beam import density_g_cm3
from pedicle.model.cement import cement, cements
from pedicle.model.sourced import quantity

CELL_MM, WALL_MM, RADIUS_MM, ROOM_C = 2.0, 20.0, 30.0, 23.0
# W/(mm K) and J/(mm3 K); remembered.
WALLS = {"ptfe": (0.25e-3, 2.2e-3), "foam": (0.03e-3, 0.1e-3)}
AIR_W_MM2_K = 10e-6
HEIGHTS_MM = {"6 mm": 6.0, "40 mm": 40.0}
LONGEST_S = 3600.0
LIKE = "standard-krebs2005"
HEATS_KJ_KG = (110.0, 123.0, 140.0)


@dataclass(frozen=True)
class Measured:
    """What a thermocouple in the middle shows."""

    peak_c: float
    setting_s: float


def cast() -> Paste:
    """The cement in the moulds: one for joints, of polymer and a tenth of barium sulphate."""
    share = quantity("curing/published", "mould", "radiopacifier").value
    parts = ((1.0 - share, "pmma"), (share, "barium_sulfate"))
    return Paste(1.0 / sum(part / density_g_cm3(name) for part, name in parts), share)


@cache
def mould(wall: str, height_mm: float) -> Body:
    """An eighth of a mould; its three planes of symmetry are closed, the outside stands in air."""
    conductivity, capacity = WALLS[wall]
    cell_z = min(CELL_MM, height_mm / 6.0)
    across, up = round((RADIUS_MM + WALL_MM) / CELL_MM), round((height_mm / 2.0 + WALL_MM) / cell_z)
    x = (np.arange(across) + 0.5) * CELL_MM
    z = (np.arange(up) + 0.5) * cell_z
    inside = (np.hypot(x[:, None], x) < RADIUS_MM)[:, :, None] & (z < height_mm / 2.0)
    k = quantity("curing/heat", "cement", "conductivity").value * 1e-3
    body = body_of(
        np.where(inside, k, conductivity), np.where(inside, cast().capacity_j_mm3_k, capacity), np.zeros(inside.shape),
        (CELL_MM, CELL_MM, cell_z), ROOM_C, inside.astype(float),
    )  # fmt: skip
    for axis, faces in enumerate(body.faces_w_k):
        side = np.moveaxis(faces, axis, 0)
        area = (CELL_MM * CELL_MM * cell_z) / (CELL_MM, CELL_MM, cell_z)[axis]
        side[0] = 0.0
        side[-1] = 1.0 / (1.0 / side[-1] + 1.0 / (AIR_W_MM2_K * area))
    return body


def measured(kinetics: Kinetics, wall: str, height_mm: float) -> Measured:
    """Peak and setting time (half way from the room to the peak) in one mould, from mixing on."""
    body = mould(wall, height_mm)
    now = started(body, np.full(body.capacity_j_k.shape, ROOM_C), np.full(body.cells.size, kinetics.start))
    times, middle = [0.0], [ROOM_C]
    while now.t_s < LONGEST_S:
        advance(body, kinetics, now, Pace(LONGEST_S, 1.0, 20.0))
        times.append(now.t_s)
        middle.append(float(now.temperature[0, 0, 0]) + ROOM_C)
        if middle[-1] < max(middle) - 5.0:
            break
    peak = max(middle)
    half = ROOM_C + 0.5 * (peak - ROOM_C)
    at = int(np.argmax(np.array(middle) >= half))
    return Measured(peak, float(np.interp(half, middle[at - 1 : at + 1], times[at - 1 : at + 1])))


def differences(kinetics: Kinetics) -> NDArray[np.float64]:
    """The five published differences, as computed: kelvin, kelvin, kelvin, seconds, seconds."""
    found = {(wall, height): measured(kinetics, wall, mm) for wall in WALLS for height, mm in HEIGHTS_MM.items()}
    low, high = "6 mm", "40 mm"
    return np.array([
        found["foam", low].peak_c - found["ptfe", low].peak_c,
        found["ptfe", high].peak_c - found["ptfe", low].peak_c,
        found["foam", high].peak_c - found["foam", low].peak_c,
        found["ptfe", low].setting_s - found["ptfe", high].setting_s,
        found["foam", low].setting_s - found["foam", high].setting_s,
    ])  # fmt: skip


NAMES = ("poor_conductor", "ptfe_height", "foam_height", "ptfe_setting", "foam_setting")


def published(name: str) -> float:
    return quantity("curing/published", "mould", name).value


def rates(shared: Kinetics) -> dict[str, float]:
    """The rate of each cement of the catalogue, 1/s at 22 degrees, from its setting time."""
    return {name: shared.with_setting(cement(name).setting_s).rate_per_s for name in cements()}


def main() -> int:
    chosen = flags(__doc__ or "")
    rows = []
    stands = general_kinetics()
    if not chosen.quick:
        conventional = stands.with_setting(cement(LIKE).setting_s)
        for heat in HEATS_KJ_KG:
            seen = differences(replace(conventional, heat_j_mm3=cast().released_by(heat)))
            case = f"moulds, {heat:g} kJ/kg"
            units = ("K", "K", "K", "s", "s")
            rows += [
                Row(case, name, float(value), unit, f"published {published(name):g}")
                for name, value, unit in zip(NAMES, seen, units, strict=True)
            ]
    for name, rate in rates(stands).items():
        kept = quantity("curing/kinetics", "rate", name).value
        rows.append(Row(name, "rate fitted now against the file's", abs(rate / kept - 1.0), "1", "<= 1e-3"))
        rows.append(Row(name, "rate", rate, "1/s"))
    publish("cure_fit", rows, chosen)
    return short_of(rows)


if __name__ == "__main__":
    raise SystemExit(main())
