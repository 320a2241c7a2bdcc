"""What the records of a case stand on: digests, and when a record still stands."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pedicle.model.case import Case
from pedicle.procedure.steps import STEPS

# Every record a case may hold, in the order they stand on each other.
ORDER = ("read", *(step.name for step in STEPS))


def record_digest(case: Case, name: str) -> str:
    """The digest a step was made with; "" when it has not run."""
    record = case.step(name)
    return record.digest if record else ""


def digest_of(*parts: Any) -> str:
    """A hash of plain values and of the code that reads them."""
    from pedicle.io.fingerprint import code_fingerprint

    return hashlib.sha256(json.dumps([code_fingerprint(), *parts], sort_keys=True).encode()).hexdigest()


def stands(case: Case, name: str, digest: str) -> bool:
    """Whether a step was done with this digest and all it left is still there."""
    record = case.step(name)
    return record is not None and record.digest == digest and case.is_whole(name)


def forget_later(case: Case, name: str, digest: str) -> None:
    """Drop the later steps when a step changes: a plan must never stand beside a spine it was not made on."""
    if case.step(name) is None or record_digest(case, name) == digest:
        return
    case.forget(list(ORDER[ORDER.index(name) + 1 :]))
