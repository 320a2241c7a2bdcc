"""When to stop pushing: what a look at both views, the syringe and the clock say.

Cement in the canal, a foramen or a vein that runs to the cava or azygos ends the injection through this needle. In a disc,
beside the spine or in a local vein it is left to thicken; seen again after the wait, it ends it too. Cement in the posterior
quarter of the body on the lateral view, a syringe that no longer moves, the end of the working time and the volume asked for
end it as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pedicle.model.medium import GRAVE_PLACES, Place

VOLUME_IN = "the volume asked for is in"
PLACE_WORDS: dict[Place, str] = {
    "canal": "the spinal canal",
    "foramen": "a foramen",
    "disc": "the disc",
    "paravertebral": "the soft tissue beside the spine",
    "prevertebral_vein": "a vein beside the body",
    "cava_or_azygos": "a vein that runs to the cava or azygos",
}


@dataclass(frozen=True)
class Looked:
    """A look during an injection: the places of leaks seen in any view, and how the injection stands.

    `new_signs` are leaks seen for the first time or grown since the last wait; `in_posterior_quarter` is such a sign too
    (`is_sign`). `stalled` = the syringe's force no longer
    moves it; `workable` = the cement in the needle is within its working time.
    """

    new_signs: tuple[Place, ...]
    in_posterior_quarter: bool
    injected_ml: float
    asked_ml: float
    stalled: bool
    workable: bool
    waited: bool


def is_sign(ml: float, before_ml: float, grown_ml: float) -> bool:
    """Whether cement seen in the posterior quarter tells something: any at first, of what an earlier needle left there only more.

    >>> is_sign(0.05, 0.0, 0.1), is_sign(0.25, 0.2, 0.1), is_sign(0.31, 0.2, 0.1)
    (True, False, True)
    """
    return before_ml == 0.0 or ml >= before_ml + grown_ml


@dataclass(frozen=True)
class Judgement:
    """What to do next, and why."""

    action: Literal["push", "wait", "stop"]
    reason: str = ""


def judge(looked: Looked) -> Judgement:
    """What the rules say after a look; the gravest reason is named.

    >>> judge(Looked(("canal",), False, 1.0, 3.0, False, True, False)).action
    'stop'
    """
    grave = [place for place in looked.new_signs if place in GRAVE_PLACES]
    if grave:
        return Judgement("stop", f"cement seen in {PLACE_WORDS[grave[0]]}")
    if looked.in_posterior_quarter:
        return Judgement("stop", "cement in the posterior quarter of the body on lateral")
    if looked.new_signs and looked.waited:
        return Judgement("stop", f"cement seen again after the wait: {PLACE_WORDS[looked.new_signs[0]]}")
    if looked.injected_ml >= looked.asked_ml - 1e-9:
        return Judgement("stop", VOLUME_IN)
    if not looked.workable:
        return Judgement("stop", "the cement's working time is over")
    if looked.stalled:
        return Judgement("stop", "the syringe's force no longer moves the cement")
    if looked.new_signs:
        return Judgement("wait", f"cement seen in {PLACE_WORDS[looked.new_signs[0]]}")
    return Judgement("push")
