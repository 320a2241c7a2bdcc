"""A picture taken in a case: the log replayed, the needle moved if asked, the picture and its events kept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pedicle.fluoroscopy.options import PictureOptions, ShotOptions
from pedicle.model.case import Case
from pedicle.model.events import Event, OperationState, log_text, whole_log
from pedicle.model.notices import Notice
from pedicle.model.progress import Progress, silent
from pedicle.model.shot import Shot
from pedicle.model.sourced import references_used
from pedicle.model.vertebra import Vertebra
from pedicle.procedure.records import digest_of, record_digest


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
    from pedicle.operation.cement import cement_in

    Case.open(out)
    with Case.writing(out) as case, references_used() as used:
        started, chosen = time.monotonic(), options or ShotOptions()
        given, spine, plan = case.load("read"), case.load("measure"), case.load("plan")
        before = _so_far(case)
        progress(0.1, "the picture")
        setting = choose(spine, plan, chosen)
        vertebrae = {vertebra.level: vertebra for vertebra in spine.vertebrae}
        state, done = operation.prepared(before["state"], setting, chosen, vertebrae)
        scene = stage(given["scan"], setting).with_cement(*cement_in(state, vertebrae))
        exposure = operation.expose(state, scene, setting, picture or PictureOptions())
        state, events = operation.apply(state, exposure.event, vertebrae), (*before["events"], *done, exposure.event)
        files, words = shot_files(exposure.shot, state, setting.words, chosen.dicom, record_digest(case, "plan"))
        kept = {**case.files_of("operate"), **files, "operation.jsonl": log_text(events).encode()}
        facts = {"seconds": time.monotonic() - started, "warnings": _warned(case, exposure.shot), "references": used}
        case.commit("operate", _digest(case, kept), {**before, "events": events, "state": state}, kept, facts)
        _go_on(case, events, state, vertebrae)
    progress(1.0, "picture taken")
    return Taken(case, exposure.shot, files, words)


def _go_on(case: Case, events: tuple[Event, ...], state: OperationState, vertebrae: Mapping[str, Vertebra]) -> None:
    """What followed the operation stands after the picture: its state and the whole log anew; gone where its time is past."""
    from pedicle.operation import apply

    record = case.step("care")
    if record is None:
        return
    cared = case.load("care")
    if cared["events"] and state.t_s > cared["events"][0].t_s:
        case.forget(["care", "report"])
        case.refresh_files()
        return
    for event in cared["events"]:
        state = apply(state, event, vertebrae)
    log = log_text(whole_log(events, cared["events"])).encode()
    kept = {**case.files_of("care"), "operation.jsonl": log}
    facts = {"seconds": record.seconds, "warnings": record.warnings}
    case.commit("care", record.digest, {**cared, "state": state}, kept, facts)


def _so_far(case: Case) -> dict[str, Any]:
    """The operation's record; of none, a fresh state without events."""
    return dict(case.load("operate")) if case.step("operate") else {"events": (), "state": OperationState()}


def _digest(case: Case, kept: dict[str, bytes]) -> str:
    """A scripted operation keeps its digest when a picture is added; else that of the log."""
    scripted = case.step("operate") is not None and "injected" in case.load("operate")
    plan = record_digest(case, "plan")
    return record_digest(case, "operate") if scripted else digest_of("shots", plan, kept["operation.jsonl"].decode())


def _warned(case: Case, shot: Shot) -> tuple[Notice, ...]:
    record = case.step("operate")
    return tuple(dict.fromkeys((*(record.warnings if record else ()), *shot.warnings)))
