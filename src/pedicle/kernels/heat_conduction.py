"""Heat conduction along one axis after the other: every line of cells is solved implicitly, and what leaves at its ends is counted.

Flow of heat through a face in a step: theta of it with the temperatures after, 1 - theta with those before. theta is a half
(second order) as long as a cell's face takes up no more than the cell holds, and above that so large that no cell ever
gives away more than it has:

    implicit  a = max(G dt / 2, G dt - C / 2),   explicit  e = G dt - a <= C / 2,   C the lesser of both cells

The maximum principle holds for any step, and what leaves one cell enters the next: heat is kept to rounding.
Temperatures are those above the outside, which stands at 0 beyond the first and the last face of every line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.jit import kernel

# Lines solved side by side.
WIDTH = 64
# Less than this is nothing: far from the cement implicit lines leave numbers too small to reckon with quickly.
NOTHING = 1e-60


@kernel
def conduct_across(temperature: Any, capacity: Any, faces: Any, dt: float) -> Any:
    """One step along the middle axis of arrays (m, n, p); `faces` (m, n + 1, p) in W/K, capacity J/K. J lost at both ends."""
    m, n, p = temperature.shape
    ratio, value = np.empty((n, WIDTH)), np.empty((n, WIDTH))
    left_a, left_e, above = np.empty(WIDTH), np.empty(WIDTH), np.empty(WIDTH)
    lost = 0.0
    for line in range(m):
        for first in range(0, p, WIDTH):
            w = min(WIDTH, p - first)
            lost += _enter(temperature[line], capacity[line], faces[line], (first, w), dt, left_a, left_e)
            for c in range(w):
                above[c] = left_a[c]
            for i in range(n):
                for c in range(w):
                    k = first + c
                    own, hold = temperature[line, i, k], capacity[line, i, k]
                    through = faces[line, i + 1, k] * dt
                    if i + 1 < n:
                        a = max(0.5 * through, through - 0.5 * min(hold, capacity[line, i + 1, k]))
                        beyond = temperature[line, i + 1, k]
                    else:
                        a, beyond = max(0.5 * through, through - 0.5 * hold), 0.0
                    e = through - a
                    before = temperature[line, i - 1, k] if i > 0 else 0.0
                    right = hold * own + left_e[c] * (before - own) + e * (beyond - own)
                    diagonal = hold + left_a[c] + a
                    if i > 0:
                        diagonal -= left_a[c] * ratio[i - 1, c]
                        right += left_a[c] * value[i - 1, c]
                    ratio[i, c] = a / diagonal
                    value[i, c] = right / diagonal
                    if i + 1 == n:
                        lost += e * own + a * value[i, c]
                    left_a[c], left_e[c] = a, e
            for c in range(w):
                found = value[n - 1, c]
                temperature[line, n - 1, first + c] = found if abs(found) > NOTHING else 0.0
            for i in range(n - 2, -1, -1):
                for c in range(w):
                    k = first + c
                    found = value[i, c] + ratio[i, c] * temperature[line, i + 1, k]
                    temperature[line, i, k] = found if abs(found) > NOTHING else 0.0
            for c in range(w):
                lost += above[c] * temperature[line, 0, first + c]
    return lost


@kernel
def _enter(
    temperature: Any, capacity: Any, faces: Any, span: Any, dt: float, implicit: Any, explicit: Any
) -> Any:  # fmt: skip
    """Weights of the first faces of lines side by side; the explicit part of what they lose, J."""
    first, w = span
    lost = 0.0
    for c in range(w):
        k = first + c
        through = faces[0, k] * dt
        a = max(0.5 * through, through - 0.5 * capacity[0, k])
        implicit[c], explicit[c] = a, through - a
        lost += explicit[c] * temperature[0, k]
    return lost


@kernel
def conduct_along(temperature: Any, capacity: Any, faces: Any, dt: float) -> Any:
    """The same along the last axis of arrays (m, n); `faces` (m, n + 1)."""
    m, n = temperature.shape
    ratio, value = np.empty(n), np.empty(n)
    lost = 0.0
    for line in range(m):
        through = faces[line, 0] * dt
        left_a = max(0.5 * through, through - 0.5 * capacity[line, 0])
        left_e = through - left_a
        first_a, before, below, carried = left_a, 0.0, 0.0, 0.0
        lost += left_e * temperature[line, 0]
        for i in range(n):
            own, hold = temperature[line, i], capacity[line, i]
            through = faces[line, i + 1] * dt
            last = i + 1 == n
            least = hold if last else min(hold, capacity[line, i + 1])
            beyond = 0.0 if last else temperature[line, i + 1]
            a = max(0.5 * through, through - 0.5 * least)
            e = through - a
            right = hold * own + left_e * (before - own) + e * (beyond - own) + left_a * carried
            factor = 1.0 / (hold + a + left_a * (1.0 - below))
            below, carried = a * factor, right * factor
            ratio[i], value[i] = below, carried
            if last:
                lost += e * own + a * carried
            left_a, left_e, before = a, e, own
        found = value[n - 1] if abs(value[n - 1]) > NOTHING else 0.0
        temperature[line, n - 1] = found
        for i in range(n - 2, -1, -1):
            found = value[i] + ratio[i] * found
            found = found if abs(found) > NOTHING else 0.0
            temperature[line, i] = found
        lost += first_a * found
    return lost
