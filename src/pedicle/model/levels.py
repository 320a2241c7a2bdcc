"""Names of vertebrae, their order from the head down, and their published codes (data/levels.toml)."""

from __future__ import annotations

from dataclasses import dataclass

from pedicle.model.sourced import remembered, table

# Vertebrae that only some people have.
NOT_ALWAYS_THERE = ("T13", "L6")


@dataclass(frozen=True)
class Level:
    """One named level: `rank` counts from C1 downwards, `verse` is its VerSe label, `sct` its SNOMED CT code or ""."""

    name: str
    rank: int
    verse: int
    region: str
    sct: str


@remembered
def levels() -> dict[str, Level]:
    """All levels by name, from the head down."""
    rows = table("levels")["level"]
    return {row["name"]: Level(row["name"], n, row["verse"], row["region"], row["sct"]) for n, row in enumerate(rows)}


@remembered
def level_of_verse(number: int) -> str | None:
    """Name of a VerSe label, or None.

    >>> level_of_verse(20), level_of_verse(28), level_of_verse(99)
    ('L1', 'T13', None)
    """
    return next((level.name for level in levels().values() if level.verse == number), None)


def verse_of_level(name: str) -> int:
    """VerSe label of a level; KeyError for an unknown name.

    >>> verse_of_level("L5")
    24
    """
    return levels()[name].verse


def rank(name: str) -> int:
    """Place from the head down.

    >>> rank("T12") < rank("T13") < rank("L1") < rank("L6") < rank("sacrum")
    True
    """
    return levels()[name].rank


def region(name: str) -> str:
    """cervical, thoracic, lumbar or sacral."""
    return levels()[name].region


def usual_neighbour(upper: str, lower: str) -> bool:
    """Whether `lower` is the next vertebra below `upper`; T13 and L6 may be there or not.

    >>> usual_neighbour("T12", "L1"), usual_neighbour("T12", "T13"), usual_neighbour("L5", "sacrum")
    (True, True, True)
    >>> usual_neighbour("L1", "L3")
    False
    """
    between = [name for name, level in levels().items() if rank(upper) < level.rank < rank(lower)]
    return rank(upper) < rank(lower) and all(name in NOT_ALWAYS_THERE for name in between)
