"""What curing leaves: temperatures, damage, how hard the cement is when, and the clock that the procedure reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.notices import Notice
from pedicle.model.volume import Volume

Phase = Literal["liquid", "workable", "thickening", "draw the needle", "gripping", "set", "hard"]


@dataclass(frozen=True)
class CementClock:
    """When what may be done, s on the operation's clock; None = not within what was computed. `basis` says why, by field.

    `workable_from_s`, `workable_until_s` are of the cement kept in the room. `needle_from_s` to `needle_until_s` is the window
    in which the cannula comes out without a string of cement and without being held. `set_s`: half of the cement's volume has
    set; `turn_s`: nearly all of it, the patient may be turned; `stand_s`: that, and the mean strength that the standard asks of cement.
    """

    mixed_s: float
    workable_from_s: float
    workable_until_s: float
    needle_from_s: float | None = None
    needle_until_s: float | None = None
    set_s: float | None = None
    turn_s: float | None = None
    stand_s: float | None = None
    basis: dict[str, str] = field(default_factory=dict)

    def phase(self, t_s: float) -> Phase:
        """How the cement stands at a time.

        >>> clock = CementClock(0.0, 300.0, 600.0, 700.0, 900.0, 1000.0, 1200.0)
        >>> [clock.phase(t) for t in (10.0, 400.0, 650.0, 800.0, 950.0, 1100.0, 1300.0)]
        ['liquid', 'workable', 'thickening', 'draw the needle', 'gripping', 'set', 'hard']
        """
        marks: tuple[tuple[float | None, Phase], ...] = (
            (self.turn_s, "hard"),
            (self.set_s, "set"),
            (self.needle_until_s, "gripping"),
            (self.needle_from_s, "draw the needle"),
            (self.workable_until_s, "thickening"),
            (self.workable_from_s, "workable"),
        )
        return next((name for mark, name in marks if mark is not None and t_s >= mark), "liquid")


@dataclass(frozen=True, eq=False)
class CureCurve:
    """Curing over time, one value a step; `t_s` from the end of the injection.

    Highest temperatures in degC of cement, bone, canal and surroundings of nerve roots (not a number where there is none);
    conversion, modulus and strength are means over the cement. `released_j` = `stored_j` + `lost_j` + `carried_j`.
    """

    t_s: NDArray[np.float64]
    cement_c: NDArray[np.float64]
    bone_c: NDArray[np.float64]
    canal_c: NDArray[np.float64]
    nerve_c: NDArray[np.float64]
    conversion: NDArray[np.float64]
    modulus_mpa: NDArray[np.float64]
    strength_mpa: NDArray[np.float64]
    set_share: NDArray[np.float64]
    released_j: NDArray[np.float64]
    stored_j: NDArray[np.float64]
    lost_j: NDArray[np.float64]
    carried_j: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hardening:
    """How the cement goes on after the heat was computed, at the body's temperature up to 24 hours; means over the cement,
    `t_s` from the end of the injection."""

    t_s: NDArray[np.float64]
    conversion: NDArray[np.float64]
    modulus_mpa: NDArray[np.float64]
    strength_mpa: NDArray[np.float64]


@dataclass(frozen=True)
class Harm:
    """What heat did to one tissue: peak degC, largest damage integral and minutes at 43 degC, volumes over their limits in ml,
    longest time anywhere above 50 degC and above the nerve's limit, s."""

    peak_c: float
    omega_max: float
    over_1_ml: float
    cem43_min: float
    over_cem43_ml: float
    above_50_s: float
    above_nerve_s: float


@dataclass(frozen=True, eq=False)
class Cure:
    """How the cement of one level cured.

    `peak_c` and `omega` are on the heat's grid; `conversion`, `modulus_mpa` and `strength_mpa` (of the cement in the cell, its
    own pores deducted; 0 where there is none) on the injection's, after one hour (or as far as computed). `harm` has "bone",
    "canal", "nerve_root" and "disc"; None where there is no such tissue. `necrosis_rim_mm` is the volume of dead bone over the
    surface of the cement, by the two laws of damage: "omega" and "cem43". `degree_of_cure`, `modulus`, `strength` map "1h" and "24h" to means over the cement.
    `strength_ratio_1h` is over that after 24 h. `setting_s` has "room" and "body": minutes from mixing at constant
    temperature, as seconds; `setting_in_bone_s` is when half of the volume had set, from the end of the injection.
    """

    level: str
    cement: str
    peak_c: Volume
    omega: Volume
    conversion: Volume
    modulus_mpa: Volume
    strength_mpa: Volume
    peak_cement_c: float
    harm: dict[str, Harm | None]
    necrosis_rim_mm: dict[str, float]
    setting_s: dict[str, float]
    setting_in_bone_s: float | None
    degree_of_cure: dict[str, float]
    modulus_by_time_mpa: dict[str, float]
    strength_by_time_mpa: dict[str, float]
    strength_ratio_1h: float
    why_strength: str
    shrinkage_percent: float
    porosity_percent: float
    energy_j: dict[str, float]
    energy_balance_error: float
    steps: int
    clock: CementClock
    curve: CureCurve
    hardening: Hardening
    evidence: str = ""
    warnings: tuple[Notice, ...] = field(default=())
