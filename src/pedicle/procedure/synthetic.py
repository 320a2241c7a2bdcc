"""The embedded synthetic patient: written as files, and taken through the whole procedure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pedicle.model.case import Case
from pedicle.model.patient import Patient
from pedicle.model.progress import Progress, part, silent
from pedicle.planning.options import PlanOptions
from pedicle.procedure.chosen import RunOptions
from pedicle.procedure.run import run

# Nobody: every page says so. All facts are stated, so that the whole procedure can be shown.
INVENTED = Patient(
    age_y=76, sex="F", weight_kg=58, height_cm=158, asa=3, pain_nrs=8, pain_level_confirmed="L1", fracture_age_weeks=4,
    oedema={"L1": {"found": True, "by": "MRI"}}, neurology="normal", inr=1.1, platelets_10e9_l=210, antithrombotics=(),
    allergies=(), infection=False, malignancy_history=False, fasting="solids 9 h, clear fluids 3 h", consent=True,
    invented=True,
)  # fmt: skip


def demo(out: Path | str = "pedicle-demo", progress: Progress = silent) -> Case:
    """The whole procedure on the embedded synthetic patient, through the real DICOM reader."""
    from pedicle.phantom.cases import named_case

    folder = Path(out)
    write_phantom(named_case("demo"), folder / "input", part(progress, 0.0, 0.3))
    options = RunOptions(plan=PlanOptions(levels="fractured"))
    patient = INVENTED
    labels = folder / "input" / "labels_seg-vert_msk.nii.gz"
    return run(folder / "input" / "ct", labels, out, options, patient, part(progress, 0.3, 1.0))


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
