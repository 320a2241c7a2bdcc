"""The procedure: its steps in order, each computed once for the same input and options.

`run` makes or continues a case; `again` repeats one step with other options and whatever stood on it. A step whose
digest (its options, its inputs' digests, the code) is unchanged is not repeated.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from pedicle.anatomy.options import MeasureOptions
from pedicle.fluoroscopy.options import ExpectedOptions, PictureOptions, ShotOptions
from pedicle.io.options import ImportOptions
from pedicle.model.case import Case
from pedicle.model.errors import InputError
from pedicle.model.events import log_text
from pedicle.model.notices import Notice
from pedicle.model.patient import Patient
from pedicle.model.progress import Progress, part, silent
from pedicle.model.shot import Shot
from pedicle.model.sourced import references_used
from pedicle.planning.options import PlanOptions
from pedicle.report.options import ReportOptions

StepName = Literal["measure", "plan", "report"]
# Every record a case may hold, in the order they stand on each other.
_ORDER = ("read", "measure", "plan", "operate", "fluoroscopy", "report")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Everything that may be chosen, one options object a step, and the last step to do."""

    upto: StepName = "report"
    imports: ImportOptions = field(default_factory=ImportOptions)
    measure: MeasureOptions = field(default_factory=MeasureOptions)
    plan: PlanOptions = field(default_factory=PlanOptions)
    fluoroscopy: ExpectedOptions = field(default_factory=ExpectedOptions)
    report: ReportOptions = field(default_factory=ReportOptions)


@dataclass(frozen=True)
class Sources:
    """Where a case comes from: a CT (None = label map only), a label map, a patient."""

    ct: Path | None
    labels: Path
    patient: Patient | None = None


@dataclass(frozen=True)
class Made:
    """What a step made: its noun, the named files for people, its warnings."""

    result: Any
    files: dict[str, bytes] = field(default_factory=dict)
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step: what it stands on, and how it is computed from the case."""

    name: str
    needs: tuple[str, ...]
    compute: Callable[[Case, RunOptions, Progress], Made]


def run(
    ct: Path | str | None,
    labels: Path | str | None = None,
    out: Path | str = "pedicle-case",
    options: RunOptions | None = None,
    patient: Patient | None = None,
    progress: Progress = silent,
) -> Case:
    """The whole procedure on a CT and its label map, into a case folder; returns the case.

    `ct` None measures a label map alone. Raises PedicleError subclasses; nothing is written when the input is refused.
    """
    options = options or RunOptions()
    sources = Sources(_path(ct), _labels(ct, labels), patient)
    names = [step.name for step in STEPS]
    last = names.index(options.upto)
    if sources.ct is None and options.upto != "measure":
        raise InputError(101, "command", "no CT", "a plan needs one", "give a CT, or stop at --upto measure")
    with Case.writing(out) as case:
        _read(case, sources, options, part(progress, 0.0, 0.2))
        for n, step in enumerate(STEPS[: last + 1]):
            _perform(case, step, options, part(progress, 0.2 + 0.8 * n / (last + 1), 0.2 + 0.8 * (n + 1) / (last + 1)))
        case.refresh_files()
        progress(1.0, "done")
    return case


def again(out: Path | str, name: StepName, options: Any = None, progress: Progress = silent) -> Case:
    """One step of a case again with its options, then every later step that had been done."""
    Case.open(out)
    with Case.writing(out) as case:
        chosen = replace(stored_options(case), **({name: options} if options is not None else {}))
        names = [step.name for step in STEPS]
        first = names.index(name)
        # A report draws the expected pictures, so they are made with it where there is a plan.
        wanted = {name, *(("fluoroscopy",) if name == "report" and case.step("plan") else ())}
        todo = [s for n, s in enumerate(STEPS) if s.name in wanted or (n > first and case.step(s.name))]
        for n, step in enumerate(todo):
            _perform(case, step, chosen, part(progress, n / len(todo), (n + 1) / len(todo)))
        progress(1.0, "done")
    return case


def demo(out: Path | str = "pedicle-demo", progress: Progress = silent) -> Case:
    """The whole procedure on the embedded synthetic patient, through the real DICOM reader."""
    from pedicle.phantom.cases import named_case

    folder = Path(out)
    write_phantom(named_case("demo"), folder / "input", part(progress, 0.0, 0.3))
    options = RunOptions(plan=PlanOptions(levels="fractured"))
    patient = Patient(age_y=76, sex="F", invented=True)
    labels = folder / "input" / "labels_seg-vert_msk.nii.gz"
    return run(folder / "input" / "ct", labels, out, options, patient, part(progress, 0.3, 1.0))


@dataclass(frozen=True, eq=False)
class Taken:
    """A picture taken in a case: the case, the shot, its files by name, sentences about it."""

    case: Case
    shot: Shot
    files: dict[str, bytes]
    words: tuple[str, ...]


def shoot(
    out: Path | str,
    options: ShotOptions | None = None,
    picture: PictureOptions | None = None,
    progress: Progress = silent,
) -> Taken:
    """Take a picture in a planned case: replay its log, move the needle if asked, look, and add both to the log.

    Writes ``shot-NNN-LEVEL-VIEW.png``, ``.json`` and with `dicom` ``.dcm``, and ``operation.jsonl``. Raises InputError 604
    without a plan, 700 to 703 for a view, level, side or depth that is not there.
    """
    import pedicle.operation as operation
    from pedicle.fluoroscopy.setup import choose, stage
    from pedicle.io.xa.files import shot_files

    Case.open(out)
    with Case.writing(out) as case, references_used() as used:
        started, chosen = time.monotonic(), options or ShotOptions()
        given, spine, plan = case.load("read"), case.load("measure"), case.load("plan")
        events = case.load("operate")["events"] if case.step("operate") else ()
        progress(0.1, "the picture")
        setting = choose(spine, plan, chosen)
        state, done = operation.prepared(operation.replay(events), setting, chosen)
        exposure = operation.expose(state, stage(given["scan"], setting), setting, picture or PictureOptions())
        state, done = operation.apply(state, exposure.event), (*done, exposure.event)
        files, words = shot_files(exposure.shot, state, setting.words, chosen.dicom, _record_digest(case, "plan"))
        kept = {**case.files_of("operate"), **files, "operation.jsonl": log_text((*events, *done)).encode()}
        digest = _digest("operate", _record_digest(case, "plan"), kept["operation.jsonl"].decode())
        facts = {"seconds": time.monotonic() - started, "warnings": exposure.shot.warnings, "references": used}
        case.commit("operate", digest, {"events": (*events, *done)}, kept, facts)
    progress(1.0, "picture taken")
    return Taken(case, exposure.shot, files, words)


def write_phantom(options: Any, folder: Path, progress: Progress = silent) -> None:
    """A synthetic patient as files: ``ct/`` (DICOM), a VerSe label map with its name table, and ``truth.json``."""
    from pedicle.io.dicom.write import write_ct_series
    from pedicle.io.documents import to_bytes
    from pedicle.io.labelmap.write import write_label_nifti
    from pedicle.model.levels import level_of_verse
    from pedicle.phantom.make import make_phantom

    phantom = make_phantom(options, part(progress, 0.0, 0.8))
    folder.mkdir(parents=True, exist_ok=True)
    progress(0.8, "writing DICOM")
    write_ct_series(phantom.scan.volume, folder / "ct", phantom.scan.acquisition, options.seed)
    names = {n: str(level_of_verse(n)) for n in range(1, 29) if level_of_verse(n)}
    write_label_nifti(phantom.labels, folder / "labels_seg-vert_msk.nii.gz", names)
    (folder / "truth.json").write_bytes(to_bytes(phantom.truth.document()))
    progress(1.0, "synthetic patient written")


def stored_options(case: Case) -> RunOptions:
    """The options a case was last run with."""
    try:
        found: RunOptions = TypeAdapter(RunOptions).validate_python(case.manifest["options"])
    except ValidationError as error:
        raise InputError(
            603,
            "case.json",
            "options this version does not know",
            "options as pedicle wrote them",
            "run again: pedicle run",
        ) from error
    return found


def _read(case: Case, sources: Sources, options: RunOptions, progress: Progress) -> None:
    """Bring the inputs through the gate, unless the same files with the same options are in the case already."""
    from pedicle.io.fingerprint import fingerprint

    progress(0.0, "checking the input")
    hashes = [fingerprint(path) if path else "" for path in (sources.ct, sources.labels)]
    facts = sources.patient.stated() if sources.patient else None
    digest = _digest("read", hashes, _plain(options.imports), facts)
    if not _stands(case, "read", digest):
        _import(case, sources, options, digest, progress)
    case.manifest["options"] = _plain(options)


def _import(case: Case, sources: Sources, options: RunOptions, digest: str, progress: Progress) -> None:
    from pedicle.io.read import read_ct, read_labels

    started = time.monotonic()
    with references_used() as used:
        scan = read_ct(sources.ct, options.imports, part(progress, 0.0, 0.7)) if sources.ct else None
        labels = read_labels(sources.labels, scan, options.imports, part(progress, 0.7, 1.0))
    inputs = (scan.inputs if scan else ()) + labels.inputs
    case.manifest["inputs"] = [vars(found) for found in inputs]
    case.manifest["versions"] = _versions()
    result = {"scan": scan, "labels": labels, "patient": sources.patient}
    warnings = (scan.warnings if scan else ()) + labels.warnings
    facts = {"seconds": time.monotonic() - started, "warnings": warnings, "references": used}
    _forget_later(case, "read", digest)
    case.commit("read", digest, result, {}, facts)


def _perform(case: Case, step: Step, options: RunOptions, progress: Progress) -> None:
    """Compute a step and commit it, unless its digest is unchanged."""
    below = [_record_digest(case, need) for need in step.needs]
    digest = _digest(step.name, below, _plain(getattr(options, step.name)))
    if _stands(case, step.name, digest):
        progress(1.0, f"{step.name}: unchanged")
        return
    progress(0.0, step.name)
    started = time.monotonic()
    with references_used() as used:
        made = step.compute(case, options, progress)
    facts = {"seconds": time.monotonic() - started, "warnings": made.warnings, "references": used}
    case.manifest["options"] = _plain(options)
    _forget_later(case, step.name, digest)
    case.commit(step.name, digest, made.result, made.files, facts)


def _stands(case: Case, name: str, digest: str) -> bool:
    """Whether a step was done with this digest and all it left is still there."""
    record = case.step(name)
    return record is not None and record.digest == digest and case.is_whole(name)


def _forget_later(case: Case, name: str, digest: str) -> None:
    """Drop the later steps when a step changes: a plan must never stand beside a spine it was not made on."""
    if case.step(name) is None or _record_digest(case, name) == digest:
        return
    case.forget(list(_ORDER[_ORDER.index(name) + 1 :]))


def _measure(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.anatomy.spine import find_vertebrae
    from pedicle.io.documents import spine_document, to_bytes

    given = case.load("read")
    chosen = options.measure
    if chosen.sex is None and given["patient"] is not None:
        chosen = replace(chosen, sex=given["patient"].sex)
    spine = find_vertebrae(given["scan"], given["labels"], chosen, progress)
    return Made(spine, {"spine.json": to_bytes(spine_document(spine))}, spine.warnings)


def _plan(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.io.documents import plan_document, to_bytes
    from pedicle.planning.plan import plan

    given = case.load("read")
    made = plan(case.load("measure"), given["scan"], options.plan, given["patient"], progress)
    return Made(made, {"plan.json": to_bytes(plan_document(made))}, made.warnings)


def _fluoroscopy(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.fluoroscopy.expected import expected_views

    scan = case.load("read")["scan"]
    made = expected_views(scan, case.load("measure"), case.load("plan"), options.fluoroscopy, progress)
    return Made(made, {}, made.warnings)


def _report(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.report.write import write_report

    files = write_report(case, options.report, progress)
    return Made({name: hashlib.sha256(content).hexdigest() for name, content in files.items()}, files)


STEPS = (
    Step("measure", ("read",), _measure),
    Step("plan", ("read", "measure"), _plan),
    Step("fluoroscopy", ("read", "measure", "plan"), _fluoroscopy),
    Step("report", ("read", "measure", "plan", "fluoroscopy"), _report),
)


def _record_digest(case: Case, name: str) -> str:
    record = case.step(name)
    return record.digest if record else ""


def _digest(*parts: Any) -> str:
    from pedicle.io.fingerprint import code_fingerprint

    return hashlib.sha256(json.dumps([code_fingerprint(), *parts], sort_keys=True).encode()).hexdigest()


def _plain(options: Any) -> Any:
    return TypeAdapter(type(options)).dump_python(options, mode="json")


def _versions() -> dict[str, str]:
    import platform

    packages = ("pedicle", "numpy", "scipy", "numba", "pydicom", "nibabel")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


def _labels(ct: Path | str | None, labels: Path | str | None) -> Path:
    if labels is None:
        from pedicle.io.labelmap.reader import no_labels_error

        raise no_labels_error(Path(ct).name if ct else "command")
    return Path(labels)
