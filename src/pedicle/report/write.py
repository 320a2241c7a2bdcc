"""The report of a case."""

from __future__ import annotations

from pedicle.model.case import Case
from pedicle.model.progress import Progress, silent
from pedicle.report.dossier import gather
from pedicle.report.options import ReportOptions


def write_report(case: Case, options: ReportOptions | None = None, progress: Progress = silent) -> dict[str, bytes]:
    """The files of the report by name: ``report.html``, self-contained, readable without a script or a network.

    The steps `read` and `measure` must have run (InputError 604 otherwise); without `plan` it is a report of the
    measurements only, without a CT one of the label map. The bytes depend on the case's results and inputs alone.
    """
    from pedicle.report.render import render

    progress(0.0, "report")
    html = render(gather(case), options, progress)
    progress(1.0, "report")
    return {"report.html": html.encode("utf-8")}
