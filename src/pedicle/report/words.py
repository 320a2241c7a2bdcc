"""Numbers and places in words: a figure never stands without its unit, and a missing one says why.

Rounding follows what the figures can carry: whole units from 10 upwards, one decimal below, and one decimal as well
where the stated standard deviation is under one unit. A probability under 0.1 % reads "< 0.1 %".
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from numpy.typing import ArrayLike, NDArray

from pedicle.model.vertebra import Estimate

SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NOT_ASSESSED = "not assessed"
_LEAD_WORDS = (NOT_ASSESSED, "depth unknown", "not evaluable")
UNITS = {"mm": "mm", "deg": "°", "ml": "ml", "HU": "HU", "percent": "%", "mg/cm3": "mg/cm³", "mg_cm3": "mg/cm³"}

RESEARCH_ONLY = (
    "Research and training software. Not a medical device. Not for diagnosis or for guiding treatment of a patient. "
    "Figures are model estimates with the stated uncertainty."
)

_WORDS = (("left", "right"), ("back", "front"), ("head", "feet"))


def finite(value: float | None) -> bool:
    """Whether there is a number to print."""
    return value is not None and math.isfinite(value)


def figure(value: float, decimals: int | None = None) -> str:
    """A number alone, rounded by its size unless `decimals` is given; never "-0".

    >>> figure(9.96), figure(12.4), figure(0.04), figure(-2.31)
    ('10', '12', '0.0', '−2.3')
    """
    if decimals is None:
        decimals = 0 if abs(value) >= 9.95 else 1
    text = f"{abs(value):.{decimals}f}"
    negative = value < 0 and float(text) != 0
    return (MINUS if negative else "") + text


def with_unit(text: str, unit: str) -> str:
    """A figure and its unit, kept on one line; degrees and nothing else stand close."""
    name = UNITS.get(unit, unit)
    return text + ("" if name == "°" else SPACE) + name


def clock(t_s: float) -> str:
    """A time in minutes and seconds, to the nearest second.

    >>> clock(0.0), clock(754.6), clock(16033.3)
    ('0:00', '12:35', '267:13')
    """
    minutes, seconds = divmod(round(t_s), 60)
    return f"{minutes}:{seconds:02d}"


def missing(reason: str = "") -> str:
    """What stands in the place of a figure that nobody could take.

    >>> missing("no lung in the labels"), missing("Not assessed: no lung in the labels.")
    ('not assessed: no lung in the labels', 'not assessed: no lung in the labels')
    """
    return f"{NOT_ASSESSED}: {bare_reason(reason) or 'no reason given by the step that measures it'}"


def bare_reason(reason: str) -> str:
    """A reason without the lead words that say the same as what it stands behind, and without its full stop."""
    text = reason.strip().rstrip(".")
    head, colon, rest = text.partition(":")
    return bare_reason(rest) if colon and head.strip().lower() in _LEAD_WORDS else text


def whole(value: float, unit: str) -> str:
    """A figure to the whole unit, for reading at a distance.

    >>> whole(56.3, "mm").replace(SPACE, " ")
    '56 mm'
    """
    return with_unit(figure(value, 0), unit)


def at_least_one(sigma: float, unit: str) -> str:
    """A standard deviation rounded up to whole units, so that large type never looks surer than it is.

    >>> at_least_one(0.4, "mm").replace(SPACE, " "), at_least_one(1.2, "mm").replace(SPACE, " ")
    ('± 1 mm', '± 2 mm')
    """
    return f"±{SPACE}{with_unit(figure(float(math.ceil(sigma - 1e-9) or 1), 0), unit)}"


def degree_signs(text: str) -> str:
    """Angles of a C-arm sentence with the degree sign.

    >>> degree_signs("22 deg toward the patient's left")
    "22° toward the patient's left"
    """
    return text.replace(" deg ", "° ")


def gathered(items: Iterable[str]) -> list[str]:
    """Items that begin with the same words before a colon, put on one line.

    >>> gathered(["not stated: INR", "count the level again", "not stated: consent"])
    ['not stated: INR, consent', 'count the level again']
    """
    found: dict[str, list[str]] = {}
    for item in items:
        head, colon, rest = item.partition(": ")
        found.setdefault(head if colon else item, []).extend([rest] if colon else [])
    return [f"{head}: {', '.join(rest)}" if rest else head for head, rest in found.items()]


def measure(value: float | None, unit: str, sigma: float | None = None, reason: str = "") -> str:
    """A figure with unit and, where known, one standard deviation; or why there is none.

    >>> measure(25.43, "mm", 0.5).replace(SPACE, " ")
    '25.4 ± 0.5 mm'
    >>> measure(None, "mm", reason="cut by the border")
    'not assessed: cut by the border'
    """
    if value is None or not math.isfinite(value):
        return missing(reason)
    if sigma is None or not math.isfinite(sigma):
        return with_unit(figure(value), unit)
    decimals = 1 if sigma < 0.95 or abs(value) < 9.95 else 0
    spread = figure(sigma, 1 if sigma < 0.95 else decimals)
    return with_unit(f"{figure(value, decimals)}{SPACE}±{SPACE}{spread}", unit)


def signed(value: float, unit: str) -> str:
    """A figure that carries its sign, such as a positioner angle.

    >>> signed(158.2, "deg"), signed(-7.6, "deg"), signed(0.2, "deg")
    ('+158°', '−8°', '0°')
    """
    whole = round(value)
    return with_unit(("+" if whole > 0 else MINUS if whole < 0 else "") + str(abs(whole)), unit)


def probability(value: float | None, reason: str = "") -> str:
    """A probability 0 to 1 in percent.

    >>> [probability(p).replace(SPACE, " ") for p in (0.0002, 0.004, 0.31, 0.9996)]
    ['< 0.1 %', '0.4 %', '31 %', '> 99.9 %']
    """
    if value is None or not math.isfinite(value):
        return missing(reason)
    if value < 0.001:
        return f"<{SPACE}0.1{SPACE}%"
    if value > 0.999:
        return f">{SPACE}99.9{SPACE}%"
    percent = 100.0 * value
    return f"{figure(percent, 1 if percent < 0.95 or percent > 99 else 0)}{SPACE}%"


def interval(estimate: Estimate | None, reason: str = "") -> str:
    """An estimate with its 95 % interval."""
    if estimate is None or not math.isfinite(estimate.value):
        return missing(reason)
    span = f"{figure(estimate.low)} to {figure(estimate.high)}"
    return f"{with_unit(figure(estimate.value), estimate.unit)} (95{SPACE}%: {span})"


def direction_word(direction_lps: ArrayLike) -> str:
    """The anatomical word of a direction's main component: left, right, back, front, head or feet.

    >>> direction_word([-0.9, 0.3, 0.1])
    'right'
    """
    import numpy as np

    vector: NDArray[np.float64] = np.asarray(direction_lps, dtype=np.float64)
    main = int(np.abs(vector).argmax())
    return _WORDS[main][0 if vector[main] > 0 else 1]


def listed(items: Iterable[str]) -> str:
    """Items as an English list.

    >>> listed(["L1", "L2", "L3"]), listed([]), listed(["T12"])
    ('L1, L2 and L3', 'none', 'T12')
    """
    names = list(items)
    if len(names) < 2:
        return names[0] if names else "none"
    return ", ".join(names[:-1]) + " and " + names[-1]


def counted(number: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "needle"), counted(3, "needle")
    ('1 needle', '3 needles')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def sentence(text: str) -> str:
    """First letter large, a full stop at the end; other text as it is.

    >>> sentence("posterior wall not seen")
    'Posterior wall not seen.'
    """
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


POSITIONS = {
    "HFS": "supine, head first",
    "HFP": "prone, head first",
    "FFS": "supine, feet first",
    "FFP": "prone, feet first",
    "HFDR": "on the right side, head first",
    "HFDL": "on the left side, head first",
    "FFDR": "on the right side, feet first",
    "FFDL": "on the left side, feet first",
}


def position_words(patient_position: str | None) -> str:
    """A DICOM patient position in words."""
    if patient_position is None:
        return "position not stated in the file"
    return POSITIONS.get(patient_position, f"position {patient_position}")


BASIS_SHORT = {"sacrum": "sacrum", "c2": "C2", "ribs": "last rib", "given": "label file alone"}

BASIS_WORDS = {
    "sacrum": "counted up from the sacrum",
    "c2": "counted down from C2",
    "ribs": "counted from the last rib",
    "given": "as named in the label file, not counted again",
}
