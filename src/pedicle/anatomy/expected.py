"""What each body of this patient measured before anything happened to it: norms scaled by the patient's intact levels.

Logs of measured over normal heights are a Gaussian field along the spine: body size, a drift along the levels, the
person's own wedge and hollow, and scatter of levels and single heights. A height that is lost does not belong to the
field; whether it is, is decided from what the other heights predict, round by round. Each level's expected heights are
then the field's prediction from every height that is held intact, its own included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.norms import Sex, has_norm, norm_heights_mm, spread
from pedicle.model.levels import rank
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Vertebra

SEXES: tuple[Literal["F", "M"], ...] = ("F", "M")
ROUNDS = 12
DRIFT_LEVELS = 3.0
PRIOR_LOST = 0.15
LOST_RANGE = 0.7
START_LOSS = 0.15
FEW_LEVELS = 2
DOUBT = 2.5e-3
LOST_NOISE = 1.0e2


@dataclass(frozen=True, eq=False)
class Expected:
    """Expected heights of one level (mm, three stations), their relative 1 SD, and where they come from.

    Each height is expected from all others, never from itself. `intact` is the probability that the measured height is
    the original one. `neighbours` counts other levels with two heights held intact, `nearest` is the distance to the
    nearest of them in levels (0 without any), `both_sides` whether some lie above and some below. `norm_loss_percent`
    is the loss against the bare norm of each sex.
    """

    heights_mm: NDArray[np.float64]
    sigma: NDArray[np.float64]
    intact: NDArray[np.float64]
    neighbours: int
    nearest: int
    both_sides: bool
    norm_loss_percent: dict[str, NDArray[np.float64]]


def measured(vertebra: Vertebra) -> bool:
    """Whether a vertebra's heights can take part: measured, complete, and with a norm for its level."""
    return vertebra.heights_mm is not None and vertebra.complete and has_norm(vertebra.level)


def expected_heights(vertebrae: Sequence[Vertebra], sex: Sex | None) -> dict[str, Expected]:
    """Expected heights of every measured level, by name."""
    levels = [v for v in vertebrae if measured(v)]
    if not levels:
        return {}
    heights = np.array([_heights(v) for v in levels])
    norms = np.array([norm_heights_mm(v.level, sex) for v in levels])
    sigma = np.array([height_sigma_mm(v) for v in levels])
    field = Field.over(places([v.level for v in levels]), sex)
    logs = Logs(np.log(heights / norms), (sigma[:, None] / heights) ** 2)
    intact = field.intact(logs)
    mean, variance = field.without_itself(logs, intact)
    return {
        v.level: Expected(
            heights_mm=norms[n] * np.exp(mean[n]),
            sigma=np.sqrt(variance[n]),
            intact=intact[n],
            **_neighbourhood(field.ranks, intact, n),
            norm_loss_percent={
                name: 100.0 * (1.0 - heights[n] / norm_heights_mm(v.level, name)) for name in ((sex,) if sex else SEXES)
            },
        )
        for n, v in enumerate(levels)
    }


@dataclass(frozen=True, eq=False)
class Logs:
    """Logs of measured over normal heights and the variances of their measurement, shape (levels, 3)."""

    residual: NDArray[np.float64]
    noise: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Field:
    """Covariance of log heights over (level, station), flattened level by level."""

    ranks: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def over(cls, ranks: NDArray[np.float64], sex: Sex | None) -> Field:
        """The field over levels of these ranks."""
        scatter = spread(sex)
        near = np.exp(-0.5 * ((ranks[:, None] - ranks[None, :]) / DRIFT_LEVELS) ** 2)
        level = scatter.body_size**2 + scatter.drift**2 * near + scatter.level**2 * np.eye(len(ranks))
        # A person's own wedge tilts front against back; the hollow lowers the middle. Half of both fades along the spine.
        tilt, hollow = np.array([0.5, 0.0, -0.5]) * scatter.wedge, np.array([0.0, 1.0, 0.0]) * scatter.concavity
        shape = np.outer(tilt, tilt) + np.outer(hollow, hollow)
        own = np.tile(np.array([1.0, 1.5, 1.0]) * scatter.station, len(ranks)) ** 2
        return cls(ranks, np.kron(level, np.ones((3, 3))) + np.kron(0.5 + 0.5 * near, shape) + np.diag(own))

    def intact(self, logs: Logs) -> NDArray[np.float64]:
        """Probability that each height is the original one, shape (levels, 3); the rounds start from the tall ones."""
        weight = np.full(logs.residual.shape, 1.0 - PRIOR_LOST)
        weight[logs.residual < np.quantile(logs.residual, 0.75) - START_LOSS] = 0.05
        rounds = ROUNDS
        if len(self.ranks) <= FEW_LEVELS:
            # Too few levels to vouch for each other: three heights lost alike must not pass for a small person.
            weight[:] = 0.05
            rounds = 1
        for _ in range(rounds):
            mean, variance = self.without_itself(logs, weight)
            weight = 0.5 * weight + 0.5 * _intact_probability(logs.residual - mean, variance + logs.noise)
        return weight

    def without_itself(
        self, logs: Logs, weight: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of each original log height, predicted from all others by their weights, shape (levels, 3).

        The leave-one-out prediction follows from one inverse: with P the inverse of covariance plus noise and r the
        values, the value predicted without the n-th is r_n - (P r)_n / P_nn, with variance 1 / P_nn less its noise.
        """
        noise = weighted_noise(logs.noise, weight).ravel()
        precision = np.linalg.inv(self.covariance + np.diag(noise))
        own = np.diag(precision)
        values = logs.residual.ravel()
        mean = values - (precision @ values) / own
        variance = np.maximum(1.0 / own - noise, 1e-6)
        return mean.reshape(weight.shape), variance.reshape(weight.shape)


def weighted_noise(noise: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Noise variance of heights that are intact with some probability: a doubtful height counts for little."""
    return np.asarray(np.minimum(noise + DOUBT * (1.0 / np.maximum(weight, 1e-6) - 1.0) ** 2, LOST_NOISE))


def _intact_probability(difference: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bayes: either scatter about the prediction, or a loss anywhere between nothing and LOST_RANGE (log units)."""
    scatter = np.exp(-0.5 * difference**2 / variance)
    lost = np.where(difference < 0, 1.0, scatter) * np.sqrt(2.0 * np.pi * variance) / LOST_RANGE
    share = (1.0 - PRIOR_LOST) * scatter
    return np.asarray(share / (share + PRIOR_LOST * lost))


def _neighbourhood(ranks: NDArray[np.float64], intact: NDArray[np.float64], n: int) -> dict[str, Any]:
    sound = (intact > 0.5).sum(axis=1) >= 2
    sound[n] = False
    apart = (ranks - ranks[n])[sound]
    nearest = int(np.abs(apart).min()) if len(apart) else 0
    return {"neighbours": len(apart), "nearest": nearest, "both_sides": bool((apart < 0).any() and (apart > 0).any())}


def places(names: Sequence[str]) -> NDArray[np.float64]:
    """Places of levels along the spine, one apart for neighbours; T12 and L1 are neighbours unless there is a T13.

    >>> places(["T12", "L1"]).tolist(), places(["T12", "T13", "L1"]).tolist()
    ([18.0, 19.0], [18.0, 19.0, 20.0])
    """
    extra = rank("T13")
    found = [rank(name) for name in names]
    return np.array([n - (n > extra and extra not in found) for n in found], dtype=np.float64)


def height_sigma_mm(vertebra: Vertebra) -> float:
    """1 SD of a measured height: the grid's error and the wavering border of a segmenter's label."""
    assert vertebra.heights_mm is not None
    return float(
        np.hypot(vertebra.heights_mm.sigma_mm, quantity("fracture/limits", "measurement", "label_border").value)
    )


def _heights(vertebra: Vertebra) -> tuple[float, float, float]:
    assert vertebra.heights_mm is not None
    h = vertebra.heights_mm
    return h.anterior, h.middle, h.posterior
