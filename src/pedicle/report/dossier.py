"""What the report is written from: the nouns of a case, gathered once, and the facts that identify it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pedicle.model.care import CarePlan
from pedicle.model.case import Case
from pedicle.model.cure import Cure
from pedicle.model.events import Event
from pedicle.model.expected import Expected
from pedicle.model.fill import InjectedLevel
from pedicle.model.finding import Finding, ScoreRow
from pedicle.model.patient import Patient
from pedicle.model.scan import InputFile, LabelMap, Scan
from pedicle.model.strength import Strength
from pedicle.model.trajectory import LevelPlan, Plan
from pedicle.model.vertebra import Spine


@dataclass(frozen=True)
class CaseFacts:
    """Which inputs, which software, which published sources; no name, no folder, no time of the run."""

    inputs: tuple[InputFile, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    references: tuple[str, ...] = ()

    @property
    def input_hash(self) -> str:
        """sha256 over the sorted hashes of all inputs; the same whatever the order of the files."""
        return hashlib.sha256("\n".join(sorted(item.sha256 for item in self.inputs)).encode()).hexdigest()

    @property
    def code(self) -> str:
        """A short name for reading aloud, made from the inputs alone, e.g. "3F9A-C21B"."""
        text = self.input_hash[:8].upper()
        return f"{text[:4]}-{text[4:]}"

    @property
    def software(self) -> str:
        """Name and version of the program that made the case."""
        return f"pedicle {self.versions.get('pedicle') or _own_version()}"


@dataclass(frozen=True, eq=False)
class OperationLog:
    """The whole operation: its events, what gates found, its scores."""

    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    scores: tuple[ScoreRow, ...]


@dataclass(frozen=True, eq=False)
class Dossier:
    """Everything the report draws. `scan` is None for a mask alone, `plan` is None when nothing was planned, `expected` when no
    X-ray pictures were computed; `injected` are the levels with an injection, `left_out` says of other planned ones why not; `cures` and
    `strengths` are of injected levels, `care` is None until it was planned."""

    scan: Scan | None
    labels: LabelMap
    spine: Spine
    plan: Plan | None = None
    patient: Patient | None = None
    facts: CaseFacts = field(default_factory=CaseFacts)
    expected: Expected | None = None
    injected: tuple[InjectedLevel, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    cures: tuple[Cure, ...] = ()
    strengths: tuple[Strength, ...] = ()
    care: CarePlan | None = None
    log: OperationLog | None = None

    @property
    def invented(self) -> bool:
        """Whether the patient is nobody: every page says so."""
        return self.patient is not None and self.patient.invented

    def level_plan(self, level: str) -> LevelPlan | None:
        """The plan of a level, or None."""
        levels = self.plan.levels if self.plan else ()
        return next((found for found in levels if found.level == level), None)

    def injection(self, level: str) -> InjectedLevel | None:
        """What was injected in a level, or None."""
        return next((found for found in self.injected if found.level == level), None)

    def cure(self, level: str) -> Cure | None:
        """How a level's cement hardened, or None."""
        return next((found for found in self.cures if found.level == level), None)

    def strength(self, level: str) -> Strength | None:
        """What a level carries, or None."""
        return next((found for found in self.strengths if found.level == level), None)


def gather(case: Case) -> Dossier:
    """The dossier of a case; `read` and `measure` must have run (InputError 604 otherwise)."""
    read = case.load("read")
    manifest = case.manifest
    facts = CaseFacts(
        tuple(InputFile(str(row["sha256"]), str(row["kind"])) for row in manifest.get("inputs", ())),
        {str(k): str(v) for k, v in manifest.get("versions", {}).items()},
        dict(manifest.get("options", {})),
        tuple(manifest.get("references", ())),
    )
    plan = case.load("plan") if case.step("plan") else None
    expected = case.load("fluoroscopy") if case.step("fluoroscopy") else None
    operated = case.load("operate") if case.step("operate") else {}
    cared = case.load("care") if case.step("care") else None
    return Dossier(
        scan=read["scan"],
        labels=read["labels"],
        spine=case.load("measure"),
        plan=plan,
        patient=read.get("patient"),
        facts=facts,
        expected=expected,
        injected=tuple(operated.get("injected", ())),
        left_out=dict(operated.get("left_out", {})),
        cures=case.load("cure") if case.step("cure") else (),
        strengths=case.load("strength") if case.step("strength") else (),
        care=cared["plan"] if cared else None,
        log=OperationLog((*operated.get("events", ()), *cared["events"]), cared["findings"], cared["scores"])
        if cared
        else None,
    )


def _own_version() -> str:
    try:
        return version("pedicle")
    except PackageNotFoundError:
        return "version unknown"
