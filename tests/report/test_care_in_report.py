"""Care inside the whole report: its pages stand before the sources, its warnings on the first page."""

from __future__ import annotations

import re
from dataclasses import replace

from pedicle.care.care import care_plan
from pedicle.model.patient import Patient
from pedicle.report.dossier import Dossier
from pedicle.report.front import unchecked, warnings_of
from pedicle.report.options import ReportOptions
from pedicle.report.render import render


def test_care_stands_in_the_report(dossier: Dossier):
    patient = Patient(age_y=78, sex="F", infection=True, invented=True)
    whole = replace(dossier, patient=patient, care=care_plan(patient, dossier.spine, dossier.plan))
    page = render(whole, ReportOptions(pixels_per_mm=1.0))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert page.index('id="care-gates"') < page.index('id="care-patient"') < page.index("Sources and software")
    assert page.count("<section") == page.count("</section>")
    assert any("infection refused" in row.text.lower() for row in warnings_of(whole))
    assert not any("care: not computed" in line for line in unchecked(whole))


def test_a_report_without_care_says_so(dossier: Dossier, page: str):
    assert "care-gates" not in page
    assert any("care: not computed" in line for line in unchecked(dossier))
