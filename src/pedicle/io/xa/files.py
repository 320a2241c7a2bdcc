"""The files of a shot in a case."""

from __future__ import annotations

from pedicle.io.documents import to_bytes
from pedicle.io.xa.document import shot_document
from pedicle.io.xa.screen import png_bytes
from pedicle.io.xa.write import xa_bytes
from pedicle.model.events import OperationState
from pedicle.model.shot import Shot
from pedicle.model.table import position_word


def shot_files(
    shot: Shot, state: OperationState, words: tuple[str, ...], dicom: bool, study: str
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """PNG, json and with `dicom` the XA file of the last shot of a state, by name; and the sentences about it."""
    name = "".join(c if c.isalnum() else "-" for c in shot.view.name.replace("'", "").lower())
    stem = f"shot-{state.shots:03d}-{shot.level}-{name}"
    foot = f"{shot.level}  {shot.view.name}  simulated, research only"
    files = {
        f"{stem}.png": png_bytes(shot.picture, shot.beam, foot),
        f"{stem}.json": to_bytes(shot_document(shot, state, list(words))),
    }
    if dicom and state.isocentre_lps_mm is not None:
        position = position_word(state.lying, state.first)
        files[f"{stem}.dcm"] = xa_bytes(shot, state.isocentre_lps_mm, position, study)
    return files, words
