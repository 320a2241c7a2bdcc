"""How alike two X-ray pictures are: their edges compared, strong ones bounded, at one fineness.

Edges are gradients of the picture between two blurs, so that neither noise nor the slow shading of soft tissue and scatter
counts. A gradient g becomes g / sqrt(g2 + knee2): the rim of a needle weighs little more than the rim of an endplate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Array = NDArray[np.float64]
# The wider blur against the narrower: what varies more slowly is shading.
WIDE = 4.0
# Edges above this part of all edges are bounded.
KNEE_QUANTILE = 0.9
# A drawn picture has an edge where it is stronger than this part of its strongest.
FAINT = 0.02


def edges(images: Floats, blur_px: float) -> Floats:
    """Gradients (2, ..., rows, columns) of the band between the blur and `WIDE` times it; along columns, then rows."""
    from scipy.ndimage import gaussian_filter

    still = (0.0,) * (images.ndim - 2)
    narrow = gaussian_filter(images, (*still, blur_px, blur_px), mode="nearest", truncate=3.0)
    wide = gaussian_filter(narrow, (*still, WIDE * blur_px, WIDE * blur_px), mode="nearest", truncate=2.0)
    band = narrow - wide
    found = np.zeros((2, *images.shape), np.float32)
    found[0, ..., 1:-1] = 0.5 * (band[..., 2:] - band[..., :-2])
    found[1, ..., 1:-1, :] = 0.5 * (band[..., 2:, :] - band[..., :-2, :])
    return found


def knee_of(gradient: Floats, where: NDArray[np.bool_] | None = None) -> float:
    """The strength of edge beyond which edges are bounded, of a gradient (2, rows, columns)."""
    strength = np.hypot(gradient[0], gradient[1])
    chosen = strength[where] if where is not None else strength[strength > FAINT * strength.max()]
    return float(np.quantile(chosen, KNEE_QUANTILE)) if chosen.size else 0.0


def bounded(gradient: Floats, knee: float) -> Floats:
    """Edges (2, rows, columns) with their strength bounded at 1."""
    return np.asarray(gradient / np.sqrt((gradient**2).sum(axis=0) + np.float32(knee**2)))


def bounded_change(gradient: Floats, change: Floats, knee: float) -> Floats:
    """How bounded edges change with the edges: `change` is (2, n, rows, columns), the answer too."""
    scale = 1.0 / np.sqrt((gradient**2).sum(axis=0) + np.float32(knee**2))
    along = (gradient[:, None] * change).sum(axis=0) * scale**2
    return np.asarray((change - gradient[:, None] * along) * scale)


@dataclass(frozen=True)
class Fit:
    """How a drawn picture explains a seen one: seen = share x drawn + rest."""

    share: float
    rest: Floats
    similarity: float
    noise: float


def fit(seen: Floats, drawn: Floats) -> Fit:
    """Least squares for the one scale between both.

    `similarity` is their correlation where the drawn picture has edges, 0 when it has none; `noise` the mean square of what
    is left there.
    """
    power = float((drawn**2).sum())
    if power <= 0.0:
        return Fit(0.0, seen, 0.0, float((seen**2).mean()) or 1.0)
    product = float((seen * drawn).sum())
    share = max(product / power, 0.0)
    rest = seen - np.float32(share) * drawn
    strength = (drawn**2).sum(axis=0)
    lit = strength > 0.02
    there = float((seen[:, lit] ** 2).sum())
    similarity = product / np.sqrt(power * there) if there > 0 else 0.0
    noise = float((rest[:, lit] ** 2).mean()) if lit.any() else 1.0
    return Fit(share, rest, float(min(similarity, 1.0)), max(noise, 1e-9))
