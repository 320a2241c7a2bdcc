"""From a filled level to its `Cure`: the one function that the procedure calls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.curing.clock import Track, batch_clock, clock_of, set_time
from pedicle.curing.damage import harm_of, necrosis_rim_mm
from pedicle.curing.hardening import modulus_mpa, porosity_percent, shrinkage_percent, strength_mpa
from pedicle.curing.kinetics import KELVIN, Kinetics, kinetics
from pedicle.curing.options import CureOptions
from pedicle.curing.run import Cured, Delivered, cured
from pedicle.curing.tissue import Tissue, tissue_of
from pedicle.curing.warming import delivered_c
from pedicle.model.bone import Bone
from pedicle.model.cure import CementClock, Cure, Harm
from pedicle.model.fill import Fill
from pedicle.model.notices import Notice
from pedicle.model.placed import PlacedNeedle
from pedicle.model.progress import Progress, silent
from pedicle.model.sourced import quantity
from pedicle.model.volume import Volume

Array = NDArray[np.float64]
# Cement this near to the needle's tip counts as being at it, mm.
_TIP_MM = 2.5
# Conversion by which a cell is beyond what the slow reaction adds in an hour.
_BEYOND = 0.01
EVIDENCE = (
    "computed: conduction, blood and damage verified against exact solutions, heat balanced at every step; rate of each cement "
    "fitted to its setting time; thermal values of tissue, blood and the damage law unverified"
)


def cure(
    bone: Bone, fill: Fill, needle: PlacedNeedle | None = None, options: CureOptions | None = None,
    began_s: float = 0.0, batch: CementClock | None = None, progress: Progress = silent,
) -> Cure:  # fmt: skip
    """How the cement of one level cures from the end of its injection on.

    `needle` is where the cannula lies then (it tells where the window for drawing it holds, and conducts when options say it
    stays in); without it the window is that of the cement's mean age. `began_s` is the end of the injection and `batch` the
    clock of the batch (`curing.clock.batch_clock`), both on the operation's clock; without `batch` it was mixed as long ago
    as the oldest cement is at 22 degrees.

    InputError 760 for a cement without kinetics, 761 without cement; NumericalError 762 when the heat's balance opens, 763 when
    conversion falls.
    """
    options = options or CureOptions()
    law = kinetics(fill.cement, options.heat_factor)
    tissue = tissue_of(bone, fill, needle, options)
    delivered = Delivered(
        delivered_c(fill, options) if options.cement_c is None else options.cement_c, _tip(tissue, needle)
    )
    done = cured(tissue, law, options, delivered, progress)
    batch = batch or batch_clock(fill.cement, began_s - float(tissue.age_s.max()))
    clock = clock_of(batch, fill.cement, began_s, _track(tissue, done))
    return _cure(fill, tissue, law, done, clock)


def _tip(tissue: Tissue, needle: PlacedNeedle | None) -> NDArray[np.int64]:
    """Cement cells at the needle's tip, or the nearest one; all without a needle."""
    if needle is None:
        return np.arange(tissue.body.cells.size)
    index = np.stack(np.unravel_index(tissue.body.cells, tissue.grid.shape), axis=1)
    away = np.linalg.norm(tissue.grid.lps_from_index(index) - needle.tip_lps_mm, axis=1)
    return np.flatnonzero(away <= max(_TIP_MM, float(away.min())))


def _track(tissue: Tissue, done: Cured) -> Track:
    """What the clock is made of, to 24 hours."""
    history, later = done.history, done.hardening
    strength = np.append([row[7] for row in history.rows], later.strength_mpa[1:])
    ages = np.append(history.tip_age_s, np.full(len(later.t_s) - 1, history.tip_age_s[-1]))
    return Track(np.append(history.t_s, later.t_s[1:]), ages, history.set_at_s, tissue.body.cement_mm3, strength)


def _cure(fill: Fill, tissue: Tissue, law: Kinetics, done: Cured, clock: CementClock) -> Cure:
    now, grid, outside = done.now, tissue.grid, tissue.body.outside_c
    records, shape = now.records, tissue.grid.shape
    harm = {name: harm_of(records, cells, outside, grid.voxel_ml) for name, cells in tissue.regions.items()}
    by_time = {"1h": done.at_1h, "24h": done.at_24h}
    means = {key: _mean(tissue, values) for key, values in by_time.items()}
    strength = {key: _mean(tissue, strength_mpa(values, law)) for key, values in by_time.items()}
    ratio = strength["1h"] / strength["24h"] if strength["24h"] > 0.0 else 0.0
    track = _track(tissue, done)
    return Cure(
        level=fill.level,
        cement=fill.cement,
        peak_c=Volume(grid, (records.peak + outside).astype(np.float32).reshape(shape)),
        omega=Volume(grid, records.omega.astype(np.float32).reshape(shape)),
        conversion=_on_fill(fill, tissue, done.at_1h),
        modulus_mpa=_on_fill(fill, tissue, modulus_mpa(done.at_1h, law)),
        strength_mpa=_on_fill(fill, tissue, strength_mpa(done.at_1h, law)),
        peak_cement_c=float(records.peak[tissue.body.cells].max()) + outside,
        harm=harm,
        necrosis_rim_mm=necrosis_rim_mm(harm["bone"], tissue.surface_mm2),
        setting_s={"room": law.setting_s(law.reference_k - KELVIN), "body": law.setting_s(outside)},
        setting_in_bone_s=set_time(track, 0.5),
        degree_of_cure=means,
        modulus_by_time_mpa={key: _mean(tissue, modulus_mpa(values, law)) for key, values in by_time.items()},
        strength_by_time_mpa=strength,
        strength_ratio_1h=ratio,
        why_strength=_why(law, done, ratio, outside),
        shrinkage_percent=shrinkage_percent(means["1h"]),
        porosity_percent=porosity_percent(),
        energy_j={
            "start": now.start_j, "released": now.released_j, "lost": now.lost_j, "carried": now.carried_j,
            "stored": now.start_j + now.released_j - now.lost_j - now.carried_j,
        },
        energy_balance_error=now.balance_error,
        steps=now.steps,
        clock=clock,
        curve=done.history.curve(),
        hardening=done.hardening,
        evidence=EVIDENCE,
        warnings=_notices(fill, harm),
    )  # fmt: skip


def _mean(tissue: Tissue, values: Array) -> float:
    """Mean over the cement."""
    volume = tissue.body.cement_mm3
    return float((values * volume).sum() / volume.sum())


def _on_fill(fill: Fill, tissue: Tissue, values: Array) -> Volume:
    """Values of cement cells on the injection's grid, 0 elsewhere."""
    whole = np.zeros(tissue.grid.shape, np.float32)
    whole.reshape(-1)[tissue.body.cells] = values
    found = np.zeros(fill.share.grid.shape, np.float32)
    index = np.argwhere(fill.share.values > 0.0)
    found[tuple(index.T)] = whole[tuple((index + tissue.fill_at).T)]
    return Volume(fill.share.grid, found)


def _why(law: Kinetics, done: Cured, ratio: float, outside_c: float) -> str:
    """One sentence on the strength after an hour."""
    most = float(law.most(outside_c))
    warm = float((done.at_1h > most + _BEYOND).mean())
    verdict = "reaches" if ratio >= 0.9 else "does not reach"
    return (
        f"{verdict} 90 % of its strength within the hour ({100 * ratio:.1f} %): at {outside_c:.0f} °C the fast reaction ends at "
        f"{100 * most:.0f} % conversion, {100 * warm:.0f} % of the cells became hot enough to go beyond it, the rest follows slowly"
    )


def _notices(fill: Fill, harm: dict[str, Harm | None]) -> tuple[Notice, ...]:
    found = [
        Notice(
            "cure-unverified",
            fill.level,
            "thermal values of tissue and the law of damage are remembered, not read",
            "caution",
        )
    ]
    limit = quantity("curing/damage", "nerve", "celsius").value
    for name, words in (("canal", "the canal"), ("nerve_root", "the surroundings of a nerve root")):
        seen = harm[name]
        peak = getattr(seen, "peak_c", None)
        if peak is not None and peak >= limit:
            found.append(Notice("hot-nerve", fill.level, f"{words} reaches {peak:.1f} °C, over {limit:.0f}", "danger"))
    return tuple(found)
