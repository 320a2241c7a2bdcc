"""The checklist: three blocks read aloud, each item with the answer that stated facts give."""

from __future__ import annotations

from typing import Any

from pedicle.care.facts import missing
from pedicle.care.rows import Rows
from pedicle.model.acts import BLOCKS, Answer, Block
from pedicle.model.care import CheckItem
from pedicle.model.patient import Patient


def checklist(patient: Patient, rows: Rows | None = None) -> tuple[CheckItem, ...]:
    """All items in the order they are read."""
    found = (rows or Rows()).raw("checklist")
    return tuple(
        CheckItem(block, item["key"], item["text"], _answer(item, patient), found["source"])
        for block in BLOCKS
        for item in found["item"]
        if item["block"] == block
    )


def answers_of(patient: Patient, block: Block) -> dict[str, Answer]:
    """The answer to every item of a block, by its key; what no fact answers is "not stated"."""
    return {item.key: item.answer for item in checklist(patient) if item.block == block}


def _answer(item: dict[str, Any], patient: Patient) -> Answer:
    """By the item's facts: stated, true or false as it asks."""
    keys = [key.strip() for key in item.get("fact", "").split(",") if key.strip()]
    if not keys or missing(patient, *keys):
        return "not stated"
    if item["yes"] == "stated":
        return "yes"
    return "yes" if getattr(patient, keys[0]) == (item["yes"] == "true") else "no"
