"""What cement passes from the syringe to the bone: hub and cannula as a row of bores, and the cement that lies in them.

Cement moves as a plug: what entered first leaves first, each portion with its own age. Positions along the row are volumes
in mm3 counted from the syringe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.needle import Needle
from pedicle.model.sourced import quantity

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bore:
    """A piece of round channel."""

    diameter_mm: float
    length_mm: float

    @property
    def area_mm2(self) -> float:
        """Area of its section."""
        return float(np.pi * self.diameter_mm**2 / 4.0)

    @property
    def volume_mm3(self) -> float:
        """Volume of cement it holds."""
        return self.area_mm2 * self.length_mm


@dataclass(frozen=True)
class Cannula:
    """Bores from the syringe to the tip. The stylet, once in, fills all but the first `hub_bores`."""

    bores: tuple[Bore, ...]
    hub_bores: int = 0

    @property
    def volume_mm3(self) -> float:
        """Dead space: what must be filled before cement leaves the tip."""
        return sum(bore.volume_mm3 for bore in self.bores)

    @property
    def stylet_mm3(self) -> float:
        """Volume the stylet pushes out of the tip."""
        return sum(bore.volume_mm3 for bore in self.bores[self.hub_bores :])

    @property
    def length_mm(self) -> float:
        """Length from the syringe to the tip."""
        return sum(bore.length_mm for bore in self.bores)


def cannula_of(needle: Needle) -> Cannula:
    """Hub and straight bore of a needle of the catalogue.

    >>> line = cannula_of(Needle(11, 100.0, 3.048, 2.388))
    >>> round(line.volume_mm3 / 1e3, 3), round(line.stylet_mm3 / 1e3, 3)
    (0.564, 0.448)
    """
    hub = Bore(quantity("syringes", "hub", "bore").value, quantity("syringes", "hub", "length").value)
    return Cannula((hub, Bore(needle.inner_diameter_mm, needle.length_mm)), hub_bores=1)


def stepped(needle: Needle, wide_share: float, widening: float) -> Cannula:
    """A needle whose bore is `widening` times as wide over `wide_share` of its length, on the side of the hub."""
    straight = cannula_of(needle)
    wide = Bore(needle.inner_diameter_mm * widening, needle.length_mm * wide_share)
    narrow = Bore(needle.inner_diameter_mm, needle.length_mm * (1.0 - wide_share))
    return Cannula((straight.bores[0], wide, narrow), hub_bores=1)


@dataclass(frozen=True, eq=False)
class Plug:
    """Cement in a cannula: portions from the syringe to the tip, volume in mm3 and equivalent age in s, shape (k,)."""

    volumes_mm3: Array
    ages_s: Array

    @property
    def volume_mm3(self) -> float:
        """Volume of all portions."""
        return float(self.volumes_mm3.sum())


@dataclass(frozen=True, eq=False)
class Pieces:
    """A plug cut where a portion or a bore ends: what one pressure drop is summed over; arrays of shape (m,)."""

    radius_mm: Array
    length_mm: Array
    age_s: Array


def pieces(cannula: Cannula, plug: Plug) -> Pieces:
    """The plug cut by the bores it lies in; empty for an empty cannula."""
    ends = np.cumsum(plug.volumes_mm3)
    walls = np.cumsum([bore.volume_mm3 for bore in cannula.bores])
    filled = ends[-1] if len(ends) else 0.0
    cuts = np.unique(np.concatenate([[0.0], ends, walls[walls < filled]]))
    middle = (cuts[1:] + cuts[:-1]) / 2.0
    bore = np.minimum(np.searchsorted(walls, middle), len(walls) - 1)
    portion = np.minimum(np.searchsorted(ends, middle), max(len(ends) - 1, 0))
    area = np.array([b.area_mm2 for b in cannula.bores])[bore]
    return Pieces(np.sqrt(area / np.pi), np.diff(cuts) / area, plug.ages_s[portion])


def from_tip_mm(cannula: Cannula, plug: Plug) -> Array:
    """Distance in mm along the cannula from the middle of each portion to the tip, shape (k,)."""
    at = np.cumsum(plug.volumes_mm3) - plug.volumes_mm3 / 2.0
    walls = np.concatenate([[0.0], np.cumsum([bore.volume_mm3 for bore in cannula.bores])])
    lengths = np.concatenate([[0.0], np.cumsum([bore.length_mm for bore in cannula.bores])])
    return np.asarray(cannula.length_mm - np.interp(at, walls, lengths), dtype=np.float64)


def pushed(plug: Plug, into_mm3: float, age_s: float, out_mm3: float) -> tuple[Plug, float | None]:
    """The plug after cement of one age came in behind and `out_mm3` left in front; and the mean age of what left.

    The age is None when nothing left. `out_mm3` beyond what is there takes all.
    """
    volumes = np.concatenate([[into_mm3], plug.volumes_mm3]) if into_mm3 > 0.0 else plug.volumes_mm3
    ages = np.concatenate([[age_s], plug.ages_s]) if into_mm3 > 0.0 else plug.ages_s
    ahead = np.cumsum(volumes[::-1])[::-1] - volumes  # what lies in front of each portion
    taken = np.clip(out_mm3 - ahead, 0.0, volumes)
    left = volumes - taken
    age = float((taken * ages).sum() / taken.sum()) if taken.sum() > 0.0 else None
    return _thinned(left[left > 0.0], ages[left > 0.0]), age


# Portions kept apart; the smallest two neighbours become one beyond that.
_PORTIONS = 48


def _thinned(volumes: Array, ages: Array) -> Plug:
    while len(volumes) > _PORTIONS:
        first = int(np.argmin(volumes[1:] + volumes[:-1]))
        both = volumes[first] + volumes[first + 1]
        age = (volumes[first] * ages[first] + volumes[first + 1] * ages[first + 1]) / both
        volumes = np.concatenate([volumes[:first], [both], volumes[first + 2 :]])
        ages = np.concatenate([ages[:first], [age], ages[first + 2 :]])
    return Plug(volumes, ages)
