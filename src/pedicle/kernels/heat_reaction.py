"""What happens in each cell alone: cement reacts and warms, blood or a bath carries heat off, peaks and damage are kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.jit import kernel

# Most of the reaction that one inner step takes, and most of the time in which what is left of it decays.
SLICE, DECAY = 0.03, 0.25
GAS, KELVIN = 8.314462618, 273.15


@kernel
def speed(kelvin: float, constants: Any) -> Any:
    """How much faster than at the reference temperature; `constants` (k, m, n, glass K, slow 1/s, reference K, warm, cold J/mol)."""
    reference = constants[5]
    energy = constants[6] if kelvin >= reference else constants[7]
    return np.exp(energy / GAS * (1.0 / reference - 1.0 / kelvin))


@kernel
def conversion_rate(conversion: float, kelvin: float, constants: Any) -> Any:
    """d conversion / dt in 1/s: autocatalytic up to what the glass lets through at this temperature, slow beyond."""
    glassy = min(kelvin / constants[3], 1.0)
    found = constants[4] * (1.0 - conversion)
    if conversion < glassy:
        found += constants[0] * conversion ** constants[1] * (glassy - conversion) ** constants[2]
    return found * speed(kelvin, constants)


@kernel
def react(
    cells: Any, conversion: Any, warming: Any, temperature: Any, outside_k: float, dt: float, constants: Any
) -> None:  # fmt: skip
    """Cement goes on for `dt`, each cell for itself and without conduction; Runge and Kutta's rule in slices.

    `cells` linear indices, `conversion` and `warming` (kelvin a unit of conversion, 0 to hold the temperature) one each;
    `temperature` flat, above the outside, which stands at `outside_k` kelvin.
    """
    for number in range(cells.size):
        at = cells[number]
        own, kelvin = conversion[number], temperature[at] + outside_k
        rise = warming[number]
        left = dt
        while left > 0.0:
            first = conversion_rate(own, kelvin, constants)
            h = min(left, DECAY / (constants[0] * speed(kelvin, constants)))
            if first * h > SLICE:
                h = SLICE / first
            gain = 0.5 * h * first
            second = conversion_rate(own + gain, kelvin + rise * gain, constants)
            gain = 0.5 * h * second
            third = conversion_rate(own + gain, kelvin + rise * gain, constants)
            gain = min(h * third, 1.0 - own)
            last = conversion_rate(own + gain, kelvin + rise * gain, constants)
            gain = min(h * (first + 2.0 * (second + third) + last) / 6.0, 1.0 - own)
            own += gain
            kelvin += rise * gain
            left -= h
        conversion[number] = own
        temperature[at] = kelvin - outside_k


@kernel
def carry_off(temperature: Any, capacity: Any, exchange: Any, dt: float) -> Any:
    """Blood or a bath at the outside's temperature, W/K a cell, for `dt`; J carried off. Second order, never below the outside."""
    carried = 0.0
    for c in range(temperature.size):
        if exchange[c] > 0.0:
            x = exchange[c] * dt / capacity[c]
            after = temperature[c] / (1.0 + x + 0.5 * x * x)
            carried += capacity[c] * (temperature[c] - after)
            temperature[c] = after
    return carried


@kernel
def stored(temperature: Any, capacity: Any) -> Any:
    """Heat above the outside, J."""
    found = 0.0
    for c in range(temperature.size):
        found += capacity[c] * temperature[c]
    return found


@kernel
def _mean(first: float, last: float) -> Any:
    """Mean of an exponential that goes from one value to another."""
    ratio = last / first
    if abs(ratio - 1.0) < 1e-4:
        return 0.5 * (first + last)
    return (last - first) / np.log(ratio)


@kernel
def keep(before: Any, after: Any, records: Any, outside_c: float, dt: float, constants: Any) -> Any:
    """Peaks, the damage integral, minutes at 43 degrees and times above two limits over a step; the largest change in kelvin.

    `records` flat: peak (above the outside), omega, minutes, seconds above each limit; `constants` (A 1/s, E J/mol, R above
    and below 43, threshold K above the outside, two limits in degC). Rates are exponential in the temperature, so their
    mean over a step is the logarithmic one. `before` becomes `after`.
    """
    peak, omega, minutes, first, second = records
    factor, energy, warm, cool, threshold, limit, limit2 = constants
    most = 0.0
    for c in range(after.size):
        was, now = before[c], after[c]
        most = max(most, abs(now - was))
        before[c] = now
        peak[c] = max(peak[c], now)
        if now <= threshold and was <= threshold:
            continue
        low, high = was + outside_c, now + outside_c
        rate = _mean(np.exp(-energy / GAS / (low + KELVIN)), np.exp(-energy / GAS / (high + KELVIN)))
        omega[c] += factor * dt * rate
        minutes[c] += dt / 60.0 * _mean(_equivalent(low, warm, cool), _equivalent(high, warm, cool))
        first[c] += dt * _part_above(low, high, limit)
        second[c] += dt * _part_above(low, high, limit2)
    return most


@kernel
def _equivalent(celsius: float, warm: float, cool: float) -> Any:
    """Minutes at 43 degrees that a minute at this temperature is worth."""
    return (warm if celsius >= 43.0 else cool) ** (43.0 - celsius)


@kernel
def _part_above(low: float, high: float, limit: float) -> Any:
    """Part of a straight line between two values that lies above a limit."""
    bottom, top = min(low, high), max(low, high)
    if bottom >= limit:
        return 1.0
    return 0.0 if top <= limit else (top - limit) / (top - bottom)
