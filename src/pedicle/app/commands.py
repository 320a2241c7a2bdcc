"""The commands. A thin layer: what they can do, the API can do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from pedicle.anatomy.options import MeasureOptions
from pedicle.app.console import Talk, Upto, speaking, tell
from pedicle.care.options import CareOptions
from pedicle.curing.options import CureOptions
from pedicle.fluoroscopy.options import PictureOptions, ShotOptions
from pedicle.injection.options import InjectOptions
from pedicle.io.options import ImportOptions
from pedicle.mechanics.options import StrengthOptions
from pedicle.model.case import Case
from pedicle.model.operator import ScriptOptions
from pedicle.planning.options import PlanOptions
from pedicle.report.options import ReportOptions

Seed = Annotated[int, Parameter(validator=Number(gte=0, lte=4_294_967_295))]
Imports = Annotated[ImportOptions, Parameter(name="*")]
Measuring = Annotated[MeasureOptions, Parameter(name="*")]
Planning = Annotated[PlanOptions, Parameter(name="*")]
Shooting = Annotated[ShotOptions, Parameter(name="*")]
Picturing = Annotated[PictureOptions, Parameter(name="*")]
Injecting = Annotated[InjectOptions, Parameter(name="*")]
Caring = Annotated[CareOptions, Parameter(name="*")]
Scripting = Annotated[ScriptOptions, Parameter(name="*")]
Curing = Annotated[CureOptions, Parameter(name="*")]
Strengthening = Annotated[StrengthOptions, Parameter(name="*")]
Reporting = Annotated[ReportOptions, Parameter(name="*")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The options of every step of `run`, flattened into flags."""

    imports: Imports = field(default_factory=ImportOptions)
    measure: Measuring = field(default_factory=MeasureOptions)
    plan: Planning = field(default_factory=PlanOptions)
    operate: Injecting = field(default_factory=InjectOptions)
    operator: Scripting = field(default_factory=ScriptOptions)
    care: Caring = field(default_factory=CareOptions)
    report: Reporting = field(default_factory=ReportOptions)


_QUIET = Talk()
_DEFAULTS = Chosen()


def demo(*, out: Path = Path("pedicle-demo"), talk: Talk = _QUIET) -> None:
    """Synthetic patient with an osteoporotic wedge fracture: from the CT to the report.

    Parameters
    ----------
    out
        Case folder to make.
    """
    with speaking(talk) as progress:
        from pedicle.procedure import demo as play

        compiling(progress)
        case = play(out, progress)
    summarise(case, talk)


def run(
    ct: Path,
    /,
    *,
    labels: Path | None = None,
    upto: Upto = "report",
    patient: Path | None = None,
    out: Path = Path("pedicle-case"),
    chosen: Chosen = _DEFAULTS,
    talk: Talk = _QUIET,
) -> None:
    """The whole procedure on a CT and its label map.

    Parameters
    ----------
    ct
        CT: DICOM folder, file or DICOMDIR, NIfTI, NRRD.
    labels
        Label map of the vertebrae on the same patient: NIfTI, NRRD or DICOM SEG.
    upto
        Last step to do.
    patient
        Facts about the patient (TOML); what it does not state stays "not stated".
    out
        Case folder to make or to continue.
    """
    with speaking(talk) as progress:
        from pedicle import procedure

        options = procedure.RunOptions(upto=upto, **vars(chosen))
        facts = _patient(patient)
        compiling(progress)
        case = procedure.run(ct, labels, out, options, facts, progress)
    summarise(case, talk)


def measure(
    ct: Path | None = None,
    /,
    *,
    labels: Path | None = None,
    out: Path = Path("pedicle-case"),
    imports: Imports = ImportOptions(),  # noqa: B008
    measure: Measuring = MeasureOptions(),  # noqa: B008
    talk: Talk = _QUIET,
) -> None:
    """Only the spine: levels, heights, fracture grade, density (none without a CT).

    Parameters
    ----------
    ct
        CT; may be left out to measure a label map alone.
    labels
        Label map of the vertebrae.
    out
        Case folder to make or to continue.
    """
    with speaking(talk) as progress:
        from pedicle import procedure

        options = procedure.RunOptions(upto="measure", imports=imports, measure=measure)
        compiling(progress)
        case = procedure.run(ct, labels, out, options, None, progress)
    summarise(case, talk)


def plan(case: Path, /, *, plan: Planning = PlanOptions(), talk: Talk = _QUIET) -> None:  # noqa: B008
    """Plan the needles of a case again, with other options; a report that stood on the old plan is written anew.

    Parameters
    ----------
    case
        Case folder.
    """
    _again(case, "plan", plan, talk)


def care(case: Path, /, *, care: Caring = CareOptions(), talk: Talk = _QUIET) -> None:  # noqa: B008
    """The operation from the last push to the way home, and the care plan; a report is written anew.

    Writes ``care.json`` and the whole ``operation.jsonl``.

    Parameters
    ----------
    case
        Case folder.
    """
    _again(case, "care", care, talk)


def report(case: Path, /, *, report: Reporting = ReportOptions(), talk: Talk = _QUIET) -> None:  # noqa: B008
    """Write a case's report again.

    Parameters
    ----------
    case
        Case folder.
    """
    _again(case, "report", report, talk)


def shoot(
    case: Path,
    /,
    *,
    shot: Shooting = ShotOptions(),  # noqa: B008
    picture: Picturing = PictureOptions(),  # noqa: B008
    talk: Talk = _QUIET,
) -> None:
    """Take a simulated X-ray picture of a planned case, with the needle in view, and add it to the case's log.

    Parameters
    ----------
    case
        Case folder.
    """
    with speaking(talk) as progress:
        from pedicle.procedure import shoot as take

        compiling(progress)
        taken = take(case, shot, picture, progress)
    dose = taken.shot.dose
    facts = {"case": str(taken.case.folder), "files": list(taken.files), "words": list(taken.words), "dose": vars(dose)}
    lines = [*taken.words, *(str(taken.case.folder / name) for name in taken.files)]
    tell(talk, facts, lines)


def inject(
    case: Path,
    /,
    *,
    inject: Injecting = InjectOptions(),  # noqa: B008
    operator: Scripting = ScriptOptions(),  # noqa: B008
    talk: Talk = _QUIET,
) -> None:
    """Bring the planned needles of a case in and inject cement through them with these options; a report is written anew.

    Writes ``injection-LEVEL.json``, ``.nii.gz`` (share of each voxel that is cement) and ``.gif`` (AP and lateral over time).

    Parameters
    ----------
    case
        Case folder.
    """
    _again(case, "operate", inject, talk, operator=operator)


def cure(case: Path, /, *, cure: Curing = CureOptions(), talk: Talk = _QUIET) -> None:  # noqa: B008
    """Let the cement of the injected levels harden with these options; what stands on it is made anew.

    Writes ``cure-LEVEL.json``.

    Parameters
    ----------
    case
        Case folder.
    """
    _again(case, "cure", cure, talk)


def strength(case: Path, /, *, strength: Strengthening = StrengthOptions(), talk: Talk = _QUIET) -> None:  # noqa: B008
    """What the injected levels could carry before the fracture, with it and with cement; a report is written anew.

    Writes ``strength-LEVEL.json``.

    Parameters
    ----------
    case
        Case folder.
    """
    _again(case, "strength", strength, talk)


def cite(case: Path, /, *, talk: Talk = _QUIET) -> None:
    """The references a case used, as BibTeX.

    Parameters
    ----------
    case
        Case folder.
    """
    with speaking(talk):
        from pedicle.model.sourced import references

        known = references()
        used = {key: known[key] for key in Case.open(case).manifest["references"] if key in known}
    tell(talk, {"references": used}, list(used.values()))


def phantom(*, out: Path, name: str = "demo", seed: Seed | None = None, talk: Talk = _QUIET) -> None:
    """A synthetic CT (DICOM) with its label map (NIfTI) and known truth (JSON).

    Parameters
    ----------
    out
        Folder to write to.
    name
        Named case; an unknown name lists them.
    seed
        Another patient of the same kind.
    """
    with speaking(talk) as progress:
        from pedicle.phantom.cases import named_case
        from pedicle.procedure import write_phantom

        options = named_case(name)
        compiling(progress)
        write_phantom(options if seed is None else replace(options, seed=seed), out, progress)
    tell(talk, {"folder": str(out)}, [f"synthetic patient '{name}' in {out}"])


def verify(*, solver: str | None = None, talk: Talk = _QUIET) -> None:
    """Problems with exact answers, solved by every registered solver: computed beside exact. Leaves with 5 when one fails.

    Parameters
    ----------
    solver
        Only this flow solver.
    """
    with speaking(talk) as progress:
        from pedicle.injection.solvers import solver as registered
        from pedicle.verify import delivery_answers, elastic_answers, heat_answers, problems, suite

        names = None if solver is None else (solver,)
        if solver is not None:
            registered(solver)
        compiling(progress)
        count, found = len(problems()), [*delivery_answers(), *heat_answers(), *elastic_answers()]
        for answer in suite(names):
            progress(min(len(found) / (2.0 * count), 1.0), answer.name)
            found.append(answer)
    rows = [vars(answer) for answer in found]
    lines = [
        f"{'ok ' if a.passed else 'BAD'} {a.name:46} {a.solver:9} step {a.step:<5g} {a.computed:12.5g} {a.exact:12.5g} +- {a.tolerance:.2g} {a.unit}"
        for a in found
    ]
    failed = sum(not answer.passed for answer in found)
    tell(talk, {"answers": rows, "failed": failed}, [*lines, f"{len(found)} answers, {failed} failed"])
    if failed:
        raise SystemExit(5)


def warm_up(*, talk: Talk = _QUIET) -> None:
    """Compile the kernels once, by running the demo in a temporary folder."""
    import tempfile

    with speaking(talk) as progress:
        from pedicle.mechanics.warm import warm_up as elastic_kernels
        from pedicle.procedure import demo as play

        with tempfile.TemporaryDirectory() as folder:
            play(Path(folder) / "case", progress)
        elastic_kernels()
    tell(talk, {"compiled": True}, ["kernels are compiled"])


def compiling(progress: Any) -> None:
    """Say so when this run will compile kernels, and let the second core compile ahead."""
    import atexit

    from pedicle.kernels.ahead import beside, is_compiled

    if is_compiled():
        return
    progress(0.0, "kernels are compiled once, at the first run: about half a minute more")
    helper = beside()
    if helper is not None:
        atexit.register(helper.kill)


def summarise(case: Case, talk: Talk) -> None:
    """Where the case is and what each step found, the warnings counted."""
    from pedicle.procedure.records import ORDER

    steps = {name: case.step(name) for name in ORDER}
    found = {name: record for name, record in steps.items() if record is not None}
    facts = {
        "case": str(case.folder),
        "steps": {name: {"seconds": r.seconds, "warnings": len(r.warnings)} for name, r in found.items()},
    }
    lines = [f"case: {case.folder}"]
    if "operate" in found:
        from pedicle.report.injection import injected_words

        done = [injected_words(level) for level in case.load("operate").get("injected", ())]
        facts["injected"] = done
        lines += done
    for name, record in found.items():
        files = ", ".join(record.files) or "-" if len(record.files) < 4 else f"{len(record.files)} files"
        lines.append(f"  {name:11} {record.seconds:6.1f} s  {files}  ({len(record.warnings)} warnings)")
    if "report" in found:
        lines.append(f"open {case.folder / 'report.html'}")
    tell(talk, facts, lines)


def _again(folder: Path, name: Any, options: Any, talk: Talk, **others: Any) -> None:
    with speaking(talk) as progress:
        from pedicle.procedure import again

        compiling(progress)
        case = again(folder, name, options, progress, **others)
    summarise(case, talk)


def _patient(path: Path | None) -> Any:
    if path is None:
        return None
    from pedicle.io.patient import read_patient

    return read_patient(path)
