"""A case made, continued, or one step of it again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pedicle.model.case import Case
from pedicle.model.errors import InputError
from pedicle.model.patient import Patient
from pedicle.model.progress import Progress, part, silent
from pedicle.model.sourced import references_used
from pedicle.procedure.chosen import RunOptions, StepName, plain, stored_options
from pedicle.procedure.records import digest_of, forget_later, record_digest, stands
from pedicle.procedure.steps import STEPS, Step


@dataclass(frozen=True)
class Sources:
    """Where a case comes from: a CT (None = label map only), a label map, a patient."""

    ct: Path | None
    labels: Path
    patient: Patient | None = None


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


def again(out: Path | str, name: StepName, options: Any = None, progress: Progress = silent, **others: Any) -> Case:
    """One step of a case again with its options, then every later step that had been done; `others` are options beside its own.

    Later than the earliest that is made along with it, too: where other software made a case's expected pictures, they are made anew
    for a report, and what was done after them must not be lost.
    """
    Case.open(out)
    with Case.writing(out) as case:
        chosen = replace(stored_options(case), **({name: options} if options is not None else {}), **others)
        names = [step.name for step in STEPS]
        wanted = {name, *_made_along(case, name)}
        first = min(names.index(one) for one in wanted)
        todo = [s for n, s in enumerate(STEPS) if s.name in wanted or (n > first and case.step(s.name))]
        for n, step in enumerate(todo):
            _perform(case, step, chosen, part(progress, n / len(todo), (n + 1) / len(todo)))
        progress(1.0, "done")
    return case


def _made_along(case: Case, name: StepName) -> tuple[str, ...]:
    """Steps that a step draws on and that are made with it: a report the expected pictures of a plan, strength the hardening."""
    if name == "report" and case.step("plan"):
        return ("fluoroscopy",)
    return ("cure",) if name == "strength" else ()


def _read(case: Case, sources: Sources, options: RunOptions, progress: Progress) -> None:
    """Bring the inputs through the gate, unless the same files with the same options are in the case already."""
    from pedicle.io.fingerprint import fingerprint

    progress(0.0, "checking the input")
    hashes = [fingerprint(path) if path else "" for path in (sources.ct, sources.labels)]
    facts = sources.patient.stated() if sources.patient else None
    digest = digest_of("read", hashes, plain(options.imports), facts)
    if not stands(case, "read", digest):
        _import(case, sources, options, digest, progress)
    case.manifest["options"] = plain(options)


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
    forget_later(case, "read", digest)
    case.commit("read", digest, result, {}, facts)


def _perform(case: Case, step: Step, options: RunOptions, progress: Progress) -> None:
    """Compute a step and commit it, unless its digest is unchanged."""
    below = [record_digest(case, need) for need in step.needs]
    digest = digest_of(step.name, below, [plain(one) for one in step.options(options)])
    if stands(case, step.name, digest):
        progress(1.0, f"{step.name}: unchanged")
        return
    progress(0.0, step.name)
    started = time.monotonic()
    with references_used() as used:
        made = step.compute(case, options, progress)
    # A report lists what the other steps used; what drawing it reads would list itself the next time only.
    used = set() if step.name == "report" else used
    facts = {"seconds": time.monotonic() - started, "warnings": made.warnings, "references": used}
    case.manifest["options"] = plain(options)
    forget_later(case, step.name, digest)
    case.commit(step.name, digest, made.result, made.files, facts)


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
