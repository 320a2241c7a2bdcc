"""What the team does and sees in an operation beside needle, picture and cement: events of the same log.

What is not known is absent, never a made-up value: an item of a time-out without an answer is "not stated".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pedicle.model.frames import Side

Block = Literal["before sedation", "before skin", "before leaving"]
Answer = Literal["yes", "no", "not stated"]
Route = Literal["iv", "oral", "inhaled", "im"]
Layer = Literal["skin", "track", "periosteum", "bone"]
Score = Literal["aldrete", "padss"]
Home = Literal["home", "ward"]
Crisis = Literal[
    "over-sedation",
    "anaesthetic toxicity",
    "pressure fall at cement",
    "vagal slow pulse",
    "cement embolism",
    "canal leak with weakness",
    "pneumothorax",
    "allergy",
]
BLOCKS: tuple[Block, ...] = get_args(Block)
CRISES: tuple[Crisis, ...] = get_args(Crisis)


@dataclass(frozen=True)
class TimeOut:
    """A block of the checklist read aloud: an answer to every item; levels and sides as said, against the planned picture."""

    t_s: float
    block: Block
    answers: dict[str, Answer]
    levels: tuple[tuple[str, Side], ...] = ()


@dataclass(frozen=True)
class LevelCounted:
    """A level was found under the C-arm by counting from a landmark."""

    t_s: float
    level: str
    landmark: str


@dataclass(frozen=True)
class DrugGiven:
    """A drug by name as its row has it; `amount` in `unit` (mg, ug, ml, l_min)."""

    t_s: float
    drug: str
    amount: float
    unit: Literal["mg", "ug", "ml", "l_min"]
    route: Route


@dataclass(frozen=True)
class AnaestheticInjected:
    """Local anaesthetic at one needle's site: drug as its row has it, strength in percent, volume, and into what."""

    t_s: float
    level: str
    side: Side
    layer: Layer
    drug: str
    percent: float
    volume_ml: float
    adrenaline: bool = False


@dataclass(frozen=True)
class TipConfirmed:
    """The operator has looked at the tip measured last and says that it is right."""

    t_s: float
    level: str
    side: Side


@dataclass(frozen=True)
class BiopsyTaken:
    """A core of bone was taken through the needle."""

    t_s: float
    level: str
    side: Side


@dataclass(frozen=True)
class NeedleSecured:
    """The needle is held so that a syringe can be turned on it without moving the tip."""

    t_s: float
    level: str
    side: Side


@dataclass(frozen=True)
class CementMixed:
    """A batch of cement was mixed: its number, its name in the catalogue, the room's temperature. `t_s` is the clock's zero of
    the batch."""

    t_s: float
    mix: int
    cement: str
    room_c: float


@dataclass(frozen=True)
class NeedleRemoved:
    """A needle was turned, to break the cement at its tip, and taken out; `turned` False when it was pulled straight."""

    t_s: float
    level: str
    side: Side
    turned: bool = True


@dataclass(frozen=True)
class Dressed:
    """The skin was cleaned, pressed until dry and dressed."""

    t_s: float


@dataclass(frozen=True)
class Turned:
    """The patient was turned onto the back and moved to the bed."""

    t_s: float


@dataclass(frozen=True)
class Observed:
    """What was measured or asked at one time, by name: numbers with units in their names, words for the legs.

    Names of numbers: systolic_mmhg, mean_mmhg, pulse_min, breaths_min, spo2_percent, pain_nrs. `words` holds others, as
    {"legs": "both move"}.
    """

    t_s: float
    values: dict[str, float]
    words: dict[str, str]


@dataclass(frozen=True)
class Scored:
    """A score was taken: points by item as its table names them."""

    t_s: float
    score: Score
    points: dict[str, int]


@dataclass(frozen=True)
class Discharged:
    """The patient left."""

    t_s: float
    to: Home
    escort: Answer = "not stated"


@dataclass(frozen=True)
class CrisisArose:
    """Something went wrong with the patient, as the crisis tables name it."""

    t_s: float
    crisis: Crisis


@dataclass(frozen=True)
class CrisisTreated:
    """A first action in a crisis, by its key in the crisis tables."""

    t_s: float
    crisis: Crisis
    action: str


@dataclass(frozen=True)
class Overridden:
    """A gate is passed against its finding: which, and the reason that a person typed. It holds for the next event only."""

    t_s: float
    gate: str
    reason: str


Act = (
    TimeOut
    | LevelCounted
    | DrugGiven
    | AnaestheticInjected
    | TipConfirmed
    | BiopsyTaken
    | NeedleSecured
    | CementMixed
    | NeedleRemoved
    | Dressed
    | Turned
    | Observed
    | Scored
    | Discharged
    | CrisisArose
    | CrisisTreated
    | Overridden
)
ACTS: dict[str, type[Act]] = {
    "time_out": TimeOut,
    "level_counted": LevelCounted,
    "drug_given": DrugGiven,
    "anaesthetic_injected": AnaestheticInjected,
    "tip_confirmed": TipConfirmed,
    "biopsy_taken": BiopsyTaken,
    "needle_secured": NeedleSecured,
    "cement_mixed": CementMixed,
    "needle_removed": NeedleRemoved,
    "dressed": Dressed,
    "turned": Turned,
    "observed": Observed,
    "scored": Scored,
    "discharged": Discharged,
    "crisis_arose": CrisisArose,
    "crisis_treated": CrisisTreated,
    "overridden": Overridden,
}
